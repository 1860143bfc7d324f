use std::{
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
};

use confine_controller::{TreeModel, XPathFilter, prune};
use confine_tree::{CONTROLLER, Pattern, PatternStep, PrefixMap, PrefixTable, QName, Schema, Tree, xml};
use confine_view::{CommitDraft, Fetch, InstanceRef, Meter, OwnerIndex, Scope, Source, View, WorkAllowance};
use confine_yang::{ModuleSet, MountedSchema};

const MOUNT: &str = "module ietf-yang-schema-mount { namespace urn:mount; prefix m; extension mount-point { argument label; } }";
const OWN: &str = r#"module clixon-controller { namespace "http://clicon.org/controller"; prefix ctrl;
  import ietf-yang-schema-mount { prefix mnt; }
  container devices { list device { key name; leaf name { type string; } leaf addr { type string; }
    container config { presence root; mnt:mount-point "device"; } } }
  container services; }"#;
const SERVICE: &str = "module s { namespace urn:s; prefix s; import clixon-controller { prefix c; }
  augment /c:services { list s { key id; leaf id { type string; }
    container created { leaf-list path { type string; } } } } }";
/// One node of each kind.
const DEVICE: &str = "module d { yang-version 1.1; namespace urn:d; prefix d; identity i; identity j { base i; }
  container c { leaf a { type uint8; } leaf e { type empty; } leaf t { type identityref { base i; } }
    list l { key 'k'; leaf k { type string; } leaf v { type int8; } list m { key 'x y'; leaf x { type string; } leaf y { type string; } } }
    container p { presence p; leaf q { type string; } } leaf-list n { type string; } anydata y; } }";

/// `r1` has a model, `r2` has none.
const DATASTORE: &str = r#"<services xmlns="http://clicon.org/controller"><s xmlns="urn:s"><id>1</id></s><s xmlns="urn:s"><id>2</id></s></services>
<devices xmlns="http://clicon.org/controller"><device><name>r1</name><addr>10.0.0.1</addr><config>
<c xmlns="urn:d"><a>1</a><e/><l><k>1</k><v>1</v><m><x>1</x><y>1</y></m></l><l><k>2</k></l><p><q>1</q></p><n>1</n><n>2</n></c>
</config></device><device><name>r2</name><config><c xmlns="urn:d"><a>1</a><l><k>1</k></l></c></config></device></devices>"#;

struct Datastore;

static TREE: LazyLock<Tree> = LazyLock::new(|| xml::parse(DATASTORE).expect("it is XML"));
/// The daemon's models.
static SCHEMA: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| Arc::new(mounted(&["r1"])));
/// The backend's models.
static BACKEND: LazyLock<MountedSchema> = LazyLock::new(|| mounted(&["r1", "r2"]));

/// The schemas, with that of these devices.
fn mounted(devices: &[&str]) -> MountedSchema {
    let compile = |modules: &[&str]| {
        let mut set = ModuleSet::default();
        for module in modules {
            set.add("m.yang", module.as_bytes()).expect("it is YANG");
        }
        let schema = set.compile();
        assert!(schema.problems().is_empty(), "{:?}", schema.problems());
        Arc::new(schema)
    };
    let mut mounted = MountedSchema::new(compile(&[MOUNT, OWN, SERVICE]), "device");
    let device = compile(&[DEVICE]);
    devices.iter().for_each(|name| mounted.mount(name, Arc::clone(&device)));
    mounted
}

impl Source for Datastore {
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a> {
        let mut prefixes = PrefixTable::new();
        let paths: Vec<String> = wanted.iter().map(|pattern| pattern.xpath(&mut prefixes)).collect();
        let bound: Vec<(&str, &str)> = prefixes.iter().collect();
        let filter = XPathFilter::parse(&paths.join(" | "), &bound).expect("the backend understands it");
        let read = prune(&TREE, &filter.select(&TREE), &TreeModel::new(&*BACKEND), None);
        Box::pin(async move { Ok(read.expect("what is there can be cut")) })
    }
}

fn instance() -> InstanceRef {
    let mut entry = PatternStep::new(QName::new("urn:s", "s"));
    entry.keys.push(("id".into(), Some("1".into())));
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

/// Runs what never waits but for others to run.
fn block<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// What is sent after one run that handed over these fragments, and which of them were accepted.
fn play<'a>(fragments: impl Iterator<Item = &'a str>) -> (Vec<bool>, Result<Option<String>, String>) {
    let schema: Arc<dyn Schema> = SCHEMA.clone();
    let mut draft = CommitDraft::new(schema, Arc::new(Datastore));
    draft.declare(instance().path());
    let service = PatternStep::new(QName::new("urn:s", "s"));
    let scope = Scope::new("s", [service], Vec::new());
    let meter = Meter::new(WorkAllowance::UNLIMITED);
    let prefixes = PrefixMap::new([("d", "urn:d")]).expect("prefixes");
    let mut view = View::new(draft, Arc::new(scope), instance(), Arc::new(prefixes), meter);
    let accepted = fragments.map(|fragment| block(view.edit_xml(fragment)).is_ok()).collect();
    let (mut draft, _) = view.into_parts();
    let finished =
        block(draft.settle(&[instance()])).and_then(|()| draft.finish(&[instance()], &OwnerIndex::new()));
    (accepted, finished.map(|finished| finished.edit).map_err(|error| error.to_string()))
}

/// A fragment is done as a whole or, where it is refused, not at all; and what comes of those that are done is XML
/// for the configuration of devices that are there and for the instance's own list. NULs part fragments.
pub fn edit_xml(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let fragments = || text.split('\0').take(8);
    let (accepted, sent) = play(fragments());
    let kept = fragments().zip(&accepted).filter(|(_, accepted)| **accepted).map(|(fragment, _)| fragment);
    let (accepted_again, sent_without) = play(kept);
    // What a refused one has taught of the lists where there is no model may be what another one needs.
    if !accepted_again.iter().all(|accepted| *accepted) {
        return;
    }
    assert_eq!(sent, sent_without, "a refused fragment left something behind");
    let Ok(Some(sent)) = sent else { return };
    let edit = xml::parse(&sent).expect("what is sent is XML");
    for top in edit.children(Tree::ROOT) {
        for entry in edit.children(top) {
            let may = match edit.qname(top).local {
                "devices" => edit.qname(entry).local == "device",
                "services" => edit.qname(entry) == QName::new("urn:s", "s"),
                _ => false,
            };
            assert!(may, "{sent}");
            let allowed: &[&str] = match edit.qname(top).local {
                "devices" => &["name", "config"],
                _ => &["id", "created"],
            };
            let key = edit.first_child(entry).and_then(|key| edit.value(key));
            assert!(matches!(key, Some("r1" | "r2" | "1")), "{sent}");
            for below in edit.children(entry) {
                assert!(allowed.contains(&edit.qname(below).local), "{sent}");
                assert_eq!(edit.qname(below).namespace, edit.qname(entry).namespace, "{sent}");
            }
        }
    }
}
