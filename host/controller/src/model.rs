//! The data model: the controller's with the services', and the devices' mounted below it.

use confine_tree::{CONTROLLER, Kind, QName, Schema, SchemaNode, ValueError};
use confine_yang::{Module, Node};

/// Set in the number of a node that is the devices'.
const DEVICE: u32 = 1 << 31;

/// Two schemas as one: all devices speak the same models, under `/ctrl:devices/ctrl:device/ctrl:config`
/// (RFC 8528).
#[derive(Debug)]
pub(crate) struct Model {
    controller: confine_yang::Schema,
    device: confine_yang::Schema,
    mount: Option<SchemaNode>,
}

impl Model {
    pub(crate) fn new(controller: confine_yang::Schema, device: confine_yang::Schema) -> Self {
        let mut mount = controller.root();
        for local in ["devices", "device", "config"] {
            mount = mount.and_then(|node| controller.child(node, QName::new(CONTROLLER, local)));
        }
        Self { controller, device, mount }
    }

    /// All that is known of a node.
    pub(crate) fn node(&self, node: SchemaNode) -> Option<Node<'_>> {
        let (schema, node) = self.part(node);
        schema.node(node)
    }

    /// The node below which a device's own configuration stands.
    pub(crate) fn mount(&self) -> Option<SchemaNode> {
        self.mount
    }

    /// The file of the module that defines a node.
    pub(crate) fn file(&self, node: SchemaNode) -> Option<String> {
        self.node(node)?.module().map(file)
    }

    /// The schema that a node belongs to, and the node's number there.
    fn part(&self, node: SchemaNode) -> (&confine_yang::Schema, SchemaNode) {
        match node.0 & DEVICE {
            0 => (&self.controller, node),
            _ => (&self.device, SchemaNode(node.0 & !DEVICE)),
        }
    }

    /// Where the children of a node are to be found: at the mount point, in the devices' schema.
    fn parent(&self, node: SchemaNode) -> (&confine_yang::Schema, Option<SchemaNode>) {
        match self.mount == Some(node) {
            true => (&self.device, self.device.root()),
            false => {
                let (schema, node) = self.part(node);
                (schema, Some(node))
            }
        }
    }
}

/// The name of a module's file.
pub(crate) fn file(module: &Module) -> String {
    let revision = module.revision().map(|revision| format!("@{revision}"));
    format!("{}{}.yang", module.name(), revision.unwrap_or_default())
}

impl Schema for Model {
    fn root(&self) -> Option<SchemaNode> {
        self.controller.root()
    }

    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let (schema, inside) = self.parent(parent);
        let child = schema.child(inside?, name)?;
        let device = self.mount == Some(parent) || parent.0 & DEVICE != 0;
        Some(if device { SchemaNode(child.0 | DEVICE) } else { child })
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let (schema, inside) = self.parent(parent);
        inside.map(|inside| schema.children(inside)).unwrap_or_default()
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        let (schema, inside) = self.parent(parent);
        inside.is_some_and(|inside| schema.is_complete(inside))
    }

    fn kind(&self, node: SchemaNode) -> Kind {
        let (schema, node) = self.part(node);
        schema.kind(node)
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        let (schema, node) = self.part(node);
        schema.keys(node)
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        let (schema, node) = self.part(node);
        schema.ordered_by_user(node)
    }

    fn position(&self, node: SchemaNode) -> u32 {
        let (schema, node) = self.part(node);
        schema.position(node)
    }

    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        let (schema, node) = self.part(node);
        schema.canonical(node, value, namespace)
    }
}
