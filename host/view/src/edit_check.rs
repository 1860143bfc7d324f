//! The last check of an edit before it is sent.
//!
//! It does not know how the edit was made: a module that gets past the view does not get past this check.

use std::collections::HashMap;

use confine_nacm::AccessOperation;
use confine_tree::{
    CONTROLLER, Coverage, NETCONF, NodeId, Pattern, PatternStep, QName, Schema, SchemaNode, StepCounter,
    Tree, YANG,
};

use crate::{InstanceRef, Scope};

/// What an edit does to a node (RFC 6241, section 7.2).
pub(crate) const OPERATION: QName<'_> = QName::new(NETCONF, "operation");
/// Where an entry of a list goes that is `ordered-by user` (RFC 7950, section 7.8.6).
pub(crate) const INSERT: QName<'_> = QName::new(YANG, "insert");
/// The entry beside which it goes.
pub(crate) const ANCHOR_KEY: QName<'_> = QName::new(YANG, "key");
pub(crate) const ANCHOR_VALUE: QName<'_> = QName::new(YANG, "value");

/// The name of a key, or `.`, and its schema node if its values may be written differently.
pub(crate) type KeyName = (Box<str>, Option<SchemaNode>);

/// What an edit may change in the configuration of devices.
pub(crate) struct EditAuthority<'a> {
    /// The scopes of the modules that ran.
    pub(crate) scopes: Vec<&'a Scope>,
    /// What instances had created. It may be removed, whatever the scopes are.
    pub(crate) stripped: Coverage,
    /// What takes its original value. It may be set, whatever the scopes are.
    pub(crate) restored: &'a Coverage,
    /// Returns whether something is what the runs have created, or in it.
    pub(crate) is_made: &'a dyn Fn(&Pattern) -> bool,
    /// Returns the keys of a list, if they are known, or `.` for a leaf-list.
    pub(crate) keys: &'a dyn Fn(&Pattern) -> Vec<KeyName>,
    pub(crate) schema: &'a dyn Schema,
}

/// Why an edit is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EditFault {
    /// It does more than it may: the node, and what is wrong with it.
    Refused(String),
    /// The check was stopped.
    Stopped,
}

impl From<confine_tree::Error> for EditFault {
    fn from(_: confine_tree::Error) -> Self {
        Self::Stopped
    }
}

/// Refuses an edit that does more than merge and remove nodes below `/devices/device/config` that one of the
/// scopes permits, and write the `created` lists of these instances. The reason is for the log, because such an
/// edit is a fault of Confine.
pub(crate) fn check_edit(
    edit: &Tree,
    instances: &[InstanceRef],
    authority: &EditAuthority<'_>,
    steps: &mut StepCounter,
) -> Result<(), EditFault> {
    let entries = instances.iter().filter_map(|instance| {
        let step = instance.path().steps.last()?;
        Some((step.name(), instance.key(), step))
    });
    let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
    entries.for_each(|(name, key, step)| by_key.entry((name, key)).or_default().push(step));
    let mut checking = AuthorityCheck { edit, instances: by_key, authority, steps };
    for top in edit.children(Tree::ROOT) {
        match edit.qname(top) {
            QName { namespace: CONTROLLER, local: "devices" } => checking.devices(top)?,
            QName { namespace: CONTROLLER, local: "services" } => checking.services(top)?,
            _ => return checking.refuse(top, "is outside of `/devices` and `/services`"),
        }
    }
    Ok(())
}

struct AuthorityCheck<'a> {
    edit: &'a Tree,
    /// The list entries of the instances by list and first key.
    instances: HashMap<(QName<'a>, &'a str), Vec<&'a PatternStep>>,
    authority: &'a EditAuthority<'a>,
    steps: &'a mut StepCounter,
}

/// What an edit does to a node, by its attributes.
#[derive(Default)]
struct NodeAttributes {
    /// It puts it elsewhere in its list.
    moved: bool,
    removed: bool,
}

