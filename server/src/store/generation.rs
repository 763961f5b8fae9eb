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

impl Store {
    /// Compares the two markers and sets both anew. `true`: the store was put back or lost its file.
    pub async fn was_put_back(&self, city: CityId, file: &Path) -> Result<bool, StoreError> {
        let beside = std::fs::read(file).ok();
        let current = self.meta(city, CURRENT).await?;
        let previous = self.meta(city, PREVIOUS).await?;
        let is_new = current.is_none() && beside.is_none();
        // A crash between the two writes leaves the file one behind.
        let is_same = beside.is_some() && (beside == current || beside == previous);
        let next = crate::keys::random_bytes().to_vec();
        let notes =
            vec![(PREVIOUS.to_owned(), beside.unwrap_or_default()), (CURRENT.to_owned(), next.clone())];
        self.commit(city, &Batch { notes, ..Batch::default() }, &[]).await?;
        crate::keys::write_private(file, &next)
            .map_err(|error| StoreError::Folder { path: file.display().to_string(), error })?;
        Ok(!is_new && !is_same)
    }
}
