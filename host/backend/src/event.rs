//! The notifications of the backend.

use std::collections::VecDeque;

use confine_netconf::{
    Error as NetconfError, EventStream, Notification, RequestSession, SubscriberSession, TransactionOutcome,
    XmlElement,
};
use confine_tree::{CONTROLLER, Path, PathStep, Predicate, is_name, is_name_character};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::{
    ConnectOptions, Error,
    peer_liveness::{PeerGuard, PeerLiveness},
    transaction::{outcome, parse_tid},
};

/// What an error calls the reading of a notification.
const NOTIFICATION: &str = "notification";

/// A notification of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllerEvent {
    /// A commit waits for its actions.
    ServicesCommit(ServicesCommit),
    /// A transaction has completed.
    ControllerTransaction(ControllerTransaction),
}

/// A commit that waits for its actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicesCommit {
    /// The transaction id, for the answer.
    pub tid: u64,
    /// The datastore to read, as the backend names it: `actions`.
    pub source: String,
    /// The datastore to write, as the backend names it: `actions`.
    pub target: String,
    /// Whether the user asks for the differences only and nothing will be pushed. It is not set for a validation: see
    /// [`Transaction::push`](crate::Transaction::push).
    pub diff: bool,
    /// The changed or requested instances, in the backend's order. **Empty means every instance of every service.** Deleted
    /// instances are included.
    pub services: Vec<ServiceRef>,
}

/// Instances of a service, as a notification names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceRef {
    /// The name of the list under `/services`.
    pub name: String,
    /// The name and the value of the list's first key. `None` means every instance of the list.
    ///
    /// If the list has several keys, it means every instance that matches.
    pub key: Option<(String, String)>,
    /// All keys in written order, where the text can be read as a path with several. Only a user who forces instances
    /// names them so: what has changed is notified by its first key, whose value may look like several keys.
    pub forced_keys: Vec<(String, String)>,
    /// Set if the backend may take the text for another XPath than it is taken for here. It strips what that matches: a
    /// key with quotes may name anybody's instances, or anything else.
    pub is_unclear: bool,
}

impl ServiceRef {
    /// References every instance of a list, or those whose first key has a value.
    pub fn new(name: impl Into<String>, key: Option<(String, String)>) -> Self {
        Self { name: name.into(), key, forced_keys: Vec::new(), is_unclear: false }
    }

    /// Reads `name`, `name[key='value']`, or what a user has written who forces instances: an XPath of one step with any keys
    /// and quotes.
    ///
    /// The backend does not escape `value`, which may have quotes and brackets: it is the text between the first `='` and
    /// the last `']`. A text of none of these forms is read as a name, which no list has, and unclear.
    ///
    /// ```
    /// # use confine_backend::ServiceRef;
    /// let one = ServiceRef::parse("bench[service-name='o'x] y']");
    /// assert_eq!(one.key, Some(("service-name".to_owned(), "o'x] y".to_owned())));
    /// assert_eq!(ServiceRef::parse("bench").key, None);
    /// ```
    pub fn parse(text: &str) -> Self {
        let xpath = || {
            let [step] = <[PathStep; 1]>::try_from(Path::parse_xpath(text).ok()?.steps).ok()?;
            let key = |predicate| match predicate {
                Predicate::Key { prefix: None, name, value: Some(value) } => {
                    Some((String::from(name), value))
                }
                _ => None,
            };
            let keys: Option<Vec<_>> = step.predicates.into_iter().map(key).collect();
            Some((step.name, keys?)).filter(|_| step.prefix.is_none() && !text.starts_with('/'))
        };
        let changed = || {
            let (name, predicate) = text.split_once('[')?;
            let (key, value) = predicate.split_once("='")?;
            let is_name = key.chars().all(is_name_character);
            Some((name, (key.to_owned(), value.strip_suffix("']")?.to_owned()))).filter(|_| is_name)
        };
        match (xpath(), changed()) {
            (Some((name, keys)), _) if keys.len() <= 1 => {
                Self { is_unclear: !is_name(&name), ..Self::new(name, keys.into_iter().next()) }
            }
            (Some((name, keys)), changed) => {
                let key = changed.map(|(_, key)| key).or_else(|| keys.first().cloned());
                Self { forced_keys: keys, ..Self::new(name, key) }
            }
            (None, Some((name, (key, value)))) => {
                let is_unclear = is_xpath(&value) || !is_name(name);
                Self { is_unclear, ..Self::new(name, Some((key, value))) }
            }
            (None, None) => Self { is_unclear: !is_name(text), ..Self::new(text, None) },
        }
    }
}

