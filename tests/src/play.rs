//! A controller, a daemon and a user, with modules that obey what their instances say.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::{path::PathBuf, sync::Arc};

use confine_author::{CommitEnd, LoadedServices, Testbed};
use confine_backend::{ActionsMode, Backend, ConnectOptions, PushMode, RequestUser};
use confine_controller::{Controller, ControllerBuilder, DatastoreName};
use confine_service::Host;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{tap::Tap, workshop::guests};

/// A controller with two devices, a daemon, and a user who commits; what the daemon asks for is kept.
pub struct Play {
    /// The controller and the user.
    pub stage: Testbed,
    /// What the daemon asks for.
    pub tap: Tap,
    daemon: Option<Daemon>,
    /// For the daemon: where the controller is.
    options: ConnectOptions,
    _directory: TempDir,
}

/// A daemon that ends when it is told to, or with its play.
struct Daemon {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Play {
    /// With these services, this configuration of the controller from the beginning, and this user.
    pub async fn begin(services: LoadedServices, config: &str, user: &str) -> Self {
        let mut builder = Controller::builder().devices(2);
        if !config.is_empty() {
            builder = builder.config(config);
        }
        Self::on(builder, services, user).await
    }

    /// With this controller, which knows the models of these services, and this user.
    pub async fn on(builder: ControllerBuilder, services: LoadedServices, user: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let builder = builder.service_models(services.models);
        let tap = Tap::listen(&front, &back).unwrap();
        let stage = Testbed::without_daemon(builder, back, user).await.unwrap();
        let running_file = Some(stage.running_file());
        let options = ConnectOptions { running_file, ..ConnectOptions::new(front).unwrap() };
        let daemon = Some(Daemon::start(services.host, options.clone()).await);
        tap.take();
        Self { stage, tap, daemon, options, _directory: directory }
    }

    /// With two modules for the service `probe`, and nothing configured; `alice` commits.
    pub async fn probes() -> Self {
        Self::begin(guests(&["probe", "second"]).await.unwrap(), "", "alice").await
    }

    /// Ends the daemon; another one of the same two modules takes its place, and knows nothing yet.
    pub async fn restart(&mut self) {
        self.restart_with(self.stage.running_file()).await;
    }

    /// As [`restart`](Self::restart); what the next daemon takes for the file of `running` is this one.
    pub async fn restart_with(&mut self, running_file: impl Into<PathBuf>) {
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.stop.send(());
            daemon.task.await.unwrap();
        }
        let host = guests(&["probe", "second"]).await.unwrap().host;
        self.options.running_file = Some(running_file.into());
        self.daemon = Some(Daemon::start(host, self.options.clone()).await);
    }

    /// The user commits these instances.
    pub async fn commit(&mut self, instances: &str) -> CommitEnd {
        self.stage.edit(&services(instances)).await.unwrap();
        self.push(ActionsMode::Change).await
    }

    /// The user commits what the candidate has.
    pub async fn push(&mut self, actions: ActionsMode<'_>) -> CommitEnd {
        self.stage.commit(PushMode::Commit, actions).await.unwrap()
    }

    /// Somebody else changes `running`, by a commit that is no transaction of the controller: no daemon is
    /// told of it.
    pub async fn change_elsewhere(&mut self, config: &str) {
        let mut other = Backend::connect(ConnectOptions::new(self.stage.socket()).unwrap()).await.unwrap();
        other.edit_config(confine_backend::Datastore::Candidate, config, &RequestUser::Host).await.unwrap();
        other.commit(&RequestUser::Host).await.unwrap();
        other.close().await.unwrap();
    }

    /// The configuration of the first device.
    #[track_caller]
    pub fn device(&self) -> String {
        self.stage.controller().device("openconfig1").unwrap()
    }

    /// The edits that the daemon has sent since the tap was asked last.
    pub fn edits(&self) -> Vec<String> {
        self.tap.take().into_iter().filter(|message| message.contains("<edit-config>")).collect()
    }

    /// What the `created` lists of the instances of `probe` say in `running`.
    pub fn created(&self) -> Vec<String> {
        let running = self.stage.controller().datastore(DatastoreName::Running).unwrap();
        let instances = running.split("<probe ").skip(1).map(|instance| {
            let instance = between(instance, "", "</probe>");
            let paths: Vec<&str> =
                instance.split("<path>").skip(1).map(|rest| between(rest, "", "</path>")).collect();
            format!("{}: {}", between(instance, "<name>", "</name>"), paths.join(", "))
        });
        instances.map(|text| text.replace("/devices/device[name=\"openconfig1\"]/config", "…")).collect()
    }
}

impl Daemon {
    /// Knows the models when this returns: what it does is not to depend on how fast it is.
    async fn start(host: Arc<Host>, options: ConnectOptions) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let until_stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(confine_service::serve(host.clone(), options, until_stopped));
        host.connected().await;
        host.modelled().await;
        Self { stop, task }
    }
}

/// What stands between the first of these and the next of those; nothing, if they do not.
pub fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inner, _)| inner)
}

/// These instances, as they stand in the controller's configuration.
pub fn services(instances: &str) -> String {
    format!("<services xmlns='http://clicon.org/controller'>{instances}</services>")
}

/// An instance of `probe` whose first module does these things, and the second those.
pub fn probe(name: &str, first: &[&str], second: &[&str]) -> String {
    instance("", name, first, second)
}

/// The same, in the place of the one that there is.
pub fn instead(name: &str, first: &[&str], second: &[&str]) -> String {
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

/// The removal of that instance.
pub fn without(name: &str) -> String {
    format!("<probe xmlns='urn:example:probe'{}><name>{name}</name></probe>", operation("remove"))
}

/// What makes an interface on the first device.
pub fn interface(name: &str) -> [String; 2] {
    let interface = format!(
        "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='{name}']/config"
    );
    [format!("set {interface}/name {name}"), format!("set {interface}/type ianaift:ethernetCsmacd")]
}

/// Requires that a commit succeeded.
#[track_caller]
pub fn succeeded(committed: &CommitEnd) {
    assert!(committed.succeeded(), "{}", committed.reason());
}
