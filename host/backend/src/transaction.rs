//! The transactions of the controller.

use std::collections::{BTreeMap, BTreeSet};

use confine_netconf::{ActionsKind, PushMode, TransactionOutcome, TransactionState, XmlElement};

use crate::Error;

/// A transaction of the controller, from `/transactions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The transaction id.
    pub tid: u64,
    /// The user who started it.
    pub username: Option<String>,
    /// The start time, as the backend writes it. A restarted backend reuses transaction ids: two transactions of one id are
    /// the same if their start times are.
    pub started_at: Option<String>,
    /// The state; [`TransactionState::Init`] for one that this version does not know.
    pub state: TransactionState,
    /// The result.
    pub result: TransactionOutcome,
    /// The description, such as `Controller commit actions:CHANGE push:COMMIT`.
    pub description: Option<String>,
    /// The origin of a failure.
    pub origin: Option<String>,
    /// The reason of a failure.
    pub reason: Option<String>,
    /// The first warning.
    pub warning: Option<String>,
    /// The devices that the transaction was started for: those that its user selected and that are enabled, as far as the
    /// controller has ever had to do with them. Nothing is pushed to others. Empty if the controller does not tell.
    pub devices: BTreeSet<String>,
}

/// The devices that the controller has ever had to do with, by name, each with the state of its connection: `OPEN`, `CLOSED`,
/// or a stage between them.
pub type DeviceConnections = BTreeMap<String, String>;

impl Transaction {
    /// Returns what the transaction does with the devices. Only the description distinguishes a validation from a commit.
    pub fn push(&self) -> Option<PushMode> {
        self.described("push:").and_then(PushMode::parse)
    }

    /// Returns what the transaction does with services.
    pub fn actions(&self) -> Option<ActionsKind> {
        self.described("actions:").and_then(ActionsKind::parse)
    }

    fn described(&self, what: &str) -> Option<&str> {
        let mut words = self.description.as_deref()?.split_ascii_whitespace();
        words.find_map(|word| word.strip_prefix(what))
    }

    pub(crate) fn read(element: &XmlElement<'_>) -> Result<Self, Error> {
        let text = |name: &str| element.child_text(name).map_err(Error::session("get"));
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::invalid_answer("transaction", format!("it has no `{name}`")))
        };
        let mut devices = BTreeSet::new();
        if let Some(selected) = element.child("devices").map_err(Error::session("get"))? {
            for device in selected.children() {
                let device = device.map_err(Error::session("get"))?;
                devices.extend(device.child_text("name").map_err(Error::session("get"))?);
            }
        }
        Ok(Self {
            devices,
            tid: parse_tid("transaction", &required("tid")?)?,
            username: text("username")?,
            started_at: text("timestamp0")?,
            state: TransactionState::parse(&required("state")?).unwrap_or(TransactionState::Init),
            result: outcome(&required("result")?),
            description: text("description")?,
            origin: text("origin")?,
            reason: text("reason")?,
            warning: text("warning")?,
        })
    }
}

/// Returns a result. One that this version does not know is no success.
pub(crate) fn outcome(text: &str) -> TransactionOutcome {
    TransactionOutcome::parse(text).unwrap_or(TransactionOutcome::Error)
}

pub(crate) fn parse_tid(message: &str, text: &str) -> Result<u64, Error> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| Error::invalid_answer(message, format!("`{text}` is not a transaction id")))
}
