//! Service instances: which of them a commit changed, what they had created, and what goes when they are
//! applied again.

use std::collections::{HashMap, HashSet};

use confine_netconf::namespace::CLIXON;
use confine_tree::{CONTROLLER, DataNodeKind, Error, NodeId, QName, Schema, SchemaNode, Tree};

use crate::created::{CreatedPaths, CreatedStep, parse, path_of};
use crate::diff::diff_text;
use crate::refusal::{self, RpcRefusal};
use crate::tree_model::{KeyedNode, SiblingKey, TreeModel};

const SERVICES: QName<'static> = QName::new(CONTROLLER, "services");
const CREATOR: QName<'static> = QName::new(CLIXON, "creator");

/// The service instances in which `running` and `candidate` differ, as a notification names them: first
/// those that changed or went, in the order of `running`, then those that came, in the order of
/// `candidate`. None where neither has any services at all.
///
/// Only entries of lists right under `/services` count, and only their first key is named. It is not
/// escaped: a value with a single quote in it makes a predicate that is no XPath.
pub(crate) fn changed(running: &Tree, candidate: &Tree, model: &TreeModel<'_>) -> Option<Vec<String>> {
    let before = instances(running, model);
    let after = instances(candidate, model);
    if before.is_none() && after.is_none() {
        return None;
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let came: HashMap<_, _> = after.iter().map(|new| (&new.identity, new)).collect();
    let gone: HashSet<_> = before.iter().map(|old| &old.identity).collect();
    let same = |old: &ServiceInstance<'_>| {
        let Some(new) = came.get(&old.identity) else { return false };
        let diff = diff_text((running, old.node), (candidate, new.node), model, old.place);
        diff.is_ok_and(|diff| diff.is_empty())
    };
    let mut changed: Vec<String> =
        before.iter().filter(|old| !same(old)).map(|old| old.notified.clone()).collect();
    let mut named: HashSet<String> = changed.iter().cloned().collect();
    for new in &after {
        if !gone.contains(&new.identity) && named.insert(new.notified.clone()) {
            changed.push(new.notified.clone());
        }
    }
    Some(changed)
}

struct ServiceInstance<'t> {
    identity: (QName<'t>, Vec<&'t str>),
    node: NodeId,
    place: Option<SchemaNode>,
    notified: String,
}

/// The entries of lists right under `/services`; none where there are no services at all.
fn instances<'t>(tree: &'t Tree, model: &TreeModel<'_>) -> Option<Vec<ServiceInstance<'t>>> {
    let services = tree.child(Tree::ROOT, SERVICES)?;
    let place = model.child(model.root(), SERVICES);
    let instance = |child: KeyedNode<'t>| {
        let Ok(SiblingKey::Entry(keys)) = child.identity else { return None };
        let name = tree.qname(child.node);
        let (key, value) = (model.keys(child.place).first()?, keys.first()?);
        let notified = format!("{}[{key}='{value}']", name.local);
        let place = model.entry(child.place, &keys);
        Some(ServiceInstance { identity: (name, keys), node: child.node, place, notified })
    };
    Some(model.children(place, tree, services).into_iter().filter_map(instance).collect())
}

/// The nodes of `actions` that go before the services daemon reads it, for the instances that it is
/// notified of: what they have created, as it stands in `running`, and the record of it.
///
/// With the gaps of the real controller: where no instance is named, only the records go; a list, or a
/// key that several entries share, stands for the first of them; and what two instances have created
/// goes when either is named.
pub(crate) fn stripped(running: &Tree, actions: &Tree, notified: &[String]) -> Vec<NodeId> {
    let mut then = CreatedPaths::new(running);
    let mut now = CreatedPaths::new(actions);
    if notified.is_empty() {
        let services = actions.child(Tree::ROOT, SERVICES);
        let entries = services.into_iter().flat_map(|services| actions.children(services));
        return entries.flat_map(|entry| named(actions, entry, "created")).collect();
    }
    let mut stripped = Vec::new();
    for instance in notified {
        let Some(mut record) = parse(instance) else { continue };
        record.insert(0, CreatedStep { name: "services", predicates: Vec::new() });
        record.push(CreatedStep { name: "created", predicates: Vec::new() });
        let Some(created) = then.first(&record) else { continue };
        let paths = named(running, created, "path").filter_map(|path| running.value(path)).filter_map(parse);
        stripped.extend(paths.filter_map(|path| now.first(&path)));
        stripped.extend(now.first(&record));
    }
    stripped
}

