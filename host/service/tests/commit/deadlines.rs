//! Commits that take too long: their deadline follows the controller's service-timeout, and the user reads it.

use std::{sync::Arc, time::Duration};

use confine_author::LoadedServices;
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{Host, HostOptions, ModuleLibrary};
use confine_test_support::{
    PATIENCE,
    faulty_testbed::FaultyTestbed,
    faulty_wire::WireFault,
    guests::guests,
    testbed::{probe, services},
};

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";

/// Starts a controller with this service-timeout, and a daemon that waits for replies without a limit.
async fn begin(service_timeout: u32, served: LoadedServices) -> FaultyTestbed {
    let config = services(&format!("<service-timeout>{service_timeout}</service-timeout>"));
    FaultyTestbed::serving(Controller::builder().devices(1).config(config), served, Duration::MAX).await
}

async fn commit(testbed: &mut FaultyTestbed) -> u64 {
    testbed.edit(&probe("a", &[&format!("set {BANNER} b")], &[])).await;
    testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap()
}

/// Returns what the user reads once this much time has passed.
async fn told_after(testbed: &mut FaultyTestbed, tid: u64, time: Duration) -> String {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.expect("it is not answered");
    over.unwrap().reason.unwrap()
}

#[tokio::test]
async fn commit_deadline_follows_the_service_timeout() {
    let mut told = Vec::new();
    for (service_timeout, passes) in [(900, 721), (50, 41)] {
        let mut testbed = begin(service_timeout, guests(&["probe"]).await.unwrap()).await;
        testbed.wire.spoil("<edit-config>", WireFault::Lost);
        let tid = commit(&mut testbed).await;
        tokio::time::timeout(PATIENCE, testbed.wire.spoilt()).await.expect("nothing is written");
        told.push(told_after(&mut testbed, tid, Duration::from_secs(passes)).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    the commit was not done in 720 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    the commit was not done in 40 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    ");
}

/// The modules of this daemon are never loaded.
#[tokio::test]
async fn loading_modules_counts_towards_the_deadline() {
    let models = guests(&["probe"]).await.unwrap().models;
    let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known()).unwrap();
    let host = Arc::new(Host::of_library(runner, ModuleLibrary::default(), HostOptions::default()).unwrap());
    let mut testbed = begin(50, LoadedServices { models, host }).await;
    let tid = commit(&mut testbed).await;
    testbed.until(|host| host.status().commits.running == Some(tid)).await;
    insta::assert_snapshot!(told_after(&mut testbed, tid, Duration::from_secs(41)).await, @r"
    the commit was not done in 40 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    ");
}
