//! From a component's bytes to code that runs.
//!
//! Compiling is the one thing that a stranger's bytes can make the host do without any fuel: a few
//! hundred kilobytes keep a compiler busy for minutes and fill gigabytes. There is no way to cancel it.
//! So it happens in a process of its own ([`Compiler::worker`]), which is this same program started
//! again, limits itself, and can be killed. What comes back is code, kept in a [`Cache`].

use std::{path::PathBuf, sync::Arc};

use wasmtime::{Engine, component::Component};

use crate::{Cache, Digest, Limits, LoadFault, compiled_code, error::compiler_panic, preflight, worker};

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
                    Component::from_binary(&engine, &bytes).map_err(|error| LoadFault::of_compiler(&error))
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
