//! The commands that name nodes: `confine get`, `confine edit` and `confine shell`.
//!
//! Paths and values are checked against the YANG models of the controller, which are read first; of its devices,
//! only those that the path names. Errors that the models reveal are reported before anything is sent.

mod candidate;
mod change;
pub(super) mod edit;
pub(super) mod get;
mod json;
mod path;
mod session;
pub(super) mod shell;
