//! `confine edit`: one node of the candidate.

use confine_backend::{Datastore, Identity};
use confine_tree::{Form, Overlay, Pattern, ResolveError, Tree, xml};

use super::{
    candidate::{self, Changes},
    place::{Place, absolute},
    runtime,
    session::{Reach, Session},
};
use crate::{cli::Edit, commands::print, error::Error};

/// What to do with a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// Give a leaf this value, or a leaf-list this entry.
    Set(&'a str),
    /// Make a list entry, a presence container or an empty leaf.
    Make,
    /// Take it away, with all below it.
    Remove,
}

impl<'a> Change<'a> {
    /// Without a value, it is to be made.
    pub(super) fn to(value: Option<&'a str>) -> Self {
        value.map_or(Self::Make, Self::Set)
    }

    pub(super) fn value(self) -> Option<&'a str> {
        if let Self::Set(value) = self { Some(value) } else { None }
    }
}

pub(in crate::commands) fn run(request: &Edit) -> Result<(), Error> {
    runtime()?.block_on(async {
        let path = absolute(&request.path)?;
        let mut session = Session::open(&request.controller).await?;
        let value = request.value.as_deref();
        let change = if request.remove { Change::Remove } else { Change::to(value) };
        let place = session.find(&Pattern::default(), &path, change.value(), Reach::Node).await?;
        let mut changes = Changes::default();
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
pub(super) async fn send(session: &mut Session, place: Place, change: Change<'_>) -> Result<(), Error> {
    let config = written(place, change)?;
    Ok(session.backend().edit_config(Datastore::Candidate, &config, &Identity::Host).await?)
}

/// What to send for a change.
fn written(place: Place, change: Change<'_>) -> Result<String, Error> {
    let Place { patterns, models, mut overlay, prefixes } = place;
    let pattern = patterns.into_iter().next().filter(|pattern| !pattern.steps.is_empty());
    let mut pattern = pattern.ok_or(Error::EditRoot)?;
    let spot = overlay.locate(&pattern);
    let node = spot.schema().and_then(|node| models.node(node));
    if node.is_some_and(|node| !node.is_config()) {
        return Err(Error::State { path: pattern.to_string() });
    }
    let form = overlay.knowledge().form(spot);
    match (change, form) {
        (Change::Set(_), Form::Container | Form::PresenceContainer | Form::List { .. }) => {
            return Err(Error::NoValue { path: pattern.to_string() });
        }
        (Change::Set(value), form) => {
            let bound = overlay.bind(spot, value, &prefixes, &pattern.to_string())?;
            if let Some(step) =
                pattern.steps.last_mut().filter(|step| form == Form::LeafList && step.entry.is_none())
            {
                step.entry = Some(Some(bound.value.clone()));
            }
            overlay.check_settable(&pattern, &bound.value)?;
            let bindings: Vec<(&str, &str)> = bound.bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
            overlay.set(&pattern, &bound.value, &bindings)?;
        }
        (Change::Remove, _) => {
            overlay.check_exact(&pattern)?;
            if pattern.key_value().is_some() {
                return Err(Error::RemoveKey { path: pattern.to_string() });
            }
            overlay.remove(&pattern)?;
        }
        (Change::Make, Form::Leaf) => {
            // What would be right is said by what is wrong with no value at all.
            let expected = node.and_then(|node| node.canonical("", &|_| None).err());
            let expected = expected.map(|mismatch| mismatch.expected).unwrap_or_default();
            return Err(Error::ValueNeeded { path: pattern.to_string(), expected });
        }
        (Change::Make, _) => {
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
