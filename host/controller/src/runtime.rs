//! The controller's state behind a lock, with the message queues of its sessions and its timers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use confine_netconf::{Datastore, Hello, IncomingRpc};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::datastore::running_file::RunningDatastoreFile;
use crate::refusal::RpcRefusal;
use crate::state::{ControllerState, OkReply, SideEffect};

/// How many messages may wait for a client that does not read. The real controller blocks, and with it all
/// other clients; this one closes the session.
const QUEUE_CAPACITY: usize = 4096;

/// A message to a client.
#[derive(Debug)]
pub(crate) enum OutgoingMessage {
    Hello(u32),
    Reply(OkReply),
    Error { message_id: Option<String>, error: Box<confine_netconf::RpcError> },
    Notification { time: Arc<str>, event: Arc<str> },
}

impl OutgoingMessage {
    /// The refusal of a request; `request` is `None` if the request could not be read.
    fn refusal(request: Option<&IncomingRpc>, refusal: RpcRefusal) -> Self {
        let message_id = request.and_then(|request| refusal.message_id(request)).map(str::to_owned);
        Self::Error { message_id, error: refusal.into_error() }
    }
}

/// The running controller. Clones share it.
#[derive(Clone)]
pub(crate) struct SharedRuntime {
    inner: Arc<RuntimeInner>,
}

struct RuntimeInner {
    runtime: Mutex<ControllerRuntime>,
    device_latency: Duration,
}

/// The state, and what performs its side effects.
pub(crate) struct ControllerRuntime {
    pub(crate) state: ControllerState,
    queues: HashMap<u32, mpsc::Sender<OutgoingMessage>>,
    timers: HashMap<u64, AbortHandle>,
    running_file: Option<RunningDatastoreFile>,
}

impl SharedRuntime {
    pub(crate) fn new(
        state: ControllerState,
        device_latency: Duration,
        running_file: Option<RunningDatastoreFile>,
    ) -> Self {
        let runtime =
            ControllerRuntime { state, queues: HashMap::new(), timers: HashMap::new(), running_file };
        Self { inner: Arc::new(RuntimeInner { runtime: Mutex::new(runtime), device_latency }) }
    }

    // The state is consistent even after a panic while the lock was held: changes in several steps are made
    // to a copy, which is swapped in at the end.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ControllerRuntime> {
        self.inner.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for the user `peer`, and returns it with the messages to send to the client.
    pub(crate) fn open_session(&self, peer: String) -> (OpenSession, mpsc::Receiver<OutgoingMessage>) {
        let (queue, outgoing) = mpsc::channel(QUEUE_CAPACITY);
        let mut runtime = self.lock();
        let session = runtime.state.add_session(peer);
        runtime.queues.insert(session, queue);
        (OpenSession { runtime: self.clone(), session }, outgoing)
    }

    /// Performs side effects in order. The caller holds the lock.
    fn perform(&self, runtime: &mut ControllerRuntime, effects: Vec<SideEffect>) {
        if let Some(file) = &mut runtime.running_file {
            file.update(runtime.state.datastores.tree(Datastore::Running));
        }
        for effect in effects {
            match effect {
                SideEffect::Notify { stream, time, event } => {
                    let (time, event): (Arc<str>, Arc<str>) = (time.into(), event.into());
                    let subscribers: Vec<u32> = runtime.state.subscribers(stream).collect();
                    for session in subscribers {
                        let (time, event) = (Arc::clone(&time), Arc::clone(&event));
                        runtime.send(session, OutgoingMessage::Notification { time, event });
                    }
                }
                SideEffect::StartTimer { tid, limit } => {
                    let timer = self.schedule(limit, move |state| state.time_out_services(tid));
                    runtime.timers.insert(tid, timer);
                }
                SideEffect::StopTimer { tid } => {
                    if let Some(timer) = runtime.timers.remove(&tid) {
                        timer.abort();
                    }
                }
                SideEffect::Push { tid } => {
                    self.schedule(self.inner.device_latency, move |state| state.finish_push(tid));
                }
                SideEffect::CloseSession { session } => runtime.close_session(session),
            }
        }
    }

    /// Changes the state after some time, unless the controller is gone by then.
    fn schedule(
        &self,
        after: Duration,
        change: impl FnOnce(&mut ControllerState) + Send + 'static,
    ) -> AbortHandle {
        let inner: Weak<RuntimeInner> = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let Some(inner) = inner.upgrade() else { return };
            let shared = Self { inner };
            let mut runtime = shared.lock();
            change(&mut runtime.state);
            let effects = runtime.state.take_effects();
            shared.perform(&mut runtime, effects);
        });
        task.abort_handle()
    }
}

impl ControllerRuntime {
    /// Returns how many sessions are open.
    pub(crate) fn session_count(&self) -> usize {
        self.queues.len()
    }

    fn send(&mut self, session: u32, message: OutgoingMessage) {
        let Some(queue) = self.queues.get(&session) else { return };
        if queue.try_send(message).is_err() {
            tracing::warn!(session, "disconnected a client that does not read");
            self.close_session(session);
        }
    }

    fn close_session(&mut self, session: u32) {
        self.queues.remove(&session);
        self.state.remove_session(session);
    }
}

/// A session, as its connection uses it. Dropping it closes the session.
pub(crate) struct OpenSession {
    runtime: SharedRuntime,
    session: u32,
}

impl OpenSession {
    pub(crate) fn id(&self) -> u32 {
        self.session
    }

    pub(crate) fn hello(&self, hello: Hello) {
        let mut runtime = self.runtime.lock();
        if let Some(session) = runtime.state.sessions.get_mut(&self.session) {
            session.transport = hello.transport;
        }
        runtime.send(self.session, OutgoingMessage::Hello(self.session));
    }

    pub(crate) fn request(&self, request: &IncomingRpc) {
        let mut runtime = self.runtime.lock();
        let answer = match runtime.state.request(self.session, request) {
            Ok(reply) => OutgoingMessage::Reply(reply),
            Err(refusal) => OutgoingMessage::refusal(Some(request), refusal),
        };
        let before = std::mem::take(&mut runtime.state.effects_before_reply);
        let after = std::mem::take(&mut runtime.state.effects_after_reply);
        self.runtime.perform(&mut runtime, before);
        runtime.send(self.session, answer);
        self.runtime.perform(&mut runtime, after);
    }

    /// Refuses a message that is not a request.
    pub(crate) fn refuse(&self, refusal: RpcRefusal) {
        self.runtime.lock().send(self.session, OutgoingMessage::refusal(None, refusal));
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.runtime.lock().close_session(self.session);
    }
}
