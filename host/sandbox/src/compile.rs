//! Compiles components.
//!
//! Compilation is the only work that a module can cause without fuel: a few hundred kilobytes keep a compiler
//! busy for minutes and use gigabytes of memory. It cannot be cancelled. Therefore it runs in its own process
//! ([`Compiler::worker`]), which is this program started again. That process limits itself and can be killed. A
//! [`Cache`] keeps the code that it returns.

use std::{path::PathBuf, sync::Arc};

use wasmtime::{Engine, component::Component};

use crate::{Cache, Digest, Limits, LoadFault, compiled_code, error::compiler_panic, preflight, worker};

/// How components are compiled.
#[derive(Clone, Debug)]
pub struct Compiler {
    location: CompileLocation,
    cache: Option<Arc<Cache>>,
}

#[derive(Clone, Debug)]
enum CompileLocation {
    InProcess,
    Worker(PathBuf),
}

impl Compiler {
    /// Compiles in this process, on a thread that nothing can stop: for trusted components.
    pub fn in_process() -> Self {
        Self { location: CompileLocation::InProcess, cache: None }
    }

    /// Compiles in a process of its own. The program is this one (`/proc/self/exe`, which stays the same if the
    /// file is replaced). Its `main` must call [`worker::main`](crate::worker::main) if its first argument is
    /// [`worker::COMMAND`](crate::worker::COMMAND).
    pub fn worker() -> Self {
        Self::worker_of("/proc/self/exe")
    }

    /// As [`Compiler::worker`], with another program that does the same.
    pub fn worker_of(program: impl Into<PathBuf>) -> Self {
        Self { location: CompileLocation::Worker(program.into()), cache: None }
    }

    /// Uses a cache of compiled code.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.cache = Some(Arc::new(cache));
        self
    }

    /// Checks a component and compiles it.
    ///
    /// The caller's runtime needs timers and, for a worker, I/O.
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
        match &self.location {
            CompileLocation::InProcess => {
                let engine = engine.clone();
                blocking(move || {
                    preflight::contract(&bytes).map_err(LoadFault::Refused)?;
                    Component::from_binary(&engine, &bytes).map_err(|error| LoadFault::of_compiler(&error))
                })
                .await
            }
            CompileLocation::Worker(program) => {
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
                    compiled_code::load(&engine, &code).map_err(|error| LoadFault::of_compiler(&error))
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
            Err(LoadFault::Refused(compiler_panic(&message)))
        }
    }
}
