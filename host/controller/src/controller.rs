//! The controller as a whole: its state, its sockets, its timers.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use confine_netconf::{Hello, IncomingRpc};
use confine_tree::{Tree, xml};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::builder::ControllerBuilder;
use crate::connection::{self, OutgoingMessage};
use crate::datastore::DatastoreName;
use crate::device::{DeviceSnapshot, PushPhase};
use crate::error::Error;
use crate::identity::user_name;
use crate::refusal::RpcRefusal;
use crate::state::{ControllerState, SideEffect};
use crate::store;
use crate::transaction::TransactionRecord;

/// How many messages may wait for a client that does not read. The real controller blocks, and all others
/// with it; this one closes the session.
const QUEUE: usize = 4096;

/// An embedded controller. Clones are the same controller.
#[derive(Clone)]
pub struct Controller {
    inner: Arc<ControllerInner>,
}

struct ControllerInner {
    running: Mutex<ControllerRuntime>,
    device_latency: Duration,
}

/// The state, and what carries out its effects.
struct ControllerRuntime {
    state: ControllerState,
    queues: HashMap<u32, mpsc::Sender<OutgoingMessage>>,
    timers: HashMap<u64, AbortHandle>,
    file: Option<RunningDatastoreFile>,
}

/// Where the datastore `running` is kept for others to see that it changes, as the real controller keeps it.
pub(crate) struct RunningDatastoreFile {
    path: PathBuf,
    /// What it has.
    tree: Arc<Tree>,
}

impl RunningDatastoreFile {
    /// Writes it.
    pub(crate) fn create(path: PathBuf, running: &Arc<Tree>) -> Result<Self, Error> {
        let file = Self { path, tree: running.clone() };
        file.write()?;
        Ok(file)
    }

    fn update(&mut self, running: &Arc<Tree>) {
        if Arc::ptr_eq(&self.tree, running) {
            return;
        }
        self.tree = running.clone();
        if let Err(error) = self.write() {
            tracing::error!(%error, file = %self.path.display(), "`running` cannot be kept");
        }
    }

    fn write(&self) -> Result<(), Error> {
        let config = format!("<config>{}</config>", store::to_xml(&self.tree, Tree::ROOT)?);
        let failed = |source| Error::Keep { file: self.path.clone(), source };
        std::fs::write(&self.path, config).map_err(failed)
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.lock();
        f.debug_struct("Controller")
            .field("sessions", &running.queues.len())
            .field("transactions", &running.state.transactions.len())
            .finish_non_exhaustive()
    }
}

impl Controller {
    /// A controller to be set up.
    pub fn builder() -> ControllerBuilder {
        ControllerBuilder::default()
    }

    pub(crate) fn new(
        state: ControllerState,
        device_latency: Duration,
        file: Option<RunningDatastoreFile>,
    ) -> Self {
        let running = ControllerRuntime { state, queues: HashMap::new(), timers: HashMap::new(), file };
        Self { inner: Arc::new(ControllerInner { running: Mutex::new(running), device_latency }) }
    }

    // A panic while the lock was held has left a state that is whole: what is changed in steps is swapped in
    // at the end.
    fn lock(&self) -> MutexGuard<'_, ControllerRuntime> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts sessions until `shutdown` is ready. Then all sessions are closed.
    ///
    /// Must be called within a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// What the listener says when it can accept no more.
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
                    sessions.spawn(self.clone().session(stream));
                }
                Some(_) = sessions.join_next() => {}
            }
        }
    }

    async fn session(self, stream: UnixStream) {
        let peer = match stream.peer_cred() {
            Ok(credentials) => user_name(credentials.uid()),
            Err(error) => {
                tracing::warn!(%error, "A peer without credentials was turned away.");
                return;
            }
        };
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let open = {
            let mut running = self.lock();
            let session = running.state.open(peer);
            running.queues.insert(session, queue);
            OpenSession { controller: self.clone(), session }
        };
        if let Err(error) = connection::run(stream, &open, outgoing).await {
            tracing::debug!(session = open.session, %error, "A session broke.");
        }
    }

    /// Carries out effects, in order. The caller holds the lock.
    fn carry_out(&self, running: &mut ControllerRuntime, effects: Vec<SideEffect>) {
        if let Some(file) = &mut running.file {
            file.update(running.state.datastores.tree(DatastoreName::Running));
        }
        for effect in effects {
            match effect {
                SideEffect::Notify { stream, time, event } => {
                    let (time, event): (Arc<str>, Arc<str>) = (time.into(), event.into());
                    let subscribed: Vec<u32> = running.state.subscribers(stream).collect();
                    for session in subscribed {
                        let (time, event) = (Arc::clone(&time), Arc::clone(&event));
                        running.send(session, OutgoingMessage::Notification { time, event });
                    }
                }
                SideEffect::Wait { tid, limit } => {
                    let timer = self.later(limit, move |state| state.time_out(tid));
                    running.timers.insert(tid, timer);
                }
                SideEffect::StopWaiting { tid } => {
                    if let Some(timer) = running.timers.remove(&tid) {
                        timer.abort();
                    }
                }
                SideEffect::Push { tid } => {
                    self.later(self.inner.device_latency, move |state| state.push(tid));
                }
                SideEffect::Close { session } => {
                    running.queues.remove(&session);
                    running.state.close(session);
                }
            }
        }
    }

    /// Changes the state after some time, unless the controller is gone by then.
    fn later(
        &self,
        after: Duration,
        change: impl FnOnce(&mut ControllerState) + Send + 'static,
    ) -> AbortHandle {
        let inner: Weak<ControllerInner> = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let Some(inner) = inner.upgrade() else { return };
            let controller = Self { inner };
            let mut running = controller.lock();
            change(&mut running.state);
            let effects = running.state.take_effects();
            controller.carry_out(&mut running, effects);
        });
        task.abort_handle()
    }
}

