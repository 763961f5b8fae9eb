//! The door: what every node checks of a run before it is stored. Bytes alone decide here; what
//! depends on time or on later decisions is decided in the fold.

use crate::identity::{Certificate, IdentityError, Introduction};
use crate::ids::{CityId, PublicKey};
use crate::log::{Changes, Position, Run, RunError};

/// Where a known line stands and who writes it.
#[derive(Clone, Debug)]
pub struct KnownLine {
    /// Its head here.
    pub position: Position,
    /// Its author's certificate.
    pub author: Certificate,
}

/// What the door says of a run.
#[derive(Debug)]
pub enum Admission {
    /// It continues its line: store it, then acknowledge.
    New {
        /// The changes, expanded.
        changes: Changes,
        /// Who wrote them.
        author: Certificate,
    },
    /// Stored already, or not the next: answer with where the line stands here.
    Stands(Position),
}

/// Why a run is refused, for its line alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The first chunk came without the line's introduction.
    #[error("the line is unknown here and its introduction is missing; send it from the first change")]
    NotIntroduced,
    /// The introduction cannot be read or does not hold.
    #[error("the line's introduction does not hold: {0}")]
    Introduction(String),
    /// Two histories under one actor.
    #[error(
        "the line parts from the one stored here at change {seq}: this device was restored or cloned; take a new actor"
    )]
    Forked {
        /// The change before which they part.
        seq: u64,
    },
    /// The run itself is wrong.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<IdentityError> for DoorError {
    fn from(error: IdentityError) -> Self {
        Self::Introduction(error.to_string())
    }
}

/// Checks a run against what is known of its line.
pub fn admit(
    city_key: PublicKey,
    city: CityId,
    known: Option<&KnownLine>,
    introduction: Option<&[u8]>,
    run: &Run,
) -> Result<Admission, DoorError> {
    let introduced;
    let (position, author) = match (known, introduction) {
        (Some(line), _) => (line.position, &line.author),
        (None, Some(bytes)) => {
            let introduction: Introduction =
                rmp_serde::from_slice(bytes).map_err(|error| DoorError::Introduction(error.to_string()))?;
            introduced = introduction.verify(city_key, run.actor)?.clone();
            (Position::START, &introduced)
        }
        (None, None) if run.first_seq > 1 => return Ok(Admission::Stands(Position::START)),
        (None, None) => return Err(DoorError::NotIntroduced),
    };
    if run.first_seq != position.seq + 1 {
        return Ok(Admission::Stands(position));
    }
    if run.before != position.hash {
        return Err(DoorError::Forked { seq: run.first_seq });
    }
    if run.first_op != position.next_op {
        return Err(RunError::Malformed("its first operation does not follow the line").into());
    }
    let changes = run.admit(city, author)?;
    Ok(Admission::New { changes, author: author.clone() })
}

#[cfg(test)]
mod tests;
