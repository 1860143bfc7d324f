//! Commits that take too long: what their users read, by what the controller's service-timeout leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use confine_author::LoadedServices;
use confine_backend::{ActionsMode, ModelStore, PushMode};
use confine_controller::Controller;
use confine_sandbox::{Compiler, Limits, Runner};
use confine_service::{Host, ModuleLibrary};
use confine_tests::{
    PATIENCE,
    play::{probe, services},
    wire::Fault,
    wired::Wired,
    workshop::guests,
};

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";

/// A controller with this service-timeout, and a daemon that waits for its replies for ever.
async fn begin(service_timeout: u32, served: LoadedServices) -> Wired {
    let config = services(&format!("<service-timeout>{service_timeout}</service-timeout>"));
    Wired::serving(Controller::builder().devices(1).config(config), served, Duration::MAX).await
}

async fn commit(wired: &mut Wired) -> u64 {
    wired.edit(&probe("a", &[&format!("set {BANNER} b")], &[])).await;
    wired.stage.begin(PushMode::Commit, ActionsMode::Change).await.unwrap()
}

/// What the user reads of a commit once so much time has passed.
async fn told_after(wired: &mut Wired, tid: u64, time: Duration) -> String {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    let over = tokio::time::timeout(PATIENCE, wired.stage.end(tid)).await.expect("it is not answered");
    over.unwrap().reason.unwrap()
}

#[tokio::test]
async fn a_commit_may_take_what_the_controller_says_be_it_more_or_less_than_by_default() {
    let mut told = Vec::new();
    for (service_timeout, passes) in [(900, 721), (50, 41)] {
        let mut wired = begin(service_timeout, guests(&["probe"]).await.unwrap()).await;
        wired.wire.spoil("<edit-config>", Fault::Silence);
        let tid = commit(&mut wired).await;
        tokio::time::timeout(PATIENCE, wired.wire.spoilt()).await.expect("nothing is written");
        told.push(told_after(&mut wired, tid, Duration::from_secs(passes)).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    the commit was not done in 720 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    the commit was not done in 40 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    ");
}

/// Nobody loads the modules of this one.
#[tokio::test]
async fn modules_that_are_being_loaded_take_from_that_time() {
    let models = guests(&["probe"]).await.unwrap().models;
    let runner = Runner::new(&Limits::default(), Compiler::in_process()).unwrap();
    let host =
        Arc::new(Host::of(runner, ModelStore::default(), Default::default(), ModuleLibrary::default()));
    let mut wired = begin(50, LoadedServices { models, host }).await;
    let tid = commit(&mut wired).await;
    wired.until(|host| host.status().commits.running == Some(tid)).await;
    insta::assert_snapshot!(told_after(&mut wired, tid, Duration::from_secs(41)).await, @r"
    the commit was not done in 40 s, which is what the controller's service-timeout leaves
    hint: raise `/ctrl:services/ctrl:service-timeout` if commits take that long here
    ");
}
