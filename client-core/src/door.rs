//! The door: what every node checks of a run before it is stored. Bytes alone decide here; what
//! depends on time or on later decisions is decided in the fold.

use crate::identity::{Certificate, IdentityError, Introduction};
use crate::ids::{CityId, PublicKey};
use crate::log::{self, Changes, Head, Ledger, MAX_LINES, Place, Position, Run, RunError, Shelf, ShelfError};

/// The city whose door this is.
#[derive(Clone, Copy, Debug)]
pub struct City {
    /// Its id.
    pub id: CityId,
    /// Its public key.
    pub key: PublicKey,
}

/// What the door says of a run.
#[derive(Debug)]
pub enum Admission {
    /// It is new: store it, then acknowledge.
    New(Box<Admitted>),
    /// All of it is stored already: acknowledge its last change.
    Known,
    /// It stands on a change that is not here: answer with the heads that are.
    Behind(Vec<Head>),
}

/// A run that passed, with what storing and folding it needs.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Where it stands among its actor's lines.
    pub place: Place,
    /// The run, without what was known of it.
    pub run: Run,
    /// Its changes, expanded.
    pub changes: Changes,
    /// Who wrote them.
    pub author: Certificate,
    /// The introduction to keep, where the actor is new here.
    pub introduction: Option<Vec<u8>>,
}

/// Why a run is refused, for its actor alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The first run came without the actor's introduction.
    #[error("the actor is unknown here and its introduction is missing; send it from the first change")]
    NotIntroduced,
    /// The introduction cannot be read or does not hold.
    #[error("the actor's introduction does not hold: {0}")]
    Introduction(String),
    /// The node may not read the document itself.
    #[error(
        "this node keeps no private documents of other branches: send them to that branch or to the city"
    )]
    NotKeptHere,
    /// A device wrote more lines under one actor than anybody keeps.
    #[error("this actor has {MAX_LINES} lines already: its device was copied too often; enrol it anew")]
    TooManyLines,
    /// The run itself is wrong.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What is stored here cannot be read.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

impl From<IdentityError> for DoorError {
    fn from(error: IdentityError) -> Self {
        Self::Introduction(error.to_string())
    }
}

/// Checks a run against what is known of its actor.
pub fn admit(
    city: City,
    ledger: &Ledger,
    shelf: &dyn Shelf,
    introduction: Option<Vec<u8>>,
    run: Run,
) -> Result<Admission, DoorError> {
    run.check_numbers()?;
    let key = run.key();
    let Some(log) = ledger.get(&key) else {
        if run.first_seq > 1 {
            return Ok(Admission::Behind(Vec::new()));
        }
        let bytes = introduction.ok_or(DoorError::NotIntroduced)?;
        let read: Introduction =
            rmp_serde::from_slice(&bytes).map_err(|error| DoorError::Introduction(error.to_string()))?;
        let author = read.verify(city.key, run.actor)?.clone();
        check_start(&run, Position::START)?;
        return passed(city, Place::On(0), run, author, Some(bytes));
    };
    let start = run.start();
    if let Some(line) = log.line_at(start.seq, start.hash) {
        check_start(&run, log.lines()[usize::from(line)].head)?;
        return passed(city, Place::On(line), run, log.author.clone(), None);
    }
    if log.line_at(run.last_seq, run.last_hash).is_some() {
        return Ok(Admission::Known);
    }
    // A line ends within the run: what is known of it is left out.
    for (number, line) in log.lines().iter().enumerate() {
        let within = start.seq < line.head.seq && line.head.seq < run.last_seq;
        if within && log::position_in(&run, line.head.seq)? == line.head {
            let rest = run.after(line.head.seq)?;
            return passed(city, Place::On(number as u8), rest, log.author.clone(), None);
        }
    }
    if log::locate(ledger, shelf, &key, run.last_seq, run.last_hash)?.is_some() {
        return Ok(Admission::Known);
    }
    let Some((parent, from)) = log::locate(ledger, shelf, &key, start.seq, start.hash)? else {
        return Ok(Admission::Behind(log.heads(run.actor)));
    };
    if log.lines().len() >= MAX_LINES {
        return Err(DoorError::TooManyLines);
    }
    check_start(&run, from)?;
    let line = log.lines().len() as u8;
    passed(city, Place::Parts { parent, line }, run, log.author.clone(), None)
}

fn check_start(run: &Run, at: Position) -> Result<(), DoorError> {
    if run.start() == at {
        Ok(())
    } else {
        Err(RunError::Malformed("its first operation does not follow the line").into())
    }
}

fn passed(
    city: City,
    place: Place,
    run: Run,
    author: Certificate,
    introduction: Option<Vec<u8>>,
) -> Result<Admission, DoorError> {
    let changes = run.admit(city.id, &author)?;
    Ok(Admission::New(Box::new(Admitted { place, run, changes, author, introduction })))
}

/// Places what this device wrote itself; its bytes need no checking.
pub fn place_own(
    ledger: &Ledger,
    shelf: &dyn Shelf,
    author: &Certificate,
    introduction: Option<Vec<u8>>,
    run: Run,
) -> Result<Admitted, DoorError> {
    let (key, start) = (run.key(), run.start());
    let place = match ledger.get(&key) {
        None if start == Position::START => Place::On(0),
        None => return Err(ShelfError(format!("{key} is not here")).into()),
        Some(log) => match log.line_at(start.seq, start.hash) {
            Some(line) => Place::On(line),
            None => {
                // A copy of this device wrote on, and we learnt of it only now.
                let at = log::locate(ledger, shelf, &key, start.seq, start.hash)?;
                let (parent, _) = at.ok_or_else(|| ShelfError(format!("{key} parts from nothing here")))?;
                if log.lines().len() >= MAX_LINES {
                    return Err(DoorError::TooManyLines);
                }
                Place::Parts { parent, line: log.lines().len() as u8 }
            }
        },
    };
    let changes = log::unpack(&run.bytes)?;
    Ok(Admitted { place, run, changes, author: author.clone(), introduction })
}

#[cfg(test)]
mod tests;
