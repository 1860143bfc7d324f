//! From a component's bytes to code that runs.
//!
//! Compiling is the one thing that a stranger's bytes can make the host do without any fuel: a few
//! hundred kilobytes keep a compiler busy for minutes and fill gigabytes. There is no way to cancel it.
//! So it happens in a process of its own ([`Compiler::worker`]), which is this same program started
//! again, limits itself, and can be killed. What comes back is code, kept in a [`Cache`].

use std::{path::PathBuf, sync::Arc};

use wasmtime::{Engine, component::Component};

use crate::{Cache, Digest, FileForm, Limits, LoadFault, preflight, text, worker};

/// How components are compiled.
#[derive(Clone, Debug)]
pub struct Compiler {
    place: CompilePlace,
    cache: Option<Arc<Cache>>,
}

#[derive(Clone, Debug)]
enum CompilePlace {
    Here,
    Worker(PathBuf),
}

impl Compiler {
    /// In this process, on a thread that nothing can stop: for components that one has made oneself.
    pub fn in_process() -> Self {
        Self { place: CompilePlace::Here, cache: None }
    }

    /// In a process of its own: this program (`/proc/self/exe`, so that it is the same even where the
    /// file has been replaced), whose `main` hands over to [`worker::main`](crate::worker::main) when
    /// [`worker::COMMAND`](crate::worker::COMMAND) is its first argument.
    pub fn worker() -> Self {
        Self::worker_of("/proc/self/exe")
    }

    /// As [`Compiler::worker`], with another program that does the same.
    pub fn worker_of(program: impl Into<PathBuf>) -> Self {
        Self { place: CompilePlace::Worker(program.into()), cache: None }
    }

    /// Looks in a cache first, and keeps there what was compiled.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = Some(Arc::new(cache));
        self
    }

    /// Compiles a component after checking what can be checked before.
    ///
    /// The caller's runtime needs its timers and, for a worker, its I/O.
    pub(crate) async fn compile(
        &self,
        engine: &Engine,
        bytes: Arc<[u8]>,
        digest: Digest,
        limits: &Limits,
    ) -> Result<Component, LoadFault> {
        let size = bytes.len() as u64;
        if size > limits.component {
            return Err(LoadFault::TooLarge { size, allowed: limits.component });
        }
        preflight::form(&bytes)?;
        match &self.place {
            CompilePlace::Here => {
                let engine = engine.clone();
                blocking(move || {
                    preflight::contract(&bytes).map_err(LoadFault::Refused)?;
                    Component::from_binary(&engine, &bytes).map_err(|error| refused(&error))
                })
                .await
            }
            CompilePlace::Worker(program) => {
                let engine = engine.clone();
                if let Some(cache) = self.cache.clone() {
                    let engine = engine.clone();
                    if let Some(component) = blocking(move || Ok(cache.get(&engine, digest))).await? {
                        return Ok(component);
                    }
                }
                let code = worker::compile(program, &bytes, limits).await?;
                let cache = self.cache.clone();
                blocking(move || {
                    if let Some(cache) = cache {
                        cache.put(&engine, digest, &code);
                    }
                    load(&engine, &code).map_err(|error| refused(&error))
                })
                .await
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadFault> + Send + 'static,
) -> Result<T, LoadFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            let message = error
                .try_into_panic()
                .ok()
                .and_then(|panic| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
                .unwrap_or_else(|| "without a message".into());
            Err(LoadFault::Refused(panicked(&message)))
        }
    }
}

pub(crate) fn panicked(message: &str) -> String {
    format!("the compiler gave up on it in a panic: {}", text::line(message, 400))
}

/// What the compiler says of a component, safe to show.
pub(crate) fn refused(error: &wasmtime::Error) -> LoadFault {
    let text = text::line(&format!("{error:#}"), 800);
    if text.contains("unexpected end-of-file") {
        return LoadFault::Form(FileForm::Truncated);
    }
    LoadFault::Refused(format!("it is not a valid component: {text}"))
}

/// Makes a component of compiled code.
///
/// # Why this is sound
///
/// Compiled code is machine code that this process will execute, with nothing between it and the host:
/// whoever can choose these bytes can do all that Confine can. Nothing in them can be checked; what can
/// be known is where they come from. They come from one of two places.
///
/// - From a worker, through a pipe that this process made and that only the worker held: the program
///   that compiled them is this program, with this engine, and the bytes have never been in a file. A
///   module that takes over the *compiler* while it compiles could write what it likes here; that is why
///   the worker compiles with Cranelift only, whose input is untrusted by design.
/// - From the cache, which reads a file only where the directory and the file belong to this user and
///   nobody else may write them, whose checksum is that of what a worker gave, and whose name holds the
///   digest of the component and of this engine's configuration and version.
///
/// A file that a person or another program calls compiled code never gets here: [`preflight::form`]
/// refuses it as a module, and the cache has no way in but [`Cache::put`].
///
/// The bytes are in memory that nobody else has. A file that is mapped instead would end this process by
/// `SIGBUS` if someone cut it short.
///
/// The runtime checks that the code was made for this engine, so that a cache that is left over from
/// another version is an error and not undefined behaviour.
#[expect(unsafe_code, reason = "the one door through which compiled code comes in, see above")]
pub(crate) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    unsafe { Component::deserialize(engine, code) }
}
