//! All that the controller is, but for sockets and time: requests change it, and say what must happen next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use confine_netconf::XmlWriter;
use confine_tree::{CONTROLLER, NodeId, QName, Tree};

use crate::access::UserAccess;
use crate::clock::Clock;
use crate::created::child_value;
use crate::datastore::{DatastoreName, Datastores};
use crate::device::{DeviceSnapshot, Devices};
use crate::identity::Credentials;
use crate::model::ControllerModels;
use crate::refusal::{self, RpcRefusal};
use crate::transaction::{
    ActionsParameter, PushParameter, TransactionRecord, TransactionResult, TransactionStage,
};

/// What a session may subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamName {
    ServicesCommit,
    ControllerTransaction,
}

impl StreamName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "services-commit" => Some(Self::ServicesCommit),
            "controller-transaction" => Some(Self::ControllerTransaction),
            _ => None,
        }
    }
}

/// A session that is open.
#[derive(Debug)]
pub(crate) struct SessionState {
    /// The user at the other end of the socket.
    pub(crate) peer: String,
    /// By what way it says that it came.
    pub(crate) transport: Option<String>,
    pub(crate) streams: Vec<StreamName>,
}

/// What must happen besides the answer to a request.
#[derive(Debug)]
pub(crate) enum SideEffect {
    /// Tell all who have subscribed.
    Notify { stream: StreamName, time: String, event: String },
    /// Call [`ControllerState::time_out`] after this time.
    Wait { tid: u64, limit: Duration },
    /// It needn't be called any more.
    StopWaiting { tid: u64 },
    /// Call [`ControllerState::push`] when the devices have had their time.
    Push { tid: u64 },
    /// Close the session.
    Close { session: u32 },
}

/// A positive answer. XML in it declares its namespaces itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OkReply {
    Ok,
    Data(String),
    Output(String),
}

/// A request on its way through the operations.
pub(crate) struct RequestContext<'r> {
    /// The session that it came on.
    pub(crate) session: u32,
    /// The user that it is made for.
    pub(crate) user: Option<&'r str>,
}

pub(crate) struct ControllerState {
    pub(crate) models: Arc<ControllerModels>,
    pub(crate) credentials: Credentials,
    /// The user that the controller runs as.
    pub(crate) user: String,
    pub(crate) clock: Clock,
    /// How long to wait for the services daemon where `running` does not say.
    pub(crate) service_timeout: Duration,
    pub(crate) datastores: Datastores,
    pub(crate) devices: Devices,
    pub(crate) transactions: Vec<TransactionRecord>,
    pub(crate) sessions: BTreeMap<u32, SessionState>,
    pub(crate) last_session: u32,
    /// What must happen before the answer to the request at hand is sent.
    pub(crate) before: Vec<SideEffect>,
    /// What must happen after.
    pub(crate) after: Vec<SideEffect>,
}

impl ControllerState {
    /// Opens a session for a peer.
    pub(crate) fn open(&mut self, peer: String) -> u32 {
        self.last_session += 1;
        self.sessions.insert(self.last_session, SessionState { peer, transport: None, streams: Vec::new() });
        self.last_session
    }

    /// Forgets a session, with its locks and subscriptions. A transaction that it began goes on.
    pub(crate) fn close(&mut self, session: u32) {
        self.sessions.remove(&session);
        self.datastores.release(session);
        let client = |transaction: &TransactionRecord| transaction.client == session;
        if self.ongoing().is_some_and(client) && self.datastores.holder(DatastoreName::Candidate).is_none() {
            self.datastores.lock(DatastoreName::Candidate, refusal::TRANSACTION);
        }
    }

