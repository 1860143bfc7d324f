//! Transactions: the records of commits and pulls.

use confine_netconf::{
    ActionsKind, Error, PushMode, TransactionOutcome, TransactionState, XmlWriter, replace_invalid_characters,
};
use confine_tree::CONTROLLER;

/// A transaction, as `/ctrl:transactions/ctrl:transaction` shows it.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// Its number, from 1.
    pub tid: u64,
    /// The user who began it; `None` if the request named no user.
    pub username: Option<String>,
    /// How it ended.
    pub result: TransactionOutcome,
    /// The reason of the result, if there is one.
    pub reason: Option<String>,
    /// The origin of the reason: the services daemon, a device, or the controller.
    pub origin: Option<String>,
    /// The devices that took part.
    pub devices: Vec<String>,
    /// Its stage.
    pub state: TransactionState,
    /// A description such as "Controller commit actions:CHANGE push:COMMIT".
    pub description: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When its state last changed, RFC 3339.
    pub changed: Option<String>,
    /// The session that began it.
    pub(crate) client: u32,
    pub(crate) actions: ActionsKind,
    pub(crate) push: PushMode,
}

impl TransactionRecord {
    /// Writes the list entry `transaction`.
    pub(crate) fn write(&self, xml: &mut XmlWriter) -> Result<(), Error> {
        xml.element("transaction", &[], |xml| {
            xml.leaf("tid", &[], &self.tid.to_string())?;
            write_optional(xml, "username", self.username.as_deref())?;
            if self.state != TransactionState::Init {
                xml.leaf("result", &[], &self.result.to_string())?;
            }
            write_optional(xml, "reason", self.reason.as_deref())?;
            if !self.devices.is_empty() {
                xml.element("devices", &[], |xml| {
                    self.devices
                        .iter()
                        .try_for_each(|name| xml.element("device", &[], |xml| xml.leaf("name", &[], name)))
                })?;
            }
            xml.leaf("state", &[], &self.state.to_string())?;
            xml.leaf("description", &[], &self.description)?;
            write_optional(xml, "origin", self.origin.as_deref())?;
            xml.leaf("timestamp0", &[], &self.started)?;
            write_optional(xml, "timestamp", self.changed.as_deref())
        })
    }

    /// Returns the notification `controller-transaction`, which announces the end.
    pub(crate) fn notification(&self) -> Result<String, Error> {
        let mut xml = XmlWriter::new();
        xml.element("controller-transaction", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &self.tid.to_string())?;
            write_optional(xml, "username", self.username.as_deref())?;
            xml.leaf("result", &[], &self.result.to_string())?;
            write_optional(xml, "origin", self.origin.as_deref())?;
            write_optional(xml, "reason", self.reason.as_deref())
        })?;
        Ok(xml.finish())
    }
}

/// Writes a leaf if it has a value.
fn write_optional(xml: &mut XmlWriter, name: &str, text: Option<&str>) -> Result<(), Error> {
    text.map_or(Ok(()), |text| xml.leaf(name, &[], &replace_invalid_characters(text)))
}
