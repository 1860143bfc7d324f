//! Seeing that something has changed in the module directories.
//!
//! What the kernel tells (inotify) is only a reason to look: what has changed is found by looking. So
//! nothing is lost where it tells too little (a network file system, a directory that is not there yet, a
//! queue that has run over), it is only found later, by looking every now and then.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::sync::Notify;

use crate::{Host, modules::swap::SETTLE};

/// How often to look where the kernel tells of changes.
const SELDOM: Duration = Duration::from_secs(30);
/// How often to look where it does not.
const OFTEN: Duration = Duration::from_secs(2);

impl Host {
    /// Takes in for ever what changes in the module directories.
    pub async fn watch(&self) -> Infallible {
        let directories = &self.modules.library.directories;
        if directories.is_empty() {
            return std::future::pending().await;
        }
        let mut watcher = FileWatcher::new();
        loop {
            // First watched, then looked at: what comes in between is seen too.
            let is_told = watcher.watch(directories);
            let refreshed = self.refresh_settled().await;
            let wait = match (refreshed.unsettled, is_told) {
                (true, _) => SETTLE,
                (false, true) => SELDOM,
                (false, false) => OFTEN,
            };
            tokio::select! {
                () = watcher.changed.notified() => {
                    // Rarely a single change: a copy is written piece by piece.
                    tokio::time::sleep(SETTLE).await;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// What the kernel is asked to tell.
struct FileWatcher {
    changed: Arc<Notify>,
    /// None where it is not to be had.
    kernel: Option<RecommendedWatcher>,
    /// Which directory stood at a path when it was watched: another may take its place.
    watched: HashMap<PathBuf, (u64, u64)>,
}

impl FileWatcher {
    fn new() -> Self {
        let changed = Arc::new(Notify::new());
        let poke = changed.clone();
        let kernel = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error is a reason to look, too. That somebody reads is none: we do.
            if event.map_or(true, |event| is_change(event.kind)) {
                poke.notify_one();
            }
        });
        let kernel = kernel
            .inspect_err(|error| {
                tracing::warn!(%error, "the kernel does not tell of changes in module directories: they are looked at every {} s", OFTEN.as_secs());
            })
            .ok();
        Self { changed, kernel, watched: HashMap::new() }
    }

    /// Watches the directories that are not watched yet. True if all of them are.
    fn watch(&mut self, directories: &[PathBuf]) -> bool {
        let Some(kernel) = &mut self.kernel else { return false };
        let mut all = true;
        for directory in directories {
            let now = identity(directory);
            if now.is_some() && self.watched.get(directory) == now.as_ref() {
                continue;
            }
            if self.watched.remove(directory).is_some() {
                // The watch is gone with the directory that it was on.
                let _ = kernel.unwatch(directory);
            }
            match (now, kernel.watch(directory, RecursiveMode::Recursive)) {
                (Some(now), Ok(())) => drop(self.watched.insert(directory.clone(), now)),
                (_, watched) => {
                    tracing::debug!(directory = %directory.display(), ?watched, "a module directory cannot be watched");
                    all = false;
                }
            }
        }
        all
    }
}

fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// What tells one directory from another that has its path.
fn identity(directory: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
