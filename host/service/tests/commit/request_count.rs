//! The requests of a commit: as few and as small as possible.

use confine_author::Testbed;
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_test_support::{guests::examples, tap::RequestTap};

const INSTANCES: usize = 300;

fn instance(number: usize, mtu: u32) -> String {
    let devices: String = (1..=4).map(|device| format!("<device>openconfig{device}</device>")).collect();
    format!(
        "<interfaces xmlns='urn:example:interfaces'><service-name>s{number}</service-name>{devices}\
         <name>if-{number}</name><type>ethernet</type><mtu>{mtu}</mtu></interfaces>"
    )
}

/// Returns the operation of a request and its datastore.
fn kind(request: &str) -> &'static str {
    const KINDS: [(&str, &str); 6] = [
        ("<transaction-actions-done", "actions-done"),
        ("<edit-config", "edit-config"),
        ("<running", "get-config of running"),
        ("<actions", "get-config of actions"),
        ("co:transactions", "get of the transaction"),
        ("<hello", "hello"),
    ];
    KINDS.iter().find(|(text, _)| request.contains(text)).map_or("something else", |(_, kind)| kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_of_many_is_read_and_written_alone() {
    let services = examples().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
    let tap = RequestTap::listen(&front, &back).unwrap();
    let builder = Controller::builder().devices(4).service_models(services.models);
    let mut testbed = Testbed::open_behind(builder, services.host, back, &front, "alice").await.unwrap();
    // The first commit tells the daemon how to recognise that nobody else has changed anything.
    let all: String = (0..INSTANCES).map(|number| instance(number, 1500)).collect();
    for instances in [instance(0, 1500), all] {
        let config = format!("<services xmlns='http://clicon.org/controller'>{instances}</services>");
        testbed.edit(&config).await.unwrap();
        let committed = testbed.commit(PushMode::Commit, ActionsMode::Change).await.unwrap();
        assert!(committed.succeeded(), "{}", committed.reason());
    }
    tap.take();

    let change = instance(INSTANCES / 2, 9000);
    testbed
        .edit(&format!("<services xmlns='http://clicon.org/controller'>{change}</services>"))
        .await
        .unwrap();
    let committed = testbed.commit(PushMode::Commit, ActionsMode::Change).await.unwrap();
    assert!(committed.succeeded(), "{}", committed.reason());
    let requests = tap.take();
    let kinds: Vec<_> = requests.iter().map(|request| kind(request)).collect();
    assert_eq!(
        kinds,
        [
            "get of the transaction",
            "get-config of running",
            "get-config of actions",
            "edit-config",
            "actions-done"
        ],
        "{requests:#?}"
    );
    assert!(requests[3].len() < 4_000, "{} bytes: {}", requests[3].len(), requests[3]);
    for device in 1..=4 {
        let config = testbed.controller().device(&format!("openconfig{device}")).unwrap();
        assert_eq!(config.matches("<mtu>9000</mtu>").count(), 1);
    }
}
