//! Which of the modules that are found are used.

use confine_author::build;
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{ModuleRegistry, find};
use confine_test_support::guests::test_guest;

#[tokio::test(flavor = "multi_thread")]
async fn first_of_two_modules_with_the_same_name_is_used() {
    let probe = test_guest("probe");
    let module = build(&probe, &["probe"]).unwrap().remove(0);
    let top = tempfile::tempdir().unwrap();
    let directories = ["first", "second"].map(|name| top.path().join(name));
    for directory in &directories {
        std::fs::create_dir(directory).unwrap();
        std::fs::copy(&module, directory.join("probe.wasm")).unwrap();
    }
    std::fs::write(directories[0].join("a-broken.wasm"), "\0asm").unwrap();

    let limits = Limits::default();
    let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known()).unwrap();
    let (files, unreadable) = find(&directories, limits.component);
    assert!(unreadable.is_empty());
    let registry = ModuleRegistry::load(files, &runner, |_| limits.clone()).await;
    let told: Vec<_> = registry
        .files()
        .iter()
        .map(|file| {
            let what = file.module.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            format!("{}: {what}", file.path.display()).replace(top.path().to_str().unwrap(), "")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    /first/a-broken.wasm: module `a-broken` cannot be loaded: it is truncated: copy it under another name, then rename it
    /first/probe.wasm: probe 0.1.0
    /second/probe.wasm: `/first/probe.wasm` has the same name and stays in use: rename one of them
    ");
    let serving: Vec<_> = registry.serving("probe").flat_map(|service| service.modules.clone()).collect();
    assert_eq!(serving.len(), 1);
    assert_eq!(registry.broken().len(), 1, "the one that is broken may be the one that a commit needs");
}
