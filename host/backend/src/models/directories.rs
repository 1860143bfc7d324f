//! Models in the directories of the controller's configuration and of service modules.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use confine_yang::ModuleSet;

use super::skeleton::{CONTROLLER_MODULE, add_skeleton};
use crate::SchemaRef;

/// The deepest level of subdirectories that is searched.
const MAX_DEPTH: usize = 16;
/// The most bytes of a file that are read.
const MAX_FILE_SIZE: u64 = 32 << 20;

/// Directories with YANG files: options of the controller's configuration. They may be missing or unreadable for the
/// daemon: the controller is asked for modules that are not found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct YangDirectories {
    /// `CLICON_YANG_DIR`: imported modules are searched here and in subdirectories, in this order.
    pub imports: Vec<PathBuf>,
    /// `CLICON_YANG_MAIN_DIR`: each module in it is one of the controller's own.
    pub main: Option<PathBuf>,
    /// `CLICON_YANG_MAIN_FILE`: a further module of the controller.
    pub main_file: Option<PathBuf>,
    /// `CLICON_YANG_MODULE_MAIN`: a further module, by name.
    pub main_module: Option<String>,
    /// `CLICON_YANG_DOMAIN_DIR`: has a directory with the modules of devices per domain.
    pub domains: Option<PathBuf>,
}

/// The files of a directory and its subdirectories, by module and revision. The revision is empty if the file name has
/// none.
type Files = HashMap<String, BTreeMap<String, PathBuf>>;

impl YangDirectories {
    /// Adds the controller's own modules and their imports to a set.
    pub(crate) fn add_own(&self, set: &mut ModuleSet) {
        let mut wanted: Vec<PathBuf> = self.main_file.iter().cloned().collect();
        let main = self.main.as_deref().map(files_below).unwrap_or_default();
        wanted.extend(main.values().filter_map(|revisions| revisions.values().next_back().cloned()));
        let imports: Vec<Files> = self.imports.iter().map(|directory| files_below(directory)).collect();
        let sources: Vec<&Files> = std::iter::once(&main).chain(&imports).collect();
        wanted.extend(self.main_module.as_deref().and_then(|name| find(&sources, name, None)));
        wanted.sort();
        wanted.dedup();
        wanted.iter().for_each(|path| add(set, path));
        add_missing(set, &sources);
    }

    /// Adds the imports of the modules of a set.
    pub(crate) fn add_imports(&self, set: &mut ModuleSet) {
        if !set.missing().is_empty() {
            let imports: Vec<Files> = self.imports.iter().map(|directory| files_below(directory)).collect();
            add_missing(set, &imports.iter().collect::<Vec<_>>());
        }
    }

    /// Returns the text of a module of a domain, in exactly this revision.
    pub(crate) fn of_domain(&self, domain: &str, schema: &SchemaRef) -> Option<Vec<u8>> {
        let is_plain = !domain.is_empty() && !domain.contains('/') && domain != "." && domain != "..";
        let directory = self.domains.as_ref().filter(|_| is_plain)?.join(domain);
        // A file without a revision in its name may have any revision.
        schema.revision()?;
        read(&directory.join(format!("{schema}.yang"))).ok()
    }
}

/// The YANG files in the directories of service modules and their subdirectories.
#[derive(Debug, Default)]
pub(crate) struct ModulePackages {
    directories: Vec<PathBuf>,
    /// The files that were read last.
    seen: Mutex<Vec<(PathBuf, FileStamp)>>,
}

/// Returns modules and their imports from directories and subdirectories, each in its latest revision. If the controller's
/// own model is missing, its skeleton is used.
///
/// # Errors
/// Returns the name of a module that is not found.
pub fn modules_from_directories(directories: &[PathBuf], names: &[String]) -> Result<ModuleSet, String> {
    let files: Vec<Files> = directories.iter().map(|directory| files_below(directory)).collect();
    let sources: Vec<&Files> = files.iter().collect();
    let mut set = ModuleSet::default();
    for name in names {
        let path = find(&sources, name, None).ok_or_else(|| name.clone())?;
        add(&mut set, &path);
    }
    add_missing(&mut set, &sources);
    if set.missing().iter().any(|missing| *missing.name == *CONTROLLER_MODULE) {
        add_skeleton(&mut set);
    }
    Ok(set)
}

