//! Compiles components.
//!
//! Compilation is the only work that a module can cause without fuel: a few hundred kilobytes keep a compiler
//! busy for minutes and use gigabytes of memory. It cannot be cancelled. Therefore it runs in its own process
//! ([`Compiler::worker`]), which is this program started again. That process limits itself and can be killed. Another
//! such process loads the code that it returns, to measure what it takes of the memory. A [`Cache`] keeps both.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wasmtime::{Engine, component::Component};

use crate::{
    Cache, Digest, Limits, LoadFault,
    amount::shown_bytes,
    compiled_code::{CompiledCode, CompiledComponent},
    error::compiler_panic,
    preflight, worker,
};

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

    /// Removes from the cache what is not needed: see [`Cache::retain`].
    pub(crate) fn retain_cached(&self, engine: &Engine, is_needed: &dyn Fn(&str) -> bool) {
        let Some(cache) = &self.cache else { return };
        if let Err(error) = cache.retain(engine, is_needed) {
            tracing::warn!(%error, "the compile cache cannot be tidied");
        }
    }

    /// Checks a component and compiles it. Nothing of it is loaded in this process yet, unless it was compiled here.
    ///
    /// The caller's runtime needs timers and, for a worker, I/O.
    pub(crate) async fn compile(
        &self,
        engine: &Engine,
        bytes: Arc<[u8]>,
        digest: Digest,
        limits: &Limits,
    ) -> Result<CompiledComponent, LoadFault> {
        let size = bytes.len() as u64;
        if size > limits.component {
            return Err(LoadFault::TooLarge { size, allowed: limits.component });
        }
        preflight::form(&bytes)?;
        match &self.location {
            CompileLocation::InProcess => {
                let (engine, allowed) = (engine.clone(), limits.resident);
                let compiled = blocking(move || in_process(&engine, &bytes, allowed)).await?;
                check_resident(compiled.resident, allowed)?;
                Ok(compiled)
            }
            CompileLocation::Worker(program) => self.by_worker(program, engine, bytes, digest, limits).await,
        }
    }

    async fn by_worker(
        &self,
        program: &Path,
        engine: &Engine,
        bytes: Arc<[u8]>,
        digest: Digest,
        limits: &Limits,
    ) -> Result<CompiledComponent, LoadFault> {
        if let Some(cache) = self.cache.clone() {
            let engine = engine.clone();
            if let Some(compiled) = blocking(move || Ok(cache.get(&engine, digest))).await? {
                check_resident(compiled.resident, limits.resident)?;
                return Ok(compiled);
            }
        }
        let code = worker::compile(program, &bytes, limits).await?;
        let resident = worker::weigh(program, &code, limits).await?;
        check_resident(resident, limits.resident)?;
        let (cache, engine) = (self.cache.clone(), engine.clone());
        blocking(move || {
            if let Some(cache) = cache {
                cache.put(&engine, digest, &code, resident);
            }
            Ok(CompiledComponent { code: CompiledCode::Serialised(code), resident })
        })
        .await
    }
}

pub(crate) fn check_resident(resident: u64, allowed: u64) -> Result<(), LoadFault> {
    if resident <= allowed {
        return Ok(());
    }
    let [resident, allowed] = [resident, allowed].map(shown_bytes);
    Err(LoadFault::Resident { resident, allowed })
}

/// Compiles a component in this process. What it takes of the memory is not measured but estimated.
fn in_process(engine: &Engine, bytes: &[u8], allowed: u64) -> Result<CompiledComponent, LoadFault> {
    let inventory = preflight::contract(bytes, allowed).map_err(LoadFault::Refused)?;
    let component = Component::from_binary(engine, bytes).map_err(|error| LoadFault::of_compiler(&error))?;
    let image = component.image_range();
    let code = (image.end as u64).saturating_sub(image.start as u64);
    Ok(CompiledComponent {
        resident: code.saturating_add(inventory.least()),
        code: CompiledCode::Loaded(component),
    })
}

/// Runs `work` on a thread that may block. A panic is a refusal.
pub(crate) async fn blocking<T: Send + 'static>(
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
