//! Tests of paths resolved with and without a model.

use std::sync::Arc;

use super::*;
use crate::{DataNodeKind, EntryPosition, NoSchema, Schema, SchemaNode, ValueError, xml};

const IF: &str = "urn:if";
const SYS: &str = "urn:sys";

fn prefixes() -> PrefixMap {
    PrefixMap::new([("if", IF), ("sys", SYS)]).unwrap()
}

fn overlay(schema: impl Schema + 'static, inner: &str) -> Overlay {
    let mut overlay = Overlay::new(Arc::new(schema));
    let text = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config>{inner}</config></device></devices>"
    );
    overlay.load(&xml::parse(&text).unwrap(), &[Pattern::default()]).unwrap();
    overlay
}

/// Resolves a path, in which `~` stands for `/devices/device[name='r1']/config`, and shows each change of
/// namespace.
fn meaning(overlay: &Overlay, prefixes: &PrefixMap, path: &str) -> String {
    let path = match path.strip_prefix('~') {
        Some(rest) => format!("/devices/device[name='r1']/config{rest}"),
        None => path.to_owned(),
    };
    let base = "/services/if:bench[id='1']";
    let base = overlay.resolve(&Path::parse(base).unwrap(), &Pattern::default(), prefixes).unwrap();
    match overlay.resolve(&Path::parse(&path).unwrap(), &base, prefixes) {
        Ok(pattern) => {
            let mut namespace = "";
            let steps = pattern.steps.iter().map(|step| {
                let change = *step.namespace != *namespace;
                namespace = &step.namespace;
                let shown = namespace.rsplit([':', '/']).next().unwrap();
                if change { format!("/{shown}:{step}") } else { format!("/{step}") }
            });
            steps.collect()
        }
        Err(error) => error.to_string(),
    }
}

fn meanings(overlay: &Overlay, prefixes: &PrefixMap, paths: &[&str]) -> String {
    let lines = paths.iter().map(|path| format!("{path}\n    {}\n", meaning(overlay, prefixes, path)));
    lines.collect()
}

