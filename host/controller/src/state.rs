//! The state of the controller, without sockets and timers: requests change it and name the side effects to
//! perform.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use confine_netconf::{
    ActionsKind, Datastore, EventStream, PushMode, TransactionOutcome, TransactionState, XmlElement,
    XmlWriter,
};
use confine_tree::{CONTROLLER, NodeId, QName, Tree};

use crate::access::credentials::Credentials;
use crate::access::rules::UserAccess;
use crate::clock::Clock;
use crate::datastore::Datastores;
use crate::datastore::trees::child_value;
use crate::device::{DeviceSnapshot, Devices};
use crate::models::ControllerModels;
use crate::refusal::{self, RpcRefusal};
use crate::transaction::TransactionRecord;

/// An open session.
#[derive(Debug)]
pub(crate) struct SessionState {
    /// The user at the other end of the socket.
    pub(crate) peer: String,
    /// The transport that the client names in its hello.
    pub(crate) transport: Option<String>,
    pub(crate) streams: Vec<EventStream>,
}

/// What must be done besides answering the request.
#[derive(Debug)]
pub(crate) enum SideEffect {
    /// Notify all subscribers of the stream.
    Notify { stream: EventStream, time: String, event: String },
    /// Call [`ControllerState::time_out_services`] after this time.
    StartTimer { tid: u64, limit: Duration },
    /// Cancel that call.
    StopTimer { tid: u64 },
    /// Call [`ControllerState::finish_push`] after the latency of the devices.
    Push { tid: u64 },
    /// Close the session.
    CloseSession { session: u32 },
}

/// A positive reply. Its XML declares all namespaces that it uses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OkReply {
    Ok,
    Data(String),
    Output(String),
}

/// The answer to a request.
pub(crate) type Reply = Result<OkReply, RpcRefusal>;

/// A request, and who makes it.
pub(crate) struct RequestContext<'r> {
    /// The session that the request came on.
    pub(crate) session: u32,
    /// The user that the request is made for.
    pub(crate) user: Option<&'r str>,
    /// The element of the operation.
    pub(crate) input: &'r XmlElement<'static>,
}

pub(crate) struct ControllerState {
    pub(crate) models: Arc<ControllerModels>,
    pub(crate) credentials: Credentials,
    /// The user that the controller runs as.
    pub(crate) own_user: String,
    pub(crate) clock: Clock,
    /// How long to wait for the services daemon if `running` does not say.
    pub(crate) service_timeout: Duration,
    pub(crate) datastores: Datastores,
    pub(crate) devices: Devices,
    pub(crate) transactions: Vec<TransactionRecord>,
    pub(crate) sessions: BTreeMap<u32, SessionState>,
    pub(crate) last_session: u32,
    /// What must be done before the reply to the current request is sent.
    pub(crate) effects_before_reply: Vec<SideEffect>,
    /// What must be done after the reply is sent.
    pub(crate) effects_after_reply: Vec<SideEffect>,
}

impl ControllerState {
    /// Adds a session for a peer, and returns its number.
    pub(crate) fn add_session(&mut self, peer: String) -> u32 {
        self.last_session += 1;
        self.sessions.insert(self.last_session, SessionState { peer, transport: None, streams: Vec::new() });
        self.last_session
    }

    /// Removes a session with its locks and subscriptions. A transaction that it began goes on.
    pub(crate) fn remove_session(&mut self, session: u32) {
        self.sessions.remove(&session);
        self.datastores.release_locks(session);
        let is_client = |transaction: &TransactionRecord| transaction.client == session;
        if self.ongoing().is_some_and(is_client)
            && self.datastores.lock_holder(Datastore::Candidate).is_none()
        {
            self.datastores.lock(Datastore::Candidate, refusal::TRANSACTION_SESSION);
        }
    }

