//! What `confine bindings` writes, and a module that stands on it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use confine_author::{CaseResult, ServiceCase, bindings};
use confine_backend::modules_from_directories;
use confine_tests::workshop::{example_services, typed};

fn written(modules: &[&str]) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories: [PathBuf; 3] =
        [here.join("../host/controller/models"), example_services(), here.join("guests/typed")];
    let modules: Vec<String> = modules.iter().map(|&module| module.to_owned()).collect();
    bindings(&modules_from_directories(&directories, &modules).unwrap().compile(), &modules)
}

/// To write them anew: `confine bindings --yang host/controller/models --yang example-services --yang
/// tests/guests/typed MODULE…`.
#[test]
fn the_bindings_of_the_guest_are_those_that_are_written() {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/typed/src");
    for (modules, file) in [
        (&["openconfig-interfaces", "iana-if-type"][..], "openconfig.rs"),
        (&["interfaces"], "service.rs"),
        (&["values"], "values.rs"),
    ] {
        let kept = std::fs::read_to_string(guest.join(file)).unwrap();
        assert_eq!(written(modules), kept, "{file} is not what is written now");
    }
}

/// It does what the module without bindings does: the same cases hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_module_on_bindings_passes_the_cases_of_its_service() {
    let cases = ServiceCase::all(&example_services().join("interfaces/cases")).unwrap();
    assert!(cases.len() >= 7, "the cases are gone");
    play(cases).await;
}

/// Identities, decimal numbers, unions and several values are read as what they are.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_of_their_types_in_a_module_on_bindings() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/typed/cases");
    play(ServiceCase::all(&cases).unwrap()).await;
}

async fn play(cases: Vec<ServiceCase>) {
    let services = typed().await.unwrap();
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for case in cases {
        let directory = tempfile::tempdir().unwrap();
        match case.play(services.host.clone(), &services.models, directory.path()).await.unwrap() {
            CaseResult::Passed => {}
            CaseResult::Failed(how) => failures.push(format!("{}: {how}", case.directory.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