/// Returns whether a text in single quotes, and with quotes, may be XPath: it goes on with an operator behind the first of them.
fn is_xpath(value: &str) -> bool {
    let Some((_, rest)) = value.split_once('\'') else { return false };
    if !rest.contains(['\'', '"']) {
        // The last quote has no other.
        return false;
    }
    let rest = rest.trim_start();
    let is_operator = ["and", "or", "div", "mod"].iter().any(|operator| rest.starts_with(operator));
    is_operator || !rest.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// Writes the form that the backend uses in notifications and requests.
impl std::fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some((key, value)) => write!(f, "{}[{key}='{value}']", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A transaction that has completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerTransaction {
    /// The transaction id.
    pub tid: u64,
    /// The user who started it.
    pub username: Option<String>,
    /// The result.
    pub result: TransactionOutcome,
    /// The origin of a failure.
    pub origin: Option<String>,
    /// The reason of a failure; sometimes a remark on a success.
    pub reason: Option<String>,
}

/// Receives the backend's notifications.
///
/// A task reads them from the socket as they arrive, because the backend blocks on a client that does not read. They are
/// queued here without limit. The task ends when this value is dropped.
#[derive(Debug)]
pub struct EventReceiver {
    buffered: VecDeque<Result<ControllerEvent, Error>>,
    events: mpsc::UnboundedReceiver<Result<ControllerEvent, Error>>,
    /// Keeps [`PeerLiveness`] valid.
    _peer_guard: PeerGuard,
}

/// A session that subscribes to streams before it only receives.
///
/// Notifications and replies arrive in the order in which the backend sent them: a notification that was sent before the
/// reply to a subscription is [buffered](EventReceiver::next_buffered) when the reply arrives.
#[derive(Debug)]
pub struct Subscription {
    options: ConnectOptions,
    session: RequestSession<UnixStream>,
    peer_guard: PeerGuard,
}

impl Subscription {
    const OPERATION: &'static str = "create-subscription";

    /// Connects.
    pub async fn open(options: &ConnectOptions) -> Result<Self, Error> {
        let connection = options.connect().await?;
        let peer_guard = PeerGuard::new(&connection).map_err(|source| options.connect_error(source))?;
        Ok(Self { options: options.clone(), session: options.exchange_hello(connection).await?, peer_guard })
    }

    /// Subscribes to a stream as the host user.
    pub async fn add(&mut self, stream: EventStream) -> Result<(), Error> {
        let ConnectOptions { host_user, request_timeout, .. } = &self.options;
        let subscribed = self.session.subscribe(stream.as_str(), host_user, *request_timeout);
        subscribed.await.map_err(|error| match error {
            NetconfError::Rpc(errors) => Error::from_rpc_errors(Self::OPERATION, host_user, errors),
            source => Error::Session { operation: Self::OPERATION, source },
        })
    }

    /// Returns the options of the connection.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Returns the liveness of the backend.
    pub(crate) fn liveness(&self) -> PeerLiveness {
        self.peer_guard.liveness()
    }

    /// Starts to receive events.
    pub fn into_receiver(self) -> Result<EventReceiver, Error> {
        let failed = Error::session(Self::OPERATION);
        let mut subscriber = self.session.into_subscriber().map_err(failed)?;
        let mut buffered = VecDeque::new();
        while let Some(notification) = subscriber.next_buffered() {
            buffered.extend(ControllerEvent::read(&notification).transpose());
        }
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(drain(subscriber, sender));
        Ok(EventReceiver { buffered, events, _peer_guard: self.peer_guard })
    }
}

impl EventReceiver {
    /// Connects, and subscribes to `streams` in that order as the host user.
    pub async fn subscribe(options: &ConnectOptions, streams: &[EventStream]) -> Result<Self, Error> {
        let mut subscription = Subscription::open(options).await?;
        for &stream in streams {
            subscription.add(stream).await?;
        }
        subscription.into_receiver()
    }

    /// Returns the next event that was notified before the reply to the last subscription.
    pub fn next_buffered(&mut self) -> Option<Result<ControllerEvent, Error>> {
        self.buffered.pop_front()
    }

    /// Waits for the next event, without a time limit. Cancel-safe: no event is lost if the future is dropped.
    ///
    /// A [recoverable](Error::is_recoverable) error means one notification that cannot be read. Any other error is the end.
    pub async fn next(&mut self) -> Result<ControllerEvent, Error> {
        match self.next_buffered() {
            Some(event) => event,
            None => self
                .events
                .recv()
                .await
                .unwrap_or_else(|| Err(Error::session(NOTIFICATION)(NetconfError::Closed))),
        }
    }

    /// Waits until the transaction `tid` has completed. All other events until then are dropped: use this in clients that
    /// commit, not in a services daemon.
    pub async fn wait_for_transaction(&mut self, tid: u64) -> Result<ControllerTransaction, Error> {
        loop {
            match self.next().await {
                Ok(ControllerEvent::ControllerTransaction(completed)) if completed.tid == tid => {
                    return Ok(completed);
                }
                Err(error) if !error.is_recoverable() => return Err(error),
                _ => {}
            }
        }
    }
}

async fn drain(
    mut subscriber: SubscriberSession<UnixStream>,
    sender: mpsc::UnboundedSender<Result<ControllerEvent, Error>>,
) {
    loop {
        let event = tokio::select! {
            () = sender.closed() => return,
            next = subscriber.next() => next.map_err(Error::session(NOTIFICATION)).and_then(|received| ControllerEvent::read(&received)),
        };
        let Some(event) = event.transpose() else { continue };
        let is_end = matches!(&event, Err(error) if !error.is_recoverable());
        if sender.send(event).is_err() || is_end {
            return;
        }
    }
}

impl ControllerEvent {
    /// Returns `None` for an event of an unknown kind.
    fn read(notification: &Notification) -> Result<Option<Self>, Error> {
        let event = &notification.event;
        match (event.namespace(), event.name()) {
            (CONTROLLER, "services-commit") => {
                ServicesCommit::read(event).map(Self::ServicesCommit).map(Some)
            }
            (CONTROLLER, "controller-transaction") => {
                ControllerTransaction::read(event).map(Self::ControllerTransaction).map(Some)
            }
            (namespace, name) => {
                tracing::debug!(name, namespace, "ignored an unknown event");
                Ok(None)
            }
        }
    }
}

impl ServicesCommit {
    fn read(event: &XmlElement<'_>) -> Result<Self, Error> {
        let mut tid = None;
        let mut commit = Self {
            tid: 0,
            source: "actions".to_owned(),
            target: "actions".to_owned(),
            diff: false,
            services: Vec::new(),
        };
        for field in event.children() {
            let field = field.map_err(Error::session(NOTIFICATION))?;
            let text = field.text().map_err(Error::session(NOTIFICATION))?;
            match field.name() {
                "tid" => tid = Some(parse_tid(event.name(), &text)?),
                "source" => commit.source = text,
                "target" => commit.target = text,
                "diff" => commit.diff = text.trim() == "true",
                "service" => commit.services.push(ServiceRef::parse(&text)),
                _ => {}
            }
        }
        commit.tid = tid.ok_or_else(|| Error::invalid_answer(event.name(), "it has no `tid`"))?;
        Ok(commit)
    }
}

impl ControllerTransaction {
    fn read(event: &XmlElement<'_>) -> Result<Self, Error> {
        let text = |name: &str| event.child_text(name).map_err(Error::session(NOTIFICATION));
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::invalid_answer(event.name(), format!("it has no `{name}`")))
        };
        Ok(Self {
            tid: parse_tid(event.name(), &required("tid")?)?,
            username: text("username")?,
            result: outcome(&required("result")?),
            origin: text("origin")?,
            reason: text("reason")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ServiceRef;

    proptest! {
        #[test]
        fn service_ref_round_trips_any_key_value(name in "[a-z][a-z0-9_.-]{0,9}", key in "[a-z][a-z0-9_.-]{0,9}", value: String) {
            let keyed = ServiceRef::new(name.clone(), Some((key, value)));
            let read = ServiceRef::parse(&keyed.to_string());
            prop_assert_eq!((read.name, read.key), (keyed.name, keyed.key));
            let bare = ServiceRef::new(name, None);
            prop_assert_eq!(ServiceRef::parse(&bare.to_string()), bare);
        }

        #[test]
        fn all_keys_of_a_forced_instance_are_read(keys in proptest::collection::vec(("[a-z][a-z0-9_.-]{0,9}", "[^'\"\\]\\[\\p{C}]{0,9}['\"]?", any::<bool>()), 2..5)) {
            let predicate = |(key, value, single): &(String, String, bool)| {
                let quote = if value.contains('"') || *single && !value.contains('\'') { '\'' } else { '"' };
                format!("[{key}={quote}{value}{quote}]")
            };
            let read = ServiceRef::parse(&format!("pair{}", keys.iter().map(predicate).collect::<String>()));
            let keys: Vec<_> = keys.into_iter().map(|(key, value, _)| (key, value)).collect();
            prop_assert_eq!((&*read.name, read.forced_keys), ("pair", keys));
        }
    }

    /// The backend strips what the text matches as an XPath.
    #[test]
    fn what_the_backend_may_take_for_another_xpath_is_unclear() {
        for text in [
            "l",
            "l[k='a']",
            "l[k=\"a\"]",
            "l[k='a\"b']",
            "l[ k = 'a' ]",
            "l[k='it's']",
            "l[k='a'b\"c']",
            "l[k='br[ack]ets/and='more'']",
            "l[k='1'][m=\"2\"]",
        ] {
            assert!(!ServiceRef::parse(text).is_unclear, "{text}");
        }
        for text in [
            "l[k='1'] [m='2']",
            "l[k='1' and m='2']",
            "l[k='1' or 'a'='a']",
            "l[k='o']/../m[k='1']",
            "l[k='1']|m[k='2']",
            "l[k='none']|/nacm|x[a='b']",
            "l[k='a'or'b'='b']",
            "l[k='it''s']",
            "l[k!='2']",
            "l [k='1']",
            "p:l[k='1']",
            "l[1]",
            "l[]",
            "*",
            "l[p:k='1']",
            "l[./k='1']",
            "/l[k='1']",
            "l[k]",
            "l[",
            "l]",
            "l/k",
            "1",
            "",
            "l|m",
            "l[k=v]",
            "l[position()=1]",
        ] {
            assert!(ServiceRef::parse(text).is_unclear, "{text}");
        }
    }
}
