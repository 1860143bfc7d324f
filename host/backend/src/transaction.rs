//! The transactions of the controller.

use confine_netconf::XmlElement;

use crate::Error;

/// What a commit does with the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushMode {
    /// Nothing is sent to them.
    None,
    /// They validate it.
    Validate,
    /// They commit it.
    Commit,
}

impl PushMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Validate => "VALIDATE",
            Self::Commit => "COMMIT",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Validate, Self::Commit].into_iter().find(|push| push.as_str() == text)
    }
}

/// The state of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionState {
    /// Started, or pushing to the devices after its actions.
    Init,
    /// Notified and waiting for its actions.
    Actions,
    /// Failed and being cleaned up.
    Resolved,
    /// Completed.
    Done,
    /// A state that this version does not know.
    Other(String),
}

/// The result of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// Not known yet.
    Init,
    /// Successful.
    Success,
    /// Reverted. `running` may have changed all the same.
    Failed,
    /// Neither completed nor reverted.
    Error,
    /// A result that this version does not know.
    Other(String),
}

impl TransactionOutcome {
    /// Returns the name that the controller uses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Init => "INIT",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
            Self::Other(other) => other,
        }
    }

    pub(crate) fn parse(text: String) -> Self {
        let known = [Self::Init, Self::Success, Self::Failed, Self::Error];
        known.into_iter().find(|outcome| outcome.as_str() == text).unwrap_or(Self::Other(text))
    }
}

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
    /// The state.
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
}

impl Transaction {
    /// Returns what the transaction does with the devices. Only the description distinguishes a validation from a commit.
    pub fn push(&self) -> Option<PushMode> {
        let mut words = self.description.as_deref()?.split_ascii_whitespace();
        words.find_map(|word| word.strip_prefix("push:")).and_then(PushMode::parse)
    }

    pub(crate) fn read(element: &XmlElement<'_>) -> Result<Self, Error> {
        let text = |name: &str| {
            element.child_text(name).map_err(|source| Error::Session { operation: "get", source })
        };
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::invalid_answer("transaction", format!("it has no `{name}`")))
        };
        Ok(Self {
            tid: parse_tid("transaction", &required("tid")?)?,
            username: text("username")?,
            started_at: text("timestamp0")?,
            state: state(required("state")?),
            result: TransactionOutcome::parse(required("result")?),
            description: text("description")?,
            origin: text("origin")?,
            reason: text("reason")?,
            warning: text("warning")?,
        })
    }
}

pub(crate) fn parse_tid(message: &str, text: &str) -> Result<u64, Error> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| Error::invalid_answer(message, format!("`{text}` is not a transaction id")))
}

fn state(text: String) -> TransactionState {
    match text.as_str() {
        "INIT" => TransactionState::Init,
        "ACTIONS" => TransactionState::Actions,
        "RESOLVED" => TransactionState::Resolved,
        "DONE" => TransactionState::Done,
        _ => TransactionState::Other(text),
    }
}
