//! The cases of the example services, each a commit on the embedded controller.

use std::fs;

use confine_author::{CaseResult, ServiceCase};
use confine_test_support::guests::{example_services, examples, guests};

async fn play(service: &str) {
    let examples = examples().await.unwrap();
    let cases = ServiceCase::all(&example_services().join(service).join("cases")).unwrap();
    assert!(cases.len() >= 2, "the cases of `{service}` are gone");
    let mut failures = Vec::new();
    for case in cases {
        let directory = tempfile::tempdir().unwrap();
        match case.play(examples.host.clone(), &examples.models, directory.path()).await.unwrap() {
            CaseResult::Passed => {}
            CaseResult::Failed(how) => failures.push(format!("{}: {how}", case.directory.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn banner() {
    play("banner").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces() {
    play("interfaces").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistaken() {
    play("mistaken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_users() {
    play("ssh-users").await;
}

/// An author learns from a case what the description of the module lacks.
#[tokio::test(flavor = "multi_thread")]
async fn case_of_an_undeclared_read_says_what_to_declare() {
    let probe = guests(&["probe"]).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let device = "<config><devices xmlns='http://clicon.org/controller'><device><name>r1</name><config/></device></devices></config>";
    let edit = "<config><services xmlns='http://clicon.org/controller'><probe xmlns='urn:example:probe'><name>a</name>\
                <do>count 1 /devices/device/addr</do></probe></services></config>";
    for (file, content) in [("before.xml", device), ("edit.xml", edit), ("after.xml", device)] {
        fs::write(directory.path().join(file), content).unwrap();
    }
    let case = ServiceCase::read(directory.path().to_owned()).unwrap();
    let CaseResult::Failed(how) = case.play(probe.host, &probe.models, directory.path()).await.unwrap()
    else {
        panic!("the read was permitted")
    };
    insta::assert_snapshot!(how, @"
    the commit failed: module `probe` 0.1.0, instance `probe[name='a']`: access denied: read of `/devices/device/addr`: the description of module `probe` does not declare it (access-denied, at `/devices/device/addr`)
    hint: add `/devices/device/addr` to `reads` there
    ");
}
