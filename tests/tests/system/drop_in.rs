//! In place of the Python API server: started as the backend starts it, for an embedded controller.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use confine_backend::{ConnectOptions, Error, EventReceiver, EventStream, TransactionOutcome};

use super::common::{
    DaemonProcess, PATIENCE,
    bench_service::{commit, serve_controller},
    confine, text,
};

/// A controller with the configuration files of an installation.
struct Installed {
    directory: tempfile::TempDir,
}

impl Installed {
    async fn new() -> Self {
        let installed = Self { directory: tempfile::tempdir().unwrap() };
        let here = installed.directory.path();
        let fragments = here.join("fragments");
        fs::create_dir(&fragments).unwrap();
        fs::create_dir(here.join("modules")).unwrap();
        fs::write(
            installed.configuration(),
            format!(
                "<clixon-config xmlns='http://clicon.org/config'>
                   <CLICON_CONFIGDIR>{}</CLICON_CONFIGDIR>
                   <CLICON_SOCK>/nowhere/overridden-by-a-fragment.sock</CLICON_SOCK>
                   <CONTROLLER_PYAPI_MODULE_PATH xmlns='http://clicon.org/controller-config'>{}</CONTROLLER_PYAPI_MODULE_PATH>
                   <CONTROLLER_PYAPI_PIDFILE xmlns='http://clicon.org/controller-config'>{}</CONTROLLER_PYAPI_PIDFILE>
                 </clixon-config>",
                fragments.display(),
                here.join("modules").display(),
                installed.pidfile().display()
            ),
        )
        .unwrap();
        fs::write(
            fragments.join("10-socket.xml"),
            format!(
                "<clixon-config xmlns='http://clicon.org/config'><CLICON_SOCK>{}</CLICON_SOCK></clixon-config>",
                installed.socket().display()
            ),
        )
        .unwrap();
        serve_controller(&installed.socket());
        installed
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("controller.xml")
    }

    fn pidfile(&self) -> PathBuf {
        self.directory.path().join("services.pid")
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("controller.sock")
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions::new(self.socket()).unwrap()
    }

    /// Waits until a services daemon has subscribed, which only one may.
    async fn is_served(&self) {
        let served = async {
            loop {
                match EventReceiver::subscribe(&self.options(), &[EventStream::ServicesCommit]).await {
                    Err(Error::AlreadyRegistered(_)) => return,
                    other => drop(other),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served).await.unwrap();
    }
}

/// As the controller's backend starts its services process: descriptors 0 and 1 closed, SIGTSTP ignored,
/// the working directory `/`, no supplementary groups (where the test may give them up).
fn by_the_backend(program: Command) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.arg("--clear-groups").arg("sh");
        command
    } else {
        Command::new("sh")
    };
    command.arg("-c").arg("trap '' TSTP; exec \"$0\" \"$@\" <&- >&-");
    command.arg(program.get_program()).args(program.get_args());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir("/");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn daemon_started_by_the_backend_answers_commits() {
    let controller = Installed::new().await;
    let mut program = confine();
    program.arg("-F").arg("-f").arg(controller.configuration());
    let mut daemon = DaemonProcess::start(by_the_backend(program).stderr(Stdio::null()));
    controller.is_served().await;

    let process = PathBuf::from(format!("/proc/{}", daemon.pid()));
    let link = |name: &str| fs::read_link(process.join(name)).unwrap();
    assert_eq!(
        [link("fd/0"), link("fd/1"), link("cwd")].map(|path| path.display().to_string()),
        ["/dev/null", "/dev/null", "/"]
    );
    let status = fs::read_to_string(process.join("status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    if rustix::process::geteuid().is_root() {
        assert_eq!(field("Groups"), "");
    }
    const TSTP: u64 = 1 << (20 - 1);
    assert_ne!(u64::from_str_radix(&field("SigIgn"), 16).unwrap() & TSTP, 0);
    assert_eq!(fs::read_to_string(controller.pidfile()).unwrap().trim(), daemon.pid().to_string());

    let answer = commit(&controller.options()).await;
    assert_eq!(answer.result, TransactionOutcome::Failed);
    assert_eq!(answer.origin.as_deref(), Some("confine"));
    insta::assert_snapshot!(answer.reason.unwrap(), @r"
    no module serves `bench`
    hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there
    ");

    assert!(daemon.0.try_wait().unwrap().is_none());
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!controller.pidfile().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn second_daemon_of_the_backend_names_the_first() {
    let controller = Installed::new().await;
    let mut program = confine();
    program.arg("-f").arg(controller.configuration());
    let first = DaemonProcess::start(by_the_backend(program).stderr(Stdio::null()));
    controller.is_served().await;
    let mut again = confine();
    let second = again.arg("-f").arg(controller.configuration()).arg("-l").arg("o").output().unwrap();
    assert_eq!(second.status.code(), Some(4));
    let said = text(&second.stderr).replace(&first.pid().to_string(), "PID");
    let said = said.replace(controller.directory.path().to_str().unwrap(), "");
    // The process is named after its file.
    let said = said.replace("`confine-program`", "`confine`");
    insta::assert_snapshot!(said, @r"
    error: another instance is running: process PID (`confine`) holds the pidfile `/services.pid`
    hint: stop it first, or name another pidfile (`--pidfile`)
    ");
    assert_eq!(first.terminate(), Some(0));
}

/// That secrets are left out is tested where the log is formatted.
#[tokio::test(flavor = "multi_thread")]
async fn xml_is_logged_on_request() {
    let controller = Installed::new().await;
    let mut program = confine();
    program.arg("-s").arg(controller.socket()).arg("-m").arg(controller.directory.path().join("modules"));
    program.args(["-P", "-l", "o"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut daemon = DaemonProcess::start(&mut program);
    let lines = daemon.output();
    lines.wait_for("xml: sent");
    assert_eq!(lines.wait_for("<stream>").trim(), "<stream>services-commit</stream>");
    controller.is_served().await;
    assert_eq!(commit(&controller.options()).await.result, TransactionOutcome::Failed);
    lines.wait_for("xml: received");
    let told = lines.wait_for("<service>");
    assert_eq!(told.trim(), "<service>bench[name='b1']</service>");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn log_on_standard_output_can_be_json() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = super::common::serve(directory.path());
    command.args(["--log-to", "stdout", "--log-format", "json"]).stdout(Stdio::piped());
    let mut daemon = DaemonProcess::start(&mut command);
    let line = daemon.output().wait_for("no connection to the controller");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN");
    assert!(line["fields"]["error"].as_str().unwrap().contains("controller.sock"), "{line}");
    assert_eq!(daemon.terminate(), Some(0));
}
