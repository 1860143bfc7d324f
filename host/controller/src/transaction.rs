//! Transactions: what became of each commit, and of each pull.

use std::fmt;

use confine_netconf::{Error, XmlWriter, replace_invalid_characters};
use confine_tree::CONTROLLER;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStage {
    /// It works, or waits for devices.
    Init,
    /// It waits for the services daemon.
    Actions,
    /// It is over.
    Done,
}

impl fmt::Display for TransactionStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Actions => "ACTIONS",
            Self::Done => "DONE",
        })
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    /// It did not, yet.
    Init,
    /// All was done.
    Success,
    /// It failed.
    Failed,
}

impl fmt::Display for TransactionResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        })
    }
}

/// How a commit triggers the services daemon: `actions` of `controller-commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActionsParameter {
    None,
    Change,
    Force,
    Delete,
}

impl ActionsParameter {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "NONE" => Some(Self::None),
            "CHANGE" => Some(Self::Change),
            "FORCE" => Some(Self::Force),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// What a commit does to the devices: `push` of `controller-commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushParameter {
    None,
    Validate,
    Commit,
}

impl PushParameter {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "NONE" => Some(Self::None),
            "VALIDATE" => Some(Self::Validate),
            "COMMIT" => Some(Self::Commit),
            _ => None,
        }
    }
}

/// A transaction, as `/ctrl:transactions/ctrl:transaction` shows it.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// Its number, from 1.
    pub tid: u64,
    /// Who began it; none where the request named nobody.
    pub username: Option<String>,
    /// How it ended.
    pub result: TransactionResult,
    /// Why it ended so, where there is something to say.
    pub reason: Option<String>,
    /// Who says so: the services daemon, a device, or the controller.
    pub origin: Option<String>,
    /// The devices that took part.
    pub devices: Vec<String>,
    /// Where it stands.
    pub state: TransactionStage,
    /// What it is, such as "Controller commit actions:CHANGE push:COMMIT".
    pub description: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When its state last changed, RFC 3339.
    pub changed: Option<String>,
    /// The session that began it.
    pub(crate) client: u32,
    pub(crate) actions: ActionsParameter,
    pub(crate) push: PushParameter,
}

impl TransactionRecord {
    /// Writes the list entry `transaction`.
    pub(crate) fn write(&self, xml: &mut XmlWriter) -> Result<(), Error> {
        xml.element("transaction", &[], |xml| {
            xml.leaf("tid", &[], &self.tid.to_string())?;
            optional(xml, "username", self.username.as_deref())?;
            if self.state != TransactionStage::Init {
                xml.leaf("result", &[], &self.result.to_string())?;
            }
            optional(xml, "reason", self.reason.as_deref())?;
            if !self.devices.is_empty() {
                xml.element("devices", &[], |xml| {
                    self.devices
                        .iter()
                        .try_for_each(|name| xml.element("device", &[], |xml| xml.leaf("name", &[], name)))
                })?;
            }
            xml.leaf("state", &[], &self.state.to_string())?;
            xml.leaf("description", &[], &self.description)?;
            optional(xml, "origin", self.origin.as_deref())?;
            xml.leaf("timestamp0", &[], &self.started)?;
            optional(xml, "timestamp", self.changed.as_deref())
        })
    }

    /// The notification `controller-transaction`, which says that it is over.
    pub(crate) fn notification(&self) -> Result<String, Error> {
        let mut xml = XmlWriter::new();
        xml.element("controller-transaction", &[("xmlns", CONTROLLER)], |xml| {
            xml.leaf("tid", &[], &self.tid.to_string())?;
            optional(xml, "username", self.username.as_deref())?;
            xml.leaf("result", &[], &self.result.to_string())?;
            optional(xml, "origin", self.origin.as_deref())?;
            optional(xml, "reason", self.reason.as_deref())
        })?;
        Ok(xml.finish())
    }
}

fn optional(xml: &mut XmlWriter, name: &str, text: Option<&str>) -> Result<(), Error> {
    text.map_or(Ok(()), |text| xml.leaf(name, &[], &replace_invalid_characters(text)))
}
