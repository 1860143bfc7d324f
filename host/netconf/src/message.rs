//! The messages: `hello`, `rpc`, `rpc-reply` (RFC 6241) and `notification` (RFC 5277).

use crate::reader::RootElement;
use crate::{Error, ErrorSeverity, Payload, RpcError, RpcErrors, XmlElement, XmlWriter, namespace};

/// The capability that every session needs, RFC 6241 section 8.1.
const BASE_1_0: &str = "urn:ietf:params:netconf:base:1.0";

/// A received message, by its root element.
#[derive(Debug)]
pub enum IncomingMessage {
    /// `hello`, from either side.
    Hello(Hello),
    /// `rpc`, from a client.
    Request(IncomingRpc),
    /// `rpc-reply`, from a server.
    Reply(RpcReply),
    /// `notification`, from a server.
    Notification(Notification),
}

impl IncomingMessage {
    /// Reads a message without its framing. The envelope is checked in full. The content is checked to be balanced and
    /// without declarations; the rest is left to the reader of the [`Payload`]. In a reply, bytes that are not UTF-8 are
    /// replaced by U+FFFD.
    pub fn parse(octets: Vec<u8>) -> Result<Self, Error> {
        let (text, not_utf8) = match String::from_utf8(octets) {
            Ok(text) => (text, None),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(error)),
        };
        let message = RootElement::open(&text).and_then(Self::read);
        let mut message = match (message, not_utf8) {
            (message, None) => message?,
            // A text of a device in another encoding is no reason to lose what others answered.
            (Ok(reply @ Self::Reply(_)), Some(_)) => reply,
            (_, Some(error)) => return Err(error.into()),
        };
        match &mut message {
            Self::Hello(_) => {}
            Self::Request(request) => request.operation.attach(text),
            Self::Reply(reply) => reply.attach(text),
            Self::Notification(notification) => notification.event.attach(text),
        }
        Ok(message)
    }

    /// Returns the message of a root element, without its text.
    fn read(root: RootElement<'_>) -> Result<Self, Error> {
        match (root.namespace.as_str(), root.name.as_str()) {
            (namespace::BASE, "hello") => Hello::read(root).map(Self::Hello),
            (namespace::BASE, "rpc") => IncomingRpc::read(root).map(Self::Request),
            (namespace::BASE, "rpc-reply") => RpcReply::read(root).map(Self::Reply),
            (namespace::NOTIFICATION, "notification") => Notification::read(root).map(Self::Notification),
            (namespace, name) => {
                Err(Error::invalid(format!("`{name}` in namespace `{namespace}` is not a message")))
            }
        }
    }

    /// Returns the name of the root element.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Request(_) => "rpc",
            Self::Reply(_) => "rpc-reply",
            Self::Notification(_) => "notification",
        }
    }
}

/// `hello`, RFC 6241 section 8.1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The session-id, from the server only.
    pub session_id: Option<u32>,
    /// Clixon's attribute `username`, from a client: the user it claims to be.
    pub username: Option<String>,
    /// Clixon's attribute `transport`, from a client: the kind of client, such as `ctrl:services`.
    pub transport: Option<String>,
    /// The announced capabilities, as URIs.
    pub capabilities: Vec<String>,
}

impl Hello {
    /// Returns the `hello` of a client. It announces only the capability `base:1.0`, but the framing is chunked.
    pub fn client(username: &str, transport: &str) -> Self {
        Self {
            session_id: None,
            username: Some(username.to_owned()),
            transport: Some(transport.to_owned()),
            capabilities: vec![BASE_1_0.to_owned()],
        }
    }

