//! Loads and runs guests as the daemon does.
//!
//! The tests of the compile worker are a program of their own (`worker.rs`): that program starts itself again
//! as the worker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "other test programs and a benchmark share the guests, and each uses some"
)]

mod guest;
#[path = "guest/host.rs"]
mod host;
mod inputs;
mod limits;
mod loading;
mod outcomes;
mod pool;
