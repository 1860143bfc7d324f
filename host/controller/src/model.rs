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
    /// None are needed besides those that the models name.
    keys: Keys,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Models {
    pub(crate) fn new(controller: Schema, device: Schema) -> Self {
        let mut schema = Mounted::new(Arc::new(controller), DEVICE);
        schema.mount_in_others(Arc::new(device));
        Self { schema, keys: Keys::new() }
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