    fn read(mut root: RootElement<'_>) -> Result<Self, Error> {
        let mut hello = Self {
            username: root.attribute("username").map(str::to_owned),
            transport: root.attribute("transport").map(str::to_owned),
            ..Self::default()
        };
        for child in root.children() {
            let child = child?;
            match child.name() {
                "session-id" => {
                    let id = child.text()?;
                    let parsed = id.trim().parse();
                    hello.session_id =
                        Some(parsed.map_err(|_| Error::invalid(format!("`{id}` is not a session-id")))?);
                }
                "capabilities" => {
                    for capability in child.children() {
                        hello.capabilities.push(capability?.text()?.trim().to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(hello)
    }

    pub(crate) fn write(&self) -> Result<String, Error> {
        let mut xml = XmlWriter::new();
        let mut attributes = vec![("xmlns", namespace::BASE)];
        attributes.extend(self.username.as_deref().map(|username| ("cl:username", username)));
        attributes.extend(self.transport.as_deref().map(|transport| ("cl:transport", transport)));
        if attributes.len() > 1 {
            attributes.push(("xmlns:cl", namespace::CLIXON));
        }
        xml.element("hello", &attributes, |xml| {
            if !self.capabilities.is_empty() {
                xml.element("capabilities", &[], |xml| {
                    self.capabilities.iter().try_for_each(|uri| xml.leaf("capability", &[], uri))
                })?;
            }
            match self.session_id {
                Some(id) => xml.leaf("session-id", &[], &id.to_string()),
                None => Ok(()),
            }
        })?;
        Ok(xml.finish())
    }
}

/// A request to send: one operation and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRpc {
    username: Option<String>,
    operation: String,
}

impl OutgoingRpc {
    /// Creates a request for the operation that `write` writes, as one element.
    ///
    /// In it, the prefix `nc` and the default namespace are NETCONF's, and `cl` is Clixon's. Without
    /// [`for_user`](Self::for_user) the request has no user.
    pub fn new<E: From<Error>>(write: impl FnOnce(&mut XmlWriter) -> Result<(), E>) -> Result<Self, E> {
        let mut xml = XmlWriter::new();
        write(&mut xml)?;
        Ok(Self { username: None, operation: xml.finish() })
    }

    /// Sets the user of the request, whose rights the server checks (Clixon's attribute `username`).
    pub fn for_user(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Returns the message without its framing.
    pub fn write(&self, message_id: u64) -> Result<String, Error> {
        let message_id = message_id.to_string();
        let mut attributes =
            vec![("xmlns", namespace::BASE), ("xmlns:nc", namespace::BASE), ("xmlns:cl", namespace::CLIXON)];
        attributes.extend(self.username.as_deref().map(|username| ("cl:username", username)));
        attributes.push(("message-id", &message_id));
        let mut xml = XmlWriter::new();
        xml.element("rpc", &attributes, |xml| xml.raw(&self.operation))?;
        Ok(xml.finish())
    }
}

/// A received request: `rpc`, RFC 6241 section 4.1.
#[derive(Debug)]
pub struct IncomingRpc {
    /// The id that the reply repeats. The standard requires it, the controller does not.
    pub message_id: Option<String>,
    /// The user of the request: Clixon's attribute, with any prefix or none.
    pub username: Option<String>,
    /// The operation with its attributes. Its content is the input.
    pub operation: XmlElement<'static>,
}

impl IncomingRpc {
    fn read(mut root: RootElement<'_>) -> Result<Self, Error> {
        let message_id = root.attribute("message-id").map(str::to_owned);
        let username = root.attribute("username").map(str::to_owned);
        let mut operation = None;
        for child in root.children() {
            if operation.replace(child?.detach()).is_some() {
                return Err(Error::invalid("`rpc` has more than one operation"));
            }
        }
        let operation = operation.ok_or_else(|| Error::invalid("`rpc` has no operation"))?;
        Ok(Self { message_id, username, operation })
    }
}

/// A received reply: `rpc-reply`, RFC 6241 section 4.2.
#[derive(Debug)]
pub struct RpcReply {
    /// The id of the request, if the server repeats it. The controller does so only with some errors.
    pub message_id: Option<String>,
    /// All `rpc-error`, including warnings.
    pub errors: Vec<RpcError>,
    /// The rest of the reply.
    pub body: ReplyBody,
}

/// The content of a reply, without its errors.
#[derive(Debug)]
pub enum ReplyBody {
    /// `ok`: success without data.
    Ok,
    /// The content of `data`, the reply to `get` and `get-config`.
    Data(Payload<'static>),
    /// The whole content of the reply: the output of an operation, which may be empty.
    Output(Payload<'static>),
}

impl RpcReply {
    fn read(mut root: RootElement<'_>) -> Result<Self, Error> {
        let message_id = root.attribute("message-id").map(str::to_owned);
        let mut errors = Vec::new();
        let mut body = None;
        for child in root.children() {
            let child = child?;
            if child.is_named(namespace::BASE, "rpc-error") {
                errors.push(RpcError::read(&child)?);
            } else if child.is_named(namespace::BASE, "ok") {
                body = Some(ReplyBody::Ok);
            } else if child.is_named(namespace::BASE, "data") {
                body = Some(ReplyBody::Data(child.detach().into_content()));
            }
        }
        let body = body.unwrap_or_else(|| ReplyBody::Output(root.content().detach()));
        Ok(Self { message_id, errors, body })
    }

    fn attach(&mut self, text: String) {
        match &mut self.body {
            ReplyBody::Ok => {}
            ReplyBody::Data(payload) | ReplyBody::Output(payload) => payload.attach(text),
        }
    }

    /// Returns the body, or the errors if there is one. Warnings alone are not a failure.
    pub fn into_body(self) -> Result<ReplyBody, RpcErrors> {
        match self.errors.iter().any(|error| error.severity == ErrorSeverity::Error) {
            true => Err(RpcErrors::new(self.errors)),
            false => Ok(self.body),
        }
    }
}

impl ReplyBody {
    /// Checks the reply to an operation without output.
    pub fn into_ok(self) -> Result<(), Error> {
        match self {
            Self::Ok => Ok(()),
            Self::Data(_) => Err(Error::Unexpected { expected: "ok", found: "data" }),
            Self::Output(_) => Err(Error::Unexpected { expected: "ok", found: "output" }),
        }
    }

    /// Returns the data of a reply to `get` or `get-config`.
    pub fn into_data(self) -> Result<Payload<'static>, Error> {
        match self {
            Self::Data(payload) => Ok(payload),
            Self::Ok => Err(Error::Unexpected { expected: "data", found: "ok" }),
            Self::Output(_) => Err(Error::Unexpected { expected: "data", found: "output" }),
        }
    }

    /// Returns the output of an operation.
    pub fn into_output(self) -> Result<Payload<'static>, Error> {
        match self {
            Self::Output(payload) => Ok(payload),
            Self::Ok => Err(Error::Unexpected { expected: "output", found: "ok" }),
            Self::Data(_) => Err(Error::Unexpected { expected: "output", found: "data" }),
        }
    }
}

/// A received event: `notification`, RFC 5277 section 4.
#[derive(Debug)]
pub struct Notification {
    /// The time of the event, RFC 3339.
    pub event_time: String,
    /// The event, such as `services-commit`.
    pub event: XmlElement<'static>,
}

impl Notification {
    fn read(mut root: RootElement<'_>) -> Result<Self, Error> {
        let mut event_time = None;
        let mut event = None;
        for child in root.children() {
            let child = child?;
            if child.is_named(namespace::NOTIFICATION, "eventTime") {
                event_time = Some(child.text()?.trim().to_owned());
            } else if event.replace(child.detach()).is_some() {
                return Err(Error::invalid("`notification` has more than one event"));
            }
        }
        Ok(Self {
            event_time: event_time.ok_or_else(|| Error::invalid("`notification` has no `eventTime`"))?,
            event: event.ok_or_else(|| Error::invalid("`notification` has no event"))?,
        })
    }
}
