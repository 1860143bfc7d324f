//! How often the backend has written the file in which it keeps `running`.

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

/// A file whose directory is watched: the file itself may be for its owner only. The kernel keeps what happens
/// there in order, and tells all of it when it is asked.
#[derive(Debug)]
pub(crate) struct RunningFileWatch {
    /// None once it is no longer known what became of the file.
    events: Option<OwnedFd>,
    name: OsString,
    writes: u64,
}

impl RunningFileWatch {
    /// Counts from now on.
    pub(crate) fn watch(file: &Path) -> Result<Self> {
        let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(Errno::NOTDIR);
        };
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Opening is watched so that one write is told from the next: events that are alike become one.
        let what = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
        let place = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR;
        add_watch(&events, directory, what | place)?;
        Ok(Self { events: Some(events), name: name.into(), writes: 0 })
    }

    /// How often it was written until now; none where that is not known for sure.
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
                    let is_it = event.file_name().is_some_and(|name| name.to_bytes() == self.name.as_bytes());
                    self.writes += u64::from(is_it && event.events().intersects(written));
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
    fn every_write_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("running_db"), directory.path().join("candidate_db"));
        let mut file = RunningFileWatch::watch(&path).unwrap();
        assert_eq!(file.writes(), Some(0));
        fs::write(&path, "").unwrap();
        // More than fit into one reading.
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
    fn where_its_directory_is_gone_nothing_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let (place, other) = (directory.path().join("running.d"), directory.path().join("other"));
        assert_eq!(RunningFileWatch::watch(&place.join("0.xml")).unwrap_err(), Errno::NOENT);
        assert_eq!(RunningFileWatch::watch(Path::new("/")).unwrap_err(), Errno::NOTDIR);
        for what in ["moved", "removed"] {
            fs::create_dir(&place).unwrap();
            let mut file = RunningFileWatch::watch(&place.join("0.xml")).unwrap();
            match what {
                "moved" => fs::rename(&place, &other).unwrap(),
                _ => fs::remove_dir(&place).unwrap(),
            }
            assert_eq!(file.writes(), None, "{what}");
            assert_eq!(file.writes(), None, "{what}");
        }
    }

    /// The kernel keeps so many events and no more.
    #[test]
    fn too_many_to_be_counted_are_not_counted() {
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
