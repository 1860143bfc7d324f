//! The controller as its clients see it, on a socket.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "all of this is tests")]

mod commit;
mod common;
mod devices;
mod edit;
mod schemas;
mod session;