    /// Returns the access rights of a user; `None` stands for a request on behalf of no user.
    pub(crate) fn access(&self, user: Option<&str>) -> UserAccess<'_> {
        UserAccess::new(self.datastores.tree(Datastore::Running), user, &self.models.schema)
    }

    /// Checks a datastore against the schema.
    pub(crate) fn check_datastore(&self, datastore: Datastore) -> Result<(), RpcRefusal> {
        self.models.modelled(self.datastores.tree(datastore)).check()
    }

    /// Returns the sessions that have subscribed to a stream.
    pub(crate) fn subscribers(&self, stream: EventStream) -> impl Iterator<Item = u32> {
        let subscribed = self.sessions.iter().filter(move |(_, session)| session.streams.contains(&stream));
        subscribed.map(|(&id, _)| id)
    }

    /// Takes all side effects, after a change that is not a request.
    pub(crate) fn take_effects(&mut self) -> Vec<SideEffect> {
        let mut effects = std::mem::take(&mut self.effects_before_reply);
        effects.append(&mut self.effects_after_reply);
        effects
    }

    /// Returns the transaction that has not ended, if there is one.
    pub(crate) fn ongoing(&self) -> Option<&TransactionRecord> {
        self.transactions.last().filter(|last| last.state != TransactionState::Done)
    }

    pub(crate) fn transaction(&mut self, tid: u64) -> Option<&mut TransactionRecord> {
        let index = usize::try_from(tid.checked_sub(1)?).ok()?;
        self.transactions.get_mut(index)
    }

    /// Begins a transaction and locks the candidate for it.
    pub(crate) fn begin_transaction(
        &mut self,
        caller: &RequestContext<'_>,
        description: String,
        actions: ActionsKind,
        push: PushMode,
    ) -> Result<u64, RpcRefusal> {
        if let Some(holder) = self.datastores.other_lock_holder(Datastore::Candidate, caller.session) {
            return Err(refusal::failed(self.lock_message(holder)));
        }
        if let Some(ongoing) = self.ongoing() {
            return Err(refusal::failed(format!("Transaction {} is ongoing", ongoing.description)));
        }
        if self.datastores.lock_holder(Datastore::Candidate).is_none() {
            self.datastores.lock(Datastore::Candidate, refusal::TRANSACTION_SESSION);
        }
        let tid = self.transactions.len() as u64 + 1;
        self.transactions.push(TransactionRecord {
            tid,
            username: caller.user.map(str::to_owned),
            result: TransactionOutcome::Init,
            reason: None,
            origin: None,
            devices: Vec::new(),
            state: TransactionState::Init,
            description,
            started: self.clock.now(),
            changed: None,
            client: caller.session,
            actions,
            push,
        });
        Ok(tid)
    }

    /// Returns the real controller's text for a candidate that `holder` has locked.
    fn lock_message(&self, holder: u32) -> String {
        let transport = |session: u32| {
            let transport = self.sessions.get(&session)?.transport.as_deref()?;
            Some(format!(" using transport:{transport}"))
        };
        let session = self.sessions.get(&holder);
        match (holder == refusal::TRANSACTION_SESSION, self.ongoing(), session) {
            (true, Some(ongoing), _) => format!(
                "Candidate db is locked by transaction \"{}\" initiated by user:{} with client-id:{}{}",
                ongoing.description,
                ongoing.username.as_deref().unwrap_or("(null)"),
                ongoing.client,
                transport(ongoing.client).unwrap_or_default()
            ),
            (true, None, _) => "Candidate db is locked by unknown transaction".to_owned(),
            (false, _, Some(session)) => format!(
                "Candidate db is locked by user:{} with client-id:{holder}{}",
                session.peer,
                transport(holder).unwrap_or_default()
            ),
            (false, _, None) => format!("Candidate db is locked by {holder}"),
        }
    }

    /// Moves a transaction to another stage.
    pub(crate) fn set_stage(&mut self, tid: u64, state: TransactionState) {
        let now = self.clock.now();
        if let Some(transaction) = self.transaction(tid) {
            transaction.state = state;
            transaction.changed = Some(now);
        }
    }

    /// Ends a transaction, unlocks the candidate and notifies all subscribers.
    pub(crate) fn end_transaction(
        &mut self,
        tid: u64,
        result: TransactionOutcome,
        origin: Option<&str>,
        reason: Option<&str>,
    ) {
        self.set_stage(tid, TransactionState::Done);
        if self.datastores.lock_holder(Datastore::Candidate) == Some(refusal::TRANSACTION_SESSION) {
            self.datastores.unlock(Datastore::Candidate);
        }
        let time = self.clock.now();
        let Some(transaction) = self.transaction(tid) else { return };
        transaction.result = result;
        transaction.origin = origin.map(str::to_owned);
        transaction.reason = reason.map(str::to_owned);
        let event = transaction.notification();
        self.effects_after_reply.push(SideEffect::StopTimer { tid });
        match event {
            Ok(event) => self.effects_after_reply.push(SideEffect::Notify {
                stream: EventStream::ControllerTransaction,
                time,
                event,
            }),
            Err(error) => {
                tracing::error!(tid, %error, "cannot write the notification of the end of a transaction")
            }
        }
    }

    /// Returns the configuration of each device in a datastore.
    pub(crate) fn device_configs(&self, datastore: Datastore) -> HashMap<String, DeviceSnapshot> {
        let tree = self.datastores.tree(datastore);
        let config = |(name, entry): (&str, NodeId)| {
            let config = tree.child(entry, QName::new(CONTROLLER, "config"))?;
            Some((name.to_owned(), DeviceSnapshot::new(tree, config)))
        };
        entries_under_devices(tree, "device").into_iter().filter_map(config).collect()
    }

    /// Returns the state of all transactions as XML.
    pub(crate) fn transactions_xml(&self) -> Result<String, confine_netconf::Error> {
        let mut xml = XmlWriter::new();
        xml.element("transactions", &[("xmlns", CONTROLLER)], |xml| {
            self.transactions.iter().try_for_each(|transaction| transaction.write(xml))
        })?;
        Ok(xml.finish())
    }
}

/// Returns the entries of a list directly under `/devices`, by name.
pub(crate) fn entries_under_devices<'t>(tree: &'t Tree, list: &'static str) -> Vec<(&'t str, NodeId)> {
    let Some(devices) = tree.child(Tree::ROOT, QName::new(CONTROLLER, "devices")) else { return Vec::new() };
    let entries = tree.children(devices).filter(|&node| tree.qname(node) == QName::new(CONTROLLER, list));
    entries.map(|entry| (child_value(tree, entry, "name").unwrap_or_default(), entry)).collect()
}
