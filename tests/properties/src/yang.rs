use confine_tree::{QName, Schema as _};
use confine_yang::{BaseType, ModuleSet, SchemaNodeKind, YangLimits, YangNode, YangSchema};

const VALUES: &[&str] = &["", "0", "-1", "0x1f", "1.50", "true", "a", "a b", "m:i", "/m:a[m:k='1']", "TQ=="];

/// No text makes the reader of YANG panic or run away, and what it makes of one holds together: each node is
/// found under its name, each path leads back, and canonical values are canonical. NULs part modules.
pub fn yang(octets: &[u8]) {
    let limits = YangLimits { memory: 240_000, ..YangLimits::default() };
    let mut modules = ModuleSet::with_limits(limits);
    for text in octets.split(|&octet| octet == 0) {
        let _ = modules.add("fuzz.yang", text);
    }
    let schema = modules.compile();
    visit(schema.root_node(), &mut 2_000);
    check(&schema, schema.root_node(), &mut 2_000);
}

fn check(schema: &YangSchema, node: YangNode<'_>, left: &mut usize) {
    for (position, child) in node.children().enumerate() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let namespace = child.module().map_or("", |module| module.namespace());
        // Two modules may claim one namespace, which is reported.
        if schema.problems().is_empty() {
            let found = schema.child(node.id(), QName::new(namespace, child.name()));
            assert_eq!(found, Some(child.id()));
            assert_eq!(schema.find(&child.path()).map(|node| node.id()), Some(child.id()));
        }
        assert_eq!(schema.position(child.id()) as usize, position);
        // What one member of a union makes of a value may be another's.
        let is_union = child.value_type().is_some_and(|(_, of)| matches!(of.base(), BaseType::Union(_)));
        if matches!(child.kind(), SchemaNodeKind::Leaf | SchemaNodeKind::LeafList) && !is_union {
            for value in VALUES {
                if let Ok(canonical) = child.canonical(value, &|_| Some("urn:m".to_owned())) {
                    let again = child.canonical(&canonical, &|_| Some("urn:m".to_owned()));
                    assert_eq!(again.as_ref(), Ok(&canonical));
                }
            }
        }
        check(schema, child, left);
    }
}

/// Reads the properties of each schema node.
fn visit(node: YangNode<'_>, left: &mut usize) {
    for child in node.schema_children() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let _ = (
            child.status(),
            child.is_mandatory(),
            child.presence(),
            child.keys(),
            child.if_features().count(),
        );
        visit(child, left);
    }
}
