//! What a commit of named instances commits besides them. `apply services` of one instance commits the whole candidate, and
//! the controller never notifies the other instances that differ in it.

use std::collections::{BTreeMap, HashSet};

use confine_backend::{Datastore, RequestUser, ServiceRef};
use confine_tree::{
    CONTROLLER, DataNodeKind, NodeId, Pattern, PatternStep, QName, Schema, StepCounter, Tree, xml,
};
use confine_view::ORIGINALS;

use crate::{
    Error,
    commit::read,
    controller::SharedBackend,
    modules::{membership::SERVICES, registry::ModuleRegistry},
};

/// Returns the instances that differ between `running` and `actions` and are not in `notified`, as a notification names them.
pub(super) async fn pending_instances(
    backend: &SharedBackend,
    notified: &[ServiceRef],
    registry: &ModuleRegistry,
    schema: &dyn Schema,
    steps: &mut StepCounter,
) -> Result<Vec<ServiceRef>, Error> {
    let wanted = [Pattern { steps: vec![PatternStep::new(SERVICES)] }];
    // Whatever else somebody has put under `/services` is not notified. Without a model, only names tell.
    let services_node = schema.root().and_then(|root| schema.child(root, SERVICES));
    let is_list = |name: QName<'_>| match services_node.and_then(|above| schema.child(above, name)) {
        Some(node) => schema.kind(node) == DataNodeKind::List,
        None => registry.serving(name.local).next().is_some(),
    };
    let running = read::read(backend, Datastore::Running, &wanted, &RequestUser::Host).await?;
    let before = entries(running, &is_list, steps)?;
    let actions = read::read(backend, Datastore::Actions, &wanted, &RequestUser::Host).await?;
    let after = entries(actions, &is_list, steps)?;
    // Who names all keys does not mean the other entries with the same first key.
    let by_first_key = notified.iter().filter(|known| known.forced_keys.is_empty());
    let known: HashSet<(&str, Option<&(String, String)>)> =
        by_first_key.map(|known| (&*known.name, known.key.as_ref())).collect();
    let is_known = |entry: &Entry| {
        let name = &*entry.name;
        known.contains(&(name, None)) || known.contains(&(name, entry.key.as_ref()))
    };
    let pending =
        before.iter().filter(|(entry, texts)| after.get(entry) != Some(texts)).map(|(entry, _)| entry);
    let new = after.keys().filter(|entry| !before.contains_key(entry));
    let pending = pending.chain(new).filter(|entry| !is_known(entry));
    Ok(pending.map(|entry| ServiceRef::new(&*entry.name, entry.key.clone())).collect())
}

/// The entries of a list that have one first key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    namespace: String,
    name: String,
    key: Option<(String, String)>,
}

/// Returns the text of each entry under `/services`, without what it has created.
fn entries(
    mut tree: Tree,
    is_list: &dyn Fn(QName<'_>) -> bool,
    steps: &mut StepCounter,
) -> Result<BTreeMap<Entry, Vec<String>>, Error> {
    let mut entries: BTreeMap<Entry, Vec<String>> = BTreeMap::new();
    let Some(services) = tree.child(Tree::ROOT, SERVICES) else { return Ok(entries) };
    // The controller's own leaves and containers (`service-timeout`, `properties`), and ours, are not services.
    let is_instance = |name: QName<'_>| ![CONTROLLER, ORIGINALS].contains(&name.namespace) && is_list(name);
    let all: Vec<NodeId> = tree.children(services).filter(|&node| is_instance(tree.qname(node))).collect();
    for entry in all {
        steps.step().map_err(confine_view::Error::from)?;
        let QName { namespace, local } = tree.qname(entry);
        let (namespace, name) = (namespace.to_owned(), local.to_owned());
        if let Some(created) = tree.child(entry, QName::new(&namespace, "created")) {
            tree.detach(created);
        }
        // The keys are the first children (RFC 7950, section 7.8.5).
        let key = tree
            .first_child(entry)
            .and_then(|key| Some((tree.qname(key).local.to_owned(), tree.value(key)?.to_owned())));
        let text = xml::write(&tree, entry).map_err(Error::Datastore)?;
        entries.entry(Entry { namespace, name, key }).or_default().push(text);
    }
    Ok(entries)
}
