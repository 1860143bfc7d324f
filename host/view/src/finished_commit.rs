//! Turns what the runs wrote into the edit that is sent.

use std::{
    cell::{OnceCell, RefCell},
    sync::Arc,
};

use confine_nacm::AccessOperation;
use confine_tree::{
    CONTROLLER, Coverage, HashMap, HashSet, LexicalForms, NodeId, NodeKind, NodePaths, Overlay, PathLocator,
    Pattern, PatternStep, QName, SchemaLocation, SchemaNode, Tree, xml::XmlTreeWriter,
};

use crate::{
    CallRefusal, CommitDraft, CreatedObject, Error, ErrorTag, InstanceRef, OriginalChange, OwnerIndex, Scope,
    ScopeDecision,
    displaced::DisplacedNodes,
    edit_check::{EditAuthority, EditFault, check_edit},
    patterns::{child, first_key, names_of},
};

/// What a commit sends: the content of `<config>` of an edit-config that is merged.
#[derive(Clone, Debug, Default)]
pub struct FinishedCommit {
    /// The whole edit. None if nothing changes.
    pub edit: Option<String>,
    /// The part for `/devices`.
    pub devices: Option<String>,
    /// The part for `/services`: the `created` lists.
    pub services: Option<String>,
    /// What each instance has created, for the owner index.
    pub created: Vec<(InstanceRef, Vec<CreatedObject>)>,
    /// How the originals change.
    pub originals: Vec<OriginalChange>,
}

impl CommitDraft {
    /// Reads, in one request, what was written without being read, and the `created` lists of these instances.
    /// Without it, [`finish`](Self::finish) sends more than necessary.
    pub async fn settle(&mut self, instances: &[InstanceRef]) -> Result<(), Error> {
        let mut paths = NodePaths::default();
        let namesakes = self.namesakes_to_read(&mut paths)?;
        let of_instances = instances.iter().flat_map(|instance| {
            let path = instance.path();
            // An instance without a `created` list is found by its key.
            std::iter::once(created_list(instance)).chain(first_key(path))
        });
        let besides = [
            namesakes,
            self.overlay.other_cases()?,
            self.parents_of_defaults(&mut paths)?,
            self.overlay.lists_to_order()?,
        ];
        let wanted = self.overlay.unread(of_instances.chain(besides.into_iter().flatten()))?;
        self.read(&wanted).await
    }

    /// Writes the `created` lists of the instances that ran and returns what to send. An instance that no longer
    /// exists has no list.
    pub fn finish(
        &mut self,
        instances: &[InstanceRef],
        owners: &OwnerIndex,
    ) -> Result<FinishedCommit, Error> {
        if let Some(refusal) = self.refusal_at_end() {
            return Err(refusal.clone().into());
        }
        self.note_made_entries(owners)?;
        self.check_conflicts(instances, owners)?;
        let created = self.created_objects(instances, owners)?;
        for (instance, created) in &created {
            self.record_created(instance, created)?;
        }
        self.check_devices()?;
        self.check_scopes()?;
        self.check_displaced()?;
        let originals = self.original_changes(owners)?;
        for node in std::mem::take(&mut self.left_out) {
            self.overlay.leave_out(node);
        }
        let edit = self.overlay.edit_config()?;
        let Some(edit) = edit else {
            return Ok(FinishedCommit { created, originals, ..FinishedCommit::default() });
        };
        self.last_check(&edit, instances, &created)?;
        let write = |local: &str| {
            let part = edit.child(Tree::ROOT, QName::new(CONTROLLER, local));
            part.map(|part| XmlTreeWriter::new().write(&edit, [part])).transpose()
        };
        let (devices, services) = (write("devices")?, write("services")?);
        let whole = [devices.as_deref(), services.as_deref()].into_iter().flatten().collect::<String>();
        Ok(FinishedCommit { edit: Some(whole), devices, services, created, originals })
    }

    /// Replaces the `created` list of an instance. Unchanged entries are no edit.
    fn record_created(&mut self, instance: &InstanceRef, created: &[CreatedObject]) -> Result<(), Error> {
        if self.overlay.find(instance.path()).is_empty() {
            return Ok(());
        }
        let list = created_list(instance);
        if !created.is_empty() && self.overlay.check_model(&list).is_err() {
            return Err(CallRefusal::new(
                ErrorTag::UnknownElement,
                format!(
                    "the list `{}` has no `created` list for what its instances create: add `uses \
                     ctrl:created-by-service` to it in its YANG",
                    instance.service()
                ),
            )
            .into());
        }
        self.overlay.remove(&list)?;
        for path in created.iter().map(CreatedObject::entry) {
            self.overlay.steps().step()?;
            let mut entry = PatternStep::new(QName::new(namespace(instance), "path"));
            entry.entry = Some(Some(path.clone()));
            self.overlay.set(&child(&list, entry), &path, &[])?;
        }
        Ok(())
    }

