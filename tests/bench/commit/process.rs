//! Processes, and what they use.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};

/// The processor time of a process.
#[derive(Clone, Copy)]
pub(crate) struct ProcessClock(ClockId);

impl ProcessClock {
    pub(crate) fn new(process: Pid) -> Self {
        Self(clock_getcpuclockid(process).unwrap())
    }

    /// Returns the clock of the process that serves a socket.
    pub(crate) fn of_peer(socket: &Path) -> Self {
        Self::new(crate::peer(socket))
    }

    pub(crate) fn now(self) -> Duration {
        self.0.now().unwrap().into()
    }
}

/// Confine, as a process.
pub(crate) struct Daemon {
    program: PathBuf,
    directory: PathBuf,
    settings: PathBuf,
    process: Option<Child>,
}

impl Daemon {
    /// Prepares a daemon with one module, in a directory. `running` is the file of `running`.
    pub(crate) fn new(
        program: &Path,
        directory: &Path,
        controller: &Path,
        running: Option<&Path>,
        module: &Path,
    ) -> Self {
        let modules = directory.join("modules");
        fs::create_dir(&modules).unwrap();
        fs::copy(module, modules.join("interfaces.wasm")).unwrap();
        let mut settings =
            format!("socket = '{}'\nmodules = ['{}']\n", controller.display(), modules.display());
        if let Some(running) = running {
            settings += &format!("running = '{}'\n", running.display());
        }
        for (name, place) in [("cache", "cache"), ("state", "state"), ("admin.socket", "admin.sock")] {
            settings += &format!("{name} = '{}'\n", directory.join(place).display());
        }
        // More instances than by default.
        settings += "limits.bytes_out.base = '1 GiB'\n";
        let file = directory.join("confine.toml");
        fs::write(&file, settings).unwrap();
        Self { program: program.to_owned(), directory: directory.to_owned(), settings: file, process: None }
    }

    /// Starts it, and waits until it knows the models of the devices.
    pub(crate) fn start(&mut self) {
        let mut process = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(&self.settings)
            .env("CONFINE_LOG", "info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let known =
            lines.by_ref().map_while(Result::ok).find(|line| line.contains("compiled models of=\"device"));
        assert!(known.is_some(), "the daemon has ended");
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("WARN") || line.contains("ERROR") {
                    eprintln!("{line}");
                }
            }
        });
        self.process = Some(process);
        // What follows a start is over.
        std::thread::sleep(Duration::from_secs(1));
    }

    fn pid(&self) -> Pid {
        let process = self.process.as_ref().expect("a daemon that runs");
        Pid::from_raw(i32::try_from(process.id()).unwrap())
    }

    pub(crate) fn clock(&self) -> ProcessClock {
        ProcessClock::new(self.pid())
    }

    /// Returns what it uses now of memory of its own, and the most that it has used.
    pub(crate) fn memory(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let mib = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default()
                / 1024.0
        };
        format!("memory: {:.1} MiB of its own, {:.1} MiB in all at most", mib("RssAnon"), mib("VmHWM"))
    }

    /// Waits until unused memory is back.
    pub(crate) async fn rest(&self) {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }

    /// Stops it, and forgets what it has kept.
    pub(crate) fn end(&mut self) {
        let pid = self.pid();
        if let Some(mut process) = self.process.take() {
            kill(pid, Signal::SIGTERM).unwrap();
            process.wait().unwrap();
        }
        let _ = fs::remove_file(self.directory.join("state/owners.jsonl"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
        }
    }
}
