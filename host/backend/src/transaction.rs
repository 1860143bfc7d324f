//! Transactions: looking them up, and ending the part of them that is ours.

use confine_netconf::{Error as NetconfError, XmlElement, replace_invalid_characters};

use crate::{Backend, CONTROLLER, Error, PushMode, RequestUser};

/// How far a transaction has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionState {
    /// Started; or back from its actions, pushing to the devices.
    Init,
    /// Notified, and waiting for its actions.
    Actions,
    /// Failed, and being cleaned up.
    Resolved,
    /// Over.
    Done,
    /// A state that the model didn't have when this was written.
    Other(String),
}

/// How a transaction went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// Not known yet.
    Init,
    /// Done.
    Success,
    /// Undone. `running` may have changed all the same.
    Failed,
    /// Neither done nor undone.
    Error,
    /// An outcome that the model didn't have when this was written.
    Other(String),
}

impl TransactionOutcome {
    /// As the controller writes it.
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

/// A transaction of the controller, as it shows them under `/transactions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its number.
    pub tid: u64,
    /// Who started it.
    pub username: Option<String>,
    /// When, as the backend writes it. A backend that is started again uses the same numbers again: the
    /// transaction is still the one that it was if this is what it was.
    pub started_at: Option<String>,
    /// How far it has come.
    pub state: TransactionState,
    /// How it went.
    pub result: TransactionOutcome,
    /// What it is, such as `Controller commit actions:CHANGE push:COMMIT`.
    pub description: Option<String>,
    /// Who made it fail.
    pub origin: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The first warning.
    pub warning: Option<String>,
}

impl Transaction {
    /// Whether devices will get the result. Only the description tells a validation from a commit.
    pub fn push(&self) -> Option<PushMode> {
        let mut words = self.description.as_deref()?.split_ascii_whitespace();
        words.find_map(|word| word.strip_prefix("push:")).and_then(PushMode::parse)
    }

    fn read(element: &XmlElement<'_>) -> Result<Self, Error> {
        let text = |name: &str| element.child_text(name).map_err(unreadable);
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::answer("transaction", format!("it has no `{name}`")))
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

impl Backend {
    /// The transaction `tid`. `None` if there is none, or if the identity may not read it: the backend
    /// doesn't tell which.
    pub async fn transaction(
        &mut self,
        tid: u64,
        identity: &RequestUser,
    ) -> Result<Option<Transaction>, Error> {
        let xpath = format!("/co:transactions/co:transaction[co:tid='{tid}']");
        Ok(self.transactions(&xpath, identity).await?.into_iter().find(|transaction| transaction.tid == tid))
    }

    /// The transactions that wait for their actions. A new subscriber isn't told of those that were
    /// notified before.
    pub async fn open_transactions(&mut self, identity: &RequestUser) -> Result<Vec<Transaction>, Error> {
        let mut open =
            self.transactions("/co:transactions/co:transaction[co:state='ACTIONS']", identity).await?;
        open.retain(|transaction| transaction.state == TransactionState::Actions);
        Ok(open)
    }

    async fn transactions(&mut self, xpath: &str, identity: &RequestUser) -> Result<Vec<Transaction>, Error> {
        let data = self.get_controller_state(xpath, identity).await?;
        let mut found = Vec::new();
        for transactions in data.children() {
            for transaction in transactions.map_err(unreadable)?.children() {
                found.push(Transaction::read(&transaction.map_err(unreadable)?)?);
            }
        }
        Ok(found)
    }

    /// Tells that the actions of `tid` are done, for the lists `services`. The backend validates the result
    /// only now; what comes of it is told by a [`ControllerTransaction`](crate::ControllerTransaction).
    pub async fn actions_done(
        &mut self,
        tid: u64,
        services: &[&str],
        identity: &RequestUser,
    ) -> Result<(), Error> {
        self.command(identity, "transaction-actions-done", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            services.iter().try_for_each(|service| xml.leaf("service", &[], service))
        })
        .await
        .map_err(|error| error.for_transaction(tid))
    }

    /// Ends `tid` with an error. The user who commits is shown `reason`; characters in it that XML can't
    /// carry are replaced.
    ///
    /// The backend repeats `origin` without escaping it: what isn't plain ASCII, or is XML, becomes `_`.
    /// It accepts this for transactions that are being pushed, too: don't end what isn't waiting.
    pub async fn transaction_error(
        &mut self,
        tid: u64,
        origin: &str,
        reason: &str,
        identity: &RequestUser,
    ) -> Result<(), Error> {
        self.command(identity, "transaction-error", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &tid.to_string())?;
            xml.leaf("origin", &[], &plain(origin))?;
            xml.leaf("reason", &[], &replace_invalid_characters(reason))
        })
        .await
        .map_err(|error| error.for_transaction(tid))
    }
}

/// `text` in characters that survive being printed into XML as they are.
fn plain(text: &str) -> String {
    let survives = |c: char| matches!(c, ' '..='~') && !matches!(c, '<' | '>' | '&');
    text.chars().map(|c| if survives(c) { c } else { '_' }).collect()
}

pub(crate) fn parse_tid(message: &str, text: &str) -> Result<u64, Error> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| Error::answer(message, format!("`{text}` is not the number of a transaction")))
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

fn unreadable(source: NetconfError) -> Error {
    Error::Session { operation: "get", source }
}
