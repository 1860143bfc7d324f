//! Counts how often the backend writes the file in which it keeps `running`.

use std::{
    ffi::OsString,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::Path,
};

use rustix::{
    fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init},
    io::{Errno, Result},
};

/// A watch on the directory of a file; the file itself may be readable by its owner only. The kernel queues what
/// happens there in order.
#[derive(Debug)]
pub(crate) struct RunningFileWatch {
    /// `None` once events may have been lost.
    events: Option<OwnedFd>,
    name: OsString,
    writes: u64,
}

impl RunningFileWatch {
    /// Starts counting the writes of a file.
    pub(crate) fn watch(file: &Path) -> Result<Self> {
        let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(Errno::NOTDIR);
        };
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // The kernel merges equal events: watching the opening as well keeps two writes apart.
        let file_events = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
        let directory_events = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR;
        add_watch(&events, directory, file_events | directory_events)?;
        Ok(Self { events: Some(events), name: name.into(), writes: 0 })
    }

    /// Returns the number of writes until now; `None` if it is not known for sure.
    pub(crate) fn writes(&mut self) -> Option<u64> {
        let lost = ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF | ReadFlags::IGNORED;
        let lost = lost | ReadFlags::UNMOUNT | ReadFlags::QUEUE_OVERFLOW;
        let written = ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.events.as_ref()?, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) if event.events().intersects(lost) => break,
                Ok(event) => {
                    let is_file =
                        event.file_name().is_some_and(|name| name.to_bytes() == self.name.as_bytes());
                    self.writes += u64::from(is_file && event.events().intersects(written));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Some(self.writes),
                Err(_) => break,
            }
        }
        self.events = None;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn running_file_watch_counts_every_write() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("running_db"), directory.path().join("candidate_db"));
        let mut file = RunningFileWatch::watch(&path).unwrap();
        assert_eq!(file.writes(), Some(0));
        fs::write(&path, "").unwrap();
        // More events than fit into one read.
        for _ in 0..500 {
            fs::write(&path, "the same").unwrap();
            fs::write(&other, "of something else").unwrap();
        }
        assert_eq!(file.writes(), Some(501));
        fs::read(&path).unwrap();
        assert_eq!(file.writes(), Some(501));
        fs::rename(&other, &path).unwrap();
        assert_eq!(file.writes(), Some(502));
    }

    #[test]
    fn lost_directory_ends_the_count() {
        let directory = tempfile::tempdir().unwrap();
        let (directory_path, other) = (directory.path().join("running.d"), directory.path().join("other"));
        assert_eq!(RunningFileWatch::watch(&directory_path.join("0.xml")).unwrap_err(), Errno::NOENT);
        assert_eq!(RunningFileWatch::watch(Path::new("/")).unwrap_err(), Errno::NOTDIR);
        for what in ["moved", "removed"] {
            fs::create_dir(&directory_path).unwrap();
            let mut file = RunningFileWatch::watch(&directory_path.join("0.xml")).unwrap();
            match what {
                "moved" => fs::rename(&directory_path, &other).unwrap(),
                _ => fs::remove_dir(&directory_path).unwrap(),
            }
            assert_eq!(file.writes(), None, "{what}");
            assert_eq!(file.writes(), None, "{what}");
        }
    }

    /// The kernel queues a limited number of events.
    #[test]
    fn overflowing_event_queue_ends_the_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("running_db");
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let mut file = RunningFileWatch::watch(&path).unwrap();
        for _ in 0..most.trim().parse::<u64>().unwrap() {
            fs::write(&path, "").unwrap();
        }
        assert_eq!(file.writes(), None);
    }
}
