//! What one module sees and does: scope, ownership, edits.

mod draft;
mod error;
mod instance;
mod meter;
mod scope;
mod source;
mod view;

pub use draft::Draft;
pub use error::{Error, Refusal, SourceError, Tag};
pub use instance::InstanceRef;
pub use meter::{Allowance, BYTES_PER_UNIT, Exceeded, Meter};
pub use scope::{Access, Rules, Scope, Verdict};
pub use source::{Fetch, Source};
pub use view::{Edit, Node, View};
