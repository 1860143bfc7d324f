//! Refusals, with the exact texts of the real controller.
//!
//! Clients may depend on these texts: "services-commit client already registered" tells a services daemon that
//! another one is running.

use confine_netconf::{ErrorType, IncomingRpc, RpcError};
use confine_tree::QName;

/// The session id of a lock that a transaction holds instead of a session.
pub(crate) const TRANSACTION_SESSION: u32 = 0x0019_9999;

/// A negative reply.
#[derive(Clone, Debug)]
pub(crate) struct RpcRefusal {
    error: Box<RpcError>,
    /// Whether the reply repeats the request's message-id. The real controller does so only for a request that
    /// does not match its YANG.
    repeats_message_id: bool,
}

impl RpcRefusal {
    fn new(error_type: ErrorType, tag: &str, message: &str) -> Self {
        Self { error: Box::new(RpcError::new(error_type, tag, message)), repeats_message_id: false }
    }

    fn with_info(mut self, name: &str, value: &str) -> Self {
        self.error.info.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the same refusal with the request's message-id, for a request that does not match its YANG.
    pub(crate) fn repeating_message_id(self) -> Self {
        Self { repeats_message_id: true, ..self }
    }

    /// Returns the error message.
    pub(crate) fn message(&self) -> &str {
        self.error.message.as_deref().unwrap_or_default()
    }

    /// Returns the refusal as the reason of a transaction: type, tag and message, and the first element of the
    /// error-info as XML.
    pub(crate) fn reason(&self) -> String {
        let info = self.error.info.first().map(|(name, value)| format!("<{name}>{value}</{name}>"));
        let (error_type, tag) = (self.error.error_type.as_str(), &self.error.tag);
        format!("{error_type} {tag} {} {}", self.message(), info.unwrap_or_default())
    }

    /// Returns the message-id of the request, if the reply repeats it.
    pub(crate) fn message_id<'r>(&self, request: &'r IncomingRpc) -> Option<&'r str> {
        request.message_id.as_deref().filter(|_| self.repeats_message_id)
    }

    /// Returns the error to send.
    pub(crate) fn into_error(self) -> Box<RpcError> {
        self.error
    }
}

impl From<RpcError> for RpcRefusal {
    fn from(error: RpcError) -> Self {
        Self { error: Box::new(error), repeats_message_id: false }
    }
}

/// Returns the refusal of an operation that failed.
pub(crate) fn failed(message: impl AsRef<str>) -> RpcRefusal {
    failed_with("operation-failed", message.as_ref())
}

/// Returns the refusal of an operation that failed, with another error-tag.
pub(crate) fn failed_with(tag: &str, message: &str) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Application, tag, message)
}

/// Returns the refusal of an operation that failed because of an internal error.
pub(crate) fn internal_error(error: impl std::error::Error) -> RpcRefusal {
    failed(error.to_string())
}

/// Returns the refusal of an operation that failed, with error-type `protocol`.
pub(crate) fn protocol_failed(message: impl AsRef<str>) -> RpcRefusal {
    protocol_failed_with("operation-failed", message.as_ref())
}

/// Returns the refusal of an operation that failed, with error-type `protocol` and another error-tag.
pub(crate) fn protocol_failed_with(tag: &str, message: &str) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Protocol, tag, message)
}

/// Returns the refusal of a request without a mandatory element.
pub(crate) fn missing_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("missing-element", message).with_info("bad-element", element)
}

/// Returns the refusal of an unknown element.
pub(crate) fn unknown_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("unknown-element", message).with_info("bad-element", element)
}

/// Returns the refusal of an element that the YANG file `file` does not have under `parent`. There is no file
/// at the top.
pub(crate) fn unknown_node(name: QName<'_>, parent: &str, file: Option<&str>) -> RpcRefusal {
    let QName { namespace, local } = name;
    let file = file.map(|file| format!(" in file: {file}")).unwrap_or_default();
    let message = format!(
        "Failed to find YANG spec of XML node: {local} with parent: {parent} in namespace: {namespace}{file}"
    );
    unknown_element(local, &message)
}

/// Returns the refusal of a value that does not match its type.
pub(crate) fn bad_element(element: &str, message: &str) -> RpcRefusal {
    failed_with("bad-element", message).with_info("bad-element", element)
}

/// Returns the refusal of an attribute with an invalid value.
pub(crate) fn bad_attribute(attribute: &str, message: &str) -> RpcRefusal {
    failed_with("bad-attribute", message).with_info("bad-attribute", attribute)
}

/// Returns the refusal of an element without a mandatory attribute.
pub(crate) fn missing_attribute(attribute: &str, message: &str) -> RpcRefusal {
    failed_with("missing-attribute", message).with_info("bad-attribute", attribute)
}

/// Returns the refusal of what a user may not do.
pub(crate) fn access_denied(message: &str) -> RpcRefusal {
    failed_with("access-denied", message)
}

/// Returns the refusal for a datastore that the session `holder` has locked; 0 stands for no session.
pub(crate) fn lock_denied(holder: u32, datastore: &str, message: &str) -> RpcRefusal {
    let refusal = RpcRefusal::new(ErrorType::Protocol, "lock-denied", message);
    refusal.with_info("session-id", &holder.to_string()).with_info("db", datastore)
}

/// Returns the refusal for a datastore that another session is using.
pub(crate) fn in_use(message: impl AsRef<str>) -> RpcRefusal {
    RpcRefusal::new(ErrorType::Protocol, "in-use", message.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_reads_as_recorded_from_the_controller() {
        let refusal = bad_element("mtu", "'not-a-number' is not a number");
        assert_eq!(
            refusal.reason(),
            "application bad-element 'not-a-number' is not a number <bad-element>mtu</bad-element>"
        );
        assert_eq!(failed("No").reason(), "application operation-failed No ");
    }
}
