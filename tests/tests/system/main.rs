//! The whole of Confine: the program as operators and supervisors start it, and the modules of this repository in each
//! language.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod admin;
mod bindings;
mod cases;
mod command_line;
mod common;
mod contract;
mod drop_in;
mod journal;
mod languages;
mod node_commands;
mod restart_soak;
mod shell;
mod swap_soak;
mod system_faults;
mod terminal;
#[cfg(feature = "otel")]
mod traces;
