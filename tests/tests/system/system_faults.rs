//! What the daemon does and reports if the system denies it something. The table in SECURITY.md names these tests. For faults
//! of the backend see `host/service/tests/commit/backend_faults.rs`.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixStream,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Command, Stdio},
};

use rustix::process::{Resource, Rlimit, Signal, geteuid, getrlimit, kill_process, prlimit};

use super::common::{
    DaemonProcess, PATIENCE, PROGRAM, confine, http, modules, serve, site::DaemonSite, text,
};

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// Small file systems that only this daemon sees.
#[tokio::test(flavor = "multi_thread")]
async fn disk_full_for_the_cache_and_the_versions() {
    let mut site = DaemonSite::new().await;
    let places = [site.path("cache"), site.path("state")];
    places.iter().for_each(|place| fs::create_dir(place).unwrap());
    let mount = "mount -t tmpfs -o size=16k,mode=700 none";
    let [cache, state] = places.each_ref().map(|place| place.display());
    let script = format!("{mount} '{cache}' && {mount} '{state}' && exec \"$0\" \"$@\"");
    let on_small_disks = |program: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).arg(program.get_program()).args(program.get_args());
        command
    };
    if !on_small_disks(&Command::new("true")).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can mount, and not everywhere");
        return;
    }
    let mut served = site.start(&mut on_small_disks(&site.command()));
    insta::assert_snapshot!(site.told(&served, "compiled code"), @"WARN confine_sandbox::cache: compiled code cannot be cached directory=/cache error=No space left on device (os error 28)");
    let told = site.told(&served, "cannot store a version");
    let (told, file) = told.split_once("/state/probe/").unwrap();
    let (_, why) = file.split_once(".wasm").unwrap();
    insta::assert_snapshot!(format!("{told}/state/probe/DIGEST.wasm{why}"), @r#"WARN confine_service::modules::loader: cannot store a version: a rollback to it will not be possible module="probe" error="`/state/probe/DIGEST.wasm` cannot be used: No space left on device (os error 28)""#);
    served.lines.wait_for_all(&["serving the controller"]);
    site.goes_on("with full disks").await;
    assert!(served.is_there());
    assert_eq!(served.daemon.terminate(), Some(0));
}

