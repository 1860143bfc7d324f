//! A services daemon that computes nothing: it sends edits that were made before. It is this program again, as a process of its
//! own, so that its processor time can be told from others'.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use confine_backend::{
    Backend, ConnectOptions, ControllerEvent, Datastore, EventReceiver, EventStream, RequestUser,
};
use nix::unistd::Pid;
use tempfile::NamedTempFile;

use crate::process::ProcessClock;

/// The first argument of the client.
const ARGUMENT: &str = "--floor";

/// The client.
pub(crate) struct Floor {
    process: Child,
    _edits: NamedTempFile,
}

impl Floor {
    /// Starts it, and waits until it has subscribed. The edits of each commit are sent in turn; later commits get none.
    pub(crate) fn start(socket: &Path, edits: &[Vec<String>]) -> Self {
        let file = NamedTempFile::new().unwrap();
        serde_json::to_writer(&file, edits).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(ARGUMENT)
            .args([socket, file.path()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "the client has ended");
        Self { process, _edits: file }
    }

    /// Returns its processor time.
    pub(crate) fn clock(&self) -> ProcessClock {
        ProcessClock::new(Pid::from_raw(i32::try_from(self.process.id()).unwrap()))
    }

    /// Stops it.
    pub(crate) fn end(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Returns the controller's socket and the file of edits, if this process is to be the client.
pub(crate) fn arguments() -> Option<(PathBuf, PathBuf)> {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().filter(|first| first == ARGUMENT)?;
    Some((arguments.next()?.into(), arguments.next()?.into()))
}

/// Answers commits with the edits in a file.
pub(crate) async fn answer(socket: &Path, edits: &Path) {
    let options =
        ConnectOptions { request_timeout: Duration::from_secs(600), ..ConnectOptions::new(socket).unwrap() };
    let edits: Vec<Vec<String>> = serde_json::from_slice(&fs::read(edits).unwrap()).unwrap();
    let mut edits = edits.into_iter();
    let mut events = EventReceiver::subscribe(&options, &[EventStream::ServicesCommit]).await.unwrap();
    let mut backend = Backend::connect(options).await.unwrap();
    println!("ready");
    loop {
        let ControllerEvent::ServicesCommit(commit) = events.next().await.unwrap() else { continue };
        backend.transaction(commit.tid, &RequestUser::Host).await.unwrap();
        for edit in edits.next().unwrap_or_default() {
            backend.edit_config(Datastore::Actions, &edit, &RequestUser::Host).await.unwrap();
        }
        backend.actions_done(commit.tid, &["interfaces"], &RequestUser::Host).await.unwrap();
    }
}

/// Returns the configuration in the edits among requests.
pub(crate) fn edits_of(requests: &[String]) -> Vec<String> {
    let content = |request: &String| {
        let (_, rest) = request.split_once("<config>")?;
        Some(rest.rsplit_once("</config>")?.0.to_owned())
    };
    requests.iter().filter(|request| request.contains("<edit-config>")).filter_map(content).collect()
}
