//! The pure core of lianxiao: no IO, no clock, no randomness of its own.
//!
//! The modules stand in the order data flows, and each uses only those before it. First what everything is
//! made of: the bytes of values, moments and ids, what every event has. Then the log that keeps events, and
//! the history that decides which of them count; the session and the peer that carry the log from node to
//! node. None of these knows a kind of event. The domain does, a folder a subject: what is said, what is
//! done, what is seen. On its views stand the decisions and the timetable's planner. A node is all of
//! it for one device, branch or city, without IO; a replica is a node over a map of records.
//!
//! A person acts; a command is checked against the views and becomes events on the device's own line; peers
//! exchange lines; the history judges what came and the views fold it; the city's arbiter reads its views
//! and writes decisions, which are events, too.
//!
//! `docs/adding-a-capability.md` shows where a new kind of event goes.

#[macro_use]
pub mod packed;
#[macro_use]
mod codes;

pub mod time;

pub mod ids;

pub mod event;

pub mod identity;

pub mod log;

pub mod history;

pub mod sealed;
pub mod sync;

pub mod author;
pub mod door;

pub mod peer;

pub mod domain;

pub mod plan;

pub mod decide;

pub mod node;

pub mod replica;

#[cfg(test)]
mod given;