fn named<'t>(tree: &'t Tree, node: NodeId, local: &'static str) -> impl Iterator<Item = NodeId> + 't {
    tree.children(node).filter(move |&child| tree.qname(child).local == local)
}

/// What one edit says that an instance has created.
pub(crate) struct CreatorTag {
    list: String,
    namespace: String,
    key: String,
    value: String,
    paths: Vec<String>,
}

/// Takes the tags `cl:creator` out of an edit. Each names the instance that makes the node it stands at.
///
/// # Errors
/// A tag that is not `list[key='value']` with the name of a service list and of its first key, and a list
/// that keeps no record of what its instances create.
pub(crate) fn creations(edit: &Tree, schema: &dyn Schema) -> Result<Vec<CreatorTag>, RpcRefusal> {
    let mut creations: Vec<CreatorTag> = Vec::new();
    let mut by_tag: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    for (node, _) in edit.descendants(Tree::ROOT) {
        let Some(tag) = edit.attribute(node, CREATOR) else { continue };
        let index = match by_tag.get(tag) {
            Some(&index) => index,
            None => {
                creations.push(creation(tag, schema)?);
                by_tag.insert(tag, creations.len() - 1);
                creations.len() - 1
            }
        };
        let path = path_of(edit, node, schema);
        if let Some(creation) = creations.get_mut(index)
            && seen.insert((index, path.clone()))
        {
            creation.paths.push(path);
        }
    }
    Ok(creations)
}

fn creation(tag: &str, schema: &dyn Schema) -> Result<CreatorTag, RpcRefusal> {
    let part = |what: &str| refusal::failed(format!("Creator attribute, no {what} in {tag}"));
    let (list, rest) = tag.split_once('[').ok_or_else(|| part("instance: []"))?;
    let (key, rest) = rest.split_once('=').ok_or_else(|| part("instance ="))?;
    let mut quoted = rest.chars();
    let quote = quoted.next().ok_or_else(|| part("quote"))?;
    let (value, _) = quoted.as_str().split_once(quote).ok_or_else(|| part("quote"))?;

    let services = schema.root().and_then(|root| schema.child(root, SERVICES));
    let known = services.and_then(|services| {
        let name = schema.children(services).into_iter().find(|name| name.local == list)?;
        let model = schema.child(services, name).filter(|&model| schema.kind(model) == DataNodeKind::List)?;
        Some((name, model))
    });
    let (name, model) =
        known.ok_or_else(|| refusal::failed(format!("Invalid creator service name in {tag}")))?;
    let expected = schema.keys(model).first().map(|key| &**key).unwrap_or_default();
    if key != expected {
        let message = format!("Creator tag: \"{tag}\": Invalid key: \"{key}\", expected: \"{expected}\"");
        return Err(refusal::failed(message));
    }
    if schema.child(model, QName::new(name.namespace, "created")).is_none() {
        return Err(refusal::unknown_node(QName::new(name.namespace, "created"), list, None));
    }
    Ok(CreatorTag {
        list: list.to_owned(),
        namespace: name.namespace.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
        paths: Vec::new(),
    })
}

/// What was created, as an edit of the records.
pub(crate) fn records(creations: &[CreatorTag]) -> Result<Tree, Error> {
    let mut edit = Tree::new();
    let services = edit.intern(SERVICES);
    let services = edit.append(Tree::ROOT, services)?;
    for creation in creations {
        let name = |local| QName::new(&creation.namespace, local);
        let list = edit.intern(name(&creation.list));
        let entry = edit.append(services, list)?;
        leaf(&mut edit, entry, name(&creation.key), &creation.value)?;
        let created = edit.intern(name("created"));
        let created = edit.append(entry, created)?;
        for path in &creation.paths {
            leaf(&mut edit, created, name("path"), path)?;
        }
    }
    Ok(edit)
}

fn leaf(tree: &mut Tree, parent: NodeId, name: QName<'_>, value: &str) -> Result<(), Error> {
    let name = tree.intern(name);
    let leaf = tree.append(parent, name)?;
    tree.set_value(leaf, value, &[])
}
