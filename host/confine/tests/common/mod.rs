//! The program, started and stopped by tests.

#![allow(dead_code, reason = "each test uses what it needs")]

pub(crate) mod bench;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up: machines that run tests are slow and busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program, with nothing of the environment that it would mind.
pub(crate) fn confine() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_confine"));
    command.env_remove("CONFINE_LOG").env_remove("PYAPI_DEBUG").stdin(Stdio::null());
    command
}

/// The daemon, with all that it needs in this directory.
pub(crate) fn serve(directory: &Path) -> Command {
    let mut command = confine();
    let config = directory.join("confine.toml");
    if !config.exists() {
        fs::write(&config, "").unwrap();
    }
    command.arg("serve").arg("--config").arg(config);
    command.arg("--socket").arg(directory.join("controller.sock"));
    command.arg("--modules").arg(directory).arg("--cache").arg(directory.join("cache"));
    command.arg("--state").arg(directory.join("state"));
    command.arg("--pidfile").arg(directory.join("confine.pid"));
    command.arg("--admin").arg(directory.join("admin.sock"));
    command
}

/// A process that does not outlive its test.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The lines that it writes to standard error.
    pub(crate) fn errors(&mut self) -> Lines {
        Lines::of(self.0.stderr.take().unwrap())
    }

    /// The lines that it writes to standard output.
    pub(crate) fn output(&mut self) -> Lines {
        Lines::of(self.0.stdout.take().unwrap())
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process writes, line by line. What nobody waits for is read all the same, so that it never waits.
pub(crate) struct Lines(std::sync::mpsc::Receiver<String>);

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // The test may have heard enough.
                let _ = sender.send(line);
            }
        });
        Self(receiver)
    }

    /// The next line with this text in it.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let mut heard = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => heard.push(line),
                Err(_) => panic!("`{text}` was not said, but:\n{}", heard.join("\n")),
            }
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
