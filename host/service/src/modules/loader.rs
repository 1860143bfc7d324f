//! Loads what is to be loaded: at the start the versions that ran before it, then files that scans have found.
//!
//! Nothing waits for the compiler but what needs its result. One module is loaded after the other, in two
//! [lanes](LoadLane): a file of a module that has run before does not wait for the files of others.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use confine_sandbox::{Digest, LoadError, Module};

use crate::{
    error_chain::error_chain,
    modules::{
        files::{self, ModuleFileError},
        manager::ModuleManager,
        refusals,
        registry::NotLoaded,
        slot::{PendingFile, StartReason},
        slots::{LoadLane, NextLoad},
        store::VersionStoreError,
    },
};

/// How long the load of a file goes on when another has taken its place. If it ended at once, a file that is replaced
/// again and again would never be loaded.
const REPLACED_GRACE: Duration = Duration::from_secs(5);

impl ModuleManager {
    /// Loads the modules that are there, once, before they are [watched](Self::watch).
    pub async fn load(&self) {
        self.find_modules().await;
        self.load_pending().await;
    }

    /// Loads everything that is to be loaded, and what comes meanwhile.
    pub(super) async fn load_pending(&self) {
        tokio::join!(self.load_lane(LoadLane::Known), self.load_lane(LoadLane::New));
        self.tidy_cache();
    }

    /// As [`load_pending`](Self::load_pending), for ever.
    pub(super) async fn keep_loading(&self) -> std::convert::Infallible {
        loop {
            self.load_pending().await;
            self.work.notified().await;
        }
    }

    async fn load_lane(&self, lane: LoadLane) {
        let turn = match lane {
            LoadLane::Known => &self.lanes.0,
            LoadLane::New => &self.lanes.1,
        };
        let _turn = turn.lock().await;
        let mut progress = self.progress.subscribe();
        loop {
            progress.borrow_and_update();
            match self.slots.next_load(lane) {
                NextLoad::Stored(name) => self.restore(&name).await,
                NextLoad::File(name, file) => self.load_found(&name, file).await,
                // Cannot fail: the sender lives as long as `self`.
                NextLoad::Later => drop(progress.changed().await),
                NextLoad::Nothing => return,
            }
            self.readmit().await;
        }
    }

    /// Loads the stored version that ran before the restart. If that fails, the file is loaded, if there is one.
    async fn restore(&self, name: &str) {
        let current = self.slots.slots().get(name).and_then(|slot| slot.index.current().cloned());
        let Some(current) = current else { return self.not_restored(name) };
        let loaded = match self.stored(name, &current.digest).await {
            Ok(bytes) => self.load_version(name, &bytes).await.map_err(|error| error.reason()),
            Err(error) => Err(error_chain(&error)),
        };
        let admitted = match loaded {
            Ok(module) => {
                self.admit(name, module, StartReason::Restart, None).await.map_err(|error| error.reason())
            }
            Err(error) => Err(error),
        };
        match admitted {
            Ok(()) => {}
            Err(error) => {
                tracing::error!(
                    module = name,
                    version = current.version,
                    error,
                    "cannot load the version that ran before the restart"
                );
                self.not_restored(name);
            }
        }
    }

    /// Loads a file that a scan has found. Ends if the file is gone, if it is not to be loaded any more, or if another
    /// took its place.
    async fn load_found(&self, name: &str, file: PendingFile) {
        let _taken = self.taken(name, &file);
        let is_unwanted = || {
            let slots = self.slots.slots();
            slots.get(name).and_then(|slot| slot.pending.as_ref()).is_none()
        };
        let is_replaced = || {
            let slots = self.slots.slots();
            let pending = slots.get(name).and_then(|slot| slot.pending.as_ref());
            pending.is_none_or(|pending| pending.digest != file.digest)
        };
        let replaced = async {
            self.until(is_replaced).await;
            tokio::time::sleep(REPLACED_GRACE).await;
        };
        tokio::select! {
            biased;
            loaded = self.load_file(name, &file) => return drop(loaded),
            () = self.until(is_unwanted) => {}
            () = replaced => {}
        }
        tracing::info!(module = name, digest = %file.digest, "stopped loading a file that is gone");
    }

    /// Lets another load a file, once this is dropped without having loaded it.
    pub(super) fn taken<'a>(&'a self, name: &'a str, file: &PendingFile) -> TakenFile<'a> {
        TakenFile { modules: self, name, digest: file.digest }
    }

