//! From one version of a module to another.
//!
//! A version is loaded while the previous one keeps running. It replaces that only after it has passed every check,
//! and between two commits.

use std::sync::Arc;

use confine_sandbox::{Digest, Module};

use crate::{
    EventKind,
    error_chain::error_chain,
    modules::{
        manager::ModuleManager,
        registry::NotLoaded,
        slot::StartReason,
        store::{VersionStore, VersionStoreError},
    },
    status,
};

impl ModuleManager {
    /// Makes a version the one that runs, and stores that. Does nothing for a module that is gone.
    pub(super) fn install(&self, name: &str, module: Module, reason: StartReason) {
        let shown = |module: &Module| format!("{} ({})", module.description().version, module.digest());
        let (version, digest) = (module.description().version.to_string(), module.digest().to_string());
        let to = shown(&module);
        let (from, dropped) = {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return };
            let from = slot.module.as_ref().map(shown);
            let mut dropped = Vec::new();
            match &reason {
                StartReason::File => {
                    dropped = slot.index.run(digest.clone(), version.clone());
                    slot.index.passed_over = None;
                    slot.index.quarantined = None;
                }
                StartReason::Rollback => {
                    slot.index.running = Some(digest.clone());
                    slot.index.passed_over = slot.file_digest.map(|digest| digest.to_string());
                    slot.index.quarantined = None;
                    // The file is not loaded any more, also if that has begun.
                    slot.pending = None;
                }
                StartReason::Restart => {}
            }
            if slot.file_digest == Some(module.digest()) {
                slot.refused = None;
            }
            slot.pending.take_if(|file| file.digest == module.digest());
            slot.install(module);
            (from, dropped)
        };
        let event = match (from, &reason) {
            (Some(from), StartReason::Rollback) => EventKind::Rollback { module: name.to_owned(), from, to },
            (Some(from), _) => EventKind::Swap { module: name.to_owned(), from, to },
            (None, _) => EventKind::Load { module: name.to_owned(), version, digest },
        };
        self.audit.record(event);
        self.update_registry();
        if let Some(store) = &self.library().store {
            dropped.iter().for_each(|version| store.drop(name, &version.digest));
        }
        if !matches!(reason, StartReason::Restart) {
            self.persist_or_warn(name);
        }
    }

    /// Refuses the file of a module, given its digest if it could be read: the current version keeps running.
    pub(super) fn refuse(&self, name: &str, digest: Option<Digest>, error: NotLoaded) -> Arc<NotLoaded> {
        let error = Arc::new(error);
        let text = error.reason();
        let refused = {
            let mut slots = self.slots.slots();
            let Some(slot) = slots.get_mut(name) else { return error };
            slot.reserved = 0;
            if slot.file_digest != digest {
                // Another file is there by now.
                return error;
            }
            (slot.pending, slot.held) = (None, None);
            // A file without a stamp is read at each scan; the same error is reported once.
            let is_new =
                slot.refused.as_ref().is_none_or(|(old, _)| slot.stamp.is_some() || old.reason() != text);
            if is_new {
                slot.refused = Some((error.clone(), status::now()));
            }
            is_new.then(|| slot.path.to_string_lossy().into_owned())
        };
        if let Some(file) = refused {
            self.update_registry();
            self.audit.record(EventKind::Refusal { module: name.to_owned(), file, error: text });
        }
        self.progressed();
        error
    }

    /// Removes the compiled code of versions that are no longer kept. Nothing waits for it.
    pub(super) fn tidy_cache(&self) {
        let (slots, runner) = (self.slots.clone(), self.runner.clone());
        tokio::task::spawn_blocking(move || match slots.kept_digests() {
            Ok(kept) => runner.retain_cached(&|digest| kept.contains(digest)),
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    "the compile cache is not tidied: it is not known which versions are kept"
                );
            }
        });
    }

    /// Reads the file of a stored version.
    pub(super) async fn stored(&self, name: &str, digest: &str) -> Result<Arc<[u8]>, VersionStoreError> {
        let limit = self.limits_of(name).component;
        let (module, digest) = (name.to_owned(), digest.to_owned());
        let bytes = self.with_store(move |store| store.get(&module, &digest, limit)).await;
        let no_store =
            || VersionStoreError { path: name.into(), source: std::io::ErrorKind::NotFound.into() };
        Ok(bytes.ok_or_else(no_store)??.into())
    }

    /// Uses the store, if there is one, on a thread that may block.
    pub(super) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&VersionStore) -> T + Send + 'static,
    ) -> Option<T> {
        let slots = self.slots.clone();
        let done = tokio::task::spawn_blocking(move || slots.library.store.as_ref().map(work));
        done.await.ok().flatten()
    }
}
