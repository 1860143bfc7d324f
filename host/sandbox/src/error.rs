//! The errors of loading and running a module.

use std::{fmt, process::ExitStatus, sync::Arc};

use confine_view::SourceError;

use crate::{LimitReached, text};

/// A failed run.
///
/// Its text is what the committing user reads: `module `x` 1.2.0, instance `y` (2 of 3): …`.
#[derive(Debug)]
pub struct RunFailure {
    /// The module's name.
    pub module: Arc<str>,
    /// The version, if it is known.
    pub version: Option<Arc<str>>,
    /// The instance, unless `describe` failed.
    pub instance: Option<InstancePosition>,
    /// The cause.
    pub cause: FailureCause,
}

/// An instance and its position in the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancePosition {
    /// The instance, as in `bench[service-name='s1']`, safe to show.
    pub instance: String,
    /// The number of the run among those of the module in the commit, from 1.
    pub number: u64,
    /// The number of runs of the module in the commit.
    pub of: u64,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum FailureCause {
    /// The module returned an error.
    #[error(transparent)]
    Refused(#[from] ReturnedError),
    /// A limit ended the run.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// The module trapped.
    #[error(transparent)]
    Trap(#[from] GuestTrap),
    /// The host failed. The module is not at fault.
    #[error("the host failed")]
    Host(#[from] HostFault),
}

/// The error that a module returned, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ReturnedError {
    /// An error-tag of RFC 6241, appendix A, or what the module put there.
    pub tag: String,
    /// For a person.
    pub message: String,
    /// The node that it is about.
    pub path: Option<String>,
}

/// How a module trapped, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct GuestTrap {
    /// The text of the runtime.
    pub reason: String,
    /// The end of standard output and standard error, with a panic message or traceback.
    pub output: String,
    /// The functions that were running, innermost first.
    pub backtrace: Vec<String>,
}

/// A failure of the host.
#[derive(Debug, thiserror::Error)]
pub enum HostFault {
    /// Data that a module reads could not be fetched.
    #[error("cannot read the configuration")]
    Source(#[from] SourceError),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The run's thread ended without an answer, in a panic of the host.
    #[error("the thread that ran the guest ended without an answer")]
    Lost,
    /// Nobody waits for the commit any more.
    #[error("the commit was ended")]
    Stopped,
    /// The runtime failed unexpectedly.
    #[error("the WebAssembly runtime failed: {0}")]
    Runtime(String),
}

impl FailureCause {
    /// Returns the cause in one text, with what failed in the host.
    fn with_fault(&self) -> String {
        match self {
            Self::Host(fault) => format!("{self}: {fault}"),
            Self::Refused(_) | Self::Limit(_) | Self::Trap(_) => self.to_string(),
        }
    }
}

impl std::error::Error for RunFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            FailureCause::Host(fault) => Some(fault),
            FailureCause::Refused(_) | FailureCause::Limit(_) | FailureCause::Trap(_) => None,
        }
    }
}

impl fmt::Display for RunFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module `{}`", self.module)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        if let Some(InstancePosition { instance, number, of }) = &self.instance {
            write!(f, ", instance `{instance}`")?;
            if *of > 1 {
                write!(f, " ({number} of {of})")?;
            }
        }
        write!(f, ": {}", self.cause)
    }
}

impl fmt::Display for ReturnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message.is_empty() { "it failed and does not say why" } else { &self.message };
        // The hint comes last.
        let at = message.find("\nhint: ").unwrap_or(message.len());
        let (what, hint) = message.split_at(at);
        match &self.path {
            Some(path) => write!(f, "{what} ({}, at `{path}`){hint}", self.tag),
            None => write!(f, "{what} ({}){hint}", self.tag),
        }
    }
}

impl fmt::Display for GuestTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}", self.reason)?;
        if !self.output.is_empty() {
            write!(f, "; it wrote:\n{}", self.output)?;
        }
        Ok(())
    }
}

/// A module that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("module `{name}` cannot be loaded: {fault}")]
pub struct LoadError {
    /// The module's name.
    pub name: Arc<str>,
    /// What is wrong, and what to do.
    pub fault: LoadFault,
}

