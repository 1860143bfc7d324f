//! `datastore-diff`: the differences as text for people. `get-device-config`: one configuration of devices.

use std::collections::HashMap;

use confine_netconf::{Datastore, DeviceConfigType, XmlWriter};
use confine_tree::{CONTROLLER, Tree};

use super::input::{datastore_named, unwritable};

use crate::datastore::trees::children_to_xml;
use crate::device::DeviceSnapshot;
use crate::diff::diff_text;
use crate::refusal;
use crate::state::{ControllerState, OkReply, Reply, RequestContext};

impl ControllerState {
    /// `datastore-diff` of two datastores, or of two configurations of devices.
    pub(super) fn datastore_diff(&mut self, request: &RequestContext<'_>) -> Reply {
        // The real controller has a second format, `text`, with braces.
        if request.text("format")?.is_some_and(|format| format != "xml") {
            return Err(refusal::failed("Format not supported"));
        }
        match request.text("dsref1")? {
            Some(first) => self.diff_datastores(request, &first),
            None => self.diff_devices(request),
        }
    }

    fn diff_datastores(&self, request: &RequestContext<'_>, first: &str) -> Reply {
        let second = request.text("dsref2")?.ok_or_else(|| refusal::failed("No dsref2"))?;
        let tree = |name: &str| {
            let unknown = || refusal::failed(format!("No such database: {name}"));
            datastore_named(name).map(|datastore| self.datastores.tree(datastore)).ok_or_else(unknown)
        };
        let (first, second) = (tree(first)?.as_ref(), tree(&second)?.as_ref());
        let model = self.models.model();
        let (first, second) = ((first, Tree::ROOT), (second, Tree::ROOT));
        let diff = diff_text(first, second, &model, model.root()).map_err(refusal::internal_error)?;
        let mut xml = XmlWriter::new();
        xml.leaf("diff", &[("xmlns", CONTROLLER)], &diff).map_err(unwritable)?;
        Ok(OkReply::Output(xml.finish()))
    }

    fn diff_devices(&self, request: &RequestContext<'_>) -> Reply {
        let devices =
            self.named_devices(request)?.ok_or_else(|| refusal::failed("No device or device-group"))?;
        let kind = |name| {
            // The real controller names the first even if the second is missing.
            let missing = || refusal::failed("No config-type1");
            request.enumeration(name, DeviceConfigType::parse)?.ok_or_else(missing)
        };
        let (first, second) = (kind("config-type1")?, kind("config-type2")?);
        let (mut first, mut second) = (self.configs_of_type(first), self.configs_of_type(second));
        let mut xml = XmlWriter::new();
        for name in devices.into_iter().filter(|name| self.devices.contains_key(name)) {
            let missing = || refusal::failed("No such device tree");
            let first = first.remove(&name).ok_or_else(missing)?;
            let second = second.remove(&name).ok_or_else(missing)?;
            let diff = first.diff(&second, &self.models).map_err(refusal::internal_error)?;
            if !diff.is_empty() {
                let diff = format!("{name}:\n{diff}");
                xml.leaf("diff", &[("xmlns", CONTROLLER)], &diff).map_err(unwritable)?;
            }
        }
        Ok(OkReply::Output(xml.finish()))
    }

    /// `get-device-config`.
    pub(super) fn get_device_config(&mut self, request: &RequestContext<'_>) -> Reply {
        let devices =
            self.named_devices(request)?.ok_or_else(|| refusal::failed("No device or device-group"))?;
        let kind = request.enumeration("config-type", DeviceConfigType::parse)?;
        // The real controller answers so for `actions` too.
        let kind =
            kind.filter(|&kind| kind != DeviceConfigType::Actions).unwrap_or(DeviceConfigType::Running);
        let mut configs = self.configs_of_type(kind);
        let mut contents = Vec::new();
        for name in devices {
            let config = configs.remove(&name).ok_or_else(|| refusal::failed("No such device tree"))?;
            contents.push(children_to_xml(&config.tree, config.node).map_err(refusal::internal_error)?);
        }
        let mut xml = XmlWriter::new();
        xml.element("config", &[("xmlns", CONTROLLER)], |xml| {
            contents.iter().try_for_each(|content| xml.element("config", &[], |xml| xml.fragment(content)))
        })
        .map_err(unwritable)?;
        Ok(OkReply::Output(xml.finish()))
    }

    fn configs_of_type(&self, kind: DeviceConfigType) -> HashMap<String, DeviceSnapshot> {
        let devices = self.devices.iter();
        match kind {
            DeviceConfigType::Running => self.device_configs(Datastore::Running),
            DeviceConfigType::Candidate => self.device_configs(Datastore::Candidate),
            DeviceConfigType::Actions => self.device_configs(Datastore::Actions),
            DeviceConfigType::Synced => {
                devices.map(|(name, device)| (name.clone(), device.synced.clone())).collect()
            }
            DeviceConfigType::Transient => {
                devices.filter_map(|(name, device)| Some((name.clone(), device.transient.clone()?))).collect()
            }
        }
    }
}
