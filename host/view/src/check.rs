//! The last look at what is about to be sent.
//!
//! It knows nothing of how the edit came about: whatever a module found to get past the view, it does
//! not get past this.

use std::collections::HashMap;

use confine_tree::{CONTROLLER, NETCONF, NodeId, PatternStep, QName, Tree, YANG};

use crate::InstanceRef;

const OPERATION: QName<'_> = QName::new(NETCONF, "operation");
const INSERT: QName<'_> = QName::new(YANG, "insert");

/// Refuses an edit that does anything but merge and remove below `/devices/device/config`, and write
/// the `created` lists of these instances. The reason is for the log: it is a fault of Confine.
pub(crate) fn check(edit: &Tree, instances: &[InstanceRef]) -> Result<(), String> {
    let entries = instances.iter().filter_map(|instance| {
        let step = instance.path().steps.last()?;
        Some((step.name(), instance.key(), step))
    });
    let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
    entries.for_each(|(name, key, step)| by_key.entry((name, key)).or_default().push(step));
    let checking = Checking { edit, instances: by_key };
    for top in edit.children(Tree::ROOT) {
        match edit.qname(top) {
            QName { namespace: CONTROLLER, local: "devices" } => checking.devices(top)?,
            QName { namespace: CONTROLLER, local: "services" } => checking.services(top)?,
            _ => return checking.refuse(top, "is outside of `/devices` and `/services`"),
        }
    }
    Ok(())
}

struct Checking<'a> {
    edit: &'a Tree,
    /// By list and first key.
    instances: HashMap<(QName<'a>, &'a str), Vec<&'a PatternStep>>,
}

impl Checking<'_> {
    fn devices(&self, devices: NodeId) -> Result<(), String> {
        self.bare(devices)?;
        for device in self.edit.children(devices) {
            self.bare(device)?;
            self.named(device, "device")?;
            let mut has_name = false;
            for child in self.edit.children(device) {
                self.bare(child)?;
                match self.edit.qname(child) {
                    QName { namespace: CONTROLLER, local: "name" } => has_name = true,
                    QName { namespace: CONTROLLER, local: "config" } => self.configuration(child)?,
                    _ => return self.refuse(child, "is not the configuration of a device"),
                }
            }
            if !has_name {
                return self.refuse(device, "lacks its name");
            }
        }
        Ok(())
    }

    fn configuration(&self, config: NodeId) -> Result<(), String> {
        for (node, _) in self.edit.descendants(config) {
            for (name, value) in self.edit.attributes(node) {
                if !matches!((name, value), (OPERATION, "remove") | (INSERT, "last")) {
                    return self.refuse(node, "has an attribute that is not to be sent");
                }
            }
        }
        Ok(())
    }

    fn services(&self, services: NodeId) -> Result<(), String> {
        self.bare(services)?;
        for entry in self.edit.children(services) {
            self.bare(entry)?;
            let name = self.edit.qname(entry);
            // The keys stand first.
            let key = self.edit.first_child(entry).and_then(|key| self.edit.value(key)).unwrap_or_default();
            let alike = self.instances.get(&(name, key)).into_iter().flatten();
            let step = alike.copied().find(|step| self.has_keys(entry, &step.keys));
            let Some(step) = step else {
                return self.refuse(entry, "is not an instance that was run");
            };
            for child in self.edit.children(entry) {
                let name = self.edit.qname(child);
                if step.keys.iter().any(|(key, _)| **key == *name.local) {
                    self.bare(child)?;
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

    fn created(&self, created: NodeId) -> Result<(), String> {
        for (node, depth) in self.edit.descendants(created) {
            if self.edit.attributes(node).any(|attribute| attribute != (OPERATION, "remove")) {
                return self.refuse(node, "has an attribute that is not to be sent");
            }
            let path = self.edit.value(node).unwrap_or_default();
            if depth > 0 && !path.starts_with("/devices/device[name=") {
                return self.refuse(node, "is not a path below a device");
            }
        }
        Ok(())
    }

    fn named(&self, node: NodeId, local: &str) -> Result<(), String> {
        if self.edit.qname(node) == QName::new(CONTROLLER, local) {
            return Ok(());
        }
        self.refuse(node, "is not a device")
    }

    /// Without attributes: what is above the configuration is only gone through.
    fn bare(&self, node: NodeId) -> Result<(), String> {
        match self.edit.attributes(node).next() {
            None => Ok(()),
            Some(_) => self.refuse(node, "has an attribute"),
        }
    }

    fn refuse<T>(&self, node: NodeId, why: &str) -> Result<T, String> {
        Err(format!("`{}` {why}", self.edit.location(node)))
    }
}

#[cfg(test)]
mod tests {
    use confine_tree::{Pattern, xml};

    use super::*;

    fn verdict(inner: &str) -> String {
        let text = inner
            .replace("<devices", "<devices xmlns='http://clicon.org/controller'")
            .replace("<services", "<services xmlns='http://clicon.org/controller'")
            .replace("<bench", "<bench xmlns='urn:b'")
            .replace(" REMOVE", " xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'")
            .replace(
                " REPLACE",
                " xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace'",
            );
        let mut step = PatternStep::new(QName::new("urn:b", "bench"));
        step.keys.push(("id".into(), Some("s1".into())));
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        let instance = InstanceRef::new(Pattern { steps: vec![services, step] });
        match check(&xml::parse(&text).unwrap(), &[instance]) {
            Ok(()) => "sent".into(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn what_is_meant_to_be_sent_is() {
        for edit in [
            "<devices><device><name>r1</name><config><x xmlns='urn:x'>1</x></config></device></devices>",
            "<devices><device><name>r1</name><config><x xmlns='urn:x' REMOVE/></config></device></devices>",
            "<services><bench><id>s1</id><created><path>/devices/device[name=\"r\"]/config/a</path></created></bench></services>",
            "<services><bench><id>s1</id><created REMOVE/></bench></services>",
        ] {
            assert_eq!(verdict(edit), "sent", "{edit}");
        }
    }

    #[test]
    fn nothing_else_is() {
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
            "<devices><device><name>r1</name><config><x xmlns='urn:x' cl:creator='a' xmlns:cl='http://clicon.org/lib'/></config></device></devices>",
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
        `/devices/device/config/x` has an attribute that is not to be sent
        `/devices/device/config/x` has an attribute that is not to be sent
        `/services/bench` is not an instance that was run
        `/services/other` is not an instance that was run
        `/services/bench/mtu` is not the `created` list of the instance
        `/services/bench` has an attribute
        `/services/bench/created/path` is not a path below a device
        `/services/service-timeout` is not an instance that was run
        "#);
    }
}
