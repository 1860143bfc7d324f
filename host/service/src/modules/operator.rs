//! What operators want: by name, and with an answer in words.

use std::{sync::Arc, time::Duration};

use confine_sandbox::Digest;

use crate::{
    EventKind, Host, NotLoaded, VersionStoreError,
    modules::{files::ScannedFile, slots::ModuleSlot, swap::StartReason},
};

/// Why an operation on a module was not done, or not wholly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleOperationError {
    /// There is none of this name.
    #[error("there is no module `{module}`{}", known(modules))]
    Unknown {
        /// The name.
        module: String,
        /// The names that there are.
        modules: Vec<String>,
    },
    /// There is no version to go back to.
    #[error("no older version of `{module}` is kept")]
    NoPrevious {
        /// The module.
        module: String,
    },
    /// No versions are kept at all.
    #[error(
        "no versions of modules are kept\nhint: name a directory that Confine can write to (`state` in confine.toml)"
    )]
    NoStore,
    /// The module does not run, and this does not change that.
    #[error(
        "`{module}` is quarantined, not disabled: {reason}\nhint: replace its file, or `confine modules release {module}`"
    )]
    Quarantined {
        /// The module.
        module: String,
        /// Why.
        reason: String,
    },
    /// It is not set aside.
    #[error("`{module}` is not quarantined")]
    NotQuarantined {
        /// The module.
        module: String,
    },
    /// Only a module whose file is gone can be forgotten.
    #[error("`{module}` is not retired\nhint: remove its file first")]
    NotRetired {
        /// The module.
        module: String,
    },
    /// There is no file to load.
    #[error("there is no file of `{module}` in the module directories")]
    NoFile {
        /// The module.
        module: String,
    },
    /// The version cannot be loaded, and what ran before goes on.
    #[error("`{module}` stays as it is: {}", source.reason())]
    NotLoaded {
        /// The module.
        module: String,
        /// Why.
        source: Arc<NotLoaded>,
    },
    /// It was done, and will be undone by a restart.
    #[error("`{module}` is changed until the daemon is restarted, because that could not be written down")]
    NotKept {
        /// The module.
        module: String,
        /// Why.
        source: VersionStoreError,
    },
    /// The version cannot be had.
    #[error("the older version of `{module}` cannot be had")]
    NotHad {
        /// The module.
        module: String,
        /// Why.
        source: VersionStoreError,
    },
}

fn known(modules: &[String]) -> String {
    match modules {
        [] => "; there are none at all".into(),
        modules => format!("\nhint: there are {}", modules.join(", ")),
    }
}

/// What operators ask for, by the name of a module. All of it is done between two commits.
impl Host {
    /// Has a module run again that was disabled.
    pub async fn enable(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.decide(module, |slot| {
            match (&slot.index.disabled, &slot.index.quarantined) {
                (true, _) => {}
                (false, None) => return Ok(None),
                (false, Some(reason)) => {
                    return Err(ModuleOperationError::Quarantined {
                        module: module.into(),
                        reason: reason.clone(),
                    });
                }
            }
            slot.index.disabled = false;
            Ok(Some(EventKind::Enable { module: module.into() }))
        })
        .await
    }

    /// Has a module run no more: commits of its services fail until it is enabled.
    pub async fn disable(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.decide(module, |slot| {
            let news = !std::mem::replace(&mut slot.index.disabled, true);
            Ok(news.then(|| EventKind::Disable { module: module.into() }))
        })
        .await
    }

    /// Has a module run again that was quarantined.
    pub async fn release(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.decide(module, |slot| match slot.index.quarantined.take() {
            Some(_) => Ok(Some(EventKind::Release { module: module.into() })),
            None => Err(ModuleOperationError::NotQuarantined { module: module.into() }),
        })
        .await
    }

