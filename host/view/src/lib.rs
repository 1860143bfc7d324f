//! What one module sees and does: scope, ownership, edits.
//!
//! A [`CommitDraft`] is what one commit works on. Each run of a module gets a [`View`] of it, cut by the
//! module's [`Scope`] and paid for by its [`Meter`]; at the end, [`CommitDraft::finish`] says what to send. It
//! knows neither the wire nor WebAssembly: data comes from a [`Source`].

mod check;
mod conflict;
mod draft;
mod edits;
mod error;
mod finish;
mod instance;
mod meter;
mod owners;
mod ownership;
mod refusal;
mod rules;
mod scope;
mod source;
#[cfg(test)]
mod tests;
mod view;

pub use draft::CommitDraft;
pub use error::{CallRefusal, Error, ErrorTag, SourceError};
pub use finish::FinishedCommit;
pub use instance::InstanceRef;
pub use meter::{AllowanceExceeded, BYTES_PER_UNIT, Meter, MeteredLimit, WorkAllowance};
pub use owners::{CreatedObject, OwnerIndex};
pub use rules::ModuleRules;
pub use scope::{AccessVerdict, NodeAccess, Scope, ScopeRules};
pub use source::{Fetch, Source};
pub use view::{View, ViewEdit, ViewNode};
