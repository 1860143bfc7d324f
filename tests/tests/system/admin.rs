//! The admin interface of a running daemon, used by the commands and by other programs.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
        process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Instant,
};

use confine_test_support::guests::test_guest;
use nix::unistd::Group;
use rustix::process::geteuid;

use super::common::{
    DaemonProcess, PATIENCE, PROGRAM, confine, http, modules, serve, site::DaemonSite, text,
};

/// A daemon with a broken module, without a controller.
struct RunningDaemon {
    directory: tempfile::TempDir,
    daemon: DaemonProcess,
    lines: super::common::OutputLines,
}

impl RunningDaemon {
    fn start() -> Self {
        Self::start_with("broken", b"\0asm")
    }

    fn start_with(module: &str, bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(modules(directory.path())).unwrap();
        fs::write(modules(directory.path()).join(module).with_extension("wasm"), bytes).unwrap();
        let metrics = directory.path().join("metrics.sock");
        let config = "[module.broken.limits]\nmemory = '128 MiB'\n[module.absent]\nconflicts = 'last-wins'\n";
        fs::write(directory.path().join("confine.toml"), config).unwrap();
        let mut command = serve(directory.path());
        command.arg("--metrics").arg(metrics).stderr(Stdio::piped());
        let mut daemon = DaemonProcess::start(&mut command);
        let lines = daemon.errors();
        lines.wait_for_all(&["no connection to the controller", "audit: module"]);
        Self { directory, daemon, lines }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn connect(&self, socket: &str) -> UnixStream {
        UnixStream::connect(self.path(socket)).unwrap()
    }

    /// Runs a command against the daemon and returns its standard output, or its error.
    fn ask(&self, words: &str) -> Result<String, String> {
        let mut command = confine();
        command.args(words.split(' ')).arg("--admin").arg(self.path("admin.sock"));
        command.arg("--config").arg(self.path("confine.toml"));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let here = self.directory.path().to_str().unwrap();
        match status.code() {
            Some(0) => Ok(text(&stdout).replace(here, "")),
            Some(1) => Err(text(&stderr).replace(here, "")),
            other => panic!("{words}: {other:?} {}", text(&stderr)),
        }
    }
}

/// What an operator sees of a module.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    state: String,
    digest: String,
    kept: usize,
}

impl RunningDaemon {
    fn see(&self, words: &str) -> Seen {
        let module: serde_json::Value = serde_json::from_str(&self.ask(words).unwrap()).unwrap();
        Seen {
            state: module["state"].as_str().unwrap().to_owned(),
            digest: module["digest"].as_str().unwrap().to_owned(),
            kept: module["kept"].as_array().unwrap().len(),
        }
    }
}