#[test]
fn path_without_model_resolves_by_data_and_prefixes() {
    let overlay = overlay(
        NoSchema,
        "<interfaces xmlns='urn:if'><interface><name>x</name><sub xmlns='urn:aug'/></interface></interfaces>\
         <twice xmlns='urn:if'/><twice xmlns='urn:sys'/><other xmlns='urn:undeclared'/>",
    );
    insta::assert_snapshot!(meanings(&overlay, &prefixes(), &[
        // Relative paths, the instance itself, the root.
        "mtu",
        ".",
        "/",
        "/services/if:bench[id='1']/created",
        // The namespace comes from the data that was read.
        "~/interfaces/interface[name='x']/config/mtu",
        "~/interfaces/interface[name='x']/sub",
        "~/if:interfaces/interface",
        "~/other/x",
        // The namespace is the parent's if nothing is known.
        "~/sys:system/config/hostname",
        "~/sys:system/if:extra/more",
        // The namespace is ambiguous or unknown.
        "~/twice",
        "~/unheard",
        "~/zz:unheard",
        "/services/unheard",
        // Every entry matches.
        "/devices/device",
        "/devices/device[name]/config",
        // The keys of the controller's own lists.
        "/devices/device[addr='x']",
        "/devices/device[if:name='x']",
        "/devices/device[name='x'][name='y']",
        "/devices/device[.='x']",
        "/devices/device[name='r1']/config[x='1']",
    ]), @r#"
    mtu
        /controller:services/if:bench[id='1']/mtu
    .
        /controller:services/if:bench[id='1']
    /
        
    /services/if:bench[id='1']/created
        /controller:services/if:bench[id='1']/created
    ~/interfaces/interface[name='x']/config/mtu
        /controller:devices/device[name='r1']/config/if:interfaces/interface[name='x']/config/mtu
    ~/interfaces/interface[name='x']/sub
        /controller:devices/device[name='r1']/config/if:interfaces/interface[name='x']/aug:sub
    ~/if:interfaces/interface
        /controller:devices/device[name='r1']/config/if:interfaces/interface
    ~/other/x
        /controller:devices/device[name='r1']/config/undeclared:other/x
    ~/sys:system/config/hostname
        /controller:devices/device[name='r1']/config/sys:system/config/hostname
    ~/sys:system/if:extra/more
        /controller:devices/device[name='r1']/config/sys:system/if:extra/more
    ~/twice
        `twice` below `/devices/device[name='r1']/config` could be `if:twice` or `sys:twice`: write the prefix
    ~/unheard
        `unheard` below `/devices/device[name='r1']/config` could be `if:unheard` or `sys:unheard`: write the prefix
    ~/zz:unheard
        the prefix `zz` is not declared; the declared prefixes are `ctrl`, `if`, `sys`
    /services/unheard
        `unheard` below `/services` could be `if:unheard` or `sys:unheard`: write the prefix
    /devices/device
        /controller:devices/device
    /devices/device[name]/config
        /controller:devices/device[name]/config
    /devices/device[addr='x']
        `addr` is not a key of `/devices/device`: its keys are `name`
    /devices/device[if:name='x']
        `name` is not a key of `/devices/device`: its keys are `name`
    /devices/device[name='x'][name='y']
        the path gives the key `name` of `/devices/device` twice
    /devices/device[.='x']
        `.` is not a key of `/devices/device`: its keys are `name`
    /devices/device[name='r1']/config[x='1']
        `/devices/device[name='r1']/config` is not a list: write it without a predicate
    "#);
}

#[test]
fn single_declared_namespace_is_used_below_roots() {
    let overlay = overlay(NoSchema, "");
    let one = PrefixMap::new([("if", IF), ("again", IF)]).unwrap();
    insta::assert_snapshot!(meanings(&overlay, &one, &["~/interfaces", "/services/bench"]), @r#"
    ~/interfaces
        /controller:devices/device[name='r1']/config/if:interfaces
    /services/bench
        /controller:services/if:bench
    "#);
    let none = PrefixMap::new::<&str, &str>([]).unwrap();
    let path = Path::parse("/devices/device/config/interfaces").unwrap();
    let error = overlay.resolve(&path, &Pattern::default(), &none).unwrap_err();
    insta::assert_snapshot!(error, @"the namespace of `interfaces` below `/devices/device/config` is unknown: declare a prefix for it and write `prefix:interfaces`");
}

#[test]
fn prefix_map_rejects_a_second_namespace_of_a_prefix() {
    let error = PrefixMap::new([("if", IF), ("if", SYS)]).unwrap_err();
    insta::assert_snapshot!(error, @"prefix `if` is declared for `urn:if` and for `urn:sys`: give one of them another prefix");
    let error = PrefixMap::new([("ctrl", IF)]).unwrap_err();
    insta::assert_snapshot!(error, @"prefix `ctrl` is declared for `http://clicon.org/controller` and for `urn:if`: give one of them another prefix");
}

#[test]
fn keys_learned_from_paths_are_kept() {
    let mut overlay = overlay(NoSchema, "");
    let prefixes = prefixes();
    let mut learn = |path: &str| {
        let path = Path::parse(path).unwrap();
        match overlay.resolve(&path, &Pattern::default(), &prefixes) {
            Ok(pattern) => {
                overlay.learn(&pattern);
                let exact = overlay.check_exact(&pattern);
                exact.map_or_else(|error| error.to_string(), |()| pattern.to_string())
            }
            Err(error) => error.to_string(),
        }
    };
    let texts = [
        learn("/devices/device[name='r1']/config/if:l/e"),
        learn("/devices/device[name='r1']/config/if:l/e[a='1']"),
        learn("/devices/device[name='r1']/config/if:l/e"),
        learn("/devices/device[name='r1']/config/if:l/e[b='1']"),
        learn("/devices/device[name='r1']/config/if:l/e[b='1'][a='1']"),
        learn("/devices/device[name='r1']/config/if:l/e[a='1']"),
        learn("/devices/device/config/if:l"),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    /devices/device[name='r1']/config/l/e
    /devices/device[name='r1']/config/l/e[a='1']
    `/devices/device[name='r1']/config/l/e` does not say which entry: write `/devices/device[name='r1']/config/l/e[a='…']`
    /devices/device[name='r1']/config/l/e[b='1']
    /devices/device[name='r1']/config/l/e[b='1'][a='1']
    `/devices/device[name='r1']/config/l/e[a='1']` does not say which entry: write `/devices/device[name='r1']/config/l/e[b='…'][a='1']`
    `/devices/device` does not say which entry: write `/devices/device[name='…']`
    "#);
}

/// A small model. Each node has the number of its parent, a name, a kind and keys.
struct Model(Vec<(usize, QName<'static>, DataNodeKind, Vec<Box<str>>)>);

impl Model {
    fn new() -> Self {
        let node = |parent, namespace, local, kind| (parent, QName::new(namespace, local), kind, Vec::new());
        let list = |parent, namespace, local, keys: &[&str]| {
            let keys = keys.iter().map(|&key| key.into()).collect();
            (parent, QName::new(namespace, local), DataNodeKind::List, keys)
        };
        Self(vec![
            node(usize::MAX, "", "", DataNodeKind::Container),
            node(0, CONTROLLER, "devices", DataNodeKind::Container),
            list(1, CONTROLLER, "device", &["name"]),
            node(2, CONTROLLER, "name", DataNodeKind::Leaf),
            node(2, CONTROLLER, "config", DataNodeKind::Container),
            node(4, IF, "interfaces", DataNodeKind::Container),
            list(5, IF, "interface", &["name", "unit"]),
            node(6, IF, "name", DataNodeKind::Leaf),
            node(6, IF, "unit", DataNodeKind::Leaf),
            node(6, IF, "mtu", DataNodeKind::Leaf),
            node(6, SYS, "speed", DataNodeKind::Leaf),
            node(4, IF, "twice", DataNodeKind::Leaf),
            node(4, SYS, "twice", DataNodeKind::Leaf),
            node(5, IF, "search", DataNodeKind::LeafList),
        ])
    }
}

impl Schema for Model {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(0))
    }
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let at = self.0.iter().position(|node| node.0 == parent.0 as usize && node.1 == name)?;
        u32::try_from(at).ok().map(SchemaNode)
    }
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        self.0.iter().filter(|node| node.0 == parent.0 as usize).map(|node| node.1).collect()
    }
    fn is_complete(&self, _: SchemaNode) -> bool {
        true
    }
    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        self.0[node.0 as usize].2
    }
    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        &self.0[node.0 as usize].3
    }
    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        matches!(self.kind(node), DataNodeKind::List | DataNodeKind::LeafList)
    }
    fn position(&self, node: SchemaNode) -> u32 {
        node.0
    }
    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        if !matches!(self.0[node.0 as usize].1.local, "mtu" | "unit") {
            return Ok(value.into());
        }
        let number = value.parse::<u16>();
        number.map(|number| number.to_string()).map_err(|_| ValueError(format!("`{value}` is not a number")))
    }
}

