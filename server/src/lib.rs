//! The lianxiao node: one program, city or branch.
//!
//! `main → app → api | sync | jobs → auth → node → store → client-core`: nothing goes the other way round.

pub mod cli;
pub mod client;
pub mod config;
pub mod told;

pub mod app;

mod api;
pub mod jobs;
pub mod sync;

mod auth;
mod error;
mod page;

pub mod keys;
pub mod node;
pub mod projection;
pub mod store;

pub mod import;
pub mod planning;

pub mod sample_city;

pub mod demo;
pub mod dice;