/// Identifies the version of a file: device, inode, size and change time.
type FileStamp = (u64, u64, u64, i64, i64);

impl ModulePackages {
    pub(crate) fn new(directories: Vec<PathBuf>) -> Self {
        Self { directories, seen: Mutex::default() }
    }

    /// Reads all files. Returns the path and the text of each, sorted by path.
    pub(crate) fn read(&self) -> Vec<(String, Vec<u8>)> {
        let found = self.scan();
        let text = |(path, _): &(PathBuf, FileStamp)| match read(path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot read a model of a service package");
                None
            }
        };
        let texts = found.iter().filter_map(text).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = found;
        texts
    }

    /// Returns whether any file has changed since the last read.
    pub(crate) fn have_changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != self.scan()
    }

    fn scan(&self) -> Vec<(PathBuf, FileStamp)> {
        let files = self.directories.iter().flat_map(|directory| files_below(directory).into_values());
        let stamp = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            let (changed, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
            Some((metadata.dev(), metadata.ino(), metadata.size(), changed, nanoseconds))
        };
        let mut found: Vec<(PathBuf, FileStamp)> = files
            .flat_map(BTreeMap::into_values)
            .filter_map(|path| stamp(&path).map(|stamp| (path, stamp)))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Adds the modules that a set imports and includes, directly or indirectly, if they are found.
fn add_missing(set: &mut ModuleSet, sources: &[&Files]) {
    loop {
        let found: Vec<PathBuf> = set
            .missing()
            .iter()
            .filter_map(|missing| find(sources, &missing.name, missing.revision.as_deref()))
            .collect();
        let previous = set.len();
        found.iter().for_each(|path| add(set, path));
        if set.len() == previous {
            return;
        }
    }
}

/// Returns the file of a module in this revision, or in the latest, from the first source that has the module.
fn find(sources: &[&Files], name: &str, revision: Option<&str>) -> Option<PathBuf> {
    let mut revisions = sources.iter().filter_map(|files| files.get(name));
    revisions.find_map(|revisions| match revision {
        Some(revision) => revisions.get(revision).or_else(|| revisions.get("")).cloned(),
        None => revisions.values().next_back().cloned(),
    })
}

fn add(set: &mut ModuleSet, path: &Path) {
    let file = path.display().to_string();
    let added = match read(path) {
        Ok(text) => set.add(&file, &text).map(drop).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{file}: {error}")),
    };
    if let Err(error) = added {
        tracing::warn!(error, "cannot read a model");
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_SIZE).read_to_end(&mut text)?;
    Ok(text)
}

fn files_below(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![(directory.to_owned(), MAX_DEPTH)];
    while let Some((directory, depth)) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::debug!(directory = %directory.display(), %error, "cannot read a directory of models");
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            // A link to a directory might lead back here. A link to a file counts as the file.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.extend(depth.checked_sub(1).map(|depth| (path, depth)));
                continue;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".yang")) else { continue };
            let (name, revision) = name.split_once('@').unwrap_or((name, ""));
            files.entry(name.to_owned()).or_default().entry(revision.to_owned()).or_insert(path);
        }
    }
    files
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn module(name: &str, body: &str) -> String {
        format!("module {name} {{ namespace urn:{name}; prefix {name}; {body} }}")
    }

    fn directories(home: &Path) -> YangDirectories {
        for (path, text) in [
            ("main/service.yang", module("service", "import types { prefix t; } leaf a { type t:name; }")),
            ("main/deep/other.yang", module("other", "include part; leaf b { type string; }")),
            ("main/broken.yang", "module broken {".into()),
            ("main/notes.txt", String::new()),
            ("imports/x/types@2020-01-01.yang", module("types", "typedef none { type string; }")),
            ("imports/types@2021-01-01.yang", module("types", "typedef name { type string; }")),
            (
                "imports/part.yang",
                "submodule part { belongs-to other { prefix o; } leaf c { type string; } }".into(),
            ),
            ("imports/unused.yang", module("unused", "leaf d { type string; }")),
            ("mounts/lab/lamp@2020-01-01.yang", module("lamp", "")),
            ("secret.yang", module("secret", "")),
        ] {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        YangDirectories {
            imports: vec![home.join("none"), home.join("imports")],
            main: Some(home.join("main")),
            domains: Some(home.join("mounts")),
            ..YangDirectories::default()
        }
    }

    #[test]
    fn controller_modules_come_with_their_imports() {
        let home = tempfile::tempdir().unwrap();
        let directories = directories(home.path());
        let mut set = ModuleSet::default();
        directories.add_own(&mut set);
        let schema = set.compile();
        let mut names: Vec<&str> = schema.modules().iter().map(|module| module.name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["other", "service", "types"]);
        assert!(schema.problems().is_empty());
        assert!(schema.find("/other:c").is_some());

        let more = YangDirectories {
            main_module: Some("unused".into()),
            main_file: Some(home.path().join("secret.yang")),
            ..directories
        };
        let mut set = ModuleSet::default();
        more.add_own(&mut set);
        assert!(set.contains("unused", None) && set.contains("secret", None));
    }

    #[test]
    fn service_models_are_read_and_changes_noticed() {
        let home = tempfile::tempdir().unwrap();
        directories(home.path());
        let packages = ModulePackages::new(["imports", "none"].map(|path| home.path().join(path)).into());
        assert!(packages.have_changed(), "nothing has been read yet");
        let names = || {
            let found = packages.read();
            let names = found.iter().filter_map(|(path, _)| path.rsplit('/').next().map(str::to_owned));
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(), ["part.yang", "types@2021-01-01.yang", "unused.yang", "types@2020-01-01.yang"]);
        assert!(!packages.have_changed());

        let part = home.path().join("imports/part.yang");
        fs::write(&part, "submodule part { belongs-to other { prefix o; } }").unwrap();
        assert!(packages.have_changed());
        names();
        fs::remove_file(&part).unwrap();
        assert!(packages.have_changed());
        assert_eq!(names().len(), 3);
        fs::create_dir_all(home.path().join("none/deep")).unwrap();
        fs::write(home.path().join("none/deep/new.yang"), "module new {}").unwrap();
        assert!(packages.have_changed());
        assert_eq!(names().len(), 4);
    }

    #[test]
    fn modules_are_found_by_name_with_their_imports() {
        let home = tempfile::tempdir().unwrap();
        directories(home.path());
        let service =
            module("s", "import clixon-controller { prefix c; } augment /c:services { container s; }");
        fs::write(home.path().join("main/s.yang"), service).unwrap();
        let directories = ["main", "imports"].map(|name| home.path().join(name));
        let found = modules_from_directories(&directories, &["service".to_owned(), "s".to_owned()]).unwrap();
        assert!(found.contains("types", Some("2021-01-01")) || found.contains("types", None));
        let schema = found.compile();
        assert!(schema.find("/service:a").is_some());
        assert!(schema.find("/clixon-controller:services/s:s").is_some(), "{:?}", schema.problems());
        assert_eq!(
            modules_from_directories(&directories, &["nothing".to_owned()]).err().as_deref(),
            Some("nothing")
        );
    }

    #[test]
    fn domain_modules_are_found_by_name_and_revision() {
        let home = tempfile::tempdir().unwrap();
        let directories = directories(home.path());
        let lamp = |revision| SchemaRef::new("lamp", revision).unwrap();
        assert!(directories.of_domain("lab", &lamp(Some("2020-01-01"))).is_some());
        for (domain, revision) in [
            ("lab", None),
            ("lab", Some("2021-01-01")),
            ("field", Some("2020-01-01")),
            ("", Some("2020-01-01")),
            ("..", Some("2020-01-01")),
            ("lab/../lab", Some("2020-01-01")),
        ] {
            assert_eq!(directories.of_domain(domain, &lamp(revision)), None, "{domain} {revision:?}");
        }
        assert_eq!(YangDirectories::default().of_domain("lab", &lamp(Some("2020-01-01"))), None);
    }
}
