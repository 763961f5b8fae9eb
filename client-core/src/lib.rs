//! The pure core of lianxiao: no IO, no clock, no randomness of its own.
//!
//! The modules stand in the order data flows: identifiers and time, events, the log that keeps them.

#[macro_use]
mod codes;

pub mod ids;
pub mod time;

pub mod event;

pub mod identity;

pub mod fold;
pub mod log;

pub mod sealed;
pub mod sync;

pub mod command;

pub mod plan;

pub mod author;
pub mod door;

pub mod peer;

pub mod decide;

pub mod replica;

#[cfg(test)]
mod given;
