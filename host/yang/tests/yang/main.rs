//! Tests of the crate from outside.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
mod flaws;
mod hostile;
mod modules;
mod mount;
mod nodes;
mod published;
mod values;
mod yanglint;
