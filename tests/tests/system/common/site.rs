//! A controller, a committing user, and a daemon in its own process.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use confine_author::{CommitEnd, Testbed};
use confine_backend::{ActionsMode, PushMode, TransactionOutcome};
use confine_controller::Controller;
use confine_test_support::{
    faulty_wire::FaultyWire,
    guests::test_guest,
    testbed::{replaced, services},
};
use rustix::process::Pid;

use super::{DaemonProcess, OutputLines, PATIENCE, http, modules, serve};

/// A controller, a user, and a directory with the files of a daemon.
pub(crate) struct DaemonSite {
    pub(crate) base: Testbed,
    /// Between the daemon and the controller.
    pub(crate) wire: FaultyWire,
    pub(crate) directory: tempfile::TempDir,
}

/// A daemon process and its log.
pub(crate) struct ServedDaemon {
    pub(crate) daemon: DaemonProcess,
    pub(crate) lines: OutputLines,
}

impl DaemonSite {
    pub(crate) async fn new() -> Self {
        let probe = test_guest("probe");
        let module = &confine_author::build(&probe, &["probe"]).unwrap()[0];
        let yang = fs::read_to_string(probe.join("probe@2026-11-23.yang")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(modules(directory.path())).unwrap();
        fs::copy(module, modules(directory.path()).join("probe.wasm")).unwrap();
        // So that endless runs do not reach these limits.
        let limits = "[limits]\nfuel = { base = 1_000_000_000_000_000 }\nwall_clock = { base = '1 h' }\n";
        fs::write(directory.path().join("confine.toml"), limits).unwrap();
        let builder = Controller::builder().devices(1).service_model("probe", yang);
        let backend = directory.path().join("backend.sock");
        let testbed = Testbed::without_daemon(builder, backend.clone(), "alice").await.unwrap();
        let wire = FaultyWire::listen(&directory.path().join("controller.sock"), &backend).unwrap();
        Self { base: testbed, wire, directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        serve(self.directory.path())
    }

    /// Starts a daemon that serves.
    pub(crate) fn serve(&self) -> ServedDaemon {
        let served = self.start(&mut self.command());
        served.lines.wait_for("serving the controller");
        served
    }

    pub(crate) fn start(&self, command: &mut Command) -> ServedDaemon {
        let mut daemon = DaemonProcess::start(command.stderr(Stdio::piped()));
        let lines = daemon.errors();
        ServedDaemon { daemon, lines }
    }

    /// Waits for the next log line with this text, and returns it without the time and the test's directory.
    pub(crate) fn told(&self, served: &ServedDaemon, text: &str) -> String {
        let line = served.lines.wait_for(text);
        let (_, line) = line.split_once(' ').unwrap();
        line.trim().replace(self.directory.path().to_str().unwrap(), "")
    }

    pub(crate) async fn edit(&mut self, does: &[&str]) {
        self.base.discard().await.unwrap();
        self.base.edit(&services(&replaced("a", does, &[]))).await.unwrap();
    }

    pub(crate) async fn begin(&mut self) -> u64 {
        self.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap()
    }

    pub(crate) async fn commit(&mut self, banner: &str) -> CommitEnd {
        let path = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";
        self.edit(&[&format!("set {path} {banner}")]).await;
        let committed = self.base.commit(PushMode::Commit, ActionsMode::Change);
        tokio::time::timeout(PATIENCE, committed).await.expect("a commit is not answered").unwrap()
    }

    /// Checks that the next commit succeeds.
    pub(crate) async fn goes_on(&mut self, banner: &str) {
        let committed = self.commit(banner).await;
        assert!(committed.succeeded(), "{}", committed.reason());
        let device = self.base.controller().device("openconfig1").unwrap();
        assert!(device.contains(&format!("<login-banner>{banner}</login-banner>")), "{device}");
    }

    /// Begins a commit that does not end by itself.
    pub(crate) async fn endless_commit(&mut self) -> u64 {
        self.edit(&["spin"]).await;
        let tid = self.begin().await;
        let running = format!("\"running\":{tid}");
        let runs = || {
            let admin = UnixStream::connect(self.path("admin.sock")).unwrap();
            http(admin, "GET /v1/status HTTP/1.1\r\n\r\n").contains(&running)
        };
        let until = Instant::now() + PATIENCE;
        while !runs() {
            assert!(Instant::now() < until);
        }
        tid
    }

    pub(crate) async fn end(&mut self, tid: u64) -> String {
        let over = tokio::time::timeout(PATIENCE, self.base.end(tid)).await.expect("it is not answered");
        let over = over.unwrap();
        assert_eq!(over.result, TransactionOutcome::Failed);
        over.reason.unwrap()
    }
}

impl ServedDaemon {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.daemon.0)
    }

    pub(crate) fn is_there(&mut self) -> bool {
        self.daemon.0.try_wait().unwrap().is_none()
    }
}
