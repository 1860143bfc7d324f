//! The program, started as an operator starts it.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use rustix::thread::CpuSet;

use crate::traced::soon;

/// Longer than anything takes on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The processors that the daemon may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Those of this process.
    Whole,
    /// One: its threads, guests included, run one at a time.
    OneProcessor,
}

/// A running daemon and its log.
pub struct Daemon {
    process: Child,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    admin: PathBuf,
}

impl Daemon {
    /// Starts it on a directory that holds `modules`, with these limits of the module `hostile`.
    pub fn start(directory: &Path, socket: &Path, limits: &str, machine: Machine) -> Self {
        let mut settings = String::from("log.filter = 'info,confine_service=debug'\n");
        writeln!(settings, "socket = '{}'", socket.display()).unwrap();
        writeln!(settings, "modules = ['{}']", directory.join("modules").display()).unwrap();
        for (name, place) in [
            ("cache", "cache"),
            ("state", "state"),
            ("admin.socket", "admin.sock"),
            ("running", "controller.running"),
        ] {
            writeln!(settings, "{name} = '{}'", directory.join(place).display()).unwrap();
        }
        writeln!(settings, "[module.hostile.limits]\n{limits}").unwrap();
        if !limits.contains("wall_clock") {
            // So that even on a busy machine the limit of the case is reached first.
            settings += "wall_clock.base = '3 min'\n";
        }
        let file = directory.join("confine.toml");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_confine-program"));
        command
            .args(["serve", "--config"])
            .arg(&file)
            .env_remove("CONFINE_LOG")
            .env_remove("MIMALLOC_PURGE_DELAY")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = match machine {
            Machine::Whole => command.spawn().unwrap(),
            Machine::OneProcessor => on_one_processor(|| command.spawn().unwrap()),
        };
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.0.lock().unwrap().push(line);
                kept.1.notify_all();
            }
        });
        let daemon = Self { process, log, admin: directory.join("admin.sock") };
        daemon.await_log("serving the controller");
        // The text of a refusal depends on the known models.
        daemon.await_log("compiled models of=\"device `openconfig");
        daemon
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().join("\n")
    }

    /// Waits until a line of the log contains this text.
    #[track_caller]
    pub fn await_log(&self, words: &str) {
        let (lines, more) = &*self.log;
        let said = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let (lines, waited) = more.wait_timeout_while(lines.lock().unwrap(), PATIENCE, said).unwrap();
        assert!(!waited.timed_out(), "`{words}` is not in the log:\n{}", lines.join("\n"));
    }

    /// Waits for one more line with this text.
    #[track_caller]
    pub fn await_log_again(&self, words: &str) {
        let (lines, more) = &*self.log;
        let count = |lines: &[String]| lines.iter().filter(|line| line.contains(words)).count();
        let lines = lines.lock().unwrap();
        let before = count(&lines);
        let said = |lines: &mut Vec<String>| count(lines) == before;
        let (lines, waited) = more.wait_timeout_while(lines, PATIENCE, said).unwrap();
        assert!(!waited.timed_out(), "`{words}` is not in the log again:\n{}", lines.join("\n"));
    }

    /// Waits until it has logged this many runs of a module.
    #[track_caller]
    pub fn await_runs(&self, module: &str, count: usize) {
        let (lines, more) = &*self.log;
        let module = format!("module={module} ");
        let few = |lines: &mut Vec<String>| {
            let runs = lines.iter().filter(|line| line.contains(" run ") && line.contains(&module));
            runs.count() < count
        };
        let (lines, waited) = more.wait_timeout_while(lines.lock().unwrap(), PATIENCE, few).unwrap();
        assert!(!waited.timed_out(), "fewer than {count} runs:\n{}", lines.join("\n"));
    }

    /// Returns the resident anonymous memory in KiB, without the program's pages, which are read from its file on demand.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let line = line.unwrap_or_else(|| panic!("the daemon has ended:\n{}", self.log()));
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Returns the processor time that it has taken.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name in parentheses may hold anything; the state is the first field after it.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        // A tick of user space is 10 ms on every machine of Linux.
        Duration::from_millis(ticks * 10)
    }

    /// Sends a request to its admin socket, such as `GET /v1/status`, and returns the body of the response.
    #[track_caller]
    pub fn ask(&self, request: &str) -> String {
        let mut socket = UnixStream::connect(&self.admin).unwrap();
        socket.write_all(format!("{request} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{request}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Returns how many modules are in a state.
    pub fn modules_in(&self, state: &str) -> usize {
        self.ask("GET /v1/status").matches(&format!("\"state\":\"{state}\"")).count()
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until its compile worker has confined itself, and returns the worker's process id.
    pub fn worker(&self) -> u32 {
        soon("a compile worker", || self.find_worker())
    }

    /// Returns the process id of its compile worker, if one has confined itself.
    pub fn find_worker(&self) -> Option<u32> {
        let parent = format!("PPid:\t{}\n", self.id());
        // What a worker does last, where the kernel has seccomp.
        let has_seccomp = fs::read_to_string("/proc/self/status").unwrap().contains("\nSeccomp:");
        let processes = fs::read_dir("/proc").unwrap();
        let mut numbers = processes.filter_map(|process| process.unwrap().file_name().to_str()?.parse().ok());
        numbers.find(|number: &u32| {
            let of = |file: &str| fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
            let status = of("status");
            status.contains(&parent)
                && of("cmdline").contains("compile-worker")
                && (!has_seccomp || status.contains("\nSeccomp:\t2\n"))
                // The last limit that it sets on itself.
                && of("limits").lines().any(|line| line.starts_with("Max address space") && !line.contains("unlimited"))
        })
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has exited.
    pub fn ended(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `work` on a thread that may use only the first processor; processes that it starts inherit that.
fn on_one_processor<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let confined = || {
        let all = rustix::thread::sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|&processor| all.is_set(processor)).unwrap();
        let mut one = CpuSet::new();
        one.set(first);
        rustix::thread::sched_setaffinity(None, &one).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(confined).join().unwrap())
}
