//! An embedded controller for demos, development and tests, on the same wire as the real one.
//!
//! It speaks NETCONF on a unix socket as the Clixon controller does: with the same answers, refusals and
//! gaps, so that a services daemon cannot tell them apart. Behind it are simulated devices: configuration
//! trees in memory that accept what is pushed to them.
//!
//! ```
//! use confine_controller::{Controller, Datastore};
//! use tokio::net::UnixListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let controller = Controller::builder().devices(4).build()?;
//! assert!(controller.datastore(Datastore::Running)?.contains("openconfig4"));
//!
//! let directory = tempfile::tempdir()?;
//! let listener = UnixListener::bind(directory.path().join("controller.sock"))?;
//! let shutdown = async { /* ready when the controller should stop */ };
//! controller.serve(listener, shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It differs from the real one in these points: it disconnects a client that does not read, so that no other
//! client has to wait; its filters understand only the part of XPath that services daemons use; it checks
//! values against their types but not `must`, `when`, `unique` and leafrefs; it has no templates and no RPCs
//! to devices; and it writes nothing but `running` to disk.

mod access;
mod builder;
mod clock;
mod connection;
mod controller;
mod datastore;
mod device;
mod diff;
mod error;
mod filter;
mod models;
mod operations;
mod paths;
mod refusal;
mod runtime;
mod services;
mod state;
#[cfg(test)]
mod testing;
mod transaction;

pub use access::credentials::Credentials;
pub use builder::ControllerBuilder;
pub use clock::Clock;
pub use confine_netconf::{Datastore, TransactionOutcome, TransactionState};
pub use controller::Controller;
pub use device::PushPhase;
pub use error::Error;
pub use filter::{XPathFilter, XPathFilterError, prune};
pub use models::tree_model::TreeModel;
pub use transaction::TransactionRecord;
