//! A typed client of the controller's backend: sessions, datastores, transactions, devices and models.
//!
//! A services daemon has two connections, like the controller's own: [`EventReceiver`] only receives notifications and is
//! always drained, [`Backend`] sends one request at a time. The backend is single-threaded and blocks on a client that
//! does not read or that stops in the middle of a message, so neither may ever happen here.
//!
//! Each request has a [`RequestUser`], whose rights the backend checks (RFC 8341). Data is read as a [`Payload`], a slice
//! of XML; [`payload_tree`] converts it to a tree if needed. Edits are passed as XML.
//!
//! [`ModelStore`] has the YANG models of the controller and its devices, read from the controller and from files.
//!
//! ```no_run
//! use confine_backend::{Backend, ConfigRequest, ConnectOptions, Datastore, RequestUser};
//!
//! # async fn example() -> Result<(), confine_backend::Error> {
//! let mut backend = Backend::connect(ConnectOptions::new("/run/controller/controller.sock")?).await?;
//! let services = ConfigRequest {
//!     source: Datastore::Running,
//!     xpath: "/ctrl:services",
//!     namespaces: &[("ctrl", "http://clicon.org/controller")],
//!     depth: None,
//!     defaults: false,
//! };
//! let data = backend.get_config(services, &RequestUser::User("alice".to_owned())).await?;
//! println!("{}", data.as_str());
//! # Ok(())
//! # }
//! ```

mod commit_requests;
mod connect_options;
mod error;
mod event;
mod models;
mod payload_tree;
mod peer_liveness;
mod requests;
mod schemas;
mod transaction;
mod transaction_requests;
mod union;

pub use commit_requests::{ActionsMode, ControllerCommit, DatastoreDiff};
pub use confine_netconf::{
    ActionsKind, Datastore, DeviceConfigType, EventStream, Payload, PushMode, TransactionOutcome,
    TransactionState,
};
pub use connect_options::{ConnectOptions, RequestUser, process_user};
pub use error::{AnswerRejection, Error};
pub use event::{
    ControllerEvent, ControllerTransaction, EventReceiver, ServiceRef, ServicesCommit, Subscription,
};
pub use models::{ModelCache, ModelStore, RequestGate, YangDirectories, modules_from_directories};
pub use payload_tree::{config_tree, payload_tree};
pub use requests::{Backend, ConfigRequest};
pub use schemas::{DeviceSchemas, SchemaRef};
pub use transaction::{DeviceConnections, Transaction};
pub use union::union_of;
