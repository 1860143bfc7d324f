//! What one module sees and does: scope, ownership, edits.
//!
//! A [`CommitDraft`] is what one commit works on. Each run of a module gets a [`View`] of it, limited by the
//! module's [`Scope`] and charged to its [`Meter`]. At the end, [`CommitDraft::finish`] returns the edit to send.
//! The crate knows neither NETCONF nor WebAssembly: data comes from a [`Source`].
//!
//! A scope decides about paths, here of a module that declares the interfaces of one device:
//!
//! ```
//! use confine_nacm::AccessOperation::{Create, Read};
//! use confine_tree::{CONTROLLER, Pattern, PatternStep, QName};
//! use confine_view::{Scope, ScopeDecision};
//!
//! let config = ["devices", "device", "config"].map(|name| PatternStep::new(QName::new(CONTROLLER, name)));
//! let below = |name| {
//!     let last = PatternStep::new(QName::new("urn:if", name));
//!     Pattern { steps: config.iter().cloned().chain([last]).collect() }
//! };
//! let scope = Scope::new("ports", [], vec![below("interfaces")]);
//! assert_eq!(scope.decide(Create, &below("interfaces")), ScopeDecision::Permit { below: true });
//! assert!(matches!(scope.decide(Create, &below("system")), ScopeDecision::Deny { .. }));
//! assert_eq!(scope.decide(Read, &below("interfaces")), ScopeDecision::Permit { below: true });
//! assert!(matches!(scope.decide(Read, &below("system")), ScopeDecision::Deny { .. }));
//! let scope = scope.with_reads(&[below("system")]);
//! assert_eq!(scope.decide(Read, &below("system")), ScopeDecision::Permit { below: true });
//! ```

mod co_owners;
mod commit_draft;
mod comparison;
mod conflict;
mod created_object;
mod crypt;
mod device_edits;
mod displaced;
mod edit_check;
mod entry_order;
mod error;
mod finished_commit;
mod hidden;
mod hidden_read;
mod instance_ref;
mod known_parents;
mod meter;
mod module_rules;
mod moved_entries;
mod on_demand;
mod original_position;
mod original_positions;
mod originals;
mod orphans;
mod owner_index;
mod ownership;
mod path_sight;
mod path_trie;
mod patterns;
mod read_scope;
mod refusal;
mod restore;
mod restored_originals;
mod run_writes;
mod scope;
mod sharing;
mod sharing_services;
mod source;
mod standing;
mod standing_order;
mod step_names;
mod still_removed;
#[cfg(test)]
mod tests;
mod view;
mod wanted_nodes;
mod written_values;

pub use co_owners::OutsideOwners;
pub use commit_draft::CommitDraft;
pub use created_object::CreatedObject;
pub use error::{CallRefusal, Error, ErrorTag, SourceError};
pub use finished_commit::FinishedCommit;
pub use hidden_read::{HiddenRead, PartialSight};
pub use instance_ref::InstanceRef;
pub use meter::{AllowanceExceeded, BYTES_PER_UNIT, Meter, MeteredLimit, WorkAllowance};
pub use module_rules::ModuleRules;
pub use originals::{ORIGINALS, Original, OriginalChange, Originals, edit_of, owner_name};
pub use owner_index::{OwnedObject, OwnerIndex};
pub use path_trie::CONTROLLER_STEPS;
pub use read_scope::{UndeclaredReadReporter, UndeclaredReads};
pub use restored_originals::ConcernedInstances;
pub use scope::{Scope, ScopeDecision, ScopeRules};
pub use sharing_services::SharingServices;
pub use source::{Fetch, Source};
pub use view::{View, ViewEdit, ViewNode};
