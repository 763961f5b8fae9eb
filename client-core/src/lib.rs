//! The pure core of lianxiao: no IO, no clock, no randomness of its own.
//!
//! The modules stand in the order data flows, and each uses only those above it: the bytes of values; identifiers and time; what
//! every event has; the log that keeps events and the session that syncs it, which know no kind; the history,
//! which decides what counts; the domain, a folder a subject; decisions; a device's replica of all of it.

#[macro_use]
pub mod packed;
#[macro_use]
mod codes;

pub mod ids;
pub mod time;

pub mod event;

pub mod identity;

pub mod log;

pub mod sealed;
pub mod sync;

pub mod author;
pub mod door;

pub mod peer;

pub mod history;

pub mod domain;

pub mod plan;

pub mod decide;

pub mod replica;

#[cfg(test)]
mod given;
