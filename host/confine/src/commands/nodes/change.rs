//! A change of one node of the candidate.

use confine_backend::{Datastore, RequestUser};
use confine_tree::{NodeKind, Overlay, ResolveError, Tree, xml};

use super::{path::DataPath, session::ControllerSession};
use crate::error::Error;

/// A change of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeChange<'a> {
    /// Set a leaf to this value, or add it to a leaf-list.
    Set(&'a str),
    /// Create a list entry, a presence container or an empty leaf.
    Create,
    /// Remove the node and everything below it.
    Remove,
}

impl<'a> NodeChange<'a> {
    /// Sets the node to a value, or creates it if there is none.
    pub(super) fn to(value: Option<&'a str>) -> Self {
        value.map_or(Self::Create, Self::Set)
    }

    pub(super) fn value(self) -> Option<&'a str> {
        if let Self::Set(value) = self { Some(value) } else { None }
    }
}

/// Makes a change in the candidate, after checking it against the models.
pub(super) async fn send(
    session: &mut ControllerSession,
    target: DataPath,
    change: NodeChange<'_>,
) -> Result<(), Error> {
    let config = edit_for(target, change)?;
    Ok(session.backend().edit_config(Datastore::Candidate, &config, &RequestUser::Host).await?)
}

/// The edit-config for a change.
fn edit_for(target: DataPath, change: NodeChange<'_>) -> Result<String, Error> {
    let DataPath { patterns, models, mut overlay, prefixes } = target;
    let pattern = patterns.into_iter().next().filter(|pattern| !pattern.steps.is_empty());
    let mut pattern = pattern.ok_or(Error::EditRoot)?;
    let spot = overlay.locate(&pattern);
    let node = spot.schema().and_then(|node| models.node(node));
    if node.is_some_and(|node| !node.is_config()) {
        return Err(Error::State { path: pattern.to_string() });
    }
    let form = overlay.schema_view().kind(spot);
    match (change, form) {
        (NodeChange::Set(_), NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. }) => {
            return Err(Error::NoValue { path: pattern.to_string() });
        }
        (NodeChange::Set(value), form) => {
            let bound = overlay.bind(spot, value, &prefixes, pattern.to_string())?;
            if let Some(step) =
                pattern.steps.last_mut().filter(|step| form == NodeKind::LeafList && step.entry.is_none())
            {
                step.entry = Some(Some(bound.value.clone()));
            }
            overlay.check_settable(&pattern, &bound.value)?;
            let bindings: Vec<(&str, &str)> = bound.bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
            overlay.set(&pattern, &bound.value, &bindings)?;
        }
        (NodeChange::Remove, _) => {
            overlay.check_exact(&pattern)?;
            if pattern.key_value().is_some() {
                return Err(Error::RemoveKey { path: pattern.to_string() });
            }
            overlay.remove(&pattern)?;
        }
        (NodeChange::Create, NodeKind::Leaf) => {
            // The error of an empty value describes the expected ones.
            let expected = node.and_then(|node| node.canonical("", &|_| None).err());
            let expected = expected.map(|mismatch| mismatch.expected).unwrap_or_default();
            return Err(Error::ValueNeeded { path: pattern.to_string(), expected });
        }
        (NodeChange::Create, _) => {
            overlay.check_creatable(&pattern)?;
            overlay.create(&pattern)?;
        }
    }
    edit_config(&mut overlay)
}

fn edit_config(overlay: &mut Overlay) -> Result<String, Error> {
    let edit = overlay.edit_config().map_err(ResolveError::from)?.unwrap_or_default();
    Ok(xml::write(&edit, Tree::ROOT).map_err(ResolveError::from)?)
}
