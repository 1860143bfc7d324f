//! What reading modules and looking nodes up costs.
//!
//! `cargo bench -p confine-yang`, with the published modules where `CONFINE_SHARED` or `../shared` has them. All of them
//! are to be read within 50 ms and 20 MiB, and a step of a path within 1 µs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark ends where its input is missing")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use confine_tree::{QName, Schema as _};
use confine_yang::{ModuleSet, Schema};
use criterion::Criterion;

/// Counts the bytes that are in use.
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

fn read(files: &[(String, Vec<u8>)]) -> Schema {
    let mut set = ModuleSet::default();
    for (name, text) in files {
        set.add(name, text).unwrap();
    }
    set.compile()
}

fn main() {
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

    let mut criterion = Criterion::default().configure_from_args();
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
