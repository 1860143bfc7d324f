//! The data model: the controller's with the services', and the devices' mounted below it.

use std::fmt;
use std::sync::Arc;

use confine_tree::{CONTROLLER, QName, SchemaNode};
use confine_yang::{MountedSchema, YangModule, YangSchema};

use crate::tree_model::TreeModel;

/// The label of the mount point for the models of devices.
const DEVICE: &str = "device";

/// All models. Every device speaks the same ones.
pub(crate) struct ControllerModels {
    schema: MountedSchema,
    own_texts: Vec<ModelText>,
    device_texts: Vec<ModelText>,
}

impl fmt::Debug for ControllerModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The text of a module or submodule, and what it is known by.
#[derive(Clone, Debug)]
pub(crate) struct ModelText {
    pub(crate) name: String,
    pub(crate) revision: Option<String>,
    /// None for a submodule.
    pub(crate) namespace: Option<String>,
    pub(crate) text: String,
}

impl ControllerModels {
    /// Each with the texts that it was made of.
    pub(crate) fn new(
        controller: (YangSchema, Vec<ModelText>),
        device: (YangSchema, Vec<ModelText>),
    ) -> Self {
        let mut schema = MountedSchema::new(Arc::new(controller.0), DEVICE);
        schema.mount_default(Arc::new(device.0));
        Self { schema, own_texts: controller.1, device_texts: device.1 }
    }

    /// The modules of the controller and the services.
    pub(crate) fn own_texts(&self) -> &[ModelText] {
        &self.own_texts
    }

    /// The modules of the devices.
    pub(crate) fn device_texts(&self) -> &[ModelText] {
        &self.device_texts
    }

    /// What is known of nodes by their numbers.
    pub(crate) fn schema(&self) -> &MountedSchema {
        &self.schema
    }

    /// What is known of nodes by their places.
    pub(crate) fn model(&self) -> TreeModel<'_> {
        TreeModel::new(&self.schema)
    }

    /// Where a device's own configuration stands: the place of `config` in whatever device.
    pub(crate) fn device_config(&self) -> Option<SchemaNode> {
        let model = self.model();
        let child = |place, local| model.child(place, QName::new(CONTROLLER, local));
        let list = child(child(model.root(), "devices"), "device");
        child(model.entry(list, &[""]), "config")
    }
}

/// The file of the module that defines a node. The mount point is in the file of no module of a device.
pub(crate) fn defining_file(schema: &MountedSchema, node: SchemaNode) -> Option<String> {
    let node = schema.node(node).filter(|node| node.mount_point().is_none())?;
    node.module().map(file)
}

/// The name of a module's file.
pub(crate) fn file(module: &YangModule) -> String {
    let revision = module.revision().map(|revision| format!("@{revision}"));
    format!("{}{}.yang", module.name(), revision.unwrap_or_default())
}
