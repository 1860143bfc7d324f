//! The program, started as users and supervisors start it.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use confine_test_support::repository;

use super::common::{DaemonProcess, confine, serve, text};

/// Starts a daemon that waits for a controller that does not exist.
fn waiting(directory: &Path) -> DaemonProcess {
    let mut daemon = DaemonProcess::start(serve(directory).stderr(Stdio::piped()));
    daemon.errors().wait_for("no connection to the controller");
    daemon
}

#[test]
fn demo_plays_every_step() {
    let Output { status, stdout, stderr } = confine().arg("demo").current_dir(repository()).output().unwrap();
    let (said, errors) = (text(&stdout), text(&stderr));
    assert_eq!(status.code(), Some(0), "{said}{errors}");
    for step in [
        "1. commit",
        "2. dry run",
        "3. change",
        "4. delete",
        "5. failing module",
        "6. misspelled leaf",
        "7. invalid value",
    ] {
        assert!(said.contains(step), "{step}: {said}");
    }
    assert!(said.contains("+            <mtu>9000</mtu>"), "{said}");
    assert!(said.contains("there is no device `openconfig9`"), "{said}");
    assert!(said.contains("the model has no `mtuu` below") && said.contains("did you mean `mtu`?"), "{said}");
    assert!(said.contains("`fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)"), "{said}");
}

#[test]
fn inspect_refuses_a_file_that_is_not_a_module() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broken.wasm");
    fs::write(&file, "\x7fELF\x02\x01\x01").unwrap();
    let output = confine().arg("inspect").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("compile the module for `wasm32-wasip2`"), "{said}");
}

/// The daemon loads neither, and nothing blocks on a FIFO without a writer.
#[test]
fn inspect_refuses_special_files_and_links() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
    rustix::fs::mknodat(rustix::fs::CWD, path("fifo.wasm"), kind, mode, 0).unwrap();
    std::os::unix::fs::symlink("fifo.wasm", path("link.wasm")).unwrap();
    let said = |name: &str| {
        let output = confine().arg("inspect").arg(path(name)).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).replace(directory.path().to_str().unwrap(), "")
    };
    insta::assert_snapshot!(said("fifo.wasm") + &said("link.wasm"), @r"
    error: cannot inspect `/fifo.wasm`
      because: it is a special file, not a regular file: copy the module itself here
    error: cannot inspect `/link.wasm`
      because: it is a link, not a regular file: copy the module itself here
    ");
}

#[test]
fn daemon_waits_for_a_controller_and_stops_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(waiting(directory.path()).terminate(), Some(0));
}

#[test]
fn second_daemon_names_the_one_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let first = waiting(directory.path());
    let second = serve(directory.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(4));
    let said = text(&second.stderr);
    assert!(said.contains(&first.pid().to_string()), "{said}");
    assert_eq!(first.terminate(), Some(0));
}

/// The variable that turns this test program into a backend; its value is the directory of the socket.
const BACKEND: &str = "CONFINE_TEST_BACKEND";

#[test]
fn daemon_stops_with_the_backend_that_started_it() {
    if let Some(directory) = env::var_os(BACKEND) {
        return backend(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut backend = DaemonProcess::start(
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "command_line::daemon_stops_with_the_backend_that_started_it"])
            .env(BACKEND, directory.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null()),
    );
    let lines = backend.errors();
    lines.wait_for("started by the controller");
    drop(backend);
    lines.wait_for("the controller has exited");
    // The daemon has the other end, so the lines end with the daemon.
    lines.all();
}

/// A backend that starts a daemon and is then killed, or exits if the daemon cannot start.
fn backend(directory: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let controller = confine_controller::Controller::builder().devices(1).build().unwrap();
        let listener = tokio::net::UnixListener::bind(directory.join("controller.sock")).unwrap();
        let mut daemon = serve(directory).spawn().unwrap();
        let ended = tokio::task::spawn_blocking(move || daemon.wait());
        controller
            .serve(listener, async { panic!("the daemon has ended: {:?}", ended.await) })
            .await
            .unwrap();
    });
}

#[test]
fn mistake_in_the_settings_is_reported_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("confine.toml");
    fs::write(&file, "socket = '/run/c.sock'\nmodule = ['/m']\n").unwrap();
    let output = confine().arg("config").arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stderr);
    assert!(said.contains("confine.toml") && said.contains("`module`") && said.contains('2'), "{said}");
}
