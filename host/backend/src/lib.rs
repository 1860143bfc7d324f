//! The controller's backend as a typed client: sessions, datastores, transactions, devices.
//!
//! Two sockets, as the controller's own services daemon has them: [`EventReceiver`] only subscribes and is always
//! drained, [`Backend`] makes one request at a time. The backend is single-threaded and blocks on a client
//! that doesn't read or that stops in the middle of a message, so neither may ever happen here.
//!
//! Each request is made for an [`RequestUser`], whose rights the backend checks (RFC 8341). What is read comes
//! as a [`Payload`], a slice of XML, and becomes a tree only where somebody wants one ([`tree`]); what is written is
//! given as XML.
//!
//! [`ModelStore`] are the YANG models of the controller and its devices, read from it and from files.

mod backend;
mod client;
mod error;
mod event;
mod models;
mod options;
mod payload_tree;
mod peer_liveness;
mod schemas;
mod transaction;

pub use backend::{Backend, ConfigRequest, Datastore};
pub use client::{ActionsMode, ControllerCommit, DatastoreDiff, DeviceConfigType, PushMode};
pub use confine_netconf::Payload;
pub use error::{AnswerRejection, Error};
pub use event::{
    ControllerEvent, ControllerTransaction, EventReceiver, EventStream, ServiceRef, ServicesCommit,
    Subscription,
};
pub use models::{ModelCache, ModelStore, RequestGate, YangDirectories, modules_from_directories};
pub use options::{ConnectOptions, RequestUser, process_user};
pub use payload_tree::payload_tree;
pub use schemas::{DeviceSchemas, SchemaRef};
pub use transaction::{Transaction, TransactionOutcome, TransactionState};

/// The controller's own model: services, devices, transactions and its operations.
pub const CONTROLLER: &str = "http://clicon.org/controller";
