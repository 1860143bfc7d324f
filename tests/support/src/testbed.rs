//! A controller, a daemon in this process and a user, with modules that obey what their instances say.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::{path::PathBuf, sync::Arc};

use confine_author::{CommitEnd, LoadedServices, Testbed};
use confine_backend::{ActionsMode, Backend, ConnectOptions, PushMode, RequestUser};
use confine_controller::{Controller, ControllerBuilder, Datastore};
use confine_service::Host;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{guests::guests, tap::RequestTap};

/// A controller with two devices, a daemon, and a user who commits. The daemon's requests are kept.
pub struct DaemonTestbed {
    /// The controller and the user.
    pub base: Testbed,
    /// The daemon's requests.
    pub tap: RequestTap,
    daemon: Option<DaemonTask>,
    /// How the daemon connects.
    options: ConnectOptions,
    _directory: TempDir,
}

/// A daemon that stops on request, or with its testbed.
struct DaemonTask {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl DaemonTestbed {
    /// Starts a controller with this configuration, a daemon with these services, and this user.
    pub async fn start(services: LoadedServices, config: &str, user: &str) -> Self {
        let mut builder = Controller::builder().devices(2);
        if !config.is_empty() {
            builder = builder.config(config);
        }
        Self::with_controller(builder, services, user).await
    }

    /// Starts this controller with the models of these services, a daemon, and this user.
    pub async fn with_controller(builder: ControllerBuilder, services: LoadedServices, user: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let builder = builder.service_models(services.models);
        let tap = RequestTap::listen(&front, &back).unwrap();
        let testbed = Testbed::without_daemon(builder, back, user).await.unwrap();
        let running_file = Some(testbed.running_file());
        let options = ConnectOptions { running_file, ..ConnectOptions::new(front).unwrap() };
        let daemon = Some(DaemonTask::start(services.host, options.clone()).await);
        tap.take();
        Self { base: testbed, tap, daemon, options, _directory: directory }
    }

    /// Starts a daemon with two modules for the service `probe`; nothing is configured, and `alice` commits.
    pub async fn with_probes() -> Self {
        Self::start(guests(&["probe", "second"]).await.unwrap(), "", "alice").await
    }

    /// Replaces the daemon by a new one with the same two modules, whose caches are empty.
    pub async fn restart(&mut self) {
        self.restart_with(self.base.running_file()).await;
    }

    /// As [`restart`](Self::restart), with this path as the new daemon's file of `running`.
    pub async fn restart_with(&mut self, running_file: impl Into<PathBuf>) {
        self.options.running_file = Some(running_file.into());
        let host = guests(&["probe", "second"]).await.unwrap().host;
        self.restart_as(host).await;
    }

    /// Replaces the daemon by one with this host.
    pub async fn restart_as(&mut self, host: Arc<Host>) {
        self.stop().await;
        self.daemon = Some(DaemonTask::start(host, self.options.clone()).await);
    }

    /// As [`restart`](Self::restart), and returns as soon as the new daemon serves the controller: it has no models yet.
    pub async fn restart_without_models(&mut self) {
        self.stop().await;
        let host = guests(&["probe", "second"]).await.unwrap().host;
        self.daemon = Some(DaemonTask::connect(host, self.options.clone()).await);
    }

    async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.stop.send(());
            daemon.task.await.unwrap();
        }
    }

    /// Adds these instances to the candidate and commits.
    pub async fn commit(&mut self, instances: &str) -> CommitEnd {
        self.base.edit(&services(instances)).await.unwrap();
        self.push(ActionsMode::Change).await
    }

    /// Commits the candidate.
    pub async fn push(&mut self, actions: ActionsMode<'_>) -> CommitEnd {
        self.base.commit(PushMode::Commit, actions).await.unwrap()
    }

    /// Changes `running` by a local commit, which is not a transaction of the controller: the daemon is not
    /// notified.
    pub async fn change_elsewhere(&mut self, config: &str) {
        let mut other = Backend::connect(ConnectOptions::new(self.base.socket()).unwrap()).await.unwrap();
        other.edit_config(confine_backend::Datastore::Candidate, config, &RequestUser::Host).await.unwrap();
        other.commit(&RequestUser::Host).await.unwrap();
        other.close().await.unwrap();
    }

    /// Returns the configuration of the first device.
    #[track_caller]
    pub fn device(&self) -> String {
        self.base.controller().device("openconfig1").unwrap()
    }

    /// Returns the daemon's edits since the last call or the last look at the tap.
    pub fn edits(&self) -> Vec<String> {
        self.tap.take().into_iter().filter(|message| message.contains("<edit-config>")).collect()
    }

    /// Returns the `created` list of each instance of `probe` in `running`.
    pub fn created(&self) -> Vec<String> {
        let running = self.base.controller().datastore(Datastore::Running).unwrap();
        let instances = running.split("<probe ").skip(1).map(|instance| {
            let instance = between(instance, "", "</probe>");
            let paths: Vec<&str> =
                instance.split("<path>").skip(1).map(|rest| between(rest, "", "</path>")).collect();
            format!("{}: {}", between(instance, "<name>", "</name>"), paths.join(", "))
        });
        instances.map(|text| text.replace("/devices/device[name=\"openconfig1\"]/config", "…")).collect()
    }
}

impl DaemonTask {
    /// Starts a daemon and waits until it has read the models, so that what follows does not depend on its speed.
    async fn start(host: Arc<Host>, options: ConnectOptions) -> Self {
        let daemon = Self::connect(host.clone(), options).await;
        host.wait_until_models_read().await;
        daemon
    }

    async fn connect(host: Arc<Host>, options: ConnectOptions) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let until_stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(confine_service::serve(host.clone(), options, until_stopped));
        host.wait_until_connected().await;
        Self { stop, task }
    }
}

/// Returns the text between the first `from` and the next `to`, or nothing if there is none.
pub fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inner, _)| inner)
}

/// Wraps instances in the controller's container `services`.
pub fn services(instances: &str) -> String {
    format!("<services xmlns='http://clicon.org/controller'>{instances}</services>")
}

/// Returns an instance of `probe`: its first module executes the lines of `first`, its second those of `second`.
pub fn probe(name: &str, first: &[&str], second: &[&str]) -> String {
    instance("", name, first, second)
}

/// As [`probe`], replacing the existing instance.
pub fn replaced(name: &str, first: &[&str], second: &[&str]) -> String {
    instance(&operation("replace"), name, first, second)
}

fn operation(name: &str) -> String {
    format!(" xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='{name}'")
}

fn instance(operation: &str, name: &str, first: &[&str], second: &[&str]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let lines = |leaf: &str, lines: &[&str]| -> String {
        lines.iter().map(|line| format!("<{leaf}>{}</{leaf}>", escape(line))).collect()
    };
    format!(
        "<probe xmlns='urn:example:probe'{operation}><name>{}</name>{}{}</probe>",
        escape(name),
        lines("do", first),
        lines("also", second)
    )
}

/// Returns the removal of an instance of `probe`.
pub fn removed(name: &str) -> String {
    format!("<probe xmlns='urn:example:probe'{}><name>{name}</name></probe>", operation("remove"))
}

/// Returns the lines that create an interface on the first device.
pub fn interface(name: &str) -> [String; 2] {
    let interface = format!(
        "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='{name}']/config"
    );
    [format!("set {interface}/name {name}"), format!("set {interface}/type ianaift:ethernetCsmacd")]
}

/// Fails the test unless the commit succeeded.
#[track_caller]
pub fn succeeded(committed: &CommitEnd) {
    assert!(committed.succeeded(), "{}", committed.reason());
}
