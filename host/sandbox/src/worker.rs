//! The compile worker: this program, started again with [`COMMAND`] as its first argument.
//!
//! It reads a component from standard input and writes to standard output: one byte for its confinement, then `+`
//! and compiled code, or `-` and the text of a refusal. With [`WEIGH`] as the next argument it reads compiled code and
//! writes how many bytes of memory that takes when it is loaded. Before it reads anything it gives up what it does not
//! need (see [`confinement`]): memory and processor time beyond the limits, all files and sockets, all other processes.
//! It inherits no environment and no descriptors except its three pipes, and ends when its parent ends.

pub mod confinement;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    io::{self, Read as _, Write as _},
    panic,
    path::Path,
    process::{ExitCode, ExitStatus, Stdio},
    sync::Once,
    time::Duration,
};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::confinement::Confinement;
use crate::{
    Limits, LoadFault, amount::ShownAmount, compiled_code, engine, error::compiler_panic, preflight,
    resident::ResidentMemory, text,
};

/// The first argument that makes a program a worker.
pub const COMMAND: &str = "compile-worker";

/// The argument that makes a worker measure code instead of compiling it.
const WEIGH: &str = "weigh";

/// Before what was asked for.
const RESULT: u8 = b'+';
const REFUSAL: u8 = b'-';

/// The number of bytes before the content of an answer: the confinement and the kind.
const HEAD: u64 = 2;

/// The maximum number of bytes of a refusal.
const REFUSAL_TEXT: u64 = 4 << 10;

/// The arguments of a worker.
struct WorkerTask {
    job: WorkerJob,
    cpu: Duration,
    memory: u64,
    stack: usize,
    resident: u64,
    /// Bytes of the input.
    input: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WorkerJob {
    /// Component → compiled code.
    Compile,
    /// Compiled code → what it takes of the memory.
    Weigh,
}

impl WorkerJob {
    /// Returns the only environment that a worker has. Compiling makes mimalloc, if that is the program's allocator, take memory
    /// as it needs it: it would reserve more address space than the worker may have, and crash where that fails, instead of
    /// telling that there is no more memory. What code takes is measured with the allocator as the daemon has it.
    fn environment(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Compile => Some(("MIMALLOC_DISALLOW_ARENA_ALLOC", "1")),
            Self::Weigh => None,
        }
    }
}

impl WorkerTask {
    fn of(job: WorkerJob, input: usize, limits: &Limits) -> Self {
        let Limits { compile_cpu: cpu, compile_memory: memory, stack, resident, .. } = *limits;
        Self { job, cpu, memory, stack, resident, input }
    }

    fn arguments(&self) -> Vec<String> {
        // At least a second: zero would mean no limit.
        let (cpu, stack, input) = (self.cpu.as_secs().max(1), self.stack as u64, self.input as u64);
        let numbers = [cpu, self.memory, stack, self.resident, input].map(|number| number.to_string());
        let job = (self.job == WorkerJob::Weigh).then(|| WEIGH.to_owned());
        job.into_iter().chain(numbers).collect()
    }

    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter().peekable();
        let job = match arguments.next_if(|argument| argument == WEIGH) {
            Some(_) => WorkerJob::Weigh,
            None => WorkerJob::Compile,
        };
        let mut numbers = arguments.map(|text| text.to_str()?.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            job,
            cpu: Duration::from_secs(next()?),
            memory: next()?,
            stack: usize::try_from(next()?).ok()?,
            resident: next()?,
            input: usize::try_from(next()?).ok()?,
        })
    }
}

/// Returns whether this process was started as a worker. Then the program's `main` must call [`main`] before it
/// does anything else.
pub fn is_called_for(first_argument: Option<&OsStr>) -> bool {
    first_argument == Some(OsStr::new(COMMAND))
}

/// Runs the worker with the arguments after [`COMMAND`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(task) = WorkerTask::parse(arguments) else {
        return ExitCode::from(2);
    };
    // The message of a panic becomes the refusal.
    panic::set_hook(Box::new(|_| ()));
    // Before no file can be opened any more.
    let memory = ResidentMemory::open();
    let confined = confinement::confine(task.cpu, task.memory);
    let confinement = *confined.as_ref().unwrap_or(&Confinement::default());
    let answer = confined
        .map_err(|error| format!("the compile worker cannot limit itself: {error}"))
        .and_then(|_| read(task.input))
        .and_then(|input| match task.job {
            WorkerJob::Compile => compile_caught(&task, &input),
            WorkerJob::Weigh => measure(&task, memory, &input),
        });
    match write(confinement, answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn read(bytes: usize) -> Result<Vec<u8>, String> {
    // At once: what is freed while it grows could be used again by what is to be measured.
    let mut input = Vec::with_capacity(bytes.saturating_add(1));
    match io::stdin().lock().read_to_end(&mut input) {
        Ok(_) => Ok(input),
        // End as every other lack of memory does.
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => std::process::abort(),
        Err(error) => Err(format!("the compile worker cannot read its input: {error}")),
    }
}

fn compile_caught(task: &WorkerTask, component: &[u8]) -> Result<Vec<u8>, String> {
    let limits = Limits { stack: task.stack, ..Limits::default() };
    let compile = || {
        preflight::contract(component, task.resident)?;
        engine::engine(&limits)
            .and_then(|engine| engine.precompile_component(component))
            .map_err(|error| LoadFault::of_compiler(&error).to_string())
    };
    panic::catch_unwind(compile).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(compiler_panic(message.unwrap_or("without a message")))
    })
}