#[test]
fn path_with_model_resolves_by_the_model() {
    let overlay = overlay(Model::new(), "");
    let prefixes = PrefixMap::new([("if", IF), ("sys", SYS)]).unwrap();
    let resolve = |path: &str| {
        let text = path.replace('~', "/devices/device[name='r1']/config");
        let path = Path::parse(&text).unwrap();
        let resolved = overlay.resolve(&path, &Pattern::default(), &prefixes);
        let exact = resolved.and_then(|pattern| overlay.check_exact(&pattern).map(|()| pattern));
        exact.map_or_else(|error| error.to_string(), |pattern| pattern.to_string())
    };
    let texts: Vec<String> = [
        // Keys are in the model's order, values in their canonical form.
        "~/interfaces/interface[unit='007'][name='x']/mtu",
        "~/interfaces/interface[name='x'][unit='0']/speed",
        "~/interfaces/search[.='a']",
        "~/interfaces/interface[name='x']/mtu",
        "~/interfaces/interface[name='x'][unit='a']",
        "~/interfaces/interface[name='x'][speed='1']",
        "~/interfaces/interface[name='x'][unit='0']/mut",
        "~/interfaces/if:search[name='x']",
        "~/interfaces/search",
        "~/interfaces[name='x']",
        "~/sys:interfaces",
        "~/twice",
        "~/zzzzzzzzzzzzzzzzz",
        "/nacm",
    ]
    .iter()
    .map(|path| resolve(path))
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
    /devices/device[name='r1']/config/interfaces/interface[name='x'][unit='7']/mtu
    /devices/device[name='r1']/config/interfaces/interface[name='x'][unit='0']/speed
    /devices/device[name='r1']/config/interfaces/search[.='a']
    `/devices/device[name='r1']/config/interfaces/interface[name='x']` does not say which entry: write `/devices/device[name='r1']/config/interfaces/interface[name='x'][unit='…']`
    `/devices/device[name='r1']/config/interfaces/interface/unit`: `a` is not a number
    `speed` is not a key of `/devices/device[name='r1']/config/interfaces/interface`: its keys are `name`, `unit`
    the model has no `mut` below `/devices/device[name='r1']/config/interfaces/interface[name='x'][unit='0']`; did you mean `mtu`?
    `/devices/device[name='r1']/config/interfaces/search` is a leaf-list: write the entry's value into the path, as in `/devices/device[name='r1']/config/interfaces/search[.='…']`
    `/devices/device[name='r1']/config/interfaces/search` is a leaf-list: write the entry's value into the path, as in `/devices/device[name='r1']/config/interfaces/search[.='…']`
    `/devices/device[name='r1']/config/interfaces` is not a list: write it without a predicate
    the model has no `sys:interfaces` below `/devices/device[name='r1']/config`; did you mean `if:interfaces`?
    `twice` below `/devices/device[name='r1']/config` could be `if:twice` or `sys:twice`: write the prefix
    the model has no `zzzzzzzzzzzzzzzzz` below `/devices/device[name='r1']/config`
    the model has no `nacm` below `/`
    "#);
}

