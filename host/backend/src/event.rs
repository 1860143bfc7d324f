//! What the backend notifies.

use std::collections::VecDeque;

use confine_netconf::{Error as NetconfError, Notification, RequestSession, SubscriberSession, XmlElement};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::{
    CONTROLLER, ConnectOptions, Error, TransactionOutcome,
    peer_liveness::{PeerGuard, PeerLiveness},
    transaction::parse_tid,
};

/// A stream of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStream {
    /// [`ServicesCommit`]. Only one client may subscribe: see [`Error::AlreadyRegistered`].
    ServicesCommit,
    /// [`ControllerTransaction`].
    ControllerTransaction,
}

impl EventStream {
    fn name(self) -> &'static str {
        match self {
            Self::ServicesCommit => "services-commit",
            Self::ControllerTransaction => "controller-transaction",
        }
    }
}

/// Something that the backend notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllerEvent {
    /// A commit waits for its actions.
    ServicesCommit(ServicesCommit),
    /// A transaction is over.
    ControllerTransaction(ControllerTransaction),
}

/// A commit that waits for its actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicesCommit {
    /// Number of the transaction, to answer with.
    pub tid: u64,
    /// The datastore to read, as the backend names it: `actions`.
    pub source: String,
    /// The datastore to write, as the backend names it: `actions`.
    pub target: String,
    /// Nothing will be pushed: the user asks for the differences only. A validation isn't marked so; see
    /// [`Transaction::push`](crate::Transaction::push).
    pub diff: bool,
    /// What has changed, or was asked for, in the backend's order. **Empty: every instance of every
    /// service.** An instance that was deleted is named too.
    pub services: Vec<ServiceRef>,
}

/// Instances of a service, as a notification names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceRef {
    /// Name of the list under `/services`.
    pub name: String,
    /// Name and value of the list's first key. `None`: every instance of the list.
    ///
    /// Of a list with several keys it means every instance that matches.
    pub key: Option<(String, String)>,
}

impl ServiceRef {
    /// Reads `name` or `name[key='value']`.
    ///
    /// The backend doesn't quote what is in `value`: it may hold quotes, brackets and all else, so it is
    /// what remains between a known beginning and a known end. What has neither form is taken for a name,
    /// which no list then has.
    ///
    /// ```
    /// # use confine_backend::ServiceRef;
    /// let one = ServiceRef::parse("bench[service-name='o'x] y']");
    /// assert_eq!(one.key, Some(("service-name".to_owned(), "o'x] y".to_owned())));
    /// assert_eq!(ServiceRef::parse("bench").key, None);
    /// ```
    pub fn parse(text: &str) -> Self {
        let keyed = || {
            let (name, predicate) = text.split_once('[')?;
            // Whoever forces an instance may have written the predicate with the other quotes.
            let of = |quote: char| {
                let (key, value) = predicate.split_once('=')?;
                Some((key, value.strip_prefix(quote)?.strip_suffix(']')?.strip_suffix(quote)?))
            };
            let (key, value) = of('\'').or_else(|| of('"'))?;
            Some(Self { name: name.to_owned(), key: Some((key.to_owned(), value.to_owned())) })
        };
        keyed().unwrap_or_else(|| Self { name: text.to_owned(), key: None })
    }
}