impl ControllerRuntime {
    fn send(&mut self, session: u32, message: OutgoingMessage) {
        let Some(queue) = self.queues.get(&session) else { return };
        if queue.try_send(message).is_err() {
            tracing::warn!(session, "A client that does not read was disconnected.");
            self.queues.remove(&session);
            self.state.close(session);
        }
    }
}

/// What a connection may ask of the controller. Dropping it closes the session.
pub(crate) struct OpenSession {
    controller: Controller,
    session: u32,
}

impl OpenSession {
    pub(crate) fn hello(&self, hello: Hello) {
        let mut running = self.controller.lock();
        if let Some(session) = running.state.sessions.get_mut(&self.session) {
            session.transport = hello.transport;
        }
        running.send(self.session, OutgoingMessage::Hello(self.session));
    }

    pub(crate) fn request(&self, request: &IncomingRpc) {
        let mut running = self.controller.lock();
        let answer = match running.state.request(self.session, request) {
            Ok(reply) => OutgoingMessage::Reply(reply),
            Err(refusal) => OutgoingMessage::refusal(Some(request), refusal),
        };
        let before = std::mem::take(&mut running.state.before);
        let after = std::mem::take(&mut running.state.after);
        self.controller.carry_out(&mut running, before);
        running.send(self.session, answer);
        self.controller.carry_out(&mut running, after);
    }

    /// Refuses what is no request.
    pub(crate) fn refuse(&self, refusal: RpcRefusal) {
        self.controller.lock().send(self.session, OutgoingMessage::refusal(None, refusal));
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        let mut running = self.controller.lock();
        running.queues.remove(&self.session);
        running.state.close(self.session);
    }
}

/// Looking inside, for tests and demonstrations: past the wire, and past access control.
impl Controller {
    /// The content of a datastore as XML, without space between elements.
    ///
    /// # Errors
    /// A value in it that XML cannot carry.
    pub fn datastore(&self, datastore: DatastoreName) -> Result<String, Error> {
        let running = self.lock();
        Ok(store::to_xml(running.state.datastores.tree(datastore), Tree::ROOT)?)
    }

    /// The names of the devices, in alphabetical order.
    pub fn devices(&self) -> Vec<String> {
        self.lock().state.devices.keys().cloned().collect()
    }

    /// The configuration that a device has itself, as XML.
    ///
    /// # Errors
    /// No device of this name, or a value in its configuration that XML cannot carry.
    pub fn device(&self, name: &str) -> Result<String, Error> {
        let running = self.lock();
        let device = running.state.devices.get(name).ok_or_else(|| Error::no_device(name))?;
        Ok(store::children_to_xml(&device.config.tree, device.config.node)?)
    }

    /// What the last push changed at a device, as lines of XML that begin with `+`, `-` or a blank. None
    /// where nothing was ever pushed to it.
    ///
    /// # Errors
    /// No device of this name.
    pub fn last_push(&self, name: &str) -> Result<Option<String>, Error> {
        let running = self.lock();
        let state = &running.state;
        let device = state.devices.get(name).ok_or_else(|| Error::no_device(name))?;
        let Some(before) = &device.before_push else { return Ok(None) };
        Ok(Some(before.diff(&device.config, &state.models)?))
    }

    /// Changes a device behind the controller's back: `config` is XML, the top-level nodes of the device's own
    /// models, and takes the place of all that the device had.
    ///
    /// # Errors
    /// No device of this name, or what is no XML.
    pub fn set_device(&self, name: &str, config: &str) -> Result<(), Error> {
        let config = Arc::new(xml::parse(config)?);
        let mut running = self.lock();
        let device = running.state.devices.get_mut(name).ok_or_else(|| Error::no_device(name))?;
        device.config = DeviceSnapshot::new(&config, Tree::ROOT);
        Ok(())
    }

    /// Makes a device refuse the next push to it, in that phase, with that reason.
    ///
    /// # Errors
    /// No device of this name.
    pub fn refuse_push(&self, name: &str, phase: PushPhase, reason: &str) -> Result<(), Error> {
        let mut running = self.lock();
        let device = running.state.devices.get_mut(name).ok_or_else(|| Error::no_device(name))?;
        device.refusal = Some((phase, reason.to_owned()));
        Ok(())
    }

    /// All transactions, oldest first.
    pub fn transactions(&self) -> Vec<TransactionRecord> {
        self.lock().state.transactions.clone()
    }
}