/// Returns how many bytes of memory this code takes, by loading it.
fn measure(task: &WorkerTask, memory: io::Result<ResidentMemory>, code: &[u8]) -> Result<Vec<u8>, String> {
    let unknown =
        |error: &dyn fmt::Display| format!("what it takes of the memory cannot be measured: {error}");
    let engine = engine::engine(&Limits { stack: task.stack, ..Limits::default() });
    let engine = engine.map_err(|error| unknown(&error))?;
    let measured = memory.and_then(|memory| memory.of(|| compiled_code::load(&engine, code)));
    let (loaded, bytes) = measured.map_err(|error| unknown(&error))?;
    loaded.map_err(|error| LoadFault::of_compiler(&error).to_string())?;
    Ok(bytes.to_le_bytes().to_vec())
}

fn write(confinement: Confinement, answer: Result<Vec<u8>, String>) -> io::Result<()> {
    let (kind, content) = match answer {
        Ok(result) => (RESULT, result),
        Err(refusal) => (REFUSAL, refusal.into_bytes()),
    };
    let mut output = io::stdout().lock();
    output.write_all(&[confinement.to_byte(), kind])?;
    output.write_all(&content)?;
    output.flush()
}

/// Compiles a component in a worker.
pub(crate) async fn compile(program: &Path, component: &[u8], limits: &Limits) -> Result<Vec<u8>, LoadFault> {
    ask(program, WorkerJob::Compile, component, limits).await
}

/// Measures in a worker how many bytes of memory compiled code takes.
pub(crate) async fn weigh(program: &Path, code: &[u8], limits: &Limits) -> Result<u64, LoadFault> {
    let answer = ask(program, WorkerJob::Weigh, code, limits).await?;
    let bytes = answer.try_into().map_err(|_| LoadFault::Compiler(io::ErrorKind::InvalidData.into()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Gives a worker its job and its input, and kills it if it takes too long.
async fn ask(program: &Path, job: WorkerJob, input: &[u8], limits: &Limits) -> Result<Vec<u8>, LoadFault> {
    let mut child = tokio::process::Command::new(program)
        .arg0("confine")
        .arg(COMMAND)
        .args(WorkerTask::of(job, input.len(), limits).arguments())
        .env_clear()
        .envs(job.environment())
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
    let most = limits.compiled.saturating_add(HEAD);
    let conversation = async {
        let mut answer = Vec::new();
        let ask = async {
            // The answer or the exit status of a worker says why it ended early.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let mut stdout = stdout.take(most.saturating_add(1));
        let ((), read) = tokio::join!(ask, stdout.read_to_end(&mut answer));
        read?;
        // A worker that writes more gets an error, and ends.
        drop(stdout);
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
        Ok(Ok((answer, status))) => judge(answer, status, limits),
    }
}

fn judge(mut answer: Vec<u8>, status: ExitStatus, limits: &Limits) -> Result<Vec<u8>, LoadFault> {
    if answer.len() as u64 > limits.compiled.saturating_add(HEAD) {
        return Err(LoadFault::Code { allowed: ShownAmount::Bytes(limits.compiled).to_string() });
    }
    if !status.success() {
        return Err(exit_fault(status, limits));
    }
    let [confinement, kind, ..] = answer[..] else {
        return Err(LoadFault::Compiler(io::ErrorKind::UnexpectedEof.into()));
    };
    log_confinement(Confinement::from_byte(confinement));
    match kind {
        RESULT => {
            answer.drain(..HEAD as usize);
            Ok(answer)
        }
        REFUSAL => {
            let refusal = String::from_utf8_lossy(answer.get(HEAD as usize..).unwrap_or_default());
            Err(LoadFault::Refused(text::line(&refusal, REFUSAL_TEXT as usize)))
        }
        _ => Err(LoadFault::Compiler(io::ErrorKind::InvalidData.into())),
    }
}

/// Logs once how workers are confined. It is the same for all workers of this process.
fn log_confinement(confinement: Confinement) {
    static LOGGED: Once = Once::new();

    LOGGED.call_once(|| {
        if confinement == Confinement::default() {
            tracing::warn!("neither Landlock nor seccomp is available, because of the kernel or the service manager: only resource limits confine the compile worker");
        } else {
            tracing::info!(confinement = %confinement, "the compile worker is confined in addition to its resource limits");
        }
    });
}

/// Returns the fault for a worker that ended with this status.
fn exit_fault(status: ExitStatus, limits: &Limits) -> LoadFault {
    use std::os::unix::process::ExitStatusExt as _;

    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    if is(Signal::XCPU) {
        LoadFault::Compile {
            what: "processor time",
            allowed: seconds(limits.compile_cpu),
            field: "compile_cpu",
        }
    } else if is(Signal::ABORT) {
        // Rust aborts if there is no more memory.
        LoadFault::Compile {
            what: "memory",
            allowed: ShownAmount::Bytes(limits.compile_memory).to_string(),
            field: "compile_memory",
        }
    } else {
        LoadFault::Ended { status, is_killed: is(Signal::KILL) }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