/// What nobody may know of the data must not show in how a path is resolved, or why it is not.
#[test]
fn path_resolves_the_same_whatever_unseen_data_there_is() {
    let unseen = "<twice xmlns='urn:if'>1</twice><twice xmlns='urn:sys'/><secret xmlns='urn:undeclared'/>\
                  <many xmlns='urn:if'>1</many><many xmlns='urn:if'>2</many>";
    let prefixes = prefixes();
    let resolve = |overlay: &Overlay, path: &str, sees: bool| {
        let path = Path::parse(&format!("/devices/device[name='r1']/config/{path}")).unwrap();
        let resolved = overlay.resolve_seeing(&path, &Pattern::default(), &prefixes, &mut |_, _| sees);
        resolved.map(LocatedPath::into_pattern).map_err(|error| error.to_string())
    };
    let (empty, full) = (overlay(NoSchema, ""), overlay(NoSchema, unseen));
    for path in ["twice", "secret", "if:many[k='1']", "if:many[.='1']", "twice[k='1']/x", "sys:twice[k]"] {
        assert_eq!(resolve(&full, path, false), resolve(&empty, path, false), "{path}");
    }
    assert_ne!(resolve(&full, "secret", true), resolve(&empty, "secret", true));
    assert_ne!(resolve(&full, "if:many[k='1']", true), resolve(&empty, "if:many[k='1']", true));
}

#[test]
fn value_keeps_its_declared_prefix() {
    let overlay = overlay(NoSchema, "");
    let prefixes = prefixes();
    let spot = overlay.schema_view().root();
    let bind = |value: &str| {
        let bound = overlay.bind(spot, value, &prefixes, "/x").unwrap();
        (bound.value, bound.bindings.into_iter().map(|(prefix, _)| prefix).collect::<String>())
    };
    for (value, prefix) in [
        ("if:eth", "if"),
        ("eth", ""),
        ("zz:eth", ""),
        ("if:a b", ""),
        ("if://x", ""),
        ("if:", ""),
        ("::1", ""),
    ] {
        assert_eq!(bind(value), (value.to_owned(), prefix.to_owned()));
    }
}

