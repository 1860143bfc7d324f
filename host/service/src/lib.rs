//! The commit: plan, read, strip, run, write, answer; the module registry and hot swap.
//!
//! [`serve`] is the daemon. It is told of each commit, runs the modules of its services in sandboxes, and
//! gives it exactly one answer, whatever happens. What it keeps from one commit to the next is a [`Host`]:
//! which modules there are ([`ModuleLibrary`]), what became of them ([`Host::status`], [`Host::events`]), and
//! what operators do with them ([`Host::rollback`] and others).

mod audit;
mod backoff;
mod commit;
mod controller;
mod daemon;
mod error;
mod host;
mod modules;
pub mod status;

pub use audit::{AuditEvent, EventKind};
pub use commit::plan::NoModule;
pub use controller::nacm::ModulePolicy;
pub use daemon::serve;
pub use error::{Error, chain, told};
pub use host::{CommitReport, Host};
pub use modules::{
    files::{FoundFile, ModuleFileError, find, read_module},
    operator::ModuleOperationError,
    quarantine::QuarantinePolicy,
    registry::{ManagedService, ModuleFile, ModuleRegistry, NotLoaded, SuspendReason, SuspendedModule},
    slots::{ModuleLibrary, ModuleLimits},
    store::{VersionStore, VersionStoreError},
};
pub use status::DaemonStatus;