impl AuthorityCheck<'_> {
    fn devices(&mut self, devices: NodeId) -> Result<(), EditFault> {
        self.check_no_attributes(devices)?;
        for device in self.edit.children(devices) {
            self.steps.step()?;
            self.check_no_attributes(device)?;
            self.check_name(device, "device")?;
            let mut name = None;
            for child in self.edit.children(device) {
                self.check_no_attributes(child)?;
                match self.edit.qname(child) {
                    QName { namespace: CONTROLLER, local: "name" } => name = self.edit.value(child),
                    QName { namespace: CONTROLLER, local: "config" } => {}
                    _ => return self.refuse(child, "is not the configuration of a device"),
                }
            }
            let Some(name) = name else { return self.refuse(device, "lacks its name") };
            let mut entry = PatternStep::new(self.edit.qname(device));
            entry.keys.push(("name".into(), Some(name.to_owned())));
            for config in self.edit.children(device).filter(|&child| self.edit.qname(child).local == "config")
            {
                let config_step = PatternStep::new(self.edit.qname(config));
                let steps = vec![PatternStep::new(self.edit.qname(devices)), entry.clone(), config_step];
                self.configuration(config, &Pattern { steps })?;
            }
        }
        Ok(())
    }

    /// Checks what is below a node of the configuration of a device, except its keys.
    fn configuration(&mut self, above: NodeId, above_pattern: &Pattern) -> Result<(), EditFault> {
        let entry = above_pattern.steps.last();
        let is_key = |node: &NodeId| {
            let name = self.edit.qname(*node);
            entry.is_some_and(|entry| *entry.namespace == *name.namespace && entry.key(name.local).is_some())
        };
        // The recursion is as deep as the edit, whose depth the XML and path readers limit.
        for node in self.edit.children(above).filter(|node| !is_key(node)) {
            let here = self.pattern(node, above_pattern);
            self.steps.steps(here.steps.len())?;
            let NodeAttributes { moved, removed } = self.attributes(node)?;
            let entry = here.steps.last();
            let keys = entry.map_or(0, |entry| entry.keys.len());
            if removed {
                if !self.authority.stripped.covers(&here) {
                    self.check_scope(node, &here, &[AccessOperation::Delete])?;
                }
            } else {
                let is_restored = self.authority.restored.covers(&here);
                // A module need not declare the entries above what it declares, wherever its own ones go.
                let is_alone = self.edit.children(node).count() == keys;
                if !is_restored && (is_alone || moved && !(self.authority.is_made)(&here)) {
                    self.check_scope(node, &here, &[AccessOperation::Create, AccessOperation::Update])?;
                }
                self.steps.steps(self.authority.scopes.len())?;
                if self.authority.scopes.iter().any(|scope| scope.writable_from(&here).is_some()) {
                    self.attributes_below(node)?;
                } else {
                    self.configuration(node, &here)?;
                }
            }
        }
        Ok(())
    }

    /// Checks what is below a node where a scope permits everything.
    fn attributes_below(&mut self, above: NodeId) -> Result<(), EditFault> {
        for (node, _) in self.edit.descendants(above).skip(1) {
            self.steps.step()?;
            self.attributes(node)?;
        }
        Ok(())
    }

    /// Returns what an edit does to a node.
    fn attributes(&self, node: NodeId) -> Result<NodeAttributes, EditFault> {
        let mut found = NodeAttributes::default();
        for (name, value) in self.edit.attributes(node) {
            match (name, value) {
                (OPERATION, "remove") => found.removed = true,
                (INSERT, "first" | "last" | "before" | "after") => found.moved = true,
                // It names another entry of the list, which the edit does not change.
                (ANCHOR_KEY | ANCHOR_VALUE, _) => {}
                _ => return self.refuse(node, "has an attribute that must not be sent"),
            }
        }
        Ok(found)
    }

    /// Returns the pattern of a node of the edit, with the keys that the model names, in their normal form.
    fn pattern(&self, node: NodeId, above: &Pattern) -> Pattern {
        let step = PatternStep::new(self.edit.qname(node));
        let mut place = Pattern { steps: above.steps.iter().cloned().chain([step]).collect() };
        let keys = (self.authority.keys)(&place);
        if let Some(step) = place.steps.last_mut() {
            let mut form = None;
            for (key, key_form) in keys {
                if *key == *"." {
                    form = key_form;
                    continue;
                }
                let leaf = self.edit.child(node, QName::new(&step.namespace, &key));
                step.keys.push((key, leaf.map(|leaf| self.value(leaf, key_form))));
            }
            if step.keys.is_empty() {
                step.entry = self.edit.value(node).map(|_| Some(self.value(node, form)));
            }
        }
        place
    }

    /// Returns the value of a key or a leaf-list entry, in its normal form if it may be written differently.
    fn value(&self, leaf: NodeId, form: Option<SchemaNode>) -> String {
        let value = self.edit.value(leaf).unwrap_or_default();
        let bindings = self.edit.bindings(leaf);
        let namespace = |prefix: &str| {
            let bound = bindings.iter().find(|(bound, _)| **bound == *prefix);
            bound.map(|(_, namespace)| namespace.to_string())
        };
        let normal = form.and_then(|node| self.authority.schema.normal(node, value, &namespace));
        normal.map_or_else(|| value.to_owned(), |normal| normal.value)
    }

    /// Refuses a node on which no scope permits any of these operations.
    fn check_scope(
        &mut self,
        node: NodeId,
        node_pattern: &Pattern,
        operations: &[AccessOperation],
    ) -> Result<(), EditFault> {
        for scope in &self.authority.scopes {
            for &access in operations {
                self.steps.steps(scope.steps(node_pattern))?;
                if scope.permits(access, node_pattern) {
                    return Ok(());
                }
            }
        }
        self.refuse(node, "is outside of the scope of every module that ran")
    }

    fn services(&mut self, services: NodeId) -> Result<(), EditFault> {
        self.check_no_attributes(services)?;
        for entry in self.edit.children(services) {
            self.steps.step()?;
            self.check_no_attributes(entry)?;
            let name = self.edit.qname(entry);
            // The keys come first.
            let key = self.edit.first_child(entry).and_then(|key| self.edit.value(key)).unwrap_or_default();
            let alike = self.instances.get(&(name, key)).into_iter().flatten();
            let step = alike.copied().find(|step| self.has_keys(entry, &step.keys));
            let Some(step) = step else {
                return self.refuse(entry, "is not an instance that ran");
            };
            for child in self.edit.children(entry) {
                let name = self.edit.qname(child);
                if step.keys.iter().any(|(key, _)| **key == *name.local) {
                    self.check_no_attributes(child)?;
                } else if name == QName::new(&step.namespace, "created") {
                    self.created(child)?;
                } else {
                    return self.refuse(child, "is not the `created` list of the instance");
                }
            }
        }
        Ok(())
    }

    fn has_keys(&self, entry: NodeId, keys: &[(Box<str>, Option<String>)]) -> bool {
        let namespace = self.edit.qname(entry).namespace;
        keys.iter().all(|(key, value)| {
            let leaf = self.edit.child(entry, QName::new(namespace, key));
            leaf.and_then(|leaf| self.edit.value(leaf)) == value.as_deref()
        })
    }

    fn created(&mut self, created: NodeId) -> Result<(), EditFault> {
        for (node, depth) in self.edit.descendants(created) {
            self.steps.step()?;
            if self.edit.attributes(node).any(|attribute| attribute != (OPERATION, "remove")) {
                return self.refuse(node, "has an attribute that must not be sent");
            }
            let path = self.edit.value(node).unwrap_or_default();
            if depth > 0 && !path.starts_with("/devices/device[name=") {
                return self.refuse(node, "is not a path below a device");
            }
        }
        Ok(())
    }

    fn check_name(&self, node: NodeId, local: &str) -> Result<(), EditFault> {
        if self.edit.qname(node) == QName::new(CONTROLLER, local) {
            return Ok(());
        }
        self.refuse(node, "is not a device")
    }

    /// Refuses attributes on the nodes above the configuration.
    fn check_no_attributes(&self, node: NodeId) -> Result<(), EditFault> {
        match self.edit.attributes(node).next() {
            None => Ok(()),
            Some(_) => self.refuse(node, "has an attribute"),
        }
    }

    fn refuse<T>(&self, node: NodeId, why: &str) -> Result<T, EditFault> {
        Err(EditFault::Refused(format!("`{}` {why}", self.edit.location(node))))
    }
}

