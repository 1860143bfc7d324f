//! Devices of several vendors, whose models share names and prefixes.

use confine_nacm::{AccessOperation, NACM, Nacm, NacmModel as _};
use confine_yang::{ModuleSet, MountedSchema, YangSchema};
use proptest::prelude::*;

use super::{
    models::{MOUNT, OWN},
    *,
};
use crate::{ModuleRules, ScopeDecision, ScopeRules as _};

/// A module with a system of its own.
fn module(name: &str, prefix: &str) -> String {
    format!(
        "module {name} {{ namespace urn:{name}; prefix {prefix};
          container system {{ leaf hostname {{ type string; }} container {name}; }} }}"
    )
}

fn compile(modules: &[String]) -> Arc<YangSchema> {
    let mut set = ModuleSet::default();
    for module in modules {
        set.add("m.yang", module.as_bytes()).unwrap();
    }
    Arc::new(set.compile())
}

/// Returns the models of devices, each with these modules, of which all have one prefix. Those of the last have no device.
fn mounted(devices: &[Vec<&str>], package: &[&str]) -> MountedSchema {
    let modules = |names: &[&str]| compile(&names.iter().map(|name| module(name, "jc")).collect::<Vec<_>>());
    let mut mounted = MountedSchema::new(compile(&[MOUNT.to_owned(), OWN.to_owned()]), "device");
    for (number, names) in devices.iter().enumerate().filter(|(_, names)| !names.is_empty()) {
        mounted.mount(&format!("r{number}"), modules(names));
    }
    if !package.is_empty() {
        mounted.mount_default(modules(package));
    }
    mounted
}

/// Returns what a declared path of a module means.
fn meanings(schema: MountedSchema, path: &str) -> String {
    let draft = CommitDraft::new(
        Arc::new(schema),
        Arc::new(Datastore {
            models: BACKEND.clone(),
            tree: Tree::new(),
            requests: Mutex::default(),
            fails: false,
        }),
    );
    let prefixes = PrefixMap::new([("mx", "urn:mx"), ("qfx", "urn:qfx")]).unwrap();
    let all = draft.resolve_in_models(path, &Pattern::default(), &prefixes).into_iter();
    let shown = |pattern: Pattern| {
        let steps = pattern
            .steps
            .iter()
            .map(|step| format!("/{}:{step}", step.namespace.rsplit([':', '/']).next().unwrap()));
        steps.skip(3).collect::<String>()
    };
    let all: Vec<String> = all.map(|result| result.map_or_else(|refusal| refusal.message, shown)).collect();
    all.join("\n")
}

