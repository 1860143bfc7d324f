//! `confine edit`: one node of the candidate.

use confine_backend::{Datastore, RequestUser};
use confine_tree::{NodeKind, Overlay, Pattern, ResolveError, Tree, xml};

use super::{
    candidate::{self, PendingChanges},
    place::{DataPath, absolute},
    runtime,
    session::{ControllerSession, ModelDepth},
};
use crate::{cli::EditArgs, commands::print, error::Error};

/// What to do with a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeChange<'a> {
    /// Give a leaf this value, or a leaf-list this entry.
    Set(&'a str),
    /// Make a list entry, a presence container or an empty leaf.
    Make,
    /// Take it away, with all below it.
    Remove,
}

impl<'a> NodeChange<'a> {
    /// Without a value, it is to be made.
    pub(super) fn to(value: Option<&'a str>) -> Self {
        value.map_or(Self::Make, Self::Set)
    }

    pub(super) fn value(self) -> Option<&'a str> {
        if let Self::Set(value) = self { Some(value) } else { None }
    }
}

pub(in crate::commands) fn run(request: &EditArgs) -> Result<(), Error> {
    runtime()?.block_on(async {
        let path = absolute(&request.path)?;
        let mut session = ControllerSession::open(&request.controller).await?;
        let value = request.value.as_deref();
        let change = if request.remove { NodeChange::Remove } else { NodeChange::to(value) };
        let place = session.find(&Pattern::default(), &path, change.value(), ModelDepth::Node).await?;
        let mut changes = PendingChanges::default();
        changes.make(&mut session, place, change).await?;
        let Some(differences) = candidate::differences(&mut session).await? else {
            return print(candidate::NOTHING.as_bytes());
        };
        print(differences.as_bytes())?;
        if !request.commit {
            return print(b"This is in the candidate, which `--commit` commits.\n");
        }
        print(changes.commit(&mut session).await?.as_bytes())
    })
}

/// Makes a change in the candidate, as far as the models have nothing against it.
pub(super) async fn send(
    session: &mut ControllerSession,
    place: DataPath,
    change: NodeChange<'_>,
) -> Result<(), Error> {
    let config = written(place, change)?;
    Ok(session.backend().edit_config(Datastore::Candidate, &config, &RequestUser::Host).await?)
}

/// What to send for a change.
fn written(place: DataPath, change: NodeChange<'_>) -> Result<String, Error> {
    let DataPath { patterns, models, mut overlay, prefixes } = place;
    let pattern = patterns.into_iter().next().filter(|pattern| !pattern.steps.is_empty());
    let mut pattern = pattern.ok_or(Error::EditRoot)?;
    let spot = overlay.locate(&pattern);
    let node = spot.schema().and_then(|node| models.node(node));
    if node.is_some_and(|node| !node.is_config()) {
        return Err(Error::State { path: pattern.to_string() });
    }
    let form = overlay.knowledge().form(spot);
    match (change, form) {
        (NodeChange::Set(_), NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. }) => {
            return Err(Error::NoValue { path: pattern.to_string() });
        }
        (NodeChange::Set(value), form) => {
            let bound = overlay.bind(spot, value, &prefixes, &pattern.to_string())?;
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
        (NodeChange::Make, NodeKind::Leaf) => {
            // What would be right is said by what is wrong with no value at all.
            let expected = node.and_then(|node| node.canonical("", &|_| None).err());
            let expected = expected.map(|mismatch| mismatch.expected).unwrap_or_default();
            return Err(Error::ValueNeeded { path: pattern.to_string(), expected });
        }
        (NodeChange::Make, _) => {
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
