//! The data model: the controller's with the services', and the devices' mounted below it.

use std::fmt;
use std::sync::Arc;

use confine_tree::{CONTROLLER, Keys, Model, Place, QName, SchemaNode};
use confine_yang::{Module, Mounted, Schema};

/// The label of the mount point for the models of devices.
const DEVICE: &str = "device";

/// All models. Every device speaks the same ones.
pub(crate) struct Models {
    schema: Mounted,
    own_texts: Vec<Text>,
    device_texts: Vec<Text>,
    /// None are needed besides those that the models name.
    keys: Keys,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The text of a module or submodule, and what it is known by.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) revision: Option<String>,
    /// None for a submodule.
    pub(crate) namespace: Option<String>,
    pub(crate) text: String,
}

impl Models {
    /// Each with the texts that it was made of.
    pub(crate) fn new(controller: (Schema, Vec<Text>), device: (Schema, Vec<Text>)) -> Self {
        let mut schema = Mounted::new(Arc::new(controller.0), DEVICE);
        schema.mount_in_others(Arc::new(device.0));
        Self { schema, own_texts: controller.1, device_texts: device.1, keys: Keys::new() }
    }

    /// The modules of the controller and the services.
    pub(crate) fn own_texts(&self) -> &[Text] {
        &self.own_texts
    }

    /// The modules of the devices.
    pub(crate) fn device_texts(&self) -> &[Text] {
        &self.device_texts
    }

    /// What is known of nodes by their numbers.
    pub(crate) fn schema(&self) -> &Mounted {
        &self.schema
    }

    /// What is known of nodes by their places.
    pub(crate) fn model(&self) -> Model<'_> {
        Model::new(&self.schema, &self.keys)
    }

    /// Where a device's own configuration stands: the place of `config` in whatever device.
    pub(crate) fn device_config(&self) -> Place {
        let model = self.model();
        let child = |place, local| model.child(place, QName::new(CONTROLLER, local));
        let list = child(child(model.root(), "devices"), "device");
        child(model.entry(list, &[""]), "config")
    }
}

/// The file of the module that defines a node. The mount point is in the file of no module of a device.
pub(crate) fn defining_file(schema: &Mounted, node: SchemaNode) -> Option<String> {
    let node = schema.node(node).filter(|node| node.mount_point().is_none())?;
    node.module().map(file)
}

/// The name of a module's file.
pub(crate) fn file(module: &Module) -> String {
    let revision = module.revision().map(|revision| format!("@{revision}"));
    format!("{}{}.yang", module.name(), revision.unwrap_or_default())
}
