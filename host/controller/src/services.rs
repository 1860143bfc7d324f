//! Service instances: which of them a commit changed, and what they have created.

use std::collections::{HashMap, HashSet};

use confine_netconf::namespace::CLIXON;
use confine_tree::{CONTROLLER, DataNodeKind, Error, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::MountedSchema;

use crate::datastore::trees::ModelledTree;
use crate::diff::diff_text;
use crate::models::tree_model::{KeyedNode, SiblingKey, TreeModel};
use crate::paths::{CreatedPathSearch, CreatedStep, parse_path};
use crate::refusal::{self, RpcRefusal};

const SERVICES: QName<'static> = QName::new(CONTROLLER, "services");
const CREATOR: QName<'static> = QName::new(CLIXON, "creator");

/// Returns the service instances in which `running` and `candidate` differ, as a notification names them:
/// first those changed or deleted, in the order of `running`, then those created, in the order of
/// `candidate`. Returns `None` if neither datastore has `/services`.
///
/// Only entries of lists directly under `/services` count, and only their first key is named. It is not
/// escaped: a value with a single quote makes a predicate that is not XPath.
pub(crate) fn changed_instances(
    running: &Tree,
    candidate: &Tree,
    model: &TreeModel<'_>,
) -> Option<Vec<String>> {
    let before = instances(running, model);
    let after = instances(candidate, model);
    if before.is_none() && after.is_none() {
        return None;
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let new_by_identity: HashMap<_, _> = after.iter().map(|new| (&new.identity, new)).collect();
    let old_identities: HashSet<_> = before.iter().map(|old| &old.identity).collect();
    let is_unchanged = |old: &ServiceInstance<'_>| {
        let Some(new) = new_by_identity.get(&old.identity) else { return false };
        let diff = diff_text((running, old.node), (candidate, new.node), model, old.schema_node);
        diff.is_ok_and(|diff| diff.is_empty())
    };
    let mut changed: Vec<String> =
        before.iter().filter(|old| !is_unchanged(old)).map(|old| old.notified.clone()).collect();
    let mut named: HashSet<String> = changed.iter().cloned().collect();
    for new in &after {
        if !old_identities.contains(&new.identity) && named.insert(new.notified.clone()) {
            changed.push(new.notified.clone());
        }
    }
    Some(changed)
}

struct ServiceInstance<'t> {
    identity: (QName<'t>, Vec<&'t str>),
    node: NodeId,
    schema_node: Option<SchemaNode>,
    notified: String,
}

/// Returns the entries of the lists directly under `/services`; `None` if there is no `/services`.
fn instances<'t>(tree: &'t Tree, model: &TreeModel<'_>) -> Option<Vec<ServiceInstance<'t>>> {
    let services = tree.child(Tree::ROOT, SERVICES)?;
    let schema_node = model.child(model.root(), SERVICES);
    let instance = |child: KeyedNode<'t>| {
        let Ok(SiblingKey::Entry(keys)) = child.identity else { return None };
        let name = tree.qname(child.node);
        let (key, value) = (model.keys(child.schema_node).first()?, keys.first()?);
        let notified = format!("{}[{key}='{value}']", name.local);
        let schema_node = model.entry(child.schema_node, &keys);
        Some(ServiceInstance { identity: (name, keys), node: child.node, schema_node, notified })
    };
    Some(model.children(schema_node, tree, services).into_iter().filter_map(instance).collect())
}

/// Returns the nodes to remove from `actions` before the services daemon reads it, for the instances in the
/// notification: what they have created according to `running`, and their `created` lists.
///
/// It has the gaps of the real controller: if the notification names no instance, only the `created` lists
/// are removed; a list, or a key that several entries share, stands for the first entry only; and what two
/// instances have created is removed if either is named.
pub(crate) fn created_nodes(running: &Tree, actions: &Tree, notified: &[String]) -> Vec<NodeId> {
    let mut in_running = CreatedPathSearch::new(running);
    let mut in_actions = CreatedPathSearch::new(actions);
    if notified.is_empty() {
        let services = actions.child(Tree::ROOT, SERVICES);
        let entries = services.into_iter().flat_map(|services| actions.children(services));
        return entries.flat_map(|entry| children_with_name(actions, entry, "created")).collect();
    }
    let mut nodes = Vec::new();
    for instance in notified {
        let Some(mut record) = parse_path(instance) else { continue };
        record.insert(0, CreatedStep { name: "services", predicates: Vec::new() });
        record.push(CreatedStep { name: "created", predicates: Vec::new() });
        let Some(created) = in_running.first(&record) else { continue };
        let paths = children_with_name(running, created, "path")
            .filter_map(|path| running.value(path))
            .filter_map(parse_path);
        nodes.extend(paths.filter_map(|path| in_actions.first(&path)));
        nodes.extend(in_actions.first(&record));
    }
    nodes
}

