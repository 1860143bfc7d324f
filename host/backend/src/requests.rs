//! The connection for requests: reading and writing datastores.

use confine_netconf::{
    Datastore, Error as NetconfError, OutgoingRpc, Payload, ReplyBody, RequestSession, XmlWriter,
};
use confine_tree::CONTROLLER;
use tokio::net::UnixStream;
use tracing::Instrument as _;

use crate::{ConnectOptions, Error, RequestUser, Subscription, peer_liveness::PeerLiveness};

/// A connection to the backend that sends one request at a time, each for a [`RequestUser`].
///
/// A connection that is lost through an error, a timeout or a dropped request fails that request only: the next request
/// opens a new connection. No request is ever sent twice.
#[derive(Debug)]
pub struct Backend {
    options: ConnectOptions,
    session: Option<RequestSession<UnixStream>>,
    /// The backend that requests must reach, or `None` for any.
    liveness: Option<PeerLiveness>,
}

/// A request of [`Backend::get_config`].
#[derive(Debug, Clone, Copy)]
pub struct ConfigRequest<'a> {
    /// The datastore.
    pub source: Datastore,
    /// An XPath expression, which may have `|`. The backend returns nothing, and no error, if a namespace or a node is
    /// unknown or a step has no prefix.
    pub xpath: &'a str,
    /// The prefixes in the expression with their namespaces, each prefix once.
    pub namespaces: &'a [(&'a str, &'a str)],
    /// The number of levels to return, from the root; all if `None`. A value is a level of its own.
    pub depth: Option<u32>,
    /// Whether to return the defaults of unset leaves (RFC 6243, `report-all`), too. A readable container with defaults is
    /// then never empty.
    pub defaults: bool,
}

impl Backend {
    /// Connects to the backend.
    pub async fn connect(options: ConnectOptions) -> Result<Self, Error> {
        let session = options.open().await?;
        Ok(Self { options, session: Some(session), liveness: None })
    }

    /// Connects to the backend of a subscription, and sends requests to no other: a restarted backend reuses transaction
    /// ids. Every request fails once that backend has closed the subscription, or once the receiver of its events is
    /// dropped.
    pub async fn connect_to_subscribed(subscription: &Subscription) -> Result<Self, Error> {
        let (options, liveness) = (subscription.options().clone(), Some(subscription.liveness()));
        let mut backend = Self { options, session: None, liveness };
        backend.session = Some(backend.open("hello").await?);
        Ok(backend)
    }

    async fn open(&self, operation: &'static str) -> Result<RequestSession<UnixStream>, Error> {
        let session = self.options.open().await?;
        match &self.liveness {
            Some(liveness) if liveness.is_closed() => {
                Err(Error::Session { operation, source: NetconfError::Closed })
            }
            _ => Ok(session),
        }
    }

    /// Returns the options of the connection.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Reads the configuration that the user may read. Denied nodes are left out without an error (`get-config`, RFC 6241
    /// section 7.1).
    pub async fn get_config(
        &mut self,
        read: ConfigRequest<'_>,
        user: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        let depth = read.depth.map(|depth| depth.to_string());
        let attributes: Vec<_> = depth.as_deref().map(|depth| ("nc:depth", depth)).into_iter().collect();
        let content = |xml: &mut XmlWriter| {
            xml.element("source", &[], |xml| datastore(xml, read.source))?;
            filter(xml, read.xpath, read.namespaces)?;
            if read.defaults { report_all(xml) } else { Ok(()) }
        };
        let reply = self.call(user, "get-config", &attributes, content).await?;
        data("get-config", reply)
    }

    /// Merges `config` into a datastore (`edit-config`, RFC 6241 section 7.2). It must be complete elements that declare
    /// their own namespaces. Its nodes may have `nc:operation`.
    pub async fn edit_config(
        &mut self,
        target: Datastore,
        config: &str,
        user: &RequestUser,
    ) -> Result<(), Error> {
        self.command(user, "edit-config", &[], |xml| {
            xml.element("target", &[], |xml| datastore(xml, target))?;
            xml.leaf("default-operation", &[], "merge")?;
            xml.element("config", &[], |xml| xml.fragment(config))
        })
        .await
    }

