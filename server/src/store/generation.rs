//! Whether the store is the one this node used last, or an older copy that was put back.
//!
//! A random marker stands in the database and in a file beside it, new at every start. A database
//! from a backup carries an older marker than the file.

use super::{Store, StoreError};
use client_core::ids::CityId;
use client_core::peer::Batch;
use std::path::Path;

const CURRENT: &str = "generation";
const PREVIOUS: &str = "generation_before";

/// What the two markers say at a start.
pub struct Generation {
    /// The store was put back or lost its file.
    pub was_put_back: bool,
    beside: Vec<u8>,
}

impl Store {
    /// Compares the two markers.
    pub async fn generation(&self, city: CityId, file: &Path) -> Result<Generation, StoreError> {
        let beside = std::fs::read(file).ok();
        let current = self.meta(city, CURRENT).await?;
        let previous = self.meta(city, PREVIOUS).await?;
        let is_new = current.is_none() && beside.is_none();
        // A crash between the two writes leaves the file one behind.
        let is_same = beside.is_some() && (beside == current || beside == previous);
        Ok(Generation { was_put_back: !is_new && !is_same, beside: beside.unwrap_or_default() })
    }

    /// Sets both markers anew. What follows from their comparison is stored with them: a power cut in
    /// between would let the next start believe that nothing was put back.
    pub async fn begin_generation(
        &self,
        city: CityId,
        file: &Path,
        generation: Generation,
        mut notes: Vec<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let next = crate::keys::random_bytes().to_vec();
        notes.push((PREVIOUS.to_owned(), generation.beside));
        notes.push((CURRENT.to_owned(), next.clone()));
        self.commit(city, &Batch { notes, ..Batch::default() }, &[]).await?;
        crate::keys::write_private(file, &next)
            .map_err(|error| StoreError::Folder { path: file.display().to_string(), error })
    }
}
