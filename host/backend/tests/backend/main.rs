//! Tests of the crate from outside.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod live;
mod models;
mod peer;
mod wire;
