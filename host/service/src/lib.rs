//! The commit: plan, read, strip, run, write, answer; the module registry and hot swap.
//!
//! [`serve`] is the daemon. It is told of each commit, runs the modules of its services in sandboxes, and
//! gives it exactly one answer, whatever happens. What it keeps from one commit to the next is a [`Host`]:
//! which modules there are ([`ModuleLibrary`]), what became of them ([`Host::status`], [`Host::events`]), and
//! what operators do with them ([`Host::rollback`] and others).

mod answer;
mod audit;
mod backoff;
mod books;
mod commit;
mod daemon;
mod error;
mod files;
mod hooks;
mod host;
mod knowledge;
mod modules;
mod operations;
mod places;
mod plan;
mod quarantine;
mod reads;
mod registry;
mod remembered;
mod rights;
mod rules;
mod running;
pub mod status;
mod store;
mod watcher;

pub use audit::{AuditEvent, EventKind};
pub use daemon::serve;
pub use error::{Error, chain, told};
pub use files::{FoundFile, ModuleFileError, find, read_module};
pub use host::{CommitReport, Host};
pub use modules::{ModuleLibrary, ModuleLimits};
pub use operations::ModuleOperationError;
pub use plan::NoModule;
pub use quarantine::QuarantinePolicy;
pub use registry::{ManagedService, ModuleFile, ModuleRegistry, NotLoaded, SuspendReason, SuspendedModule};
pub use rules::ModulePolicy;
pub use status::DaemonStatus;
pub use store::{VersionStore, VersionStoreError};
