//! Requests to the backend: reading and writing datastores.

use confine_netconf::{Error as NetconfError, OutgoingRpc, Payload, ReplyBody, RequestSession, XmlWriter};
use tokio::net::UnixStream;
use tracing::Instrument as _;

use crate::{CONTROLLER, ConnectOptions, Error, RequestUser, Subscription, peer_liveness::PeerLiveness};

/// The backend, to make requests of: one at a time, each for an [`RequestUser`].
///
/// A connection that is lost, by an error, a timeout or a dropped request, fails that request only: the next
/// one opens another. Nothing is ever sent twice.
#[derive(Debug)]
pub struct Backend {
    options: ConnectOptions,
    session: Option<RequestSession<UnixStream>>,
    /// None where it does not matter which backend is asked.
    life: Option<PeerLiveness>,
}

/// A datastore of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Datastore {
    /// What is committed.
    Running,
    /// What users edit.
    Candidate,
    /// The copy of the candidate that a service commit reads and writes.
    Actions,
}

impl Datastore {
    /// The element that names it in `source` or `target`.
    pub(crate) fn write(self, xml: &mut XmlWriter) -> Result<(), NetconfError> {
        match self {
            Self::Running => xml.empty("running", &[]),
            Self::Candidate => xml.empty("candidate", &[]),
            Self::Actions => xml.empty("actions", &[("xmlns", CONTROLLER)]),
        }
    }
}

/// What [`Backend::get_config`] reads.
#[derive(Debug, Clone, Copy)]
pub struct ConfigRequest<'a> {
    /// From where.
    pub source: Datastore,
    /// An XPath expression, `|` allowed. The backend answers with nothing, not with an error, where a
    /// namespace or a node isn't known or a step has no prefix.
    pub xpath: &'a str,
    /// The prefixes of the expression and their namespaces, each prefix once.
    pub namespaces: &'a [(&'a str, &'a str)],
    /// How many levels to answer with, from the root; all of them if `None`. A value is a level of its own.
    pub depth: Option<u32>,
    /// Whether to answer with the defaults of leaves that are not set (RFC 6243, `report-all`), too. What the
    /// identity may read of a container with defaults is then never nothing.
    pub defaults: bool,
}

impl Backend {
    /// Connects to the backend.
    pub async fn connect(options: ConnectOptions) -> Result<Self, Error> {
        let session = options.open().await?;
        Ok(Self { options, session: Some(session), life: None })
    }

    /// Connects to the backend that was subscribed to, and makes requests of no other: one that is started
    /// again gives its transactions the same numbers. Every request fails once that backend has closed the
    /// subscription, or its events are dropped.
    pub async fn connect_to_subscribed(subscription: &Subscription) -> Result<Self, Error> {
        let (options, life) = (subscription.options().clone(), Some(subscription.life()));
        let mut backend = Self { options, session: None, life };
        backend.session = Some(backend.open("hello").await?);
        Ok(backend)
    }

    async fn open(&self, operation: &'static str) -> Result<RequestSession<UnixStream>, Error> {
        let session = self.options.open().await?;
        match &self.life {
            Some(life) if life.is_closed() => Err(Error::Session { operation, source: NetconfError::Closed }),
            _ => Ok(session),
        }
    }

    /// What it was connected with.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Reads configuration, as far as the identity may read it: what is denied is left out, not refused
    /// (`get-config`, RFC 6241 section 7.1).
    pub async fn get_config(
        &mut self,
        read: ConfigRequest<'_>,
        identity: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        let depth = read.depth.map(|depth| depth.to_string());
        let attributes: Vec<_> = depth.as_deref().map(|depth| ("nc:depth", depth)).into_iter().collect();
        let content = |xml: &mut XmlWriter| {
            xml.element("source", &[], |xml| read.source.write(xml))?;
            filter(xml, read.xpath, read.namespaces)?;
            if read.defaults { report_all(xml) } else { Ok(()) }
        };
        let reply = self.call(identity, "get-config", &attributes, content).await?;
        data("get-config", reply)
    }