    /// Closes the session (`close-session`, RFC 6241 section 7.8).
    pub async fn close(mut self) -> Result<(), Error> {
        match self.session {
            Some(_) => self.command(&RequestUser::Host, "close-session", &[], |_| Ok(())).await,
            None => Ok(()),
        }
    }

    /// Reads state with an XPath expression in which `co` is the controller's namespace.
    pub(crate) async fn get_controller_state(
        &mut self,
        xpath: &str,
        user: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        self.get_state(xpath, &[("co", CONTROLLER)], user).await
    }

    /// Reads state with an XPath expression and its prefixes.
    pub(crate) async fn get_state(
        &mut self,
        xpath: &str,
        namespaces: &[(&str, &str)],
        user: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        let content = |xml: &mut XmlWriter| {
            filter(xml, xpath, namespaces)?;
            report_all(xml)
        };
        let reply = self.call(user, "get", &[("cl:content", "nonconfig")], content).await?;
        data("get", reply)
    }

    /// Calls an operation without output.
    pub(crate) async fn command(
        &mut self,
        user: &RequestUser,
        operation: &'static str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut XmlWriter) -> Result<(), NetconfError>,
    ) -> Result<(), Error> {
        let reply = self.call(user, operation, attributes, content).await?;
        reply.into_ok().map_err(Error::session(operation))
    }

    /// Calls an operation. Converts the errors of the reply to [`Error`].
    pub(crate) async fn call(
        &mut self,
        user: &RequestUser,
        operation: &'static str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut XmlWriter) -> Result<(), NetconfError>,
    ) -> Result<ReplyBody, Error> {
        let failed = Error::session(operation);
        let user = self.options.user_name(user);
        let rpc = OutgoingRpc::new(|xml| xml.element(operation, attributes, content))
            .map_err(failed)?
            .for_user(user);
        let span = tracing::debug_span!("request", operation, user);
        let session = self.session.take().filter(RequestSession::is_open);
        let exchange = async {
            let mut session = match session {
                Some(session) => session,
                None => self.open(operation).await?,
            };
            let reply = session.request(&rpc, self.options.request_timeout).await;
            Ok((session, reply))
        };
        let (session, reply) = exchange.instrument(span).await?;
        self.session = Some(session).filter(RequestSession::is_open);
        reply.map_err(failed)?.into_body().map_err(|errors| Error::from_rpc_errors(operation, user, errors))
    }
}

/// Writes the element of a datastore in `source` or `target`.
pub(crate) fn datastore(xml: &mut XmlWriter, datastore: Datastore) -> Result<(), NetconfError> {
    let is_standard = datastore != Datastore::Actions;
    xml.empty(datastore.as_str(), if is_standard { &[] } else { &[("xmlns", CONTROLLER)] })
}

fn data(operation: &'static str, reply: ReplyBody) -> Result<Payload<'static>, Error> {
    reply.into_data().map_err(Error::session(operation))
}

/// Requests defaults, RFC 6243 section 4.5.1.
fn report_all(xml: &mut XmlWriter) -> Result<(), NetconfError> {
    const WITH_DEFAULTS: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults";
    xml.leaf("with-defaults", &[("xmlns", WITH_DEFAULTS)], "report-all")
}

/// Writes an XPath filter, RFC 6241 section 8.9.5.
fn filter(xml: &mut XmlWriter, xpath: &str, namespaces: &[(&str, &str)]) -> Result<(), NetconfError> {
    let declarations: Vec<_> =
        namespaces.iter().map(|(prefix, namespace)| (format!("xmlns:{prefix}"), *namespace)).collect();
    let mut attributes = vec![("type", "xpath"), ("select", xpath)];
    attributes.extend(declarations.iter().map(|(name, namespace)| (name.as_str(), *namespace)));
    xml.empty("filter", &attributes)
}
