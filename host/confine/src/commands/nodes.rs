//! The commands that name nodes: `confine get`, `confine edit` and `confine shell`.
//!
//! What a path means, and whether a value is one, is said by the models that the controller has: they are
//! read first, and of its devices only those that the path is about. What they know to be wrong is refused
//! before anything is sent.

mod candidate;
mod edit;
mod get;
mod json;
mod place;
mod session;
mod shell;

pub(super) use self::{edit::run as edit, get::run as get, shell::run as shell};
use super::runtime;
