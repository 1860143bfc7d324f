//! What one module sees and does: scope, ownership, edits.
//!
//! A [`Draft`] is what one commit works on. Each run of a module gets a [`View`] of it, cut by the
//! module's [`Scope`] and paid for by its [`Meter`]; at the end, [`Draft::finish`] says what to send. It
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

pub use draft::Draft;
pub use error::{Error, Refusal, SourceError, Tag};
pub use finish::{Finished, Summary};
pub use instance::InstanceRef;
pub use meter::{Allowance, BYTES_PER_UNIT, Exceeded, Meter};
pub use owners::{Created, Owners};
pub use rules::ModuleRules;
pub use scope::{Access, Rules, Scope, Verdict};
pub use source::{Fetch, Source};
pub use view::{Edit, Node, View};