#[test]
fn status_commands_show_modules_and_state() {
    let running = RunningDaemon::start();
    running.lines.wait_for_all(&["the settings name a module that does not exist module=absent"]);
    let status = running.ask("status").unwrap();
    assert!(status.starts_with("controller  not connected since 20"), "{status}");
    assert!(status.contains("at `/controller.sock`, as `"), "{status}");
    assert!(status.contains("commits     0 done, 0 failed\n"), "{status}");
    insta::assert_snapshot!(running.ask("modules").unwrap(), @r"
    MODULE  VERSION  STATE   SERVICES  RUNS  FAILED  LAST RUN
    broken  -        broken               0       0  -
      module `broken` cannot be loaded: it is truncated: copy it under another name, then rename it
    ");

    let json: serde_json::Value = serde_json::from_str(&running.ask("status --json").unwrap()).unwrap();
    assert_eq!(json["connection"]["connected"], false);
    assert_eq!(json["modules"][0]["state"], "broken");
    let module = running.ask("modules show broken").unwrap();
    assert!(module.contains("memory = \"128 MiB\"\n"), "{module}");
    let module: serde_json::Value =
        serde_json::from_str(&running.ask("modules show broken --json").unwrap()).unwrap();
    assert_eq!(module["name"], "broken");
    assert!(module["limits"].as_array().unwrap().contains(&"memory = \"128 MiB\"".into()), "{module}");
    insta::assert_snapshot!(running.ask("modules show brkoen").unwrap_err(), @r"
    error: no module is called `brkoen`
    hint: the modules are broken
    ");
    insta::assert_snapshot!(running.ask("modules release broken").unwrap_err(), @"error: `broken` is not quarantined");

    // Nothing else uses the process, and its sockets go with it.
    assert_eq!(fs::metadata(running.path("admin.sock")).unwrap().mode() & 0o7777, 0o600);
    let RunningDaemon { directory, daemon, .. } = running;
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!directory.path().join("admin.sock").exists());
    assert!(!directory.path().join("metrics.sock").exists());
    let mut again = confine();
    let output = again.arg("status").arg("--admin").arg("/nowhere/admin.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr), @r"
    error: cannot connect to the Confine daemon at `/nowhere/admin.sock`: no such file. Start one with `confine serve`, or name its socket with `--admin`
    ");
}

#[test]
fn log_filter_changes_at_run_time() {
    let running = RunningDaemon::start();
    assert_eq!(running.ask("log").unwrap(), "info\n");
    assert_eq!(running.ask("log warn,xml=trace").unwrap(), "warn,xml=trace\n");
    assert_eq!(running.ask("log").unwrap(), "warn,xml=trace\n");
    assert_eq!(running.ask("log debug,audit=info").unwrap(), "debug,audit=info\n");
    // The operator's request is in the log.
    running.ask("log info").unwrap();
    running.lines.wait_for("request by an operator");
    let answer = http(
        running.connect("admin.sock"),
        "PUT /v1/log HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"filter\":\"loud\"}",
    );
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert_eq!(running.daemon.terminate(), Some(0));
}

#[test]
fn admin_protocol_is_versioned_and_explains_refusals() {
    let running = RunningDaemon::start();
    let ask = |request: &str| {
        let answer = http(running.connect("admin.sock"), &format!("{request} HTTP/1.1\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{}: {body}", head.lines().next().unwrap())
    };
    let answers = [
        ask("GET /v2/status"),
        ask("GET /v1/nothing"),
        ask("DELETE /v1/status"),
        ask("POST /v1/modules/broken/explode"),
        ask("POST /v1/modules/nothing/enable"),
        http(running.connect("admin.sock"), "hello\r\n\r\n").lines().next().unwrap().to_owned(),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    HTTP/1.1 404 Not Found: {"error":"there is no `/v2/status`: this daemon serves version 1 (`/v1/…`)"}
    HTTP/1.1 404 Not Found: {"error":"there is no `/v1/nothing`"}
    HTTP/1.1 405 Method Not Allowed: {"error":"`/v1/status` does not support `DELETE`"}
    HTTP/1.1 404 Not Found: {"error":"there is no operation `explode` on modules"}
    HTTP/1.1 404 Not Found: {"error":"no module is called `nothing`\nhint: the modules are broken"}
    HTTP/1.1 400 Bad Request
    "#);
    assert!(ask("GET /v1/status").starts_with("HTTP/1.1 200 OK: {\"uptime_s\":"));
    assert!(ask("GET /v1/events").starts_with("HTTP/1.1 200 OK: ["));
    assert_eq!(running.daemon.terminate(), Some(0));
}

#[test]
fn metrics_socket_offers_metrics_and_health_only() {
    let running = RunningDaemon::start();
    let socket = running.path("metrics.sock");
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o7777, 0o666);
    let metrics = http(running.connect("metrics.sock"), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(metrics.contains("Content-Type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nconfine_controller_connected 0"), "{metrics}");
    assert!(metrics.contains("confine_module_state{module=\"broken\",state=\"broken\"} 1"), "{metrics}");
    let health = http(running.connect("metrics.sock"), "GET /health HTTP/1.1\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{health}");
    assert!(health.contains("no connection to the controller"), "{health}");
    for request in ["GET /v1/status", "POST /v1/stop", "PUT /v1/log", "POST /v1/modules/broken/enable"] {
        let answer = http(running.connect("metrics.sock"), &format!("{request} HTTP/1.1\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{request}: {answer}");
    }
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// Everything that an operator does with two versions of a module.
#[test]
fn operator_chooses_the_version_that_runs() {
    let guests = test_guest("probe");
    let files = confine_author::build(&guests, &["probe", "second"]).unwrap();
    let [first, second] = [&files[0], &files[1]].map(|file| fs::read(file).unwrap());
    let running = RunningDaemon::start_with("svc", &first);
    let one = running.see("modules show svc --json");
    assert_eq!((one.state.as_str(), one.kept), ("active", 1));
    assert_eq!(running.see("modules disable svc --json").state, "disabled");
    assert_eq!(running.see("modules show svc --json").state, "disabled");
    assert_eq!(running.see("modules enable svc --json"), one);

    // As an operator installs another version.
    fs::write(running.path("svc.new"), &second).unwrap();
    fs::rename(running.path("svc.new"), modules(running.directory.path()).join("svc.wasm")).unwrap();
    let until = Instant::now() + PATIENCE;
    let two = loop {
        running.ask("modules refresh").unwrap();
        let seen = running.see("modules show svc --json");
        if seen.digest != one.digest {
            break seen;
        }
        assert!(Instant::now() < until, "{seen:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!((two.state.as_str(), two.kept), ("active", 2));
    assert_eq!(running.see("modules rollback svc --json").digest, one.digest);
    let shown = running.ask("modules show svc").unwrap();
    assert!(shown.contains(&format!("sha256:{}  (running)", one.digest)), "{shown}");
    assert_eq!(running.see("modules reload svc --json").digest, two.digest);
    insta::assert_snapshot!(running.ask("modules forget svc").unwrap_err(), @r"
    error: the file of `svc` still exists
    hint: remove the file first
    ");

    let metrics = http(running.connect("metrics.sock"), "GET /metrics HTTP/1.1\r\n\r\n");
    for event in ["swap", "rollback", "disable", "enable"] {
        assert!(
            metrics.contains(&format!("confine_events_total{{event=\"{event}\"}} ")),
            "{event}: {metrics}"
        );
    }
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// Two modules of one list, of which the operator approves the second.
#[test]
fn operator_approves_a_held_module() {
    let files = confine_author::build(&test_guest("probe"), &["probe", "second"]).unwrap();
    let [first, second] = [&files[0], &files[1]].map(|file| fs::read(file).unwrap());
    let running = RunningDaemon::start_with("svc", &first);
    assert_eq!(running.see("modules show svc --json").state, "active");
    fs::write(running.path("other.new"), &second).unwrap();
    fs::rename(running.path("other.new"), modules(running.directory.path()).join("other.wasm")).unwrap();
    let until = Instant::now() + PATIENCE;
    while !running.ask("modules").unwrap().contains("held") {
        assert!(Instant::now() < until, "{}", running.ask("modules").unwrap());
        running.ask("modules refresh").unwrap();
    }
    insta::assert_snapshot!(running.ask("modules").unwrap(), @r"
    MODULE  VERSION  STATE   SERVICES    RUNS  FAILED  LAST RUN
    other   0.1.0    held                   0       0  -
      it claims the list `probe`, which `svc` serves
      hint: replace or remove its file, or run `confine modules approve other` to let it serve too
    svc     0.1.0    active  probe,pair     0       0  -
    ");
    let held = http(running.connect("metrics.sock"), "GET /metrics HTTP/1.1\r\n\r\n");
    assert!(held.contains("confine_module_version_held{module=\"other\"} 1"), "{held}");
    assert_eq!(running.see("modules approve other --json").state, "active");
    insta::assert_snapshot!(running.ask("modules approve other").unwrap_err(), @"error: `other` is not held: there is nothing to approve");
    let stored = fs::read_to_string(running.path("state/services.json")).unwrap();
    assert!(stored.contains("\"other\""), "{stored}");
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// The kernel refuses other users by the socket's mode. This is what they read if an operator widens it.
#[test]
fn admin_socket_refuses_other_users() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can ask as another user");
        return;
    }
    let running = RunningDaemon::start();
    // Every directory on the path must be accessible.
    fs::set_permissions(running.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = running.path("confine");
    // Copied by another process: a file that this process has open for writing cannot be executed, nor by a process that
    // inherits the descriptor.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let socket = running.path("admin.sock");
    let nobody = || {
        let mut command = Command::new(&program);
        command.arg("status").arg("--admin").arg(&socket).uid(65534).gid(65534).current_dir("/");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let told = nobody();
    assert!(told.contains("`: permission denied"), "{told}");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    insta::assert_snapshot!(nobody().replace("`65534`", "`nobody`"), @r"
    error: `nobody` may not administer Confine
    hint: use root or the user that the daemon runs as, or set `group` in `[admin]` to a group of `nobody`
    ");
    running.lines.wait_for("refused a user on the admin socket");
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// Some peers connect and send nothing, send slowly, or do not read. The last of them is still connected after the request,
/// which shows that the request was answered in the meantime.
#[test]
fn slow_peers_do_not_block_others() {
    let running = RunningDaemon::start();
    for (socket, question) in [("admin.sock", "GET /v1/status"), ("metrics.sock", "GET /health")] {
        let mut slow: Vec<UnixStream> = (0..400).map(|_| running.connect(socket)).collect();
        for (number, peer) in slow.iter_mut().enumerate() {
            // The daemon may have closed the connection already.
            let _ = match number % 3 {
                0 => Ok(()),
                1 => peer.write_all(b"GET /v1/st"),
                _ => peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n"),
            };
        }
        let answer = http(running.connect(socket), &format!("{question} HTTP/1.1\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 "), "{socket}: {answer}");
        if socket == "admin.sock" {
            assert!(running.ask("status").unwrap().starts_with("controller  "));
        }
        assert!(is_open(&slow[399]), "{socket}: the last peer is still connected");
        // The first was disconnected to make room.
        slow[0].set_read_timeout(Some(PATIENCE)).unwrap();
        let read = slow[0].read(&mut [0]);
        assert!(
            matches!(&read, Ok(0)) || read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        );
    }
    assert_eq!(running.daemon.terminate(), Some(0));
}

/// Whether the connection is still open.
fn is_open(mut peer: &UnixStream) -> bool {
    peer.set_nonblocking(true).unwrap();
    peer.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn daemon_stops_on_request() {
    let mut running = RunningDaemon::start();
    running.ask("stop").unwrap();
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = running.daemon.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}

/// A missing directory does not stop the daemon, unless the directory was configured.
#[test]
fn daemon_fails_without_its_named_admin_socket() {
    let directory = tempfile::tempdir().unwrap();
    let output = serve(directory.path()).arg("--metrics").arg("/nowhere/metrics.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("cannot serve metrics") && said.contains("/nowhere/metrics.sock"), "{said}");
}

/// A daemon that serves a controller and offers metrics on a port.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_on_a_port() {
    let mut site = DaemonSite::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let served = site.start(site.command().arg("--metrics").arg(free.to_string()));
    served.lines.wait_for("serving the controller");
    site.goes_on("counted").await;
    let ask = |what: &str| {
        http(TcpStream::connect(free).unwrap(), &format!("GET {what} HTTP/1.1\r\nHost: {free}\r\n\r\n"))
    };
    let health = ask("/health");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    // The commit is counted a moment after the user is notified.
    let until = Instant::now() + PATIENCE;
    let metrics = loop {
        let metrics = ask("/metrics");
        if metrics.contains("\nconfine_commits_total{result=\"done\"} 1\n") {
            break metrics;
        }
        assert!(Instant::now() < until, "{metrics}");
    };
    assert!(metrics.contains("\nconfine_controller_connected 1"), "{metrics}");
    assert!(metrics.contains("confine_module_state{module=\"probe\",state=\"active\"} 1"), "{metrics}");
    assert!(ask("/v1/status").starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert_eq!(served.daemon.terminate(), Some(0));
    assert!(TcpStream::connect(free).is_err());
}

/// Only members of the configured group may use the socket.
#[tokio::test(flavor = "multi_thread")]
async fn admin_socket_serves_the_configured_group() {
    const NOBODY: u32 = 65534;
    let Some(group) = Group::from_gid(NOBODY.into()).unwrap().filter(|_| geteuid().is_root()) else {
        eprintln!("skipped: only root can ask as another user, and there has to be a group for it");
        return;
    };
    let site = DaemonSite::new().await;
    let config = site.path("confine.toml");
    fs::write(&config, format!("[admin]\ngroup = '{}'\n", group.name)).unwrap();
    let served = site.serve();
    let socket = site.path("admin.sock");
    let metadata = fs::metadata(&socket).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.gid(), metadata.uid()), (0o660, NOBODY, 0));
    // Every directory on the path must be accessible.
    fs::set_permissions(site.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = site.path("confine");
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let ask = |group: u32| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", "--regid", &group.to_string()]);
        command.arg(&program).arg("status").arg("--admin").arg(&socket).current_dir("/").output().unwrap()
    };
    let member = ask(NOBODY);
    assert!(text(&member.stdout).starts_with("controller  connected"), "{member:?}");
    let stranger = ask(1);
    assert!(text(&stranger.stderr).contains("`: permission denied"), "{stranger:?}");
    assert_eq!(served.daemon.terminate(), Some(0));
}
