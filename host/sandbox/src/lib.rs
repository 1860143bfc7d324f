//! Runs a module as an isolated WebAssembly component.
//!
//! A [`Runner`] makes a [`Module`] of a component's bytes, and runs it for one service instance after the
//! other, each time in a fresh sandbox and within the [`Budget`] that the module has for a commit. All
//! that a module can do is what [`host`] and [`wasi`] define; all that it may use is in one value,
//! [`Limits`]; what went wrong is a [`LoadError`] or a [`RunFailure`] that says so in words.
//!
//! ```text
//! bytes ──▶ preflight ──▶ compile (worker, cache) ──▶ bind ──▶ describe ──▶ Module
//! Module + Budget + View ──▶ run on a thread of its own ──▶ Run { outcome, draft, usage, log }
//! ```
//!
//! Nothing here knows where modules come from or what a view reads: see `confine-service`.

mod amount;
mod budget;
mod cache;
mod call;
mod compile;
mod compiled_code;
mod contract;
mod description;
mod digest;
mod engine;
mod error;
mod guest_log;
mod guest_thread;
mod host;
mod limit;
mod limits;
mod module;
mod outcome;
mod preflight;
mod run;
mod runner;
mod store_limiter;
mod store_state;
pub mod text;
mod wasi;
pub mod worker;

pub use budget::{Budget, Usage};
pub use cache::{Cache, CacheError};
pub use call::{CommitContext, EntryPoint, Hook};
pub use compile::Compiler;
pub use description::{Description, DescriptionError};
pub use digest::Digest;
pub use error::{
    FailureCause, FileForm, GuestTrap, HostFault, InstancePosition, LoadError, LoadFault, ReturnedError,
    RunFailure,
};
pub use guest_log::LogLine;
pub use limit::{Limit, LimitPer, LimitReached};
pub use limits::{Limits, ScaledLimit};
pub use module::Module;
pub use runner::{RunReport, Runner};
