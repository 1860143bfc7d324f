//! Starts and stops the program.

pub(crate) mod bench_service;
pub(crate) mod device_zoo;
pub(crate) mod seeded_random;
pub(crate) mod site;

use std::{
    cell::RefCell,
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Instant,
};

pub(crate) use confine_test_support::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_confine-program");

/// Returns the program with an environment that does not affect it.
pub(crate) fn confine() -> Command {
    let mut command = Command::new(PROGRAM);
    // Its usage texts show the name that it was called by.
    command.arg0("confine");
    command.env_remove("CONFINE_LOG").env_remove("PYAPI_DEBUG").stdin(Stdio::null());
    command
}

/// Returns the module directory of the daemon in this directory.
pub(crate) fn modules(directory: &Path) -> PathBuf {
    directory.join("modules")
}

/// Returns the command for a daemon with all its files in this directory.
pub(crate) fn serve(directory: &Path) -> Command {
    let mut command = confine();
    let config = directory.join("confine.toml");
    if !config.exists() {
        fs::write(&config, "").unwrap();
    }
    fs::create_dir_all(modules(directory)).unwrap();
    command.arg("serve").arg("--config").arg(config);
    command.arg("--socket").arg(directory.join("controller.sock"));
    command.arg("--modules").arg(modules(directory)).arg("--cache").arg(directory.join("cache"));
    command.arg("--state").arg(directory.join("state"));
    command.arg("--pidfile").arg(directory.join("confine.pid"));
    command.arg("--admin").arg(directory.join("admin.sock"));
    command
}

/// A daemon process that does not outlive its test.
pub(crate) struct DaemonProcess(pub(crate) Child);

impl DaemonProcess {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Returns the lines of standard error.
    pub(crate) fn errors(&mut self) -> OutputLines {
        OutputLines::of(self.0.stderr.take().unwrap())
    }

    /// Returns the lines of standard output.
    pub(crate) fn output(&mut self) -> OutputLines {
        OutputLines::of(self.0.stdout.take().unwrap())
    }

    /// Sends SIGTERM and waits for the exit status.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The output of a process, line by line. It is always read, so that the process never blocks.
pub(crate) struct OutputLines {
    coming: mpsc::Receiver<String>,
    heard: RefCell<Vec<String>>,
}

impl OutputLines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, coming) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // The test may have dropped the receiver.
                let _ = sender.send(line);
            }
        });
        Self { coming, heard: RefCell::default() }
    }

    /// Waits for each of these texts, in any order.
    #[track_caller]
    pub(crate) fn wait_for_all(&self, texts: &[&str]) {
        for text in texts {
            if !self.heard.borrow().iter().any(|line| line.contains(text)) {
                self.wait_for(text);
            }
        }
    }

    /// Waits for the next line with this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = self.coming.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                panic!("`{text}` was not said, but:\n{}", self.heard.borrow().join("\n"));
            };
            self.heard.borrow_mut().push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Returns all lines, once the process and its children have exited.
    #[track_caller]
    pub(crate) fn all(self) -> Vec<String> {
        let mut heard = self.heard.into_inner();
        let until = Instant::now() + PATIENCE;
        loop {
            match self.coming.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => heard.push(line),
                Err(RecvTimeoutError::Disconnected) => return heard,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end, but says:\n{}", heard.join("\n")),
            }
        }
    }
}

/// Sends a request as it is and returns the whole response.
pub(crate) fn http(stream: impl Read + Write, request: &str) -> String {
    let mut stream = stream;
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
