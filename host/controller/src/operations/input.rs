//! Reads the input of operations, and refuses what the YANG of the operation does not allow.

use confine_netconf::{Error, XmlElement};
use confine_tree::QName;

use crate::datastore::DatastoreName;
use crate::refusal::{self, RpcRefusal};

/// The YANG files that define the operations.
const NETCONF_FILE: &str = "ietf-netconf@2011-06-01.yang";
const CONTROLLER_FILE: &str = "clixon-controller@2026-06-01.yang";

/// Returns the datastore that the element `element` names by an empty child, as in
/// `<target><candidate/></target>`.
pub(super) fn datastore(input: &XmlElement<'_>, element: &str) -> Result<DatastoreName, RpcRefusal> {
    let missing = || RpcRefusal::repeating_message_id(missing(input, element, NETCONF_FILE));
    let named = input.child(element).map_err(unreadable)?.ok_or_else(missing)?;
    let datastore = named.children().next().transpose().map_err(unreadable)?.ok_or_else(missing)?;
    DatastoreName::parse(datastore.name()).ok_or_else(|| {
        let name = QName::new(datastore.namespace(), datastore.name());
        RpcRefusal::repeating_message_id(refusal::unknown_node(name, element, Some(NETCONF_FILE)))
    })
}

/// Returns the transaction id, which must be there.
pub(super) fn tid(input: &XmlElement<'_>) -> Result<u64, RpcRefusal> {
    let missing = || RpcRefusal::repeating_message_id(missing(input, "tid", CONTROLLER_FILE));
    let tid = text(input, "tid")?.ok_or_else(missing)?;
    tid.parse().map_err(|_| RpcRefusal::repeating_message_id(not_a_number("tid", &tid)))
}

/// Returns the session id, which must be there.
pub(super) fn session_id(input: &XmlElement<'_>) -> Result<u32, RpcRefusal> {
    let missing = || RpcRefusal::repeating_message_id(missing(input, "session-id", NETCONF_FILE));
    let id = text(input, "session-id")?.ok_or_else(missing)?;
    id.parse().map_err(|_| RpcRefusal::repeating_message_id(not_a_number("session-id", &id)))
}

/// Returns the value of an enumeration; `parse` returns `None` for a name that it does not have.
pub(super) fn enumeration<T>(
    input: &XmlElement<'_>,
    name: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, RpcRefusal> {
    let Some(value) = text(input, name)? else { return Ok(None) };
    let unknown = || {
        let leaf = describe_leaf(name, CONTROLLER_FILE);
        let operation = input.name();
        let message =
            format!("'{value}' does not match enumeration: {leaf} error-path: /rpc/{operation}/{name}");
        RpcRefusal::repeating_message_id(refusal::bad_element(name, &message))
    };
    parse(&value).ok_or_else(unknown).map(Some)
}

/// Returns the refusal of a request without a mandatory element.
pub(super) fn missing(input: &XmlElement<'_>, name: &str, file: &str) -> RpcRefusal {
    let leaf = describe_leaf(name, file);
    let message = format!("Missing mandatory XML {name} node. {leaf} error-path: /rpc/{}", input.name());
    refusal::missing_element(name, &message)
}

/// Returns the reason of a transaction error, which must be there.
pub(super) fn reason(input: &XmlElement<'_>) -> Result<String, RpcRefusal> {
    let reason = input.child_text("reason").map_err(unreadable)?;
    reason.ok_or_else(|| RpcRefusal::repeating_message_id(missing(input, "reason", CONTROLLER_FILE)))
}

fn not_a_number(name: &str, value: &str) -> RpcRefusal {
    refusal::bad_element(name, &format!("'{value}' is not a number"))
}

/// Describes an input leaf as the real controller does.
fn describe_leaf(leaf: &str, file: &str) -> String {
    format!("yang node: \"leaf {leaf}\" with parent: \"input \" in file \"{file}\"")
}

/// Returns the text of an element of the input, without surrounding whitespace.
pub(super) fn text(input: &XmlElement<'_>, name: &str) -> Result<Option<String>, RpcRefusal> {
    let text = input.child_text(name).map_err(unreadable)?;
    Ok(text.map(|text| text.trim().to_owned()))
}

/// Returns the refusal of input that is XML but not what the operation expects.
pub(super) fn unreadable(error: Error) -> RpcRefusal {
    refusal::protocol_failed(error.to_string())
}

/// Returns the refusal for a reply that holds a value that XML cannot carry.
pub(super) fn unwritable(error: Error) -> RpcRefusal {
    refusal::failed(error.to_string())
}
