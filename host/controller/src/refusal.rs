//! What the controller says when it refuses, word for word as the real one says it.
//!
//! A client may well look at these texts: "services-commit client already registered" tells a services
//! daemon that another one runs.

use confine_netconf::{ErrorType, IncomingRpc, RpcError};
use confine_tree::QName;

/// The session-id that stands for a transaction where a lock is held by one and not by a session.
pub(crate) const TRANSACTION: u32 = 0x0019_9999;

/// A negative answer.
#[derive(Clone, Debug)]
pub(crate) struct RpcRefusal {
    error: Box<RpcError>,
    /// Whether the reply repeats the request's message-id: only where the request itself is not what its
    /// model says.
    repeats_id: bool,
}

impl RpcRefusal {
    fn new(error_type: ErrorType, tag: &str, message: &str) -> Self {
        Self { error: Box::new(RpcError::new(error_type, tag, message)), repeats_id: false }
    }

    fn with_info(mut self, name: &str, value: &str) -> Self {
        self.error.info.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, of a request that is not what its model says.
    pub(crate) fn of_input(self) -> Self {
        Self { repeats_id: true, ..self }
    }

    /// What is said.
    pub(crate) fn message(&self) -> &str {
        self.error.message.as_deref().unwrap_or_default()
    }

    /// The whole as a transaction gives it for its reason: type, tag and message, and the first piece of
    /// information as XML.
    pub(crate) fn reason(&self) -> String {
        let info = self.error.info.first().map(|(name, value)| format!("<{name}>{value}</{name}>"));
        let (error_type, tag) = (self.error.error_type.as_str(), &self.error.tag);
        format!("{error_type} {tag} {} {}", self.message(), info.unwrap_or_default())
    }

    /// The message-id to repeat of the one that the request had.
    pub(crate) fn message_id<'r>(&self, request: &'r IncomingRpc) -> Option<&'r str> {
        request.message_id.as_deref().filter(|_| self.repeats_id)
    }

    /// As it is sent.
    pub(crate) fn into_error(self) -> Box<RpcError> {
        self.error
    }
}

impl From<RpcError> for RpcRefusal {
    fn from(error: RpcError) -> Self {
        Self { error: Box::new(error), repeats_id: false }
    }
}

/// An operation that could not be done, for the reason in the message.
pub(crate) fn failed(message: impl AsRef<str>) -> RpcRefusal {
    failed_with("operation-failed", message.as_ref())
}

/// The same with another tag.
pub(crate) fn failed_with(tag: &str, message: &str) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Application, tag, message)
}

/// The same because of something that went wrong inside.
pub(crate) fn broken(error: impl std::error::Error) -> RpcRefusal {
    failed(error.to_string())
}

/// The same from the layer of the protocol.
pub(crate) fn protocol_failed(message: impl AsRef<str>) -> RpcRefusal {
    protocol_failed_with("operation-failed", message.as_ref())
}

/// The same with another tag.
pub(crate) fn protocol_failed_with(tag: &str, message: &str) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Protocol, tag, message)
}

/// A parameter that is missing.
pub(crate) fn missing_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("missing-element", message).with_info("bad-element", element)
}

/// A name that is not in the model.
pub(crate) fn unknown_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("unknown-element", message).with_info("bad-element", element)
}

/// An element that the model does not have under `parent`. `file` is the model's; none at the top.
pub(crate) fn unknown_node(name: QName<'_>, parent: &str, file: Option<&str>) -> RpcRefusal {
    let QName { namespace, local } = name;
    let file = file.map(|file| format!(" in file: {file}")).unwrap_or_default();
    let message = format!(
        "Failed to find YANG spec of XML node: {local} with parent: {parent} in namespace: {namespace}{file}"
    );
    unknown_element(local, &message)
}

/// A value that its type does not have.
pub(crate) fn bad_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("bad-element", message).with_info("bad-element", element)
}

/// An attribute that has no good value.
pub(crate) fn bad_attribute(attribute: &str, message: &str) -> RpcRefusal {
    failed_with("bad-attribute", message).with_info("bad-attribute", attribute)
}

/// An attribute that is missing.
pub(crate) fn missing_attribute(attribute: &str, message: &str) -> RpcRefusal {
    failed_with("missing-attribute", message).with_info("bad-attribute", attribute)
}

/// What a user may not do.
pub(crate) fn access_denied(message: &str) -> RpcRefusal {
    failed_with("access-denied", message)
}

/// A datastore that `holder` has locked; 0 for nobody.
pub(crate) fn lock_denied(holder: u32, datastore: &str, message: &str) -> RpcRefusal {
    let refusal = RpcRefusal::new(ErrorType::Protocol, "lock-denied", message);
    refusal.with_info("session-id", &holder.to_string()).with_info("db", datastore)
}

/// A datastore that someone else is using.
pub(crate) fn in_use(message: impl AsRef<str>) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Protocol, "in-use", message.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_as_the_recorded_one() {
        let refusal = bad_element("mtu", "'not-a-number' is not a number");
        assert_eq!(
            refusal.reason(),
            "application bad-element 'not-a-number' is not a number <bad-element>mtu</bad-element>"
        );
        assert_eq!(failed("No").reason(), "application operation-failed No ");
    }
}
