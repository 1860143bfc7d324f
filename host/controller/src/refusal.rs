//! What the controller says when it refuses, word for word as the real one says it.
//!
//! A client may well look at these texts: "services-commit client already registered" tells a services
//! daemon that another one runs.

use confine_netconf::{ErrorType, RpcError};
use confine_tree::QName;

/// The session-id that stands for a transaction where a lock is held by one and not by a session.
pub(crate) const TRANSACTION: u32 = 0x0019_9999;

/// An operation that could not be done, for the reason in the message.
pub(crate) fn failed(message: impl AsRef<str>) -> RpcError {
    RpcError::new(ErrorType::Application, "operation-failed", message.as_ref())
}

/// The same with another tag.
pub(crate) fn failed_with(tag: &str, message: &str) -> RpcError {
    RpcError::new(ErrorType::Application, tag, message)
}

/// The same from the layer of the protocol.
pub(crate) fn protocol_failed(message: impl AsRef<str>) -> RpcError {
    RpcError::new(ErrorType::Protocol, "operation-failed", message.as_ref())
}

/// A parameter that has no good value.
pub(crate) fn invalid_value(error_type: ErrorType, message: &str) -> RpcError {
    RpcError::new(error_type, "invalid-value", message)
}

/// A parameter that is missing.
pub(crate) fn missing_element(error_type: ErrorType, element: &str, message: &str) -> RpcError {
    with_info(RpcError::new(error_type, "missing-element", message), &[("bad-element", element)])
}

/// A name that is not in the model.
pub(crate) fn unknown_element(element: &str, message: &str) -> RpcError {
    with_info(RpcError::new(ErrorType::Application, "unknown-element", message), &[("bad-element", element)])
}

/// An element that the model does not have under `parent`. `file` is the model's; none at the top.
pub(crate) fn unknown_node(name: QName<'_>, parent: &str, file: Option<&str>) -> RpcError {
    let QName { namespace, local } = name;
    let file = file.map(|file| format!(" in file: {file}")).unwrap_or_default();
    let message = format!(
        "Failed to find YANG spec of XML node: {local} with parent: {parent} in namespace: {namespace}{file}"
    );
    unknown_element(local, &message)
}

/// A value that its type does not have.
pub(crate) fn bad_element(element: &str, message: &str) -> RpcError {
    with_info(RpcError::new(ErrorType::Application, "bad-element", message), &[("bad-element", element)])
}

/// What a user may not do.
pub(crate) fn access_denied(message: &str) -> RpcError {
    RpcError::new(ErrorType::Application, "access-denied", message)
}

/// A datastore that `holder` has locked; 0 for nobody.
pub(crate) fn lock_denied(holder: u32, datastore: &str, message: &str) -> RpcError {
    with_info(
        RpcError::new(ErrorType::Protocol, "lock-denied", message),
        &[("session-id", &holder.to_string()), ("db", datastore)],
    )
}

/// A datastore that someone else is using.
pub(crate) fn in_use(message: impl AsRef<str>) -> RpcError {
    RpcError::new(ErrorType::Protocol, "in-use", message.as_ref())
}

fn with_info(error: RpcError, info: &[(&str, &str)]) -> RpcError {
    let info = info.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    RpcError { info, ..error }
}

/// An error as a transaction gives it for its reason: type, tag and message, and the first piece of
/// information as XML.
pub(crate) fn as_reason(error: &RpcError) -> String {
    let message = error.message.as_deref().map(|message| format!("{message} ")).unwrap_or_default();
    let info = error.info.first().map(|(name, value)| format!("<{name}>{value}</{name}>"));
    format!("{} {} {message}{}", error.error_type.as_str(), error.tag, info.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_as_the_recorded_one() {
        let error = bad_element("mtu", "'not-a-number' is not a number");
        assert_eq!(
            as_reason(&error),
            "application bad-element 'not-a-number' is not a number <bad-element>mtu</bad-element>"
        );
        assert_eq!(as_reason(&failed("No")), "application operation-failed No ");
    }
}
