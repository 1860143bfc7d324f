//! Schema retrieval: `get-schema` (RFC 6022, section 3.1) for the controller's own YANG modules,
//! `get-device-schema` for those of the devices.

use confine_netconf::{Error, XmlWriter};
use confine_tree::CONTROLLER;

use super::input::unwritable;
use crate::models::ModelText;
use crate::refusal;
use crate::state::{ControllerState, OkReply, Reply, RequestContext};

/// The namespace of `ietf-netconf-monitoring` (RFC 6022).
pub(super) const MONITORING: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring";

impl ControllerState {
    /// `get-schema`.
    pub(super) fn get_schema(&mut self, request: &RequestContext<'_>) -> Reply {
        let name = request
            .text("identifier")?
            .ok_or_else(|| refusal::missing_element("identifier", "Element not found"))?;
        let version = request.text("version")?;
        let is_requested = |own: &&ModelText| {
            own.name == name && version.as_ref().is_none_or(|version| own.revision.as_ref() == Some(version))
        };
        let found = self.models.own_texts.iter().find(is_requested).ok_or_else(|| {
            let version = version.as_ref().map(|version| format!("@{version}"));
            let message = format!("No schema matching: {name}{}", version.unwrap_or_default());
            refusal::protocol_failed_with("invalid-value", &message)
        })?;
        let mut xml = XmlWriter::new();
        xml.leaf("data", &[("xmlns", MONITORING)], &found.text).map_err(unwritable)?;
        Ok(OkReply::Output(xml.finish()))
    }

    /// `get-device-schema`: the YANG modules of a device, with their text if the request asks for `detail`.
    pub(super) fn get_device_schema(&mut self, request: &RequestContext<'_>) -> Reply {
        let devices =
            self.named_devices(request)?.ok_or_else(|| refusal::failed("No device or device-group"))?;
        // The first device that matches stands for all.
        if devices.is_empty() {
            return Err(refusal::failed("No matching device found"));
        }
        let (name, revision) = (request.text("name")?, request.text("revision")?);
        let with_text = request.text("detail")?.as_deref() == Some("true");
        let is_requested = |schema: &&ModelText| {
            let is_other = |wanted: &String| schema.revision.as_ref().is_some_and(|own| own != wanted);
            name.as_ref().is_none_or(|name| *name == schema.name) && !revision.as_ref().is_some_and(is_other)
        };
        let mut xml = XmlWriter::new();
        for schema in self.models.device_texts.iter().filter(is_requested) {
            xml.element("schema", &[("xmlns", CONTROLLER)], |xml| {
                xml.leaf("name", &[], &schema.name)?;
                schema.revision.iter().try_for_each(|revision| xml.leaf("revision", &[], revision))?;
                schema.namespace.iter().try_for_each(|namespace| xml.leaf("namespace", &[], namespace))?;
                if with_text { xml.leaf("data", &[], &schema.text) } else { Ok(()) }
            })
            .map_err(unwritable)?;
        }
        Ok(OkReply::Output(xml.finish()))
    }

    /// Returns the state that lists the controller's own YANG modules.
    pub(super) fn own_schemas(&self) -> Result<String, Error> {
        let mut xml = XmlWriter::new();
        xml.element("netconf-state", &[("xmlns", MONITORING)], |xml| {
            xml.element("schemas", &[], |xml| {
                self.models.own_texts.iter().try_for_each(|own| {
                    xml.element("schema", &[], |xml| {
                        xml.leaf("identifier", &[], &own.name)?;
                        xml.leaf("version", &[], own.revision.as_deref().unwrap_or_default())?;
                        xml.leaf("format", &[], "yang")?;
                        xml.leaf("namespace", &[], own.namespace.as_deref().unwrap_or_default())?;
                        xml.leaf("location", &[], "NETCONF")
                    })
                })
            })
        })?;
        Ok(xml.finish())
    }
}
