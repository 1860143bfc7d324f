//! The input of operations, and what is said where it is not what the model of the operation says.

use confine_netconf::Element;
use confine_tree::QName;

use super::{text, unreadable};
use crate::datastore::Datastore;
use crate::refusal::{self, Refusal};

/// The files that define the operations.
const NETCONF_FILE: &str = "ietf-netconf@2011-06-01.yang";
const CONTROLLER_FILE: &str = "clixon-controller@2026-06-01.yang";

/// The datastore that the element `place` names: by an empty element, as in `<target><candidate/></target>`.
pub(super) fn datastore(input: &Element<'_>, place: &str) -> Result<Datastore, Refusal> {
    let missing = || Refusal::of_input(missing(input, place, NETCONF_FILE));
    let named = input.child(place).map_err(unreadable)?.ok_or_else(missing)?;
    let datastore = named.children().next().transpose().map_err(unreadable)?.ok_or_else(missing)?;
    Datastore::parse(datastore.name()).ok_or_else(|| {
        let name = QName::new(datastore.namespace(), datastore.name());
        Refusal::of_input(refusal::unknown_node(name, place, Some(NETCONF_FILE)))
    })
}

/// The number of a transaction.
pub(super) fn tid(input: &Element<'_>) -> Result<u64, Refusal> {
    let missing = || Refusal::of_input(missing(input, "tid", CONTROLLER_FILE));
    let tid = text(input, "tid")?.ok_or_else(missing)?;
    tid.parse().map_err(|_| Refusal::of_input(no_number("tid", &tid)))
}

/// The number of a session.
pub(super) fn session_id(input: &Element<'_>) -> Result<u32, Refusal> {
    let missing = || Refusal::of_input(missing(input, "session-id", NETCONF_FILE));
    let id = text(input, "session-id")?.ok_or_else(missing)?;
    id.parse().map_err(|_| Refusal::of_input(no_number("session-id", &id)))
}

/// One of the names that `parse` knows.
pub(super) fn enumeration<T>(
    input: &Element<'_>,
    name: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(value) = text(input, name)? else { return Ok(None) };
    let unknown = || {
        let place = described(name, CONTROLLER_FILE);
        let operation = input.name();
        let message =
            format!("'{value}' does not match enumeration: {place} error-path: /rpc/{operation}/{name}");
        Refusal::of_input(refusal::bad_element(name, &message))
    };
    parse(&value).ok_or_else(unknown).map(Some)
}

/// What must be there and is not.
pub(super) fn missing(input: &Element<'_>, name: &str, file: &str) -> Refusal {
    let place = described(name, file);
    let message = format!("Missing mandatory XML {name} node. {place} error-path: /rpc/{}", input.name());
    refusal::missing_element(name, &message)
}

/// A reason, which an error of a transaction must have.
pub(super) fn reason(input: &Element<'_>) -> Result<String, Refusal> {
    let reason = input.child_text("reason").map_err(unreadable)?;
    reason.ok_or_else(|| Refusal::of_input(missing(input, "reason", CONTROLLER_FILE)))
}

fn no_number(name: &str, value: &str) -> Refusal {
    refusal::bad_element(name, &format!("'{value}' is not a number"))
}

fn described(leaf: &str, file: &str) -> String {
    format!("yang node: \"leaf {leaf}\" with parent: \"input \" in file \"{file}\"")
}
