//! A daemon that is to leave finishes what is running.

use std::time::Duration;

use confine_author::{LoadedServices, Testbed};
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_test_support::{
    PATIENCE,
    guests::guests,
    testbed::{probe, services},
};

#[tokio::test(flavor = "multi_thread")]
async fn commit_in_progress_completes_before_the_daemon_stops() {
    let LoadedServices { host, models } = guests(&["probe", "second"]).await.unwrap();
    let builder = Controller::builder().devices(1).service_models(models);
    let directory = tempfile::tempdir().unwrap();
    let mut testbed = Testbed::open(builder, host.clone(), directory.path(), "alice").await.unwrap();
    testbed.edit(&services(&probe("endless", &["spin"], &[]))).await.unwrap();
    let leave = async {
        while host.status().commits.running.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        host.request_exit();
    };
    let (committed, ()) = tokio::join!(testbed.commit(PushMode::Commit, ActionsMode::Change), leave);
    let committed = committed.unwrap();
    // Not that the daemon is being stopped, which is what it says when it may not wait.
    assert!(committed.reason().contains("fuel limit reached"), "{}", committed.reason());
    // And then it is gone: nothing else has told it to end.
    tokio::time::timeout(PATIENCE, testbed.stay(std::future::pending())).await.unwrap();
    assert_eq!(host.status().commits.failed, 1);
}