/// The daemon may not extend any file.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_would_be_too_large() {
    let mut site = DaemonSite::new().await;
    let mut served = site.serve();
    site.goes_on("before").await;
    let own = getrlimit(Resource::Fsize);
    prlimit(Some(served.pid()), Resource::Fsize, Rlimit { current: Some(0), maximum: own.maximum }).unwrap();
    let module = modules(site.directory.path()).join("probe.wasm");
    let mut another = fs::read(&module).unwrap();
    // A custom section: its number, its length, and a name.
    another.extend(b"\x00\x05\x04note");
    fs::write(site.path("another"), another).unwrap();
    fs::rename(site.path("another"), &module).unwrap();
    insta::assert_snapshot!(site.told(&served, "compiled code"), @"WARN confine_sandbox::cache: compiled code cannot be cached directory=/cache error=File too large (os error 27)");
    // The initial content of its memory is a file as well.
    insta::assert_snapshot!(site.told(&served, "refused"), @r#"ERROR audit: module refused module="probe" file="/modules/probe.wasm" error="module `probe` cannot be loaded: it cannot be started: the host failed: the WebAssembly runtime failed: File too large (os error 27)""#);
    site.goes_on("with the one before").await;
    assert!(served.is_there());
    assert_eq!(served.daemon.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_for_the_log() {
    let mut site = DaemonSite::new().await;
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut command = site.command();
    command.args(["--log", "trace", "--log-to", "stdout"]).stdout(full()).stderr(full());
    let mut daemon = DaemonProcess::start(&mut command);
    // Nothing reports when it is there.
    while !site.commit("with nothing to write").await.succeeded() {}
    site.goes_on("with nothing to read").await;
    assert!(daemon.0.try_wait().unwrap().is_none());
    assert_eq!(daemon.terminate(), Some(0));
}

/// As in a container without a user database: the user must be configured.
#[test]
fn a_user_without_a_name() {
    const UNNAMED: u32 = 4_242_424;
    if !geteuid().is_root() {
        eprintln!("skipped: only root can be another user");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("confine");
    // Copied by another process: a file that this process has open for writing cannot be executed, nor by a process that
    // inherits the descriptor.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let serve = serve(directory.path());
    chown(directory.path(), Some(UNNAMED), Some(UNNAMED)).unwrap();
    let command = || {
        let mut command = Command::new(&program);
        command.args(serve.get_args()).uid(UNNAMED).gid(UNNAMED).current_dir("/").stderr(Stdio::piped());
        command
    };
    let output = command().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    insta::assert_snapshot!(said, @"
    error: user 4242424, which this process runs as, has no name on this system
    hint: name one to ask for: `--user NAME`, or `user` in confine.toml for the daemon
    ");
    let mut daemon = DaemonProcess::start(command().args(["--user", "alice"]));
    daemon.errors().wait_for("no connection to the controller");
    assert_eq!(daemon.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm() {
    let mut site = DaemonSite::new().await;
    let served = site.serve();
    let tid = site.endless_commit().await;
    assert_eq!(served.daemon.terminate(), Some(0));
    insta::assert_snapshot!(site.end(tid).await, @r"
    the services daemon is shutting down
    hint: commit again when it has been restarted
    ");
    let _served = site.serve();
    site.goes_on("again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_and_a_restart() {
    let mut site = DaemonSite::new().await;
    let mut served = site.serve();
    let tid = site.endless_commit().await;
    kill_process(served.pid(), Signal::KILL).unwrap();
    assert_eq!(served.daemon.0.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
    // Its sockets and its pidfile do not block the next daemon.
    let served = site.start(&mut site.command());
    insta::assert_snapshot!(site.told(&served, "left a commit behind"), @"WARN audit: a previous daemon left a commit behind tid=1 ended=true");
    insta::assert_snapshot!(site.end(tid).await, @r"
    the commit began before this services daemon was running
    hint: commit again
    ");
    site.goes_on("again").await;
    assert!(UnixStream::connect(site.path("admin.sock")).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sockets_are_removed() {
    let mut site = DaemonSite::new().await;
    let served = site.serve();
    fs::rename(site.path("controller.sock"), site.path("aside")).unwrap();
    fs::remove_file(site.path("admin.sock")).unwrap();
    // Existing connections stay.
    site.goes_on("connected").await;
    let status = confine().arg("status").arg("--admin").arg(site.path("admin.sock")).output().unwrap();
    assert_eq!(status.status.code(), Some(1));
    let here = site.directory.path().to_str().unwrap();
    insta::assert_snapshot!(text(&status.stderr).replace(here, ""), @r"
    error: cannot connect to the Confine daemon at `/admin.sock`: no such file. Start one with `confine serve`, or name its socket with `--admin`
    ");
    assert_eq!(served.daemon.terminate(), Some(0));

    let served = site.start(&mut site.command());
    let told = site.told(&served, "no connection to the controller");
    let (told, _) = told.split_once(" retry_ms").unwrap();
    insta::assert_snapshot!(told, @r#"WARN confine_service::daemon: no connection to the controller error="cannot connect to the controller at `/controller.sock`: No such file or directory (os error 2)\nhint: is it running, and is this user in the socket's group?""#);
    fs::rename(site.path("aside"), site.path("controller.sock")).unwrap();
    served.lines.wait_for("serving the controller");
    site.goes_on("connected again").await;
    assert!(UnixStream::connect(site.path("admin.sock")).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_denied_on_the_socket() {
    let site = DaemonSite::new().await;
    let socket = site.path("controller.sock");
    let mode = |mode| fs::set_permissions(&socket, fs::Permissions::from_mode(mode)).unwrap();
    let program = site.command();
    let mut command = if geteuid().is_root() {
        // Nothing is denied to root, so the daemon runs as another user, who owns the whole directory.
        mode(0o600);
        let copy = site.path("confine");
        assert!(Command::new("cp").arg(program.get_program()).arg(&copy).status().unwrap().success());
        for path in [site.directory.path().into(), site.path("modules"), site.path("confine.toml")] {
            chown(path, Some(NOBODY), None).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups"]).arg(copy).args(program.get_args());
        command
    } else {
        mode(0o000);
        program
    };
    let served = site.start(&mut command);
    let told = site.told(&served, "no connection to the controller");
    let (told, _) = told.split_once(" retry_ms").unwrap();
    insta::assert_snapshot!(told, @r#"WARN confine_service::daemon: no connection to the controller error="cannot connect to the controller at `/controller.sock`: Permission denied (os error 13)\nhint: is it running, and is this user in the socket's group?""#);
    mode(0o666);
    served.lines.wait_for("serving the controller");
    assert_eq!(served.daemon.terminate(), Some(0));
}

/// As in a container: the kernel shows no process id of the controller there.
#[tokio::test(flavor = "multi_thread")]
async fn a_controller_among_other_processes() {
    let mut site = DaemonSite::new().await;
    let elsewhere = |program: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]).arg(program.get_program()).args(program.get_args());
        command
    };
    if !elsewhere(&Command::new("true")).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root can have processes of its own, and not everywhere");
        return;
    }
    let mut served = site.start(&mut elsewhere(&site.command()));
    served.lines.wait_for("serving the controller");
    site.goes_on("from elsewhere").await;
    assert!(served.is_there());
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_descriptors() {
    let mut site = DaemonSite::new().await;
    let mut served = site.serve();
    site.goes_on("before").await;

    // The kernel assigns only descriptors below the limit, and all of them are in use.
    let own = getrlimit(Resource::Nofile);
    prlimit(Some(served.pid()), Resource::Nofile, Rlimit { current: Some(3), maximum: own.maximum }).unwrap();
    let operator = UnixStream::connect(site.path("admin.sock")).unwrap();
    insta::assert_snapshot!(site.told(&served, "cannot accept connections"), @r#"WARN confine::admin::server: cannot accept connections for now listener="admin socket" error=Too many open files (os error 24)"#);
    // Modules stay loaded while their directory cannot be read.
    File::create(modules(site.directory.path()).join("notes.txt")).unwrap();
    insta::assert_snapshot!(site.told(&served, "module directory"), @"ERROR confine_service::modules::scan: cannot read a module directory directory=/modules error=Too many open files (os error 24)");
    site.goes_on("with what is open").await;
    site.wire.cut();
    let told = site.told(&served, "no connection to the controller");
    insta::assert_snapshot!(told.split_once(" retry_ms").unwrap().0, @r#"WARN confine_service::daemon: no connection to the controller error="`notification` failed: the peer closed the connection""#);
    let told = site.told(&served, "Too many open files");
    insta::assert_snapshot!(told.split_once(" retry_ms").unwrap().0, @r#"WARN confine_service::daemon: no connection to the controller error="cannot connect to the controller at `/controller.sock`: Too many open files (os error 24)\nhint: is it running, and is this user in the socket's group?""#);

    prlimit(Some(served.pid()), Resource::Nofile, own).unwrap();
    served.lines.wait_for("serving the controller");
    site.goes_on("after").await;
    // Waiting clients are served.
    operator.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = http(operator, "GET /health HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(served.is_there());
    assert_eq!(served.daemon.terminate(), Some(0));
}
