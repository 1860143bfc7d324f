//! The process that compiles: the same program, started again with [`COMMAND`] as its first argument.
//!
//! It gets a component on standard input and answers on standard output, in one byte and the rest: `+`
//! and compiled code, or `-` and a refusal in words. Before it reads anything it takes from itself what it
//! does not need: memory and processor time beyond the limits, new descriptors (and with them every file
//! and socket), new privileges, core dumps. It inherits no environment and no descriptor but its three
//! pipes, and ends when its parent does.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read as _, Write as _},
    panic,
    path::Path,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Limits, LoadFault, compile, engine, limit::Amount, preflight, text};

/// The first argument of a program that is to be a worker.
pub const COMMAND: &str = "compile-worker";

const CODE: u8 = b'+';
const REFUSAL: u8 = b'-';

/// Compiled code may be so many times as large as the component, and this much at least.
const GROWTH: u64 = 16;
const LEAST: u64 = 16 << 20;

/// Of a refusal, in bytes.
const REFUSAL_TEXT: u64 = 4 << 10;

/// What a worker is told besides the component.
struct Task {
    cpu: Duration,
    memory: u64,
    stack: usize,
}

impl Task {
    fn of(limits: &Limits) -> Self {
        Self { cpu: limits.compile_cpu, memory: limits.compile_memory, stack: limits.stack }
    }

    fn arguments(&self) -> [String; 3] {
        // At least a second: none would mean no limit.
        [self.cpu.as_secs().max(1).to_string(), self.memory.to_string(), self.stack.to_string()]
    }

    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut numbers = arguments.into_iter().map(|text| text.to_str()?.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            cpu: Duration::from_secs(next()?),
            memory: next()?,
            stack: usize::try_from(next()?).ok()?,
        })
    }
}

/// Whether this process was started to be a worker: then `main` has to hand over to [`main`] before it
/// does anything else.
pub fn is_called_for(first_argument: Option<&OsStr>) -> bool {
    first_argument == Some(OsStr::new(COMMAND))
}

/// The worker: takes the arguments after [`COMMAND`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(task) = Task::parse(arguments) else {
        return ExitCode::from(2);
    };
    // What a panic says goes into the refusal.
    panic::set_hook(Box::new(|_| ()));
    let answer = confine(&task)
        .map_err(|error| format!("the compile worker cannot limit itself: {error}"))
        .and_then(|()| read())
        .and_then(|component| compile_caught(&task, &component));
    match write(answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Gives up what compiling does not need.
fn confine(task: &Task) -> rustix::io::Result<()> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 0)?;
    limit(Resource::Fsize, 0)?;
    // A signal at the limit, so that the parent knows why, and the end a second later.
    let cpu = task.cpu.as_secs();
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu), maximum: Some(cpu.saturating_add(1)) })?;
    limit(Resource::As, task.memory)
}

fn read() -> Result<Vec<u8>, String> {
    let mut component = Vec::new();
    match io::stdin().lock().read_to_end(&mut component) {
        Ok(_) => Ok(component),
        // Ends as every other want of memory does.
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => std::process::abort(),
        Err(error) => Err(format!("the compile worker cannot read the component: {error}")),
    }
}

fn compile_caught(task: &Task, component: &[u8]) -> Result<Vec<u8>, String> {
    let limits = Limits { stack: task.stack, ..Limits::default() };
    let compile = || {
        preflight::contract(component)?;
        engine::engine(&limits)
            .and_then(|engine| engine.precompile_component(component))
            .map_err(|error| compile::refused(&error).to_string())
    };
    panic::catch_unwind(compile).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(compile::panicked(message.unwrap_or("without a message")))
    })
}

fn write(answer: Result<Vec<u8>, String>) -> io::Result<()> {
    let (kind, content) = match answer {
        Ok(code) => (CODE, code),
        Err(refusal) => (REFUSAL, refusal.into_bytes()),
    };
    let mut output = io::stdout().lock();
    output.write_all(&[kind])?;
    output.write_all(&content)?;
    output.flush()
}

/// Has a component compiled by a worker, and kills it when it takes too long.
pub(crate) async fn compile(program: &Path, component: &[u8], limits: &Limits) -> Result<Vec<u8>, LoadFault> {
    let mut child = tokio::process::Command::new(program)
        .arg0("confine")
        .arg(COMMAND)
        .args(Task::of(limits).arguments())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(LoadFault::Compiler)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(LoadFault::Compiler(io::ErrorKind::BrokenPipe.into()));
    };
    let most = (component.len() as u64).saturating_mul(GROWTH).max(LEAST);
    let conversation = async {
        let mut answer = Vec::new();
        let ask = async {
            // A worker that ends early says why by its answer or its exit status.
            let _ = stdin.write_all(component).await;
            drop(stdin);
        };
        let mut stdout = stdout.take(most + 1);
        let ((), read) = tokio::join!(ask, stdout.read_to_end(&mut answer));
        read?;
        let status = child.wait().await?;
        io::Result::Ok((answer, status))
    };
    match tokio::time::timeout(limits.compile_wall_clock, conversation).await {
        Err(_) => Err(LoadFault::Compile {
            what: "time",
            allowed: seconds(limits.compile_wall_clock),
            field: "compile_wall_clock",
        }),
        Ok(Err(error)) => Err(LoadFault::Compiler(error)),
        Ok(Ok((answer, status))) => judge(answer, status, most, limits),
    }
}

fn judge(mut answer: Vec<u8>, status: ExitStatus, most: u64, limits: &Limits) -> Result<Vec<u8>, LoadFault> {
    if !status.success() {
        return Err(ended(status, limits));
    }
    if answer.len() as u64 > most {
        return Err(LoadFault::Refused(format!("it compiles to more than {}", Amount::Bytes(most))));
    }
    match answer.first() {
        Some(&CODE) => {
            answer.remove(0);
            Ok(answer)
        }
        Some(&REFUSAL) => {
            let refusal = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
            Err(LoadFault::Refused(text::line(&refusal, REFUSAL_TEXT as usize)))
        }
        _ => Err(LoadFault::Compiler(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// What it means that a worker ended in this way.
fn ended(status: ExitStatus, limits: &Limits) -> LoadFault {
    use std::os::unix::process::ExitStatusExt as _;

    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    if is(Signal::XCPU) {
        LoadFault::Compile {
            what: "processor time",
            allowed: seconds(limits.compile_cpu),
            field: "compile_cpu",
        }
    } else if is(Signal::ABORT) {
        // What Rust does where there is no more memory.
        LoadFault::Compile {
            what: "memory",
            allowed: Amount::Bytes(limits.compile_memory).to_string(),
            field: "compile_memory",
        }
    } else {
        LoadFault::Refused(format!("the compiler ended on it without an answer ({status})"))
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