    /// Merges `config`, whole elements that declare their own namespaces, into a datastore
    /// (`edit-config`, RFC 6241 section 7.2). Nodes in it may carry `nc:operation`.
    pub async fn edit_config(
        &mut self,
        target: Datastore,
        config: &str,
        identity: &RequestUser,
    ) -> Result<(), Error> {
        self.command(identity, "edit-config", &[], |xml| {
            xml.element("target", &[], |xml| target.write(xml))?;
            xml.leaf("default-operation", &[], "merge")?;
            xml.element("config", &[], |xml| xml.fragment(config))
        })
        .await
    }

    /// Ends the session in good order (`close-session`, RFC 6241 section 7.8).
    pub async fn close(mut self) -> Result<(), Error> {
        match self.session {
            Some(_) => self.command(&RequestUser::Host, "close-session", &[], |_| Ok(())).await,
            None => Ok(()),
        }
    }

    /// Reads state by an XPath expression in which `co` is the controller's namespace.
    pub(crate) async fn get_controller_state(
        &mut self,
        xpath: &str,
        identity: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        self.get_state(xpath, &[("co", CONTROLLER)], identity).await
    }

    /// Reads state by an XPath expression with these prefixes.
    pub(crate) async fn get_state(
        &mut self,
        xpath: &str,
        namespaces: &[(&str, &str)],
        identity: &RequestUser,
    ) -> Result<Payload<'static>, Error> {
        let content = |xml: &mut XmlWriter| {
            filter(xml, xpath, namespaces)?;
            report_all(xml)
        };
        let reply = self.call(identity, "get", &[("cl:content", "nonconfig")], content).await?;
        data("get", reply)
    }

    /// Makes a request for an operation without output.
    pub(crate) async fn command(
        &mut self,
        identity: &RequestUser,
        operation: &'static str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut XmlWriter) -> Result<(), NetconfError>,
    ) -> Result<(), Error> {
        let reply = self.call(identity, operation, attributes, content).await?;
        reply.into_ok().map_err(|source| Error::Session { operation, source })
    }

    /// Makes a request. Errors that the reply holds are typed as [`Error`].
    pub(crate) async fn call(
        &mut self,
        identity: &RequestUser,
        operation: &'static str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut XmlWriter) -> Result<(), NetconfError>,
    ) -> Result<ReplyBody, Error> {
        let failed = |source| Error::Session { operation, source };
        let user = self.options.user(identity);
        let rpc = OutgoingRpc::new(|xml| xml.element(operation, attributes, content))
            .map_err(failed)?
            .for_user(user);
        let span = tracing::debug_span!("request", operation, user);
        let session = self.session.take().filter(RequestSession::is_open);
        let asked = async {
            let mut session = match session {
                Some(session) => session,
                None => self.open(operation).await?,
            };
            let reply = session.request(&rpc, self.options.request_timeout).await;
            Ok((session, reply))
        };
        let (session, reply) = asked.instrument(span).await?;
        self.session = Some(session).filter(RequestSession::is_open);
        reply.map_err(failed)?.into_body().map_err(|errors| Error::refused(operation, user, errors))
    }
}

fn data(operation: &'static str, reply: ReplyBody) -> Result<Payload<'static>, Error> {
    reply.into_data().map_err(|source| Error::Session { operation, source })
}

/// Asks for defaults, RFC 6243 section 4.5.1.
fn report_all(xml: &mut XmlWriter) -> Result<(), NetconfError> {
    const WITH_DEFAULTS: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults";
    xml.leaf("with-defaults", &[("xmlns", WITH_DEFAULTS)], "report-all")
}

/// A filter by XPath, RFC 6241 section 8.9.5.
fn filter(xml: &mut XmlWriter, xpath: &str, namespaces: &[(&str, &str)]) -> Result<(), NetconfError> {
    let declarations: Vec<_> =
        namespaces.iter().map(|(prefix, namespace)| (format!("xmlns:{prefix}"), *namespace)).collect();
    let mut attributes = vec![("type", "xpath"), ("select", xpath)];
    attributes.extend(declarations.iter().map(|(name, namespace)| (name.as_str(), *namespace)));
    xml.empty("filter", &attributes)
}
