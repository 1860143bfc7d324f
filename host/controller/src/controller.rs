//! The controller as its owner uses it: serving a socket, and inspecting what the controller holds.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use confine_netconf::Datastore;
use confine_tree::{Tree, xml};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::access::credentials::user_name;
use crate::connection;
use crate::datastore::trees;
use crate::device::{DeviceSnapshot, PushPhase, SimulatedDevice};
use crate::error::Error;
use crate::runtime::SharedRuntime;
use crate::transaction::TransactionRecord;

/// An embedded controller. Clones are the same controller.
#[derive(Clone)]
pub struct Controller {
    runtime: SharedRuntime,
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runtime = self.runtime.lock();
        f.debug_struct("Controller")
            .field("sessions", &runtime.session_count())
            .field("transactions", &runtime.state.transactions.len())
            .finish_non_exhaustive()
    }
}

impl Controller {
    pub(crate) fn new(runtime: SharedRuntime) -> Self {
        Self { runtime }
    }

    /// Accepts sessions until `shutdown` is ready, then closes all sessions.
    ///
    /// Must be called within a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// The error of the listener if it can accept no more connections.
    pub async fn serve(
        &self,
        listener: UnixListener,
        shutdown: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let mut sessions = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => {
                    sessions.shutdown().await;
                    return Ok(());
                }
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    sessions.spawn(serve_session(self.runtime.clone(), stream));
                }
                Some(_) = sessions.join_next() => {}
            }
        }
    }
}

async fn serve_session(runtime: SharedRuntime, stream: UnixStream) {
    let peer = match stream.peer_cred() {
        Ok(credentials) => user_name(credentials.uid()),
        Err(error) => {
            tracing::warn!(%error, "rejected a peer without credentials");
            return;
        }
    };
    let (session, outgoing) = runtime.open_session(peer);
    if let Err(error) = connection::run(stream, &session, outgoing).await {
        tracing::debug!(session = session.id(), %error, "the session failed");
    }
}

/// Inspection for tests and demos. It bypasses the wire and access control.
impl Controller {
    /// Returns the content of a datastore as XML, without whitespace between elements.
    ///
    /// # Errors
    /// A value that XML cannot carry.
    pub fn datastore(&self, datastore: Datastore) -> Result<String, Error> {
        let runtime = self.runtime.lock();
        Ok(trees::to_xml(runtime.state.datastores.tree(datastore), Tree::ROOT)?)
    }

    /// Returns the names of the devices, in alphabetical order.
    pub fn devices(&self) -> Vec<String> {
        self.runtime.lock().state.devices.keys().cloned().collect()
    }

    /// Returns the configuration on a device, as XML.
    ///
    /// # Errors
    /// No device of this name, or a value that XML cannot carry.
    pub fn device(&self, name: &str) -> Result<String, Error> {
        self.with_device(name, |device| Ok(trees::children_to_xml(&device.config.tree, device.config.node)?))
    }

    /// Returns what the last push changed on a device, as lines of XML that begin with `+`, `-` or a blank;
    /// `None` if nothing was ever pushed to it.
    ///
    /// # Errors
    /// No device of this name.
    pub fn last_push(&self, name: &str) -> Result<Option<String>, Error> {
        let runtime = self.runtime.lock();
        let state = &runtime.state;
        let device = state.devices.get(name).ok_or_else(|| Error::no_device(name))?;
        let Some(before) = &device.before_push else { return Ok(None) };
        Ok(Some(before.diff(&device.config, &state.models)?))
    }

    /// Replaces the configuration on a device behind the controller's back. `config` is XML: the top-level
    /// nodes of the device's own YANG modules.
    ///
    /// # Errors
    /// No device of this name, or malformed XML.
    pub fn set_device(&self, name: &str, config: &str) -> Result<(), Error> {
        let config = Arc::new(xml::parse(config)?);
        self.with_device(name, |device| {
            device.config = DeviceSnapshot::new(&config, Tree::ROOT);
            Ok(())
        })
    }

    /// Makes a device refuse the next push in the given phase, with the given reason.
    ///
    /// # Errors
    /// No device of this name.
    pub fn refuse_push(&self, name: &str, phase: PushPhase, reason: &str) -> Result<(), Error> {
        self.with_device(name, |device| {
            device.refusal = Some((phase, reason.to_owned()));
            Ok(())
        })
    }

    /// Opens or closes the controller's connection to a device. A push to a device whose connection is closed never ends,
    /// as with the real controller.
    ///
    /// # Errors
    /// No device of this name.
    pub fn set_connection(&self, name: &str, is_open: bool) -> Result<(), Error> {
        self.with_device(name, |device| {
            device.is_open = is_open;
            Ok(())
        })
    }

    /// Returns all transactions, oldest first.
    pub fn transactions(&self) -> Vec<TransactionRecord> {
        self.runtime.lock().state.transactions.clone()
    }

    fn with_device<T>(
        &self,
        name: &str,
        run: impl FnOnce(&mut SimulatedDevice) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut runtime = self.runtime.lock();
        run(runtime.state.devices.get_mut(name).ok_or_else(|| Error::no_device(name))?)
    }
}