    /// Refuses to make a device: one that is written to without being there was misspelt.
    fn check_devices(&mut self) -> Result<(), Error> {
        let devices = Pattern {
            steps: ["devices", "device"].map(|local| PatternStep::new(QName::new(CONTROLLER, local))).into(),
        };
        for live in self.overlay.find(&devices) {
            self.overlay.steps().step()?;
            if !self.overlay.in_base(live.node()) {
                let device = self.overlay.pattern(live.node());
                let name = device.steps.last().and_then(|step| step.key("name")).unwrap_or_default();
                let who = self.who_wrote(live.node())?.map_or("a module".into(), |who| format!("`{who}`"));
                let message = format!("the controller has no device `{name}`, which {who} writes to");
                return Err(CallRefusal::new(ErrorTag::DataMissing, message).at(device.to_string()).into());
            }
        }
        Ok(())
    }

    /// Returns the first instance that wrote a node or one below it.
    fn who_wrote(&mut self, node: NodeId) -> Result<Option<InstanceRef>, Error> {
        for run in &self.written {
            for &written in &run.nodes {
                let ancestors = self.overlay.ancestors(written);
                self.overlay.steps().steps(ancestors.len())?;
                if ancestors.contains(&node) {
                    return Ok(Some(run.instance.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Decides again about everything that the runs wrote, now that all of it has been read.
    fn check_scopes(&mut self) -> Result<(), Error> {
        let mut above: HashSet<NodeId> = HashSet::default();
        let mut permitted = PermittedBelow::default();
        for run in &self.written {
            above.clear();
            for &node in &run.nodes {
                self.overlay.steps().step()?;
                if self.overlay.place(node).is_none() || permitted.covers(&mut self.overlay, &run.scope, node)
                {
                    continue;
                }
                if self.overlay.in_base(node) && self.overlay.is_keyed_entry(node) {
                    // Nothing is done to the entry itself.
                    continue;
                }
                let access = if self.overlay.in_base(node) {
                    AccessOperation::Update
                } else {
                    AccessOperation::Create
                };
                let pattern = self.overlay.pattern(node);
                let decision = if self.overlay.is_changed(node) {
                    self.overlay.steps().steps(run.scope.steps(&pattern))?;
                    run.scope.decide(access, &pattern)
                } else {
                    run.scope.decide_without_rules(access, &pattern)
                };
                let mut refused = match decision {
                    ScopeDecision::Permit { .. } => None,
                    ScopeDecision::Deny { reason } => Some((pattern, access, reason)),
                };
                if run.scope.has_rules() {
                    let mut made = Pattern::default();
                    for (node, step) in self.overlay.lineage(node) {
                        let entry = !step.keys.is_empty();
                        made.steps.push(step);
                        if entry && !self.overlay.in_base(node) && above.insert(node) {
                            self.overlay.steps().steps(run.scope.steps(&made))?;
                            let forbidden = run.scope.forbidden_creation(&made);
                            refused =
                                refused.or(forbidden.map(|(node, why)| (node, AccessOperation::Create, why)));
                        }
                    }
                }
                if let Some((node, access, reason)) = refused {
                    let path = self.overlay.schema_view().schema().shown(&node);
                    let message =
                        format!("access denied: {access} of `{path}` by `{}`: {reason}", run.instance);
                    return Err(CallRefusal::new(ErrorTag::AccessDenied, message).at(path).into());
                }
            }
        }
        Ok(())
    }

    /// Refuses to displace what a run may not delete.
    fn check_displaced(&mut self) -> Result<(), Error> {
        let mut stripped = Coverage::default();
        self.stripped.iter().for_each(|pattern| stripped.insert(pattern));
        let written = std::mem::take(&mut self.written);
        let mut displaced = DisplacedNodes::default();
        let mut refused = None;
        for run in &written {
            for node in displaced.of(self, run)? {
                let pattern = self.overlay.pattern(node);
                self.overlay.steps().steps(run.scope.steps(&pattern))?;
                if stripped.covers(&pattern) {
                    continue;
                }
                if let ScopeDecision::Deny { reason } = run.scope.decide(AccessOperation::Delete, &pattern) {
                    let path = self.overlay.schema_view().schema().shown(&pattern);
                    let message = format!(
                        "access denied: delete of `{path}` by `{}`, which sets another case of the choice: {reason}",
                        run.instance
                    );
                    refused = refused.or(Some(CallRefusal::new(ErrorTag::AccessDenied, message).at(path)));
                }
            }
        }
        self.written = written;
        refused.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn last_check(
        &mut self,
        edit: &Tree,
        instances: &[InstanceRef],
        created: &[(InstanceRef, Vec<CreatedObject>)],
    ) -> Result<(), Error> {
        let mut seen = HashSet::default();
        let scopes = self.written.iter().map(|run| &run.scope);
        let scopes = scopes.filter(|scope| seen.insert(Arc::as_ptr(scope))).map(|scope| &**scope).collect();
        let mut stripped = Coverage::default();
        self.stripped.iter().for_each(|pattern| stripped.insert(pattern));
        let mut steps = std::mem::take(self.overlay.steps());
        let view = self.overlay.schema_view();
        let schema = view.schema();
        let forms = RefCell::new(HashMap::<SchemaNode, Option<SchemaNode>>::default());
        let form = |node: SchemaNode| {
            let form = || (schema.lexical_forms(node) != LexicalForms::One).then_some(node);
            *forms.borrow_mut().entry(node).or_insert_with(form)
        };
        let locator = RefCell::new(PathLocator::default());
        let keys = |list: &Pattern| {
            let location = locator.borrow_mut().locate(&self.overlay, list);
            let names = match view.kind(location) {
                NodeKind::List { keys } => keys.to_vec(),
                NodeKind::LeafList => return vec![(".".into(), location.schema().and_then(form))],
                _ => Vec::new(),
            };
            let namespace = list.steps.last().map_or("", |step| &step.namespace);
            let key = |name: Box<str>| {
                let leaf =
                    location.schema().and_then(|list| schema.child(list, QName::new(namespace, &name)));
                (name, leaf.and_then(form))
            };
            names.into_iter().map(key).collect()
        };
        let made = OnceCell::new();
        let is_made = |place: &Pattern| {
            let places =
                created.iter().flat_map(|(_, objects)| objects).filter_map(|object| object.place.as_ref());
            let made = made.get_or_init(|| {
                let mut made = Coverage::default();
                places.for_each(|place| made.insert(place));
                made
            });
            made.covers(place)
        };
        let restored = &self.originals.places;
        let authority = EditAuthority { scopes, stripped, restored, is_made: &is_made, keys: &keys, schema };
        let checked = check_edit(edit, instances, &authority, &mut steps);
        *self.overlay.steps() = steps;
        checked.map_err(|fault| match fault {
            EditFault::Stopped => Error::Stopped,
            EditFault::Refused(reason) => {
                let message = format!("the finished edit is refused by its last check: {reason}");
                CallRefusal::new(ErrorTag::OperationFailed, message).into()
            }
        })
    }
}

/// Nodes below which scopes without rules permit everything: most nodes that a module writes are below few.
#[derive(Default)]
struct PermittedBelow {
    /// Where all nodes are permitted, whatever the keys on their paths are.
    places: HashSet<(*const Scope, SchemaLocation)>,
    nodes: HashSet<(*const Scope, NodeId)>,
    paths: NodePaths,
}

impl PermittedBelow {
    /// Returns whether the scope has no rules, and permits to write the node because it permits it for a node at or above it
    /// with everything below.
    fn covers(&mut self, overlay: &mut Overlay, scope: &Arc<Scope>, node: NodeId) -> bool {
        if scope.has_rules() {
            return false;
        }
        let of = Arc::as_ptr(scope);
        let location = overlay.schema_location(node);
        if self.places.contains(&(of, location)) {
            return true;
        }
        let mut up = std::iter::successors(Some(node), |&node| overlay.parent(node));
        if up.any(|node| self.nodes.contains(&(of, node))) {
            return true;
        }
        let place = self.paths.pattern(overlay, node);
        let Some(depth) = scope.writable_from(&place) else { return false };
        if scope.writable_from(&names_of(&place)).is_some() {
            self.places.insert((of, location));
            return true;
        }
        self.nodes.extend(overlay.ancestors(node).get(depth - 1).map(|&above| (of, above)));
        true
    }
}

fn namespace(instance: &InstanceRef) -> &str {
    instance.path().steps.last().map_or("", |entry| &entry.namespace)
}

/// Returns the path of an instance's `created` list.
pub(crate) fn created_list(instance: &InstanceRef) -> Pattern {
    child(instance.path(), PatternStep::new(QName::new(namespace(instance), "created")))
}
