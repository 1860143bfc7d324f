//! The cost of reading modules and of looking up nodes.
//!
//! Run `cargo bench -p confine-yang`, with the published modules in `CONFINE_SHARED` or `../shared`. Reading all of them
//! should take at most 50 ms and 20 MiB, and a step of a path at most 1 µs. The cost of the generated modules, as large as
//! those of a router's vendor, should be linear in their size.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark ends where its input is missing")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use confine_tree::{QName, Schema as _};
use confine_yang::{ModuleSet, MountedSchema, YangSchema};
use criterion::Criterion;

/// Counts the allocated bytes.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it is the system's allocator; the counters hold no memory.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(in_use, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
        }
    }
    all
}

fn read(files: &[(String, Vec<u8>)]) -> YangSchema {
    let mut set = ModuleSet::default();
    for (name, text) in files {
        set.add(name, text).unwrap();
    }
    set.compile()
}

/// Generates modules as large as those of a router's vendor: each has a thousand nodes of its own, most of them from
/// groupings, and adds as many to the first module.
fn router(modules: usize) -> Vec<(String, Vec<u8>)> {
    let leaf = |at: usize| {
        let of = [
            "string { length 0..255; }",
            "uint32",
            "b:percent",
            "boolean",
            "b:address",
            "enumeration { enum up; enum down; }",
        ];
        let of = of.get(at % of.len()).unwrap();
        let end = if of.ends_with('}') { "" } else { ";" };
        format!("leaf value-{at} {{ type {of}{end} description \"What value {at} is for.\"; }}")
    };
    let leaves = |count: usize| (0..count).map(leaf).collect::<Vec<_>>().join("\n");
    let base = "module base { yang-version 1.1; namespace urn:router:base; prefix b; revision 2026-01-01;
        typedef percent { type uint8 { range 0..100; } }
        typedef address { type union { type string { pattern '[0-9.]+'; } type string { pattern '[0-9a-f:]+'; } } }
        container router { container features; } }";
    let module = |number: usize| {
        let text = format!(
            "module feature-{number} {{ yang-version 1.1; namespace urn:router:{number}; prefix f{number};
             import base {{ prefix b; }} revision 2026-01-01;
             grouping settings {{ {} }}
             grouping entry {{ leaf name {{ type string; }} container config {{ uses settings; }}
               container state {{ config false; uses settings; }} }}
             container feature-{number} {{ {} }}
             augment /b:router/b:features {{ container feature-{number} {{ {} }} }} }}",
            leaves(24),
            (0..10).map(|at| format!("list list-{at} {{ key name; uses entry; }}")).collect::<String>(),
            (0..10).map(|at| format!("list list-{at} {{ key name; uses entry; }}")).collect::<String>(),
        );
        (format!("feature-{number}.yang"), text.into_bytes())
    };
    std::iter::once(("base.yang".to_owned(), base.into())).chain((0..modules).map(module)).collect()
}

fn count(schema: &YangSchema) -> usize {
    let (mut open, mut count) = (vec![schema.root_node()], 0);
    while let Some(node) = open.pop() {
        count += 1;
        open.extend(node.children());
    }
    count
}

/// Reads ever larger models and prints their cost.
fn grow() -> YangSchema {
    let mut last = None;
    for modules in [25, 50, 100, 200] {
        let files = router(modules);
        let source: usize = files.iter().map(|(_, text)| text.len()).sum();
        let before = IN_USE.load(Relaxed);
        MOST.store(before, Relaxed);
        let began = Instant::now();
        let schema = read(&files);
        println!(
            "{modules} modules of {} KiB, {} nodes: {} ms, {} KiB at most, {} KiB kept",
            source / 1024,
            count(&schema),
            began.elapsed().as_millis(),
            (MOST.load(Relaxed) - before) / 1024,
            (IN_USE.load(Relaxed) - before) / 1024,
        );
        assert!(schema.problems().is_empty(), "{:?}", schema.problems());
        last = Some(schema);
    }
    last.unwrap()
}

