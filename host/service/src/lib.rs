//! The commit: plan, read, strip, run, write, answer; the module registry.
//!
//! [`serve`] is the daemon. It is told of each commit, runs the modules of its services in sandboxes, and
//! gives it exactly one answer, whatever happens. What it keeps from one commit to the next is a [`Host`].

mod answer;
mod backoff;
mod commit;
mod daemon;
mod error;
mod files;
mod host;
mod places;
mod plan;
mod reads;
mod registry;

pub use daemon::serve;
pub use error::Error;
pub use files::{File, FileError, find};
pub use host::{Host, Report};
pub use plan::NoModule;
pub use registry::{Entry, NotLoaded, Registry, Service};