#[cfg(test)]
mod tests {
    use confine_tree::{Pattern, xml};

    use super::*;

    fn step(namespace: &str, local: &str) -> PatternStep {
        PatternStep::new(QName::new(namespace, local))
    }

    /// A module may write anything in `x`, and the entry of `list` with the key 1.
    fn scope() -> Scope {
        let config = ["devices", "device", "config"].map(|local| step(CONTROLLER, local));
        let mut entry = step("urn:x", "list");
        entry.keys.push(("key".into(), Some("1".into())));
        let writes = [step("urn:x", "x"), entry]
            .map(|last| Pattern { steps: config.iter().cloned().chain([last]).collect() });
        Scope::new("module", [], writes.into())
    }

    fn verdict(inner: &str) -> String {
        let text = inner
            .replace("<devices", "<devices xmlns='http://clicon.org/controller'")
            .replace("<services", "<services xmlns='http://clicon.org/controller'")
            .replace("<bench", "<bench xmlns='urn:b'")
            .replace(
                " AFTER",
                " xmlns:y='urn:ietf:params:xml:ns:yang:1' y:insert='after' y:key=\"[key='9']\"",
            )
            .replace(" REMOVE", " xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'")
            .replace(
                " REPLACE",
                " xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace'",
            );
        let mut entry = step("urn:b", "bench");
        entry.keys.push(("id".into(), Some("s1".into())));
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        let instance = InstanceRef::new(Pattern { steps: vec![services, entry] });
        let scope = scope();
        let mut stripped = Coverage::default();
        let config = ["devices", "device", "config"].map(|local| step(CONTROLLER, local));
        let old = [step("urn:x", "old")];
        stripped.insert(&Pattern { steps: config.into_iter().chain(old).collect() });
        let keys = |list: &Pattern| match list.steps.last() {
            Some(last) if &*last.local == "list" => vec![("key".into(), None)],
            _ => Vec::new(),
        };
        let authority = EditAuthority {
            scopes: vec![&scope],
            stripped,
            restored: &Coverage::default(),
            is_made: &|_| false,
            keys: &keys,
            schema: &confine_tree::NoSchema,
        };
        let mut steps = StepCounter::default();
        match check_edit(&xml::parse(&text).unwrap(), &[instance], &authority, &mut steps) {
            Ok(()) => "sent".into(),
            Err(EditFault::Refused(reason)) => reason,
            Err(EditFault::Stopped) => "stopped".into(),
        }
    }