    /// Goes back to the version that ran before the one that runs. The file in the module directory is
    /// not taken again until it changes, or until [`reload`](Self::reload).
    pub async fn rollback(&self, module: &str) -> Result<(), ModuleOperationError> {
        let _changing = self.changing.lock().await;
        let previous = self.slot(module, |slot| Ok(slot.index.previous().cloned()))?;
        if self.modules.library.store.is_none() {
            return Err(ModuleOperationError::NoStore);
        }
        let previous = previous.ok_or_else(|| ModuleOperationError::NoPrevious { module: module.into() })?;
        let bytes = self.kept(module, &previous.digest).await;
        let bytes = bytes.map_err(|source| ModuleOperationError::NotHad { module: module.into(), source })?;
        let not_loaded =
            |error| ModuleOperationError::NotLoaded { module: module.into(), source: Arc::new(error) };
        let version = self.load(module, &bytes).await.map_err(not_loaded)?;
        self.install(module, version, StartReason::Rollback);
        self.written_down(module)
    }

    /// Loads a module's file anew, also after a rollback and after a refusal.
    pub async fn reload(&self, module: &str) -> Result<(), ModuleOperationError> {
        let mut told = self.changing.lock().await;
        self.slot(module, |slot| {
            slot.stamp = None;
            Ok(())
        })?;
        let look = self.look(Duration::ZERO).await;
        let found = self.distinct(look, &mut told).into_iter().find(|seen| seen.name == module);
        let no_file = || ModuleOperationError::NoFile { module: module.into() };
        let ScannedFile { name, path, stamp, content } = found.ok_or_else(no_file)?;
        let loaded = match content.ok_or_else(no_file)? {
            Ok(bytes) => {
                let digest = Digest::of(&bytes).to_string();
                self.load_file(&name, path, stamp, digest, bytes).await
            }
            Err(error) => Err(self.refuse(&name, path, stamp, None, error.into())),
        };
        loaded.map_err(|source| ModuleOperationError::NotLoaded { module: module.into(), source })?;
        self.written_down(module)
    }

    /// Lets go of a module whose file is gone, and of all of its versions. Its services are no longer
    /// held back for it.
    pub async fn forget(&self, module: &str) -> Result<(), ModuleOperationError> {
        let _changing = self.changing.lock().await;
        self.slot(module, |slot| match slot.retired {
            true => Ok(()),
            false => Err(ModuleOperationError::NotRetired { module: module.into() }),
        })?;
        self.modules.slots().remove(module);
        self.update_registry();
        self.audit.tell(EventKind::Forget { module: module.into() });
        let name = module.to_owned();
        let forgotten = self.with_store(move |store| store.forget(&name)).await.unwrap_or(Ok(()));
        forgotten.map_err(|source| ModuleOperationError::NotKept { module: module.into(), source })
    }

    /// Changes what is decided about a module; nothing if there is nothing to tell of it.
    async fn decide(
        &self,
        module: &str,
        change: impl FnOnce(&mut ModuleSlot) -> Result<Option<EventKind>, ModuleOperationError>,
    ) -> Result<(), ModuleOperationError> {
        let _changing = self.changing.lock().await;
        let happened = self.slot(module, |slot| {
            let happened = change(slot)?;
            if happened.is_some() {
                slot.changed();
            }
            Ok(happened)
        })?;
        let Some(happened) = happened else { return Ok(()) };
        self.update_registry();
        self.audit.tell(happened);
        self.written_down(module)
    }

    fn slot<T>(
        &self,
        module: &str,
        look: impl FnOnce(&mut ModuleSlot) -> Result<T, ModuleOperationError>,
    ) -> Result<T, ModuleOperationError> {
        let mut slots = self.modules.slots();
        match slots.get_mut(module) {
            Some(slot) => look(slot),
            None => {
                let modules = slots.keys().cloned().collect();
                Err(ModuleOperationError::Unknown { module: module.into(), modules })
            }
        }
    }

    fn written_down(&self, module: &str) -> Result<(), ModuleOperationError> {
        let persisted = self.modules.persist(module);
        persisted.map_err(|source| ModuleOperationError::NotKept { module: module.into(), source })
    }
}
