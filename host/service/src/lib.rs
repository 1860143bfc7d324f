//! The commit: plan, read, strip, run, write, answer; the module registry and hot swap.
//!
//! [`serve`] is the daemon. It is told of each commit, runs the modules of its services in sandboxes, and
//! gives it exactly one answer, whatever happens. What it keeps from one commit to the next is a [`Host`]:
//! which modules there are ([`Library`]), what became of them ([`Host::status`], [`Host::events`]), and
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

pub use audit::{Event, Happened};
pub use daemon::serve;
pub use error::{Error, chain, told};
pub use files::{File, FileError, find, read_module};
pub use host::{Host, Report};
pub use modules::{Library, ModuleLimits};
pub use operations::ModuleError;
pub use plan::NoModule;
pub use quarantine::Quarantine;
pub use registry::{Aside, ModuleFile, NotLoaded, Registry, Service, SetAside};
pub use rules::Policy;
pub use status::Status;
pub use store::{Store, StoreError};