/// Returns whether an instance in the notification names a leaf that is not there and has a default. The real controller finds
/// the default value of the leaf, cannot remove it, and dies.
pub(crate) fn names_missing_default(
    running: &Tree,
    actions: &Tree,
    notified: &[String],
    model: &TreeModel<'_>,
    schema: &MountedSchema,
) -> bool {
    let mut in_running = CreatedPathSearch::new(running);
    let mut in_actions = CreatedPathSearch::new(actions);
    let mut named = Vec::new();
    for instance in notified {
        let Some(mut record) = parse_path(instance) else { continue };
        record.insert(0, CreatedStep { name: "services", predicates: Vec::new() });
        record.push(CreatedStep { name: "created", predicates: Vec::new() });
        let created = in_running.first(&record);
        let paths = created.into_iter().flat_map(|created| children_with_name(running, created, "path"));
        named.extend(paths.filter_map(|path| parse_path(running.value(path)?)));
    }
    named.iter().any(|path| {
        let Some((leaf, above)) = path.split_last() else { return false };
        let (None, Some(parent)) = (in_actions.first(path), in_actions.first(above)) else { return false };
        let Some(schema_node) = model.schema_node(actions, parent) else { return false };
        let below = ModelledTree { tree: actions, schema }.schema_below(parent, schema_node);
        let named = schema.children(below).into_iter().filter(|child| child.local == leaf.name);
        let leaves = named.filter_map(|child| schema.child(below, child));
        leaves.flat_map(|leaf| schema.defaults(leaf)).next().is_some()
    })
}

/// Returns the children with this local name.
fn children_with_name<'t>(
    tree: &'t Tree,
    node: NodeId,
    local: &'static str,
) -> impl Iterator<Item = NodeId> + 't {
    tree.children(node).filter(move |&child| tree.qname(child).local == local)
}

/// The nodes of an edit that a service instance has created, by their `cl:creator` attributes.
pub(crate) struct CreatorTag {
    list: String,
    namespace: String,
    key: String,
    value: String,
    paths: Vec<String>,
}

/// Collects the `cl:creator` attributes of an edit. Each names the instance that creates its node.
///
/// # Errors
/// A tag that is not `list[key='value']` with the names of a service list and its first key, and a list without
/// `created`.
pub(crate) fn creator_tags(edit: ModelledTree<'_>) -> Result<Vec<CreatorTag>, RpcRefusal> {
    let mut tags: Vec<CreatorTag> = Vec::new();
    let mut by_tag: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    for (node, _) in edit.tree.descendants(Tree::ROOT) {
        let Some(tag) = edit.tree.attribute(node, CREATOR) else { continue };
        let index = match by_tag.get(tag) {
            Some(&index) => index,
            None => {
                tags.push(parse_creator_tag(tag, edit.schema)?);
                by_tag.insert(tag, tags.len() - 1);
                tags.len() - 1
            }
        };
        let path = edit.path_of(node);
        if let Some(creator) = tags.get_mut(index)
            && seen.insert((index, path.clone()))
        {
            creator.paths.push(path);
        }
    }
    Ok(tags)
}

fn parse_creator_tag(tag: &str, schema: &dyn Schema) -> Result<CreatorTag, RpcRefusal> {
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

/// Returns the edit that adds the created paths to the `created` lists.
pub(crate) fn created_records(tags: &[CreatorTag]) -> Result<Tree, Error> {
    let mut edit = Tree::new();
    let services = edit.intern(SERVICES);
    let services = edit.append(Tree::ROOT, services)?;
    for tag in tags {
        let name = |local| QName::new(&tag.namespace, local);
        let list = edit.intern(name(&tag.list));
        let entry = edit.append(services, list)?;
        append_leaf(&mut edit, entry, name(&tag.key), &tag.value)?;
        let created = edit.intern(name("created"));
        let created = edit.append(entry, created)?;
        for path in &tag.paths {
            append_leaf(&mut edit, created, name("path"), path)?;
        }
    }
    Ok(edit)
}

fn append_leaf(tree: &mut Tree, parent: NodeId, name: QName<'_>, value: &str) -> Result<(), Error> {
    let name = tree.intern(name);
    let leaf = tree.append(parent, name)?;
    tree.set_value(leaf, value, &[])
}
