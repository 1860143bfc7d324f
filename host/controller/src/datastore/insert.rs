//! The insert position of an entry in a list that is `ordered-by user` (RFC 7950, sections 7.7.9 and 7.8.6).

use confine_tree::{DataNodeKind, NodeId, Path, Predicate, QName, Schema, SchemaNode, YANG};

use crate::datastore::trees::ModelledTree;
use crate::refusal::{self, RpcRefusal};

/// The position of an entry among its siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InsertPosition {
    First,
    Last,
    /// Right before this entry.
    Before(InsertAnchor),
    /// Right after this entry.
    After(InsertAnchor),
}

/// The entry that an insert position refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InsertAnchor {
    /// Its keys in the order of the schema, or its value.
    pub(crate) identity: Vec<Box<str>>,
    attribute: &'static str,
    text: Box<str>,
}

impl InsertAnchor {
    /// Returns the refusal for an anchor that does not exist.
    pub(crate) fn missing(&self) -> RpcRefusal {
        let Self { attribute, text, .. } = self;
        refusal::protocol_failed(format!("bad-attribute: {attribute}, missing-instance: {text}"))
    }
}

impl InsertPosition {
    /// Reads the attributes of an entry. Returns `None` if there are none, or if the list is not `ordered-by
    /// user`.
    ///
    /// # Errors
    /// Invalid attributes, in the words of the real controller.
    pub(crate) fn read(
        edit: ModelledTree<'_>,
        node: NodeId,
        schema_node: SchemaNode,
    ) -> Result<Option<Self>, RpcRefusal> {
        let ModelledTree { tree, schema } = edit;
        let attribute = |local| tree.attribute(node, QName::new(YANG, local));
        let Some(insert) = attribute("insert").filter(|_| schema.ordered_by_user(schema_node)) else {
            return Ok(None);
        };
        let is_list = schema.kind(schema_node) == DataNodeKind::List;
        let name = if is_list { "key" } else { "value" };
        let anchor = || {
            let text = attribute(name).ok_or_else(|| {
                let message = format!("Missing {name} attribute when insert is before or after");
                refusal::missing_attribute(name, &message)
            })?;
            // Controller 1.8.0 does not resolve what is escaped in the attribute.
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            // Text that is not predicates names no entry.
            let identity = match is_list {
                true => parse_keys(&escaped, schema.keys(schema_node)),
                false => vec![escaped.replace('\'', "&apos;").into()],
            };
            Ok::<_, RpcRefusal>(InsertAnchor { identity, attribute: name, text: text.into() })
        };
        Ok(Some(match insert {
            "first" => Self::First,
            "last" => Self::Last,
            "before" => Self::Before(anchor()?),
            "after" => Self::After(anchor()?),
            other => return Err(refusal::protocol_failed(format!("Bad-attribute operation: {other}"))),
        }))
    }
}

/// Returns the key values in predicates such as `[ex:site='a'][ex:number='1']`, in the order of the schema.
fn parse_keys(predicates: &str, names: &[Box<str>]) -> Vec<Box<str>> {
    let path = Path::parse(&format!("entry{predicates}"));
    let predicates =
        path.ok().and_then(|mut path| path.steps.pop()).map(|step| step.predicates).unwrap_or_default();
    let value = |wanted: &str| {
        predicates.iter().find_map(|predicate| match predicate {
            Predicate::Key { name, value: Some(value), .. } if **name == *wanted => {
                Some(value.as_str().into())
            }
            _ => None,
        })
    };
    names.iter().filter_map(|name| value(name)).collect()
}
