//! What operators do with modules, by name.

use std::{sync::Arc, time::Duration};

use crate::{
    EventKind,
    modules::{
        manager::ModuleManager,
        registry::NotLoaded,
        slot::{ModuleSlot, PendingFile, StartReason},
        store::VersionStoreError,
    },
};

/// Why an operation on a module failed, or was done in part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleOperationError {
    /// No module has this name.
    #[error("no module is called `{module}`{}", known(modules))]
    Unknown {
        /// The name.
        module: String,
        /// The names of the known modules.
        modules: Vec<String>,
    },
    /// There is no version to roll back to.
    #[error("no older version of `{module}` is stored")]
    NoPrevious {
        /// The module.
        module: String,
    },
    /// No versions are stored at all.
    #[error(
        "no versions of modules are stored\nhint: set `state` in confine.toml to a directory that Confine can write to"
    )]
    NoStore,
    /// The module is quarantined, which enabling it does not change.
    #[error(
        "`{module}` is quarantined, not disabled: {reason}\nhint: replace its file, or run `confine modules release {module}`"
    )]
    Quarantined {
        /// The module.
        module: String,
        /// Why it is quarantined.
        reason: String,
    },
    /// The module is not quarantined.
    #[error("`{module}` is not quarantined")]
    NotQuarantined {
        /// The module.
        module: String,
    },
    /// The module is not held.
    #[error("`{module}` is not held: there is nothing to approve")]
    NotHeld {
        /// The module.
        module: String,
    },
    /// The version claims lists that are not the module's own, and does not run.
    #[error("this version of `{module}` is held: {reason}")]
    Held {
        /// The module.
        module: String,
        /// Why, with a hint.
        reason: String,
    },
    /// Only a retired module can be forgotten.
    #[error("the file of `{module}` still exists\nhint: remove the file first")]
    NotRetired {
        /// The module.
        module: String,
    },
    /// There is no file to load.
    #[error("no module directory has a file of `{module}`")]
    NoFile {
        /// The module.
        module: String,
    },
    /// The version cannot be loaded, and the previous one keeps running.
    #[error("`{module}` is unchanged: {}", source.reason())]
    NotLoaded {
        /// The module.
        module: String,
        /// The cause.
        source: Arc<NotLoaded>,
    },
    /// The change was made but not stored: a restart will undo it.
    #[error("the change of `{module}` could not be stored: it lasts until the daemon is restarted")]
    NotStored {
        /// The module.
        module: String,
        /// The cause.
        source: VersionStoreError,
    },
    /// The stored version cannot be read.
    #[error("cannot read the stored version of `{module}`")]
    Unreadable {
        /// The module.
        module: String,
        /// The cause.
        source: VersionStoreError,
    },
}

fn known(modules: &[String]) -> String {
    match modules {
        [] => "; there are no modules".into(),
        modules => format!("\nhint: the modules are {}", modules.join(", ")),
    }
}

