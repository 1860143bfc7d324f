//! Where an entry goes in a list whose order is the user's (RFC 7950, sections 7.7.9 and 7.8.6).

use confine_tree::{DataNodeKind, NodeId, Path, Predicate, QName, Schema, SchemaNode, Tree, YANG};
use confine_yang::MountedSchema;

use crate::refusal::{self, RpcRefusal};

/// The place that an entry is to have among its siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InsertPosition {
    First,
    Last,
    /// Right before this entry.
    Before(InsertAnchor),
    /// Right after it.
    After(InsertAnchor),
}

/// An entry that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InsertAnchor {
    /// Its keys in the order of the model, or its value.
    pub(crate) identity: Vec<Box<str>>,
    attribute: &'static str,
    said: Box<str>,
}

impl InsertAnchor {
    /// That there is no such entry.
    pub(crate) fn missing(&self) -> RpcRefusal {
        let Self { attribute, said, .. } = self;
        refusal::protocol_failed(format!("bad-attribute: {attribute}, missing-instance: {said}"))
    }
}

impl InsertPosition {
    /// What the attributes of an entry say; `None` where they say nothing, or the order is not the user's.
    ///
    /// # Errors
    /// What makes no sense, in the real controller's words.
    pub(crate) fn read(
        edit: &Tree,
        node: NodeId,
        known: SchemaNode,
        model: &MountedSchema,
    ) -> Result<Option<Self>, RpcRefusal> {
        let attribute = |local| edit.attribute(node, QName::new(YANG, local));
        let Some(insert) = attribute("insert").filter(|_| model.ordered_by_user(known)) else {
            return Ok(None);
        };
        let is_list = model.kind(known) == DataNodeKind::List;
        let name = if is_list { "key" } else { "value" };
        let beside = || {
            let said = attribute(name).ok_or_else(|| {
                let message = format!("Missing {name} attribute when insert is before or after");
                refusal::missing_attribute(name, &message)
            })?;
            // Predicates that are none name no entry.
            let identity = if is_list { keys(said, model.keys(known)) } else { vec![said.into()] };
            Ok::<_, RpcRefusal>(InsertAnchor { identity, attribute: name, said: said.into() })
        };
        Ok(Some(match insert {
            "first" => Self::First,
            "last" => Self::Last,
            "before" => Self::Before(beside()?),
            "after" => Self::After(beside()?),
            other => return Err(refusal::protocol_failed(format!("Bad-attribute operation: {other}"))),
        }))
    }
}

/// The values of the keys in predicates such as `[ex:site='a'][ex:number='1']`, in the order of the model.
fn keys(predicates: &str, names: &[Box<str>]) -> Vec<Box<str>> {
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
