//! Whether `running` has been written since: what tells it is the file in which the backend keeps it.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

/// What a file was like when it was looked at. Two that are equal mean that nobody has written it in
/// between, but within one tick of the file system's clock (4 ms at most on Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// When its content was changed last, in s and ns.
    modified: (i64, i64),
    /// When it, or what is said about it, was changed last: nobody can set that back.
    changed: (i64, i64),
}

impl Stamp {
    /// The file as it is now.
    ///
    /// # Errors
    /// A file that is not there or cannot be seen.
    pub fn of(file: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(file)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_or_replaced_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("running_db");
        assert_eq!(Stamp::of(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&file, "<config/>").unwrap();
        let first = Stamp::of(&file).unwrap();
        assert_eq!(Stamp::of(&file).unwrap(), first);

        fs::write(&file, "<config> </config>").unwrap();
        let longer = Stamp::of(&file).unwrap();
        assert_ne!(longer, first);

        // As long, and as old as one can make it.
        let other = directory.path().join("other");
        fs::write(&other, "<config>!</config>").unwrap();
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(Stamp::of(&file).unwrap(), longer);
    }
}
