//! The controller's backend as a typed client: sessions, datastores, transactions, devices.
//!
//! Two sockets, as the controller's own services daemon has them: [`Events`] only subscribes and is always
//! drained, [`Backend`] makes one request at a time. The backend is single-threaded and blocks on a client
//! that doesn't read or that stops in the middle of a message, so neither may ever happen here.
//!
//! Each request is made for an [`Identity`], whose rights the backend checks (RFC 8341). What is read comes
//! as a [`Payload`], a slice of XML, and becomes a tree only where somebody wants one ([`tree`]); what is written is
//! given as XML.
//!
//! [`Models`] are the YANG models of the controller and its devices, read from it and from files.

mod backend;
mod client;
mod content;
mod error;
mod event;
mod life;
mod models;
mod options;
mod schemas;
mod transaction;

pub use backend::{Backend, Datastore, Read};
pub use client::{Actions, Commit, DeviceConfig, Diff, Push};
pub use confine_netconf::Payload;
pub use content::tree;
pub use error::{Error, Rejection};
pub use event::{ControllerTransaction, Event, Events, ServiceRef, ServicesCommit, Stream, Subscription};
pub use models::{Directories, ModelCache, Models, Turn, modules_in};
pub use options::{Identity, Options, own_user};
pub use schemas::{DeviceState, SchemaRef};
pub use transaction::{Outcome, Transaction, TransactionState};

/// The controller's own model: services, devices, transactions and its operations.
pub const CONTROLLER: &str = "http://clicon.org/controller";