    #[test]
    fn last_check_passes_permitted_edits() {
        for edit in [
            "<devices><device><name>r1</name><config><x xmlns='urn:x'>1</x></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x' REMOVE/></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x'><y><z>1</z></y></x></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x'><key>1</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x'><key>1</key><v>1</v></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x' AFTER><key>1</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x' REMOVE><key>1</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><old xmlns='urn:x' REMOVE/></config></device></devices>",
            "<devices><device><name>r1</name><config><old xmlns='urn:x'><a REMOVE/></old></config></device></devices>",
            "<services><bench><id>s1</id><created><path>/devices/device[name=\"r\"]/config/a</path></created></bench></services>",
            "<services><bench><id>s1</id><created REMOVE/></bench></services>",
        ] {
            assert_eq!(verdict(edit), "sent", "{edit}");
        }
    }

    #[test]
    fn last_check_refuses_any_other_edit() {
        let verdicts: Vec<String> = [
            "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'/>",
            "<processes xmlns='http://clicon.org/controller'/>",
            "<devices REMOVE/>",
            "<devices><device REMOVE><name>r1</name></device></devices>",
            "<devices><device><name>r1</name><config REMOVE/></device></devices>",
            "<devices><device><name>r1</name><addr>10.0.0.1</addr></device></devices>",
            "<devices><device><config><x xmlns='urn:x'/></config></device></devices>",
            "<devices><template><name>t</name></template></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x' REPLACE/></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x'><y><z REPLACE>1</z></y></x></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x'><key REPLACE>1</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x' cl:creator='a' xmlns:cl='http://clicon.org/lib'/></config></device></devices>",
            "<devices><device><name>r1</name><config><y xmlns='urn:x'>1</y></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:y'>1</x></config></device></devices>",
            "<devices><device><name>r1</name><config><y xmlns='urn:x' REMOVE/></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x'><key>2</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x'><key>2</key><v>1</v></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x' REMOVE><key>2</key></list></config></device></devices>",
            "<devices><device><name>r1</name><config><list xmlns='urn:x' AFTER><key>2</key><v>1</v></list></config></device></devices>",
            "<devices><device><name>r1</name><config><old xmlns='urn:x'>1</old></config></device></devices>",
            "<services><bench><id>s2</id><created/></bench></services>",
            "<services><other xmlns='urn:o'><id>s1</id></other></services>",
            "<services><bench><id>s1</id><mtu>1</mtu></bench></services>",
            "<services><bench REMOVE><id>s1</id></bench></services>",
            "<services><bench><id>s1</id><created><path>/nacm</path></created></bench></services>",
            "<services><service-timeout>1</service-timeout></services>",
        ]
        .iter()
        .map(|edit| verdict(edit))
        .collect();
        insta::assert_snapshot!(verdicts.join("\n"), @r#"
        `/nacm` is outside of `/devices` and `/services`
        `/processes` is outside of `/devices` and `/services`
        `/devices` has an attribute
        `/devices/device` has an attribute
        `/devices/device/config` has an attribute
        `/devices/device/addr` is not the configuration of a device
        `/devices/device` lacks its name
        `/devices/template` is not a device
        `/devices/device/config/x` has an attribute that must not be sent
        `/devices/device/config/x/y/z` has an attribute that must not be sent
        `/devices/device/config/list/key` has an attribute that must not be sent
        `/devices/device/config/x` has an attribute that must not be sent
        `/devices/device/config/y` is outside of the scope of every module that ran
        `/devices/device/config/x` is outside of the scope of every module that ran
        `/devices/device/config/y` is outside of the scope of every module that ran
        `/devices/device/config/list` is outside of the scope of every module that ran
        `/devices/device/config/list/v` is outside of the scope of every module that ran
        `/devices/device/config/list` is outside of the scope of every module that ran
        `/devices/device/config/list` is outside of the scope of every module that ran
        `/devices/device/config/old` is outside of the scope of every module that ran
        `/services/bench` is not an instance that ran
        `/services/other` is not an instance that ran
        `/services/bench/mtu` is not the `created` list of the instance
        `/services/bench` has an attribute
        `/services/bench/created/path` is not a path below a device
        `/services/service-timeout` is not an instance that ran
        "#);
    }
}