    /// What a user may do now; none for what is done for nobody.
    pub(crate) fn access(&self, user: Option<&str>) -> UserAccess<'_> {
        UserAccess::new(self.datastores.tree(DatastoreName::Running), user, self.models.schema())
    }

    /// The sessions that have subscribed.
    pub(crate) fn subscribers(&self, stream: StreamName) -> impl Iterator<Item = u32> {
        let subscribed = self.sessions.iter().filter(move |(_, session)| session.streams.contains(&stream));
        subscribed.map(|(&id, _)| id)
    }

    /// What must happen after a change that answers nobody.
    pub(crate) fn take_effects(&mut self) -> Vec<SideEffect> {
        let mut effects = std::mem::take(&mut self.before);
        effects.append(&mut self.after);
        effects
    }

    /// The transaction that is not over, if there is one.
    pub(crate) fn ongoing(&self) -> Option<&TransactionRecord> {
        self.transactions.last().filter(|last| last.state != TransactionStage::Done)
    }

    pub(crate) fn transaction(&mut self, tid: u64) -> Option<&mut TransactionRecord> {
        let index = usize::try_from(tid.checked_sub(1)?).ok()?;
        self.transactions.get_mut(index)
    }

    /// Begins a transaction and locks the candidate for it.
    pub(crate) fn begin(
        &mut self,
        caller: &RequestContext<'_>,
        description: String,
        actions: ActionsParameter,
        push: PushParameter,
    ) -> Result<u64, RpcRefusal> {
        if let Some(holder) = self.datastores.other_holder(DatastoreName::Candidate, caller.session) {
            return Err(refusal::failed(self.locked_by(holder)));
        }
        if let Some(ongoing) = self.ongoing() {
            return Err(refusal::failed(format!("Transaction {} is ongoing", ongoing.description)));
        }
        if self.datastores.holder(DatastoreName::Candidate).is_none() {
            self.datastores.lock(DatastoreName::Candidate, refusal::TRANSACTION);
        }
        let tid = self.transactions.len() as u64 + 1;
        self.transactions.push(TransactionRecord {
            tid,
            username: caller.user.map(str::to_owned),
            result: TransactionResult::Init,
            reason: None,
            origin: None,
            devices: Vec::new(),
            state: TransactionStage::Init,
            description,
            started: self.clock.now(),
            changed: None,
            client: caller.session,
            actions,
            push,
        });
        Ok(tid)
    }

    fn locked_by(&self, holder: u32) -> String {
        let transport = |session: u32| {
            let transport = self.sessions.get(&session)?.transport.as_deref()?;
            Some(format!(" using transport:{transport}"))
        };
        let session = self.sessions.get(&holder);
        match (holder == refusal::TRANSACTION, self.ongoing(), session) {
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

    /// Moves a transaction on.
    pub(crate) fn advance(&mut self, tid: u64, state: TransactionStage) {
        let now = self.clock.now();
        if let Some(transaction) = self.transaction(tid) {
            transaction.state = state;
            transaction.changed = Some(now);
        }
    }

    /// Ends a transaction, unlocks the candidate and tells everybody.
    pub(crate) fn end(
        &mut self,
        tid: u64,
        result: TransactionResult,
        origin: Option<&str>,
        reason: Option<&str>,
    ) {
        self.advance(tid, TransactionStage::Done);
        if self.datastores.holder(DatastoreName::Candidate) == Some(refusal::TRANSACTION) {
            self.datastores.unlock(DatastoreName::Candidate);
        }
        let time = self.clock.now();
        let Some(transaction) = self.transaction(tid) else { return };
        transaction.result = result;
        transaction.origin = origin.map(str::to_owned);
        transaction.reason = reason.map(str::to_owned);
        let event = transaction.notification();
        self.after.push(SideEffect::StopWaiting { tid });
        match event {
            Ok(event) => {
                self.after.push(SideEffect::Notify { stream: StreamName::ControllerTransaction, time, event })
            }
            Err(error) => tracing::error!(tid, %error, "The end of a transaction could not be told."),
        }
    }

    /// The configuration of each device in a datastore.
    pub(crate) fn device_configs(&self, datastore: DatastoreName) -> HashMap<String, DeviceSnapshot> {
        let tree = self.datastores.tree(datastore);
        let config = |(name, entry): (&str, NodeId)| {
            let config = tree.child(entry, QName::new(CONTROLLER, "config"))?;
            Some((name.to_owned(), DeviceSnapshot::new(tree, config)))
        };
        entries(tree, "device").into_iter().filter_map(config).collect()
    }

    /// The state of all transactions, as a tree.
    pub(crate) fn transactions_xml(&self) -> Result<String, confine_netconf::Error> {
        let mut xml = XmlWriter::new();
        xml.element("transactions", &[("xmlns", CONTROLLER)], |xml| {
            self.transactions.iter().try_for_each(|transaction| transaction.write(xml))
        })?;
        Ok(xml.finish())
    }
}

/// The entries of a list right under `/devices`, by name.
pub(crate) fn entries<'t>(tree: &'t Tree, list: &'static str) -> Vec<(&'t str, NodeId)> {
    let Some(devices) = tree.child(Tree::ROOT, QName::new(CONTROLLER, "devices")) else { return Vec::new() };
    let entries = tree.children(devices).filter(|&node| tree.qname(node) == QName::new(CONTROLLER, list));
    entries.map(|entry| (child_value(tree, entry, "name").unwrap_or_default(), entry)).collect()
}