/// What is wrong with a module's file.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// More than [`Limits::component`](crate::Limits::component).
    #[error(
        "the file has {size} bytes, {allowed} are allowed: strip its debug information, or raise the limit `component`"
    )]
    TooLarge {
        /// Bytes of the file.
        size: u64,
        /// Bytes that are allowed.
        allowed: u64,
    },
    /// Not a component at all.
    #[error(transparent)]
    Form(#[from] FileForm),
    /// The component is not a service module or does not compile. The text is safe to show.
    #[error("{0}")]
    Refused(String),
    /// Compiling took too much.
    #[error(
        "compiling it takes too much {what}: {allowed} are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `{field}`"
    )]
    Compile {
        /// What was used up.
        what: &'static str,
        /// How much is allowed, with its unit.
        allowed: String,
        /// The field of [`Limits`](crate::Limits).
        field: &'static str,
    },
    /// It compiles to more than [`Limits::compiled`](crate::Limits::compiled).
    #[error(
        "it compiles to more code than a module may have: {allowed} are allowed. Look for generated functions of extreme size, or raise the limit `compiled`"
    )]
    Code {
        /// How much is allowed, with its unit.
        allowed: String,
    },
    /// Loaded, it takes more than [`Limits::resident`](crate::Limits::resident).
    #[error(
        "loaded, it takes {resident} of the daemon's memory: {allowed} are allowed. Look for generated exports, globals, tables and instances, or raise the limit `resident`"
    )]
    Resident {
        /// How much it takes, with its unit.
        resident: String,
        /// How much is allowed, with its unit.
        allowed: String,
    },
    /// The compiler has crashed, or somebody has killed it.
    #[error("the compiler ended on it without an answer ({status})")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// Whether it was killed, as the kernel does if the machine has no more memory.
        is_killed: bool,
    },
    /// Not the module's fault.
    #[error("the compiler could not be run")]
    Compiler(#[source] std::io::Error),
    /// The component does not start, or `describe` fails.
    #[error("it cannot be started: {}", .0.cause.with_fault())]
    Start(Box<RunFailure>),
    /// The description is invalid.
    #[error(transparent)]
    Description(#[from] crate::DescriptionError),
}

impl LoadFault {
    /// Returns whether the same file would be refused again, by the same engine within the same limits.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Compiler(_) | Self::Ended { is_killed: true, .. } => false,
            Self::Start(failure) => !matches!(failure.cause, FailureCause::Host(_)),
            _ => true,
        }
    }

    /// Returns what the compiler reports about a component, safe to show.
    pub(crate) fn of_compiler(error: &wasmtime::Error) -> Self {
        let text = text::line(&format!("{error:#}"), 800);
        if text.contains("unexpected end-of-file") {
            return Self::Form(FileForm::Truncated);
        }
        Self::Refused(format!("it is not a valid component: {text}"))
    }
}

/// Returns why a component is refused that makes the compiler panic.
pub(crate) fn compiler_panic(message: &str) -> String {
    format!("the compiler gave up on it in a panic: {}", text::line(message, 400))
}

/// The kind of a file that is not a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileForm {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// A core WebAssembly module.
    #[error(
        "it is a core WebAssembly module and not a component: compile it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component new`"
    )]
    CoreModule,
    /// A component of another format.
    #[error(
        "it is a WebAssembly binary of a version that Confine does not know: compile it with current tools"
    )]
    Version,
    /// WebAssembly text.
    #[error("it is WebAssembly text: turn it into a binary with `wasm-tools parse`")]
    Text,
    /// Compiled code of this runtime.
    #[error(
        "it is compiled code: Confine runs only what it compiled itself, give it the `.wasm` that this was made of"
    )]
    Compiled,
    /// A program or library for a processor.
    #[error("it is a native program: compile the module for `wasm32-wasip2`")]
    Native,
    /// A truncated binary.
    #[error("it is truncated: copy it under another name, then rename it")]
    Truncated,
    /// None of these.
    #[error("it is not a WebAssembly component")]
    Unknown,
}
