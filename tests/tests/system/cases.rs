//! The cases of the example services, each a commit on the embedded controller.

use confine_author::{CaseResult, ServiceCase};
use confine_test_support::guests::{example_services, examples};

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