/// The form that the backend uses, in notifications and wherever it takes an instance.
impl std::fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some((key, value)) => write!(f, "{}[{key}='{value}']", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A transaction that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerTransaction {
    /// Its number.
    pub tid: u64,
    /// Who started it.
    pub username: Option<String>,
    /// How it went.
    pub result: TransactionOutcome,
    /// Who made it fail.
    pub origin: Option<String>,
    /// Why it failed; sometimes a remark on a success.
    pub reason: Option<String>,
}

/// The backend's notifications.
///
/// A task takes them off the socket as they come, since the backend blocks on a client that doesn't read;
/// they wait here without limit. The task ends with this value.
#[derive(Debug)]
pub struct EventReceiver {
    before: VecDeque<Result<ControllerEvent, Error>>,
    events: mpsc::UnboundedReceiver<Result<ControllerEvent, Error>>,
    /// While this lives, the backend is known to.
    _pulse: PeerGuard,
}

/// A session that subscribes, before it does nothing but receive.
///
/// Its events and its answers come in the order in which the backend gave them: what was notified before a
/// subscription was answered is [there](Events::next_buffered) when the answer is.
#[derive(Debug)]
pub struct Subscription {
    options: ConnectOptions,
    session: RequestSession<UnixStream>,
    pulse: PeerGuard,
}

impl Subscription {
    const OPERATION: &'static str = "create-subscription";

    /// Connects.
    pub async fn open(options: &ConnectOptions) -> Result<Self, Error> {
        let connection = options.connect().await?;
        let pulse = PeerGuard::of(&connection).map_err(|source| options.connect_error(source))?;
        Ok(Self { options: options.clone(), session: options.exchange_hello(connection).await?, pulse })
    }

    /// Subscribes to a stream as the host user.
    pub async fn add(&mut self, stream: EventStream) -> Result<(), Error> {
        let ConnectOptions { host_user, request_timeout, .. } = &self.options;
        let subscribed = self.session.subscribe(stream.name(), host_user, *request_timeout);
        subscribed.await.map_err(|error| match error {
            NetconfError::Rpc(errors) => Error::refused(Self::OPERATION, host_user, errors),
            source => Error::Session { operation: Self::OPERATION, source },
        })
    }

    /// What it was connected with.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// The life of the backend that was subscribed to.
    pub(crate) fn life(&self) -> PeerLiveness {
        self.pulse.life()
    }

    /// From now on events are taken in.
    pub fn into_receiver(self) -> Result<EventReceiver, Error> {
        let failed = |source| Error::Session { operation: Self::OPERATION, source };
        let mut subscriber = self.session.into_subscriber().map_err(failed)?;
        let mut before = VecDeque::new();
        while let Some(notification) = subscriber.next_buffered() {
            before.extend(ControllerEvent::read(&notification).transpose());
        }
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(drain(subscriber, sender));
        Ok(EventReceiver { before, events, _pulse: self.pulse })
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

    /// The next of those that had been notified before the last subscription was answered.
    pub fn next_buffered(&mut self) -> Option<Result<ControllerEvent, Error>> {
        self.before.pop_front()
    }

    /// The next event, however long that takes. Nothing is lost when the future is dropped.
    ///
    /// An error that [is recoverable](Error::is_recoverable) is one notification that can't be understood;
    /// any other is the end.
    pub async fn next(&mut self) -> Result<ControllerEvent, Error> {
        match self.next_buffered() {
            Some(event) => event,
            None => self.events.recv().await.unwrap_or_else(|| Err(notification(NetconfError::Closed))),
        }
    }

    /// Waits for the transaction `tid` to be over. All other events until then are dropped: this is for
    /// clients that commit, not for a services daemon.
    pub async fn wait_for_transaction(&mut self, tid: u64) -> Result<ControllerTransaction, Error> {
        loop {
            match self.next().await {
                Ok(ControllerEvent::ControllerTransaction(over)) if over.tid == tid => return Ok(over),
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
            next = subscriber.next() => next.map_err(notification).and_then(|came| ControllerEvent::read(&came)),
        };
        let Some(event) = event.transpose() else { continue };
        let over = matches!(&event, Err(error) if !error.is_recoverable());
        if sender.send(event).is_err() || over {
            return;
        }
    }
}

impl ControllerEvent {
    /// `None` for an event of a kind that nobody has asked for.
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
                tracing::debug!(name, namespace, "An event that nobody has asked for is ignored.");
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
            let field = field.map_err(notification)?;
            let text = field.text().map_err(notification)?;
            match field.name() {
                "tid" => tid = Some(parse_tid(event.name(), &text)?),
                "source" => commit.source = text,
                "target" => commit.target = text,
                "diff" => commit.diff = text.trim() == "true",
                "service" => commit.services.push(ServiceRef::parse(&text)),
                _ => {}
            }
        }
        commit.tid = tid.ok_or_else(|| Error::answer(event.name(), "it has no `tid`"))?;
        Ok(commit)
    }
}

impl ControllerTransaction {
    fn read(event: &XmlElement<'_>) -> Result<Self, Error> {
        let text = |name: &str| event.child_text(name).map_err(notification);
        let required = |name: &str| {
            text(name)?.ok_or_else(|| Error::answer(event.name(), format!("it has no `{name}`")))
        };
        Ok(Self {
            tid: parse_tid(event.name(), &required("tid")?)?,
            username: text("username")?,
            result: TransactionOutcome::parse(required("result")?),
            origin: text("origin")?,
            reason: text("reason")?,
        })
    }
}

fn notification(source: NetconfError) -> Error {
    Error::Session { operation: "notification", source }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ServiceRef;

    proptest! {
        #[test]
        fn service_ref_round_trips_any_key_value(name in "[a-z][a-z0-9_.-]{0,9}", key in "[a-z][a-z0-9_.-]{0,9}", value: String) {
            let keyed = ServiceRef { name: name.clone(), key: Some((key, value)) };
            prop_assert_eq!(ServiceRef::parse(&keyed.to_string()), keyed);
            let bare = ServiceRef { name, key: None };
            prop_assert_eq!(ServiceRef::parse(&bare.to_string()), bare);
        }
    }
}
