//! An embedded controller for demonstrations, development and tests, on the same wire as the real one.
//!
//! It speaks NETCONF on a unix socket as the Clixon controller does, with the same answers, the same refusals
//! and the same gaps, so that a services daemon cannot tell them apart. Behind it are simulated devices: trees
//! in memory that take what is pushed to them.
//!
//! ```no_run
//! use confine_controller::{Controller, Datastore};
//! use tokio::net::UnixListener;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let controller = Controller::builder().devices(4).build()?;
//! let listener = UnixListener::bind("/tmp/controller.sock")?;
//! controller.serve(listener, async { /* until this is ready */ }).await?;
//! println!("{}", controller.datastore(Datastore::Running)?);
//! # Ok(())
//! # }
//! ```
//!
//! What is different from the real one, knowingly: a client that does not read is disconnected and holds up
//! nobody; filters understand that part of XPath that is asked with; values are checked against their types,
//! not against `must`, `when`, `unique` and leafrefs; there are no templates, no RPCs to devices, and nothing
//! but `running` is written to disk.

mod access;
mod builder;
mod clock;
mod connection;
mod controller;
mod created;
mod datastore;
mod defaults;
mod device;
mod diff;
mod edit;
mod error;
mod identity;
mod insert;
mod lost;
mod model;
mod models;
mod operations;
mod refusal;
mod select;
mod services;
mod state;
mod store;
#[cfg(test)]
mod testing;
mod transaction;
mod tree_model;
mod validate;

pub use builder::ControllerBuilder;
pub use clock::Clock;
pub use controller::Controller;
pub use datastore::DatastoreName;
pub use device::PushPhase;
pub use error::Error;
pub use identity::Credentials;
pub use select::{XPathFilter, XPathFilterError, prune};
pub use transaction::{TransactionRecord, TransactionResult, TransactionStage};
pub use tree_model::TreeModel;
