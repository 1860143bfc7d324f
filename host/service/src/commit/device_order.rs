//! The order of entries on devices without a connection. The controller compares the order when it pushes, but its
//! `datastore-diff` does not. So what it last knew of a device is read once, and then in each commit the lists whose order counts.

use std::collections::{HashMap, HashSet};

use confine_backend::{Datastore, RequestUser};
use confine_tree::{
    CONTROLLER, DataNodeKind, NodeId, Pattern, PatternStep, QName, Schema, SchemaNode, StepCounter, Tree,
};

use crate::{
    Error,
    commit::{
        known_orders::{DeviceOrder, DeviceOrders, EntriesByList},
        read::{self, condense},
        work::CommitWork,
    },
};

impl CommitWork<'_> {
    /// Returns the first of these devices on which the commit changes nothing but the order of entries.
    pub(super) async fn first_reordered<'d>(
        &self,
        devices: impl Iterator<Item = &'d str>,
    ) -> Result<Option<&'d str>, Error> {
        let mut steps = StepCounter::new(self.state.stop_signal());
        let since = self.closed_since().await?;
        let mut known = self.runner.known_orders().take(self.schema);
        let mut before = HashMap::new();
        for device in devices {
            steps.step().map_err(confine_view::Error::from)?;
            let since = since.get(device).cloned().unwrap_or_default();
            let found = match known.remove(device).filter(|known| known.since == since) {
                Some(known) => known,
                None => self.order_before(device, since, &mut steps).await?,
            };
            before.insert(device, found);
        }
        let lists = before.values().flat_map(|known| known.orders.keys().cloned()).collect();
        let actions =
            read::read(self.backend, Datastore::Actions, &condense(lists), &RequestUser::Host).await?;
        let mut after = EntriesByList::new();
        if let Some(root) = self.schema.root() {
            collect_orders(
                &**self.schema,
                &actions,
                (Tree::ROOT, root, Pattern::default()),
                &mut after,
                &mut steps,
            )?;
        }
        let is_moved = |known: &DeviceOrder| {
            let mut lists = known.orders.iter();
            lists.any(|(list, before)| after.get(list).is_some_and(|after| moves(before, after)))
        };
        let reordered = before.iter().find(|(_, known)| is_moved(known)).map(|(device, _)| *device);
        before.retain(|_, known| !known.since.is_empty());
        let devices = before.into_iter().map(|(device, known)| (device.to_owned(), known)).collect();
        *self.runner.known_orders() = DeviceOrders::new(self.schema, devices);
        Ok(reordered)
    }

    async fn closed_since(&self) -> Result<HashMap<String, String>, Error> {
        let states = self.backend.lock().await.device_states(&RequestUser::Host).await?;
        let closed = states.into_iter().filter(|device| !device.is_open());
        Ok(closed.map(|device| (device.name, device.since)).collect())
    }

    /// Returns the order of entries in what the controller last knew of a device. If it does not tell, as before 1.8, what was in
    /// `running` before the commit has to do.
    async fn order_before(
        &self,
        device: &str,
        since: String,
        steps: &mut StepCounter,
    ) -> Result<DeviceOrder, Error> {
        let mut entry = PatternStep::new(QName::new(CONTROLLER, "device"));
        entry.keys.push(("name".into(), Some(device.to_owned())));
        let [devices, config] =
            ["devices", "config"].map(|name| PatternStep::new(QName::new(CONTROLLER, name)));
        let place = Pattern { steps: vec![devices, entry, config] };
        let (Some(root), Some(node)) = (self.schema.root(), self.schema.locate(&place)) else {
            return Ok(DeviceOrder::default());
        };
        let synced = self.backend.lock().await.synced_config(device, &RequestUser::Host).await;
        let (tree, top, since) = match synced {
            Ok(synced) => (synced, (Tree::ROOT, node, place), since),
            Err(error) if error.is_recoverable() => {
                tracing::debug!(device, %error, "cannot read the order of entries on a device without a connection");
                let running =
                    read::read(self.backend, Datastore::Running, &[place], &RequestUser::Host).await?;
                (running, (Tree::ROOT, root, Pattern::default()), String::new())
            }
            Err(error) => return Err(error.into()),
        };
        let mut orders = EntriesByList::new();
        collect_orders(&**self.schema, &tree, top, &mut orders, steps)?;
        orders.retain(|_, entries| entries.len() > 1);
        Ok(DeviceOrder { since, orders })
    }
}

/// Collects the entries of lists that are `ordered-by user` below a node.
fn collect_orders(
    schema: &dyn Schema,
    tree: &Tree,
    below: (NodeId, SchemaNode, Pattern),
    orders: &mut EntriesByList,
    steps: &mut StepCounter,
) -> Result<(), Error> {
    let mut open = vec![below];
    while let Some((node, schema_node, place)) = open.pop() {
        for child in tree.children(node) {
            steps.step().map_err(confine_view::Error::from)?;
            let name = tree.qname(child);
            let Some(child_schema) = schema.child(schema_node, name) else { continue };
            let mut inside = place.clone();
            inside.steps.push(PatternStep::new(name));
            let mut add = |list: Pattern, entry: String| {
                if schema.ordered_by_user(child_schema) {
                    orders.entry(list).or_default().push(entry);
                }
            };
            match schema.kind(child_schema) {
                DataNodeKind::Container | DataNodeKind::PresenceContainer => {
                    open.push((child, child_schema, inside));
                }
                DataNodeKind::LeafList => add(inside, tree.value(child).unwrap_or_default().to_owned()),
                DataNodeKind::List => {
                    let keys = schema.keys(child_schema);
                    let value = |key: &str| {
                        let key = tree.child(child, QName::new(name.namespace, key));
                        key.and_then(|key| tree.value(key)).unwrap_or_default()
                    };
                    let values: Vec<&str> = keys.iter().map(|key| value(key)).collect();
                    add(inside.clone(), format!("{values:?}"));
                    if let Some(last) = inside.steps.last_mut() {
                        let keys = keys.iter().zip(&values);
                        last.keys = keys.map(|(key, &value)| (key.clone(), Some(value.to_owned()))).collect();
                    }
                    open.push((child, schema.entry(child_schema, &values), inside));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Returns whether entries that are in both lists have another order. Others are no matter of order.
fn moves(before: &[String], after: &[String]) -> bool {
    let (stood, stay): (HashSet<&String>, HashSet<&String>) =
        (before.iter().collect(), after.iter().collect());
    let mut seen = HashSet::new();
    let after = after.iter().filter(|entry| stood.contains(entry) && seen.insert(*entry));
    !before.iter().filter(|entry| stay.contains(entry)).eq(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_that_stay_have_an_order() {
        let moves = |before: &str, after: &str| {
            let entries = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
            moves(&entries(before), &entries(after))
        };
        assert!(!moves("abc", "abc") && !moves("abc", "ac") && !moves("abc", "axbyc") && !moves("ab", ""));
        // The controller may return a list twice.
        assert!(!moves("abc", "abcabc"));
        assert!(moves("abc", "acb") && moves("abc", "ca"));
    }
}