    /// Loads a file, and makes its version the one that runs.
    pub(super) async fn load_file(&self, name: &str, file: &PendingFile) -> Result<(), Arc<NotLoaded>> {
        let basis = refusals::basis(&self.engine, self.limits_of(name));
        let remembered = self.slots.refusals().find(file.digest, &basis).map(str::to_owned);
        if let Some(error) = remembered.filter(|_| !file.anew) {
            let refused = NotLoaded::Remembered { module: name.to_owned(), error };
            return Err(self.refuse(name, Some(file.digest), refused));
        }
        let bytes = match self.read(file).await {
            Ok(bytes) if Digest::of(&bytes) == file.digest => Arc::from(bytes),
            Ok(_) => return Err(self.look_again(name, file, ModuleFileError::Changing)),
            Err(error @ ModuleFileError::Changing) => return Err(self.look_again(name, file, error)),
            Err(error) => return Err(self.refuse(name, Some(file.digest), error.into())),
        };
        let module = match self.load_version(name, &bytes).await {
            Ok(module) => module,
            Err(error) => {
                if let NotLoaded::Module(LoadError { fault, .. }) = &error
                    && fault.is_lasting()
                {
                    self.slots.refusals().add(file.digest, name, basis, error_chain(fault));
                    self.persist_refusals_or_warn();
                }
                return Err(self.refuse(name, Some(file.digest), error));
            }
        };
        if self.slots.refusals().forget(file.digest) {
            self.persist_refusals_or_warn();
        }
        if self.slots.slots().get(name).is_none_or(|slot| slot.pending.is_none()) {
            // An operator rolled back, or the file is gone.
            return Ok(());
        }
        let admitted = self.admit(name, module, StartReason::File, Some(bytes)).await;
        admitted.map_err(|error| self.refuse(name, Some(file.digest), error))
    }

    /// Loads a version, which does not run yet.
    pub(super) async fn load_version(&self, name: &str, bytes: &Arc<[u8]>) -> Result<Module, NotLoaded> {
        let limits = self.limits_of(name);
        let compiled = self.runner.compile(name, bytes.clone(), limits).await?;
        self.slots.reserve(name, compiled.resident())?;
        let module = self.runner.bind(compiled, limits).await?;
        // With its description.
        self.slots.reserve(name, module.resident())?;
        Ok(module)
    }

    /// Reads a module file.
    async fn read(&self, file: &PendingFile) -> Result<Vec<u8>, ModuleFileError> {
        let (path, size_limit) = (file.path.clone(), self.library().limits.largest_file());
        let read = tokio::task::spawn_blocking(move || files::read_module(&path, size_limit));
        read.await.unwrap_or(Err(ModuleFileError::Changing))
    }

    /// A file has changed since it was found: the next scan finds it again.
    fn look_again(&self, name: &str, file: &PendingFile, error: ModuleFileError) -> Arc<NotLoaded> {
        if let Some(slot) = self.slots.slots().get_mut(name)
            && slot.pending.as_ref().is_some_and(|pending| pending.digest == file.digest)
        {
            slot.pending = None;
            slot.stamp = None;
        }
        self.progressed();
        Arc::new(error.into())
    }

    /// The version that ran before the restart cannot be loaded: the file may be.
    fn not_restored(&self, name: &str) {
        {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            (slot.restoring, slot.reserved) = (false, 0);
            match slot.file_digest {
                Some(digest) if slot.pending.is_none() => {
                    slot.pending = Some(PendingFile::new(slot.path.clone(), digest));
                }
                Some(_) | None => {}
            }
        }
        self.update_registry();
    }

    /// Stores the file of a version. Without its content, it is read again.
    pub(super) async fn store_file(&self, name: &str, digest: Digest, content: Option<Arc<[u8]>>) {
        if self.library().store.is_none() {
            return;
        }
        let stored = match content {
            Some(content) => self.store(name, digest, content).await.map_err(|error| error_chain(&error)),
            None => {
                let path = self.slots.slots().get(name).map(|slot| slot.path.clone());
                let file = PendingFile::new(path.unwrap_or_default(), digest);
                match self.read(&file).await {
                    Ok(bytes) if Digest::of(&bytes) == digest => {
                        self.store(name, digest, bytes.into()).await.map_err(|error| error_chain(&error))
                    }
                    Ok(_) => Err("its file has changed".into()),
                    Err(error) => Err(error_chain(&error)),
                }
            }
        };
        if let Err(error) = stored {
            tracing::warn!(
                module = name,
                error,
                "cannot store a version: a rollback to it will not be possible"
            );
        }
    }

    async fn store(&self, name: &str, digest: Digest, bytes: Arc<[u8]>) -> Result<(), VersionStoreError> {
        let name = name.to_owned();
        self.with_store(move |store| store.keep(&name, &digest.to_string(), &bytes)).await.unwrap_or(Ok(()))
    }

    /// Waits until something holds that changes with what is loaded.
    pub(super) async fn until(&self, mut holds: impl FnMut() -> bool) {
        let mut progress = self.progress.subscribe();
        loop {
            progress.borrow_and_update();
            if holds() {
                return;
            }
            // Cannot fail: the sender lives as long as `self`.
            let _ = progress.changed().await;
        }
    }

    /// Returns whether a file that was found is loaded by somebody who watches the directories.
    pub(super) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }
}

/// A file that is being loaded.
pub(super) struct TakenFile<'a> {
    modules: &'a ModuleManager,
    name: &'a str,
    digest: Digest,
}

impl Drop for TakenFile<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.modules.slots.slots().get_mut(self.name) {
            slot.reserved = 0;
            if let Some(file) = slot.pending.as_mut().filter(|file| file.digest == self.digest) {
                file.taken = false;
            }
        }
        self.modules.work.notify_one();
    }
}