#[test]
fn declared_path_means_the_own_node_of_each_device() {
    let devices = || mounted(&[vec!["mx"], vec!["qfx"], vec!["mx", "third"], vec![]], &[]);
    insta::assert_snapshot!(meanings(devices(), "/devices/device/config/system/hostname"), @"
    /mx:system/mx:hostname
    /qfx:system/qfx:hostname
    /mx:system/mx:hostname
    ");
    insta::assert_snapshot!(meanings(devices(), "/devices/device/config/system/qfx"), @"
    the model has no `qfx` below `/devices/device/config/system`
    /qfx:system/qfx:qfx
    the model has no `qfx` below `/devices/device/config/system`
    ");
    insta::assert_snapshot!(meanings(devices(), "/devices/device/config/mx:system/hostname"), @"
    /mx:system/mx:hostname
    the model has no `mx:system` below `/devices/device/config`; did you mean `qfx:system`?
    /mx:system/mx:hostname
    ");
    insta::assert_snapshot!(meanings(devices(), "/devices/device/config/systen"), @"
    the model has no `systen` below `/devices/device/config`; did you mean `system`?
    the model has no `systen` below `/devices/device/config`; did you mean `system`?
    the model has no `systen` below `/devices/device/config`; did you mean `system`?
    ");
    // Several modules of one device have it.
    let both = || mounted(&[vec!["mx"], vec!["mx", "qfx"]], &[]);
    insta::assert_snapshot!(meanings(both(), "/devices/device/config/system/hostname"), @"
    /mx:system/mx:hostname
    `system` below `/devices/device/config` could be `mx:system` or `qfx:system`: write the prefix
    ");
    // One device is named, or none of their configuration: one meaning.
    for path in ["/devices/device[name='r1']/config/system", "/devices", "/services", "x"] {
        assert_eq!(meanings(devices(), path), "", "{path}");
    }
}

/// Returns whether a rule of `/nacm` for a path without declarations lets a module write a node.
fn permits(schema: &Arc<MountedSchema>, action: &str, device: &str, namespace: &str) -> bool {
    let other = if action == "permit" { "<rule><name>rest</name><action>deny</action></rule>" } else { "" };
    let text = format!(
        "<nacm xmlns='{NACM}'><rule-list><name>l</name><group>modules</group><rule><name>r</name>\
         <path>/ctrl:devices/ctrl:device/ctrl:config/jc:system</path><action>{action}</action></rule>{other}</rule-list></nacm>"
    );
    let tree = xml::parse(&text).unwrap();
    let (nacm, _) = Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap());
    let nacm = nacm.with_prefixes(|prefix| schema.prefixed(prefix).into_iter().map(str::to_owned).collect());
    let (access, _) = nacm.module_access("bench", "alice");
    let rules = ModuleRules::new(access, schema.clone(), "bench", "`/nacm`".into());
    let mut steps =
        ["devices", "device", "config"].map(|local| PatternStep::new(QName::new(CONTROLLER, local)));
    steps[1].keys.push(("name".into(), Some(device.into())));
    let system = PatternStep::new(QName::new(namespace, "system"));
    let node = Pattern { steps: steps.into_iter().chain([system]).collect() };
    matches!(rules.decide(AccessOperation::Update, &node), ScopeDecision::Permit { .. })
}

#[test]
fn rule_that_permits_means_the_own_modules_of_each_device() {
    let schema = Arc::new(mounted(&[vec!["mx"], vec!["qfx"], vec![]], &["third"]));
    assert_eq!(schema.meanings("jc", &Pattern::default()), Vec::<&str>::new());
    let seen = |action: &str| {
        let on = |device: &str| {
            ["urn:mx", "urn:qfx", "urn:third"].map(|namespace| permits(&schema, action, device, namespace))
        };
        ["r0", "r1", "r2"].map(on)
    };
    // Where no model is known, any of them may be meant.
    assert_eq!(seen("permit"), [[true, false, false], [false, true, false], [true, true, true]]);
    assert_eq!(seen("deny"), [[false; 3]; 3]);
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn some_modules() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(NAMES.to_vec(), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A device that is added, or a package, takes no right from a module that had it, and no rule that denies is lost.
    #[test]
    fn adding_a_model_takes_no_rights(
        devices in proptest::collection::vec(some_modules(), 1..4),
        added in some_modules(),
        package in some_modules(),
    ) {
        let before = Arc::new(mounted(&devices, &[]));
        let mut more = devices.clone();
        more.push(added);
        let after = Arc::new(mounted(&more, &package));
        for (number, names) in devices.iter().enumerate() {
            for name in names {
                let (device, namespace) = (format!("r{number}"), format!("urn:{name}"));
                prop_assert!(permits(&before, "permit", &device, &namespace));
                prop_assert!(permits(&after, "permit", &device, &namespace), "{device} {namespace}");
                prop_assert!(!permits(&after, "deny", &device, &namespace), "{device} {namespace}");
            }
            // What is not the device's own is not permitted because another has the same prefix.
            for foreign in NAMES.iter().filter(|name| !names.is_empty() && !names.contains(name)) {
                let (device, namespace) = (format!("r{number}"), format!("urn:{foreign}"));
                prop_assert!(!permits(&after, "permit", &device, &namespace), "{device} {namespace}");
            }
        }
    }
}
