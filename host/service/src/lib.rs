//! The services daemon: runs the modules of a commit and answers the controller.
//!
//! [`serve`] is the daemon. The controller notifies it of each commit; it runs the modules of the commit's services
//! in sandboxes and gives exactly one answer, whatever happens. A [`Host`] holds what outlives a connection, in three
//! parts: the modules ([`ModuleManager`], which operators use as well), what is known of the controller, and the
//! daemon's activity ([`Host::status`], [`Host::events`]).
//!
//! ```text
//! daemon ──▶ host ──▶ commit ──▶ controller ──▶ modules
//! ```
//!
//! ```
//! use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
//! use confine_service::{Host, HostOptions, ModuleLibrary};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known())?;
//! let library = ModuleLibrary { directories: vec!["/nowhere".into()], ..ModuleLibrary::default() };
//! let host = Host::of_library(runner, library, HostOptions::default())?;
//! host.modules().load().await;
//! assert!(host.status().modules.is_empty());
//! # Ok(()) }
//! ```

mod activity;
mod audit;
mod backoff;
mod commit;
mod controller;
mod daemon;
mod error;
mod error_chain;
mod host;
mod modules;
pub mod status;
mod work_threads;

pub use activity::CommitReport;
pub use audit::{AuditEvent, EventKind};
pub use commit::originals::{ORIGINALS_FILE, ORIGINALS_MODULE};
pub use confine_view::ORIGINALS as ORIGINALS_NAMESPACE;
pub use controller::nacm::ModulePolicy;
pub use daemon::serve;
pub use error::Error;
pub use error_chain::{error_chain, messages_and_hints};
pub use host::{Host, HostOptions};
pub use modules::{
    files::{FoundFile, ModuleFileError, find, read_module},
    library::{ModuleLibrary, ModuleLimits},
    manager::ModuleManager,
    membership::{ManagedService, SuspendReason, SuspendedModule, UnreadyModule},
    operator::ModuleOperationError,
    quarantine::QuarantinePolicy,
    registry::{ModuleFile, ModuleRegistry, NotLoaded},
    store::{VersionStore, VersionStoreError},
    unserved::{NoModule, UnservedClaims},
};
pub use status::DaemonStatus;
pub use work_threads::{WorkTask, WorkThreads};