#[test]
fn entries_ordered_by_user_keep_their_order() {
    let entry = |name: &str| format!("<interface><name>{name}</name><unit>0</unit></interface>");
    let all: String = ["a", "b", "c", "d"].map(entry).concat();
    let recreate = |order: &[&str]| {
        let mut overlay = overlay(Model::new(), &format!("<interfaces xmlns='urn:if'>{all}</interfaces>"));
        let prefixes = prefixes();
        let at = |overlay: &Overlay, name: &str| {
            let path =
                format!("/devices/device[name='r1']/config/interfaces/interface[name='{name}'][unit='0']");
            overlay.resolve(&Path::parse(&path).unwrap(), &Pattern::default(), &prefixes).unwrap()
        };
        for name in ["a", "b", "d"] {
            let path = at(&overlay, name);
            overlay.strip(&path).unwrap();
        }
        for name in order {
            let path = at(&overlay, name);
            overlay.create(&path).unwrap();
        }
        let Some(edit) = overlay.edit_config().unwrap() else { return "nothing".to_owned() };
        let text = xml::write(&edit, crate::Tree::ROOT).unwrap();
        let entries = text.split("<interface").skip(2).map(|entry| {
            let name = entry.split("<name>").nth(1).and_then(|rest| rest.chars().next()).unwrap();
            let how = ["remove", "first", "last", "after"]
                .into_iter()
                .find(|how| entry.contains(&format!("\"{how}\"")));
            format!("{name} {}", how.unwrap_or("merge"))
        });
        entries.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(recreate(&["a", "b", "d"]), "nothing");
    assert_eq!(recreate(&["b", "a", "d"]), "a after");
    assert_eq!(recreate(&["d", "b", "x", "a"]), "b last, x merge, a last");
    assert_eq!(recreate(&["x", "a"]), "b remove, d remove, x first");
}

#[test]
fn entries_keep_their_order_when_one_is_read_again() {
    let entry = |name: &str| format!("<interface><name>{name}</name><unit>0</unit></interface>");
    let interfaces = |content: String| format!("<interfaces xmlns='urn:if'>{content}</interfaces>");
    let mut overlay = overlay(Model::new(), &interfaces(entry("a") + &entry("c")));
    let at = |overlay: &Overlay, path: &str| {
        let path = Path::parse(&format!("/devices/device[name='r1']/config/{path}")).unwrap();
        overlay.resolve(&path, &Pattern::default(), &prefixes()).unwrap()
    };
    // Nodes of other names are read for the first time, in another order than they come here.
    let search = "<search>z</search>";
    for (again, path) in [
        (search.to_owned(), "interfaces/search[.='z']"),
        (search.to_owned() + &entry("a"), "interfaces/interface[name='a'][unit='0']"),
    ] {
        let device = format!(
            "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config>{}</config></device></devices>",
            interfaces(again)
        );
        let read = [at(&overlay, path)];
        overlay.load(&xml::parse(&device).unwrap(), &read).unwrap();
    }
    let list = at(&overlay, "interfaces/interface");
    let names: Vec<String> = overlay
        .find(&list)
        .into_iter()
        .map(|live| overlay.pattern(live.node()).steps.last().unwrap().key("name").unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn entry_put_back_and_moved_again_is_no_edit() {
    let entry = |name: &str| format!("<interface><name>{name}</name><unit>0</unit></interface>");
    let play = |order: &[&str]| {
        let all: String = ["x", "b", "a", "y"].map(entry).concat();
        let mut overlay = overlay(Model::new(), &format!("<interfaces xmlns='urn:if'>{all}</interfaces>"));
        let prefixes = prefixes();
        let at = |name: &str| {
            let path =
                format!("/devices/device[name='r1']/config/interfaces/interface[name='{name}'][unit='0']");
            Path::parse(&path).unwrap()
        };
        let [a, b, x, y] = ["a", "b", "x", "y"]
            .map(|name| overlay.resolve(&at(name), &Pattern::default(), &prefixes).unwrap());
        // A service has made two, and moved one behind the other.
        overlay.strip(&x).unwrap();
        overlay.strip(&y).unwrap();
        let moved = overlay.find(&a)[0].node();
        overlay.place_entry(moved, EntryPosition::First);
        if !order.is_empty() {
            overlay.remove(&a).unwrap();
            overlay.remove(&b).unwrap();
        }
        for name in order {
            let path = overlay.resolve(&at(name), &Pattern::default(), &prefixes).unwrap();
            overlay.create(&path).unwrap();
        }
        let edit = overlay.edit_config().unwrap();
        let names = edit.map(|edit| {
            let text = xml::write(&edit, crate::Tree::ROOT).unwrap();
            let entries = text.split("<interface").skip(2).map(|entry| {
                let name = entry.split("<name>").nth(1).and_then(|rest| rest.chars().next()).unwrap();
                let how = ["remove", "last", "after", "first"].into_iter();
                let how = how.filter(|how| entry.contains(&format!("\"{how}\""))).collect::<String>();
                format!("{name} {how}")
            });
            entries.collect::<Vec<_>>().join(", ")
        });
        names.unwrap_or_default()
    };
    insta::assert_snapshot!(
        [&["x", "b", "a", "y"][..], &["x", "b", "y", "a"], &["x", "a", "b", "y"], &["a", "b", "x", "y"], &[]]
            .map(|order| format!("{}: {}", order.join(" "), play(order)))
            .join("\n"),
        @"
    x b a y: 
    x b y a: a last
    x a b y: b after
    a b x y: b after, x after
    : x remove, y remove, a first
    "
    );
}
