//! Runs a module as an isolated WebAssembly component.
//!
//! A [`Runner`] loads a [`Module`] and runs it for one service instance after another, each time in a new store and
//! within the [`Budget`] that the module has for a commit. A module can call only what the `host` and `wasi` files
//! define, and may use only what its [`Limits`] allow. A [`LoadError`] or a [`RunFailure`] says what went wrong.
//!
//! ```text
//! bytes ──▶ preflight ──▶ compile (worker, cache) ──▶ bind ──▶ describe ──▶ Module
//! Module + Budget + View ──▶ run on a thread of its own ──▶ Run { outcome, draft, usage, log }
//! ```
//!
//! ```
//! use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let limits = Limits::default();
//! let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known())?;
//! let error = runner.load("empty", b"".as_slice().into(), &limits).await.unwrap_err();
//! assert_eq!(error.to_string(), "module `empty` cannot be loaded: the file is empty");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate knows neither where modules come from nor where a view reads: see `confine-service`.

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
mod random;
mod resident;
mod run;
mod runner;
mod store_limiter;
mod store_state;
mod wasi;
pub mod worker;

pub use amount::shown_bytes;
pub use budget::{Budget, Usage};
pub use cache::{Cache, CacheError};
pub use call::{CommitContext, EntryPoint, Hook};
pub use compile::Compiler;
/// Makes texts safe to show.
pub use confine_tree::text;
pub use description::{Description, DescriptionError};
pub use digest::Digest;
pub use error::{
    FailureCause, FileForm, GuestTrap, HostFault, InstancePosition, LoadError, LoadFault, ReturnedError,
    RunFailure,
};
pub use guest_log::LogLine;
pub use limit::{Limit, LimitPer, LimitReached};
pub use limits::{Limits, ScaledLimit};
pub use module::{CompiledModule, Module};
pub use random::HostSecret;
pub use runner::{RunReport, Runner};
pub use wasi::interfaces;
