//! The input of operations, and what is said where it is not what the model of the operation says.

use confine_netconf::XmlElement;
use confine_tree::QName;

use super::{text, unreadable};
use crate::datastore::DatastoreName;
use crate::refusal::{self, RpcRefusal};

/// The files that define the operations.
const NETCONF_FILE: &str = "ietf-netconf@2011-06-01.yang";
const CONTROLLER_FILE: &str = "clixon-controller@2026-06-01.yang";

/// The datastore that the element `place` names: by an empty element, as in `<target><candidate/></target>`.
pub(super) fn datastore(input: &XmlElement<'_>, place: &str) -> Result<DatastoreName, RpcRefusal> {
    let missing = || RpcRefusal::of_input(missing(input, place, NETCONF_FILE));
    let named = input.child(place).map_err(unreadable)?.ok_or_else(missing)?;
    let datastore = named.children().next().transpose().map_err(unreadable)?.ok_or_else(missing)?;
    DatastoreName::parse(datastore.name()).ok_or_else(|| {
        let name = QName::new(datastore.namespace(), datastore.name());
        RpcRefusal::of_input(refusal::unknown_node(name, place, Some(NETCONF_FILE)))
    })
}

/// The number of a transaction.
pub(super) fn tid(input: &XmlElement<'_>) -> Result<u64, RpcRefusal> {
    let missing = || RpcRefusal::of_input(missing(input, "tid", CONTROLLER_FILE));
    let tid = text(input, "tid")?.ok_or_else(missing)?;
    tid.parse().map_err(|_| RpcRefusal::of_input(no_number("tid", &tid)))
}

/// The number of a session.
pub(super) fn session_id(input: &XmlElement<'_>) -> Result<u32, RpcRefusal> {
    let missing = || RpcRefusal::of_input(missing(input, "session-id", NETCONF_FILE));
    let id = text(input, "session-id")?.ok_or_else(missing)?;
    id.parse().map_err(|_| RpcRefusal::of_input(no_number("session-id", &id)))
}

/// One of the names that `parse` knows.
pub(super) fn enumeration<T>(
    input: &XmlElement<'_>,
    name: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, RpcRefusal> {
    let Some(value) = text(input, name)? else { return Ok(None) };
    let unknown = || {
        let place = described(name, CONTROLLER_FILE);
        let operation = input.name();
        let message =
            format!("'{value}' does not match enumeration: {place} error-path: /rpc/{operation}/{name}");
        RpcRefusal::of_input(refusal::bad_element(name, &message))
    };
    parse(&value).ok_or_else(unknown).map(Some)
}

/// What must be there and is not.
pub(super) fn missing(input: &XmlElement<'_>, name: &str, file: &str) -> RpcRefusal {
    let place = described(name, file);
    let message = format!("Missing mandatory XML {name} node. {place} error-path: /rpc/{}", input.name());
    refusal::missing_element(name, &message)
}

/// A reason, which an error of a transaction must have.
pub(super) fn reason(input: &XmlElement<'_>) -> Result<String, RpcRefusal> {
    let reason = input.child_text("reason").map_err(unreadable)?;
    reason.ok_or_else(|| RpcRefusal::of_input(missing(input, "reason", CONTROLLER_FILE)))
}

fn no_number(name: &str, value: &str) -> RpcRefusal {
    refusal::bad_element(name, &format!("'{value}' is not a number"))
}

fn described(leaf: &str, file: &str) -> String {
    format!("yang node: \"leaf {leaf}\" with parent: \"input \" in file \"{file}\"")
}
