//! What one module sees and does: scope, ownership, edits.
//!
//! A [`CommitDraft`] is what one commit works on. Each run of a module gets a [`View`] of it, cut by the
//! module's [`Scope`] and paid for by its [`Meter`]; at the end, [`CommitDraft::finish`] says what to send. It
//! knows neither the wire nor WebAssembly: data comes from a [`Source`].

mod commit_draft;
mod conflict;
mod device_edits;
mod edit_check;
mod error;
mod finished_commit;
mod instance_ref;
mod meter;
mod module_rules;
mod owner_index;
mod ownership;
mod patterns;
mod refusal;
mod run_writes;
mod scope;
mod source;
#[cfg(test)]
mod tests;
mod view;
mod written_values;

pub use commit_draft::CommitDraft;
pub use error::{CallRefusal, Error, ErrorTag, SourceError};
pub use finished_commit::FinishedCommit;
pub use instance_ref::InstanceRef;
pub use meter::{AllowanceExceeded, BYTES_PER_UNIT, Meter, MeteredLimit, WorkAllowance};
pub use module_rules::ModuleRules;
pub use owner_index::{CreatedObject, OwnerIndex};
pub use scope::{AccessVerdict, NodeAccess, Scope, ScopeRules};
pub use source::{Fetch, Source};
pub use view::{View, ViewEdit, ViewNode};