/// Generates modules in which one of many names could be compared with all others.
fn shapes(size: usize) -> [(&'static str, String); 4] {
    let many = |of: &dyn Fn(usize) -> String| (0..size).map(of).collect::<String>();
    let module = |body: String| {
        format!("module m {{ yang-version 1.1; namespace urn:m; prefix m; container top {{ }} {body} }}")
    };
    [
        (
            "leaves in one container",
            module(format!("container wide {{ {} }}", many(&|at| format!("leaf l{at} {{ type string; }}")))),
        ),
        (
            "augments of one container",
            module(many(&|at| format!("augment /m:top {{ leaf l{at} {{ type string; }} }}"))),
        ),
        (
            "identities of one base",
            module(format!("identity base; {}", many(&|at| format!("identity i{at} {{ base base; }}")))),
        ),
        (
            "names of one enumeration",
            module(format!(
                "leaf l {{ type enumeration {{ {} }} }}",
                many(&|at| format!("enum e{at} {{ description 'x'; }}"))
            )),
        ),
    ]
}

fn widen() {
    for size in [5_000, 10_000, 20_000] {
        for (what, text) in shapes(size) {
            let began = Instant::now();
            let schema = read(&[("m.yang".to_owned(), text.into_bytes())]);
            println!("{size} {what}: {} ms", began.elapsed().as_millis());
            assert!(schema.problems().is_empty(), "{:?}", schema.problems());
        }
    }
}

/// Mounts models in devices: one model for all, or one for each.
fn mount(devices: usize, schema: &Arc<YangSchema>, is_shared: bool) -> MountedSchema {
    let controller = "module c { namespace urn:c; prefix c; import ietf-yang-schema-mount { prefix m; }
        container devices { list device { key name; leaf name { type string; }
          container config { presence root; m:mount-point device; } } } }";
    let mounting = "module ietf-yang-schema-mount { namespace urn:m; prefix m; extension mount-point { argument label; } }";
    let mut set = ModuleSet::default();
    set.add("c.yang", controller.as_bytes()).unwrap();
    set.add("m.yang", mounting.as_bytes()).unwrap();
    let own: Vec<Arc<YangSchema>> = if is_shared {
        vec![schema.clone()]
    } else {
        (0..devices).map(|_| Arc::new(ModuleSet::default().compile())).collect()
    };
    let began = Instant::now();
    let mut mounted = MountedSchema::new(Arc::new(set.compile()), "device");
    for (device, schema) in (0..devices).zip(own.iter().cycle()) {
        mounted.mount(&format!("device{device}"), schema.clone());
    }
    let what = if is_shared { "the same models" } else { "models of its own" };
    println!("{devices} devices, each with {what}: mounted in {} µs", began.elapsed().as_micros());
    mounted
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let schema = Arc::new(grow());
    widen();
    for devices in [1_000, 4_000] {
        mount(devices, &schema, false);
    }
    let mounted = mount(1_000, &schema, true);
    let root = mounted.root().unwrap();
    criterion.bench_function("look up a path of seven steps in one of 1,000 devices", |bencher| {
        let name = |namespace, local| QName::new(black_box(namespace), local);
        bencher.iter(|| {
            let list =
                mounted.child(mounted.child(root, name("urn:c", "devices"))?, name("urn:c", "device"))?;
            let config = mounted.child(mounted.entry(list, &["device777"]), name("urn:c", "config"))?;
            let base = mounted.child(config, name("urn:router:base", "router"))?;
            let features = mounted.child(base, name("urn:router:base", "features"))?;
            let feature = mounted.child(features, name("urn:router:150", "feature-150"))?;
            mounted.child(feature, name("urn:router:150", "list-7"))
        });
    });
    criterion.bench_function("find the modules of a prefix in 1,000 devices", |bencher| {
        bencher.iter(|| mounted.prefixed(black_box("f150")).len());
    });
    published(criterion);
}

fn published(mut criterion: Criterion) {
    let shared = std::env::var_os("CONFINE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    if !shared.is_dir() {
        println!("skipped: no published modules at `{}`; set CONFINE_SHARED", shared.display());
        return;
    }
    let files = files(&shared.join("yang"));
    let before = IN_USE.load(Relaxed);
    MOST.store(before, Relaxed);
    let schema = read(&files);
    println!(
        "{} modules: {} KiB at most, {} KiB kept",
        files.len(),
        (MOST.load(Relaxed) - before) / 1024,
        (IN_USE.load(Relaxed) - before) / 1024,
    );

    criterion
        .bench_function("read all published modules", |bencher| bencher.iter(|| read(black_box(&files))));

    let namespace = "http://openconfig.net/yang/interfaces";
    let steps =
        ["interfaces", "interface", "subinterfaces", "subinterface", "state", "counters", "in-octets"];
    let root = schema.root().unwrap();
    criterion.bench_function("look up a path of seven steps", |bencher| {
        bencher.iter(|| {
            steps
                .iter()
                .try_fold(root, |node, step| schema.child(node, QName::new(black_box(namespace), step)))
                .unwrap()
        });
    });
    let mtu = schema.find("/openconfig-interfaces:interfaces/interface/config/mtu").unwrap();
    criterion.bench_function("make a number canonical", |bencher| {
        bencher.iter(|| mtu.canonical(black_box("1500"), &|_| None).unwrap());
    });
    criterion.final_summary();
}
