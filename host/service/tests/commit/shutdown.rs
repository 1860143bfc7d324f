//! A daemon that is stopped finishes the commit in progress.

use std::time::Duration;

use confine_author::{LoadedServices, Testbed};
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_sandbox::Limits;
use confine_test_support::{
    PATIENCE,
    guests::guests_with_limits,
    testbed::{probe, services},
};

#[tokio::test(flavor = "multi_thread")]
async fn commit_in_progress_completes_before_the_daemon_stops() {
    // On a busy machine too, the fuel limit is reached before the wall clock limit.
    let mut limits = Limits::default();
    limits.wall_clock.base = Duration::from_secs(3600);
    let LoadedServices { host, models } = guests_with_limits(&["probe", "second"], &limits).await.unwrap();
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
    // The reason is not that the daemon is being stopped, as it would be without the wait.
    assert!(committed.reason().contains("fuel limit reached"), "{}", committed.reason());
    // Then it exits, without any other request.
    tokio::time::timeout(PATIENCE, testbed.stay(std::future::pending())).await.unwrap();
    assert_eq!(host.status().commits.failed, 1);
}