/// Operations by the name of a module. Each takes effect between two commits.
impl ModuleManager {
    /// Runs a disabled module again.
    pub async fn enable(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.change(module, |slot| {
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

    /// Stops running a module: commits of its services fail until it is enabled.
    pub async fn disable(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.change(module, |slot| {
            let is_new = !std::mem::replace(&mut slot.index.disabled, true);
            Ok(is_new.then(|| EventKind::Disable { module: module.into() }))
        })
        .await
    }

    /// Takes a module out of quarantine and runs it again.
    pub async fn release(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.change(module, |slot| match slot.index.quarantined.take() {
            Some(_) => Ok(Some(EventKind::Release { module: module.into() })),
            None => Err(ModuleOperationError::NotQuarantined { module: module.into() }),
        })
        .await
    }

    /// Rolls back to the version that ran before the current one. The file in the module directory is not loaded again
    /// until it changes, or until [`reload`](Self::reload).
    pub async fn rollback(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.find_modules().await;
        let previous = self.slot(module, |slot| Ok(slot.index.previous().cloned()))?;
        if self.slots.library.store.is_none() {
            return Err(ModuleOperationError::NoStore);
        }
        let previous = previous.ok_or_else(|| ModuleOperationError::NoPrevious { module: module.into() })?;
        let bytes = self.stored(module, &previous.digest).await;
        let bytes =
            bytes.map_err(|source| ModuleOperationError::Unreadable { module: module.into(), source })?;
        let not_loaded =
            |error| ModuleOperationError::NotLoaded { module: module.into(), source: Arc::new(error) };
        let version = self.load_version(module, &bytes).await.map_err(not_loaded)?;
        self.admit(module, version, StartReason::Rollback, None).await.map_err(not_loaded)?;
        self.readmit().await;
        self.check_not_held(module)?;
        self.persist(module)
    }

    /// Loads a module's file again, also after a rollback and after a refusal.
    pub async fn reload(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.find_modules().await;
        self.slot(module, |slot| {
            slot.stamp = None;
            Ok(())
        })?;
        self.scan(Duration::ZERO).await;
        let file = self.slot(module, |slot| match (slot.file_digest, &slot.refused) {
            (Some(digest), _) => {
                let file = PendingFile::new(slot.path.clone(), digest).taken_anew();
                slot.pending = Some(file.clone());
                Ok(file)
            }
            (None, Some((error, _))) => {
                Err(ModuleOperationError::NotLoaded { module: module.into(), source: error.clone() })
            }
            (None, None) => Err(ModuleOperationError::NoFile { module: module.into() }),
        })?;
        let _taken = self.taken(module, &file);
        let loaded = self.load_file(module, &file).await;
        loaded.map_err(|source| ModuleOperationError::NotLoaded { module: module.into(), source })?;
        self.readmit().await;
        self.check_not_held(module)?;
        self.persist(module)
    }

    /// Lets a held module serve the lists that it claims, with the modules that serve them already.
    pub async fn approve(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.find_modules().await;
        let not_held = || ModuleOperationError::NotHeld { module: module.into() };
        self.slot(module, |slot| slot.held.as_ref().map(drop).ok_or_else(not_held))?;
        let event = EventKind::Approve { module: module.into() };
        match self.slots.held_for_its_name(module) {
            Some(from) => {
                self.audit.record(event);
                self.rename(&from, module);
            }
            None => {
                let approved = self.slots.approve(module).map_err(|why| match why {
                    Some(why) => {
                        ModuleOperationError::Held { module: module.into(), reason: why.text(module) }
                    }
                    None => not_held(),
                })?;
                self.audit.record(event);
                self.start(approved, None).await;
            }
        }
        self.readmit().await;
        self.persist_approvals(module)?;
        self.persist(module)
    }

    /// Removes a module whose file is gone, with all its stored versions. Commits of its services no longer fail because
    /// of it.
    pub async fn forget(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.find_modules().await;
        self.slot(module, |slot| match slot.retired {
            true => Ok(()),
            false => Err(ModuleOperationError::NotRetired { module: module.into() }),
        })?;
        self.slots.slots().remove(module);
        let has_served = self.slots.approvals().remove(module);
        self.update_registry();
        self.audit.record(EventKind::Forget { module: module.into() });
        // Others may claim what it has served.
        self.readmit().await;
        if has_served {
            self.persist_approvals(module)?;
        }
        let name = module.to_owned();
        let removed = self.with_store(move |store| store.forget(&name)).await.unwrap_or(Ok(()));
        self.tidy_cache();
        removed.map_err(|source| ModuleOperationError::NotStored { module: module.into(), source })
    }

    /// Changes the state of a module and stores it, if the change makes an event.
    async fn change(
        &self,
        module: &str,
        change: impl FnOnce(&mut ModuleSlot) -> Result<Option<EventKind>, ModuleOperationError>,
    ) -> Result<(), ModuleOperationError> {
        self.find_modules().await;
        let event = self.slot(module, |slot| {
            let event = change(slot)?;
            if event.is_some() {
                slot.changed();
            }
            Ok(event)
        })?;
        let Some(event) = event else { return Ok(()) };
        self.update_registry();
        self.audit.record(event);
        self.persist(module)
    }

    fn slot<T>(
        &self,
        module: &str,
        use_slot: impl FnOnce(&mut ModuleSlot) -> Result<T, ModuleOperationError>,
    ) -> Result<T, ModuleOperationError> {
        let mut slots = self.slots.slots();
        match slots.get_mut(module) {
            Some(slot) => use_slot(slot),
            None => {
                let modules = slots.keys().cloned().collect();
                Err(ModuleOperationError::Unknown { module: module.into(), modules })
            }
        }
    }

    /// Checks that the version that was just loaded is not held.
    fn check_not_held(&self, module: &str) -> Result<(), ModuleOperationError> {
        self.slot(module, |slot| match slot.held.as_ref().and_then(|held| held.why.as_ref()) {
            Some(why) => Err(ModuleOperationError::Held { module: module.into(), reason: why.text(module) }),
            None => Ok(()),
        })
    }

    fn persist_approvals(&self, module: &str) -> Result<(), ModuleOperationError> {
        let persisted = self.slots.persist_approvals();
        persisted.map_err(|source| ModuleOperationError::NotStored { module: module.into(), source })
    }

    fn persist(&self, module: &str) -> Result<(), ModuleOperationError> {
        let persisted = self.slots.persist(module);
        persisted.map_err(|source| ModuleOperationError::NotStored { module: module.into(), source })
    }
}
