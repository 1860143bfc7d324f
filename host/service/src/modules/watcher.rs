//! Noticing that module directories have changed.
//!
//! A notification of the kernel (inotify) only triggers a scan, which finds the changes. If notifications are missing
//! (a network file system, a directory that does not exist yet, an overflowing queue), a periodic scan finds them later.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::sync::Notify;

use crate::modules::{manager::ModuleManager, scan::SETTLE};

/// The time between scans if the kernel notifies of changes.
const NOTIFIED_INTERVAL: Duration = Duration::from_secs(30);
/// The time between scans if it does not.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

impl ModuleManager {
    /// Loads the modules that are there, and what changes in the module directories, until the future is dropped.
    pub async fn watch(&self) -> Infallible {
        struct Watching<'a>(&'a AtomicUsize);
        impl Drop for Watching<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.watchers.fetch_add(1, Ordering::Relaxed);
        let _watching = Watching(&self.watchers);
        self.find_modules().await;
        tokio::select! {
            never = self.keep_scanning() => never,
            never = self.keep_loading() => never,
        }
    }

    async fn keep_scanning(&self) -> Infallible {
        let directories = &self.library().directories;
        if directories.is_empty() {
            return std::future::pending().await;
        }
        let mut watcher = FileWatcher::new();
        loop {
            // Watches before it scans, so that no change falls in between.
            let is_notified = watcher.watch(directories);
            let is_unsettled = self.scan(SETTLE).await;
            let wait = match (is_unsettled, is_notified) {
                (true, _) => SETTLE,
                (false, true) => NOTIFIED_INTERVAL,
                (false, false) => POLL_INTERVAL,
            };
            tokio::select! {
                () = watcher.changed.notified() => {
                    // More changes follow: a copy is written piece by piece.
                    tokio::time::sleep(SETTLE).await;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// The watches on module directories.
struct FileWatcher {
    changed: Arc<Notify>,
    /// `None` if the kernel offers no notifications.
    kernel: Option<RecommendedWatcher>,
    /// Device and inode of the directory that is watched at a path: another directory may replace it.
    watched: HashMap<PathBuf, (u64, u64)>,
}

impl FileWatcher {
    fn new() -> Self {
        let changed = Arc::new(Notify::new());
        let notifier = changed.clone();
        let kernel = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Errors trigger a scan too. Reads do not: the scan itself reads.
            if event.map_or(true, |event| is_change(event.kind)) {
                notifier.notify_one();
            }
        });
        let kernel = kernel
            .inspect_err(|error| {
                tracing::warn!(%error, "the kernel does not notify of changes in module directories: scanning them every {} s", POLL_INTERVAL.as_secs());
            })
            .ok();
        Self { changed, kernel, watched: HashMap::new() }
    }

    /// Watches the directories that are not watched yet. Returns whether all are watched.
    fn watch(&mut self, directories: &[PathBuf]) -> bool {
        let Some(kernel) = &mut self.kernel else { return false };
        let mut all = true;
        for directory in directories {
            let now = identity(directory);
            if now.is_some() && self.watched.get(directory) == now.as_ref() {
                continue;
            }
            if self.watched.remove(directory).is_some() {
                // The watch was removed with its directory.
                let _ = kernel.unwatch(directory);
            }
            match (now, kernel.watch(directory, RecursiveMode::Recursive)) {
                (Some(now), Ok(())) => drop(self.watched.insert(directory.clone(), now)),
                (_, watched) => {
                    tracing::debug!(directory = %directory.display(), ?watched, "cannot watch a module directory");
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

/// Returns device and inode, which distinguish directories of the same path.
fn identity(directory: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
