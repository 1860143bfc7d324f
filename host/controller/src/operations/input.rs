//! Reads the input of operations, and refuses what the YANG of the operation does not allow.

use std::str::FromStr;

use confine_netconf::{Datastore, Error};
use confine_tree::QName;

use crate::refusal::{self, RpcRefusal};
use crate::state::RequestContext;

/// The YANG files that define the operations.
const NETCONF_FILE: &str = "ietf-netconf@2011-06-01.yang";
const CONTROLLER_FILE: &str = "clixon-controller@2026-06-01.yang";

impl RequestContext<'_> {
    /// Returns the datastore that the element `element` names by an empty child, as in
    /// `<target><candidate/></target>`.
    pub(super) fn datastore(&self, element: &str) -> Result<Datastore, RpcRefusal> {
        let missing = || self.missing(element, NETCONF_FILE);
        let named = self.input.child(element).map_err(unreadable)?.ok_or_else(missing)?;
        let datastore = named.children().next().transpose().map_err(unreadable)?.ok_or_else(missing)?;
        datastore_named(datastore.name()).ok_or_else(|| {
            let name = QName::new(datastore.namespace(), datastore.name());
            RpcRefusal::repeating_message_id(refusal::unknown_node(name, element, Some(NETCONF_FILE)))
        })
    }

    /// Returns the transaction id, which must be there.
    pub(super) fn tid(&self) -> Result<u64, RpcRefusal> {
        self.number("tid", CONTROLLER_FILE)
    }

    /// Returns the session id, which must be there.
    pub(super) fn session_id(&self) -> Result<u32, RpcRefusal> {
        self.number("session-id", NETCONF_FILE)
    }

    fn number<N: FromStr>(&self, name: &str, file: &str) -> Result<N, RpcRefusal> {
        let number = self.text(name)?.ok_or_else(|| self.missing(name, file))?;
        let invalid = || refusal::bad_element(name, &format!("'{number}' is not a number"));
        number.parse().map_err(|_| RpcRefusal::repeating_message_id(invalid()))
    }

    /// Returns the value of an enumeration; `parse` returns `None` for a name that it does not have.
    pub(super) fn enumeration<T>(
        &self,
        name: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, RpcRefusal> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        let unknown = || {
            let leaf = describe_leaf(name, CONTROLLER_FILE);
            let operation = self.input.name();
            let message =
                format!("'{value}' does not match enumeration: {leaf} error-path: /rpc/{operation}/{name}");
            RpcRefusal::repeating_message_id(refusal::bad_element(name, &message))
        };
        parse(&value).ok_or_else(unknown).map(Some)
    }

    /// Returns the reason of a transaction error, which must be there.
    pub(super) fn reason(&self) -> Result<String, RpcRefusal> {
        let reason = self.input.child_text("reason").map_err(unreadable)?;
        reason.ok_or_else(|| self.missing("reason", CONTROLLER_FILE))
    }

    /// Returns the text of an element of the input, without surrounding whitespace.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, RpcRefusal> {
        let text = self.input.child_text(name).map_err(unreadable)?;
        Ok(text.map(|text| text.trim().to_owned()))
    }

    /// Returns the refusal of a request without a mandatory element.
    fn missing(&self, name: &str, file: &str) -> RpcRefusal {
        let (leaf, operation) = (describe_leaf(name, file), self.input.name());
        let message = format!("Missing mandatory XML {name} node. {leaf} error-path: /rpc/{operation}");
        RpcRefusal::repeating_message_id(refusal::missing_element(name, &message))
    }
}

/// Returns the datastore of this name, with or without a prefix (`ds:running`).
pub(super) fn datastore_named(name: &str) -> Option<Datastore> {
    Datastore::parse(name.rsplit_once(':').map_or(name, |(_, name)| name))
}

/// Describes an input leaf as the real controller does.
fn describe_leaf(leaf: &str, file: &str) -> String {
    format!("yang node: \"leaf {leaf}\" with parent: \"input \" in file \"{file}\"")
}

/// Returns the refusal of input that is XML but not what the operation expects.
pub(super) fn unreadable(error: Error) -> RpcRefusal {
    refusal::protocol_failed(error.to_string())
}

/// Returns the refusal for a reply that holds a value that XML cannot carry.
pub(super) fn unwritable(error: Error) -> RpcRefusal {
    refusal::failed(error.to_string())
}
