//! What `confine bindings` generates, and a module that uses it.

use confine_author::{CaseResult, ServiceCase};
use confine_backend::modules_from_directories;
use confine_bindings::{NodeSelection, generate};
use confine_test_support::{
    guests::{example_services, test_guest, typed},
    repository,
};

fn generated(modules: &[&str]) -> String {
    let directories = [repository().join("host/controller/models"), example_services(), test_guest("typed")];
    let modules: Vec<String> = modules.iter().map(|&module| module.to_owned()).collect();
    generate(
        &modules_from_directories(&directories, &modules).unwrap().compile(),
        &modules,
        &NodeSelection::default(),
    )
}

/// To generate them again: `confine bindings --yang host/controller/models --yang example-services --yang
/// tests/guests/typed MODULE…`.
#[test]
fn generated_bindings_are_those_of_the_guest() {
    let guest = test_guest("typed").join("src");
    for (modules, file) in [
        (&["openconfig-interfaces", "iana-if-type"][..], "openconfig.rs"),
        (&["interfaces"], "service.rs"),
        (&["values"], "values.rs"),
    ] {
        let kept = std::fs::read_to_string(guest.join(file)).unwrap();
        assert_eq!(generated(modules), kept, "{file} is not what is generated now");
    }
}

/// The module does what the one without bindings does, so it passes the same cases.
#[tokio::test(flavor = "multi_thread")]
async fn module_with_bindings_passes_the_cases_of_its_service() {
    let cases = ServiceCase::all(&example_services().join("interfaces/cases")).unwrap();
    assert!(cases.len() >= 7, "the cases are gone");
    play(cases).await;
}

/// Identities, decimal numbers, unions and leaf-lists are read as their Rust types.
#[tokio::test(flavor = "multi_thread")]
async fn module_with_bindings_reads_values_as_their_types() {
    let cases = test_guest("typed").join("cases");
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
