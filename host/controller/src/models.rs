//! The schema: the YANG modules of the controller and the services, with those of the devices mounted.

pub(crate) mod bundled;
pub(crate) mod tree_model;

use std::fmt;
use std::sync::Arc;

use confine_tree::{CONTROLLER, QName, SchemaNode, Tree};
use confine_yang::{MountedSchema, YangModule, YangSchema};

use self::tree_model::TreeModel;
use crate::datastore::trees::ModelledTree;

/// The label of the mount point for the YANG modules of devices.
const MOUNT_LABEL: &str = "device";

/// All YANG modules. All devices have the same ones.
pub(crate) struct ControllerModels {
    pub(crate) schema: MountedSchema,
    /// The YANG modules of the controller and the services.
    pub(crate) own_texts: Vec<ModelText>,
    /// The YANG modules of the devices.
    pub(crate) device_texts: Vec<ModelText>,
}

impl fmt::Debug for ControllerModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerModels").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The text of a YANG module or submodule, and its identification.
#[derive(Clone, Debug)]
pub(crate) struct ModelText {
    pub(crate) name: String,
    pub(crate) revision: Option<String>,
    /// None for a submodule.
    pub(crate) namespace: Option<String>,
    pub(crate) text: String,
}

impl ControllerModels {
    /// Takes each schema with the texts that it was compiled from.
    pub(crate) fn new(
        controller: (YangSchema, Vec<ModelText>),
        device: (YangSchema, Vec<ModelText>),
    ) -> Self {
        let mut schema = MountedSchema::new(Arc::new(controller.0), MOUNT_LABEL);
        schema.mount_default(Arc::new(device.0));
        Self { schema, own_texts: controller.1, device_texts: device.1 }
    }

    /// Returns a tree with the schema of its nodes.
    pub(crate) fn modelled<'t>(&'t self, tree: &'t Tree) -> ModelledTree<'t> {
        ModelledTree { tree, schema: &self.schema }
    }

    /// Returns the schema in the form that works on nodes of trees.
    pub(crate) fn model(&self) -> TreeModel<'_> {
        TreeModel::new(&self.schema)
    }

    /// Returns the schema node of `/devices/device/config`, below which the devices' own YANG is mounted.
    pub(crate) fn device_config(&self) -> Option<SchemaNode> {
        let model = self.model();
        let child = |schema_node, local| model.child(schema_node, QName::new(CONTROLLER, local));
        let list = child(child(model.root(), "devices"), "device");
        child(model.entry(list, &[""]), "config")
    }
}

/// Returns the file of the YANG module that defines a node. The mount point itself is in no module of a device.
pub(crate) fn defining_file(schema: &MountedSchema, node: SchemaNode) -> Option<String> {
    let node = schema.node(node).filter(|node| node.mount_point().is_none())?;
    node.module().map(file_name)
}

/// Returns the file name of a YANG module.
pub(crate) fn file_name(module: &YangModule) -> String {
    let revision = module.revision().map(|revision| format!("@{revision}"));
    format!("{}{}.yang", module.name(), revision.unwrap_or_default())
}
