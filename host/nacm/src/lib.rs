//! RFC 8341: access control rules, and the decision for a path.
//!
//! [`Nacm`] is what an operator configured. [`Nacm::access`] cuts it down to what concerns one user (or
//! one module, which is told by a group): the [`Access`] that decides for a path and walks down a tree.
//!
//! A rule that cannot be resolved (its path has an unknown prefix, or which module defines a namespace
//! is not known) never permits, and denies all that it might mean.

mod access;
mod read;
mod rules;

pub use access::{Access, Cursor, Decision, Reason};
pub use read::{NACM, Problem};
pub use rules::{Action, DefaultDeny, Model, Nacm, NoModel, Operation, Operations, Rule, RuleList, Target};
