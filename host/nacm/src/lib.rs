//! RFC 8341: access control rules, and the decision for a path.
//!
//! [`Nacm`] is what an operator configured. [`Nacm::access`] cuts it down to what concerns one user,
//! [`Nacm::module_access`] to what concerns one service module: the [`AccessRules`] that decides for a path.
//!
//! A rule that cannot be resolved (its path has an unknown prefix, or which module defines a namespace
//! is not known) never permits, and denies all that it might mean.

mod access;
mod read;
mod rules;

pub use access::{AccessDecision, AccessRules, DecisionReason, MODULES_GROUP, module_group};
pub use read::{NACM, RuleProblem};
pub use rules::{AccessOperation, AccessOperations, Nacm, NacmModel, Rule, RuleAction, RuleList, RuleTarget};
