//! The controller's own configuration, from which a services daemon reads a few options.
//!
//! It is one XML file and, if that names a directory in `CLICON_CONFIGDIR`, the fragments there, read as the backend
//! reads them: regular files whose name ends in `.xml`, in the order of their names, later ones overriding earlier
//! ones.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use confine_backend::YangDirectories;
use confine_tree::{Tree, xml};

use super::origin::{SettingOrigin, SourcedValue};
use crate::paths::resolved;

/// The options of the controller that Confine uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ControllerFile {
    /// `CLICON_SOCK`: the backend's socket.
    pub(crate) socket: Option<SourcedValue<PathBuf>>,
    /// The file of `running`, in `CLICON_XMLDB_DIR`.
    pub(crate) running: Option<SourcedValue<PathBuf>>,
    /// `CLICON_BACKEND_USER`: the user that the backend runs as.
    pub(crate) backend_user: Option<SourcedValue<String>>,
    /// `CONTROLLER_PYAPI_MODULE_PATH`: a directory with modules.
    pub(crate) modules: Option<SourcedValue<PathBuf>>,
    /// `CONTROLLER_PYAPI_MODULE_FILTER`: modules to exclude, separated by commas.
    pub(crate) exclude: Option<SourcedValue<String>>,
    /// `CONTROLLER_PYAPI_PIDFILE`
    pub(crate) pidfile: Option<SourcedValue<PathBuf>>,
    /// `CLICON_YANG_DIR` and the other options that start with `CLICON_YANG`: directories of YANG models.
    pub(crate) models: YangDirectories,
    /// The directory that `CLICON_CONFIGDIR` names, if it does not exist. The backend only warns in this case.
    pub(crate) missing: Option<PathBuf>,
}

/// Why the controller's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControllerFileError {
    #[error("cannot read the controller's configuration `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the controller's configuration `{}` is not well-formed XML", path.display())]
    Xml { path: PathBuf, source: confine_tree::Error },
    #[error(
        "`{}` is not a configuration of the controller: its root is {found}, not `clixon-config`",
        path.display()
    )]
    Root { path: PathBuf, found: String },
}

/// The file of `running` in the directory of datastores.
const RUNNING: &str = "running_db";
/// The file that is written whenever a part of a split `running` is.
const RUNNING_IN_PARTS: &str = "running.d/0.xml";

/// Options by name. The last value counts, except for the few options that may be repeated.
type Options = HashMap<String, Vec<SourcedValue<String>>>;

impl ControllerFile {
    /// Whether this can be the configuration of the controller with this socket.
    pub(crate) fn is_about(&self, socket: &Path) -> bool {
        self.socket.as_ref().is_none_or(|found| resolved(&found.value) == resolved(socket))
    }

    pub(crate) fn read(path: &Path) -> Result<Self, ControllerFileError> {
        let mut options = Options::new();
        read_into(path, &mut options)?;
        let mut missing = None;
        let directory = options.get("CLICON_CONFIGDIR").and_then(|values| values.last());
        if let Some(directory) = directory.map(|found| PathBuf::from(&found.value)) {
            match fragments(&directory) {
                Ok(fragments) => fragments.iter().try_for_each(|path| read_into(path, &mut options))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing = Some(directory),
                Err(source) => return Err(ControllerFileError::Read { path: directory, source }),
            }
        }
        let imports = options.remove("CLICON_YANG_DIR").unwrap_or_default();
        let mut take = |name| options.remove(name)?.pop().filter(|found| !found.value.is_empty());
        let path = |found: SourcedValue<String>| PathBuf::from(found.value);
        let sourced = |found: SourcedValue<String>| found.map(PathBuf::from);
        let models = YangDirectories {
            imports: imports.into_iter().map(path).filter(|path| !path.as_os_str().is_empty()).collect(),
            main: take("CLICON_YANG_MAIN_DIR").map(path),
            main_file: take("CLICON_YANG_MAIN_FILE").map(path),
            main_module: take("CLICON_YANG_MODULE_MAIN").map(|found| found.value),
            domains: take("CLICON_YANG_DOMAIN_DIR").map(path),
        };
        let has_parts = take("CLICON_XMLDB_MULTI").is_some_and(|multi| multi.value == "true");
        let running = if has_parts { RUNNING_IN_PARTS } else { RUNNING };
        let running =
            take("CLICON_XMLDB_DIR").map(|found| found.map(|directory| Path::new(&directory).join(running)));
        Ok(Self {
            models,
            running,
            socket: take("CLICON_SOCK").map(sourced),
            backend_user: take("CLICON_BACKEND_USER"),
            modules: take("CONTROLLER_PYAPI_MODULE_PATH").map(sourced),
            exclude: take("CONTROLLER_PYAPI_MODULE_FILTER"),
            pidfile: take("CONTROLLER_PYAPI_PIDFILE").map(sourced),
            missing,
        })
    }
}

fn fragments(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().ends_with(b".xml") && entry.file_type()?.is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_into(path: &Path, options: &mut Options) -> Result<(), ControllerFileError> {
    let text =
        fs::read_to_string(path).map_err(|source| ControllerFileError::Read { path: path.into(), source })?;
    let tree = xml::parse(&text).map_err(|source| ControllerFileError::Xml { path: path.into(), source })?;
    let root = tree.first_child(Tree::ROOT);
    // The namespaces of the options differ between releases, their names do not.
    let Some(root) = root.filter(|&root| tree.qname(root).local == "clixon-config") else {
        let found = root.map_or("missing".into(), |root| format!("`{}`", tree.qname(root).local));
        return Err(ControllerFileError::Root { path: path.into(), found });
    };
    for option in tree.children(root) {
        let value = tree.value(option).unwrap_or_default().trim().to_owned();
        let values = options.entry(tree.qname(option).local.to_owned()).or_default();
        values.push(SourcedValue { value, origin: SettingOrigin::File(path.into()) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An installed configuration with these fragments.
    fn configuration(fragments: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let main = directory.path().join("controller.xml");
        let below = directory.path().join("controller");
        fs::create_dir(&below).unwrap();
        for (name, content) in fragments {
            fs::write(below.join(name), content).unwrap();
        }
        let text = format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
            <clixon-config xmlns="http://clicon.org/config">
              <!-- Controller requires startup datastore -->
              <CLICON_FEATURE>ietf-netconf:startup</CLICON_FEATURE>
              <CLICON_FEATURE>clixon-restconf:allow-auth-none</CLICON_FEATURE>
              <CLICON_YANG_DIR>/a</CLICON_YANG_DIR>
              <CLICON_YANG_DIR>/b</CLICON_YANG_DIR>
              <CLICON_CONFIGDIR>{}</CLICON_CONFIGDIR>
              <CLICON_BACKEND_USER>clicon</CLICON_BACKEND_USER>
              <CLICON_XMLDB_DIR>/var/controller</CLICON_XMLDB_DIR>
              <CLICON_SOCK>
                /run/controller.sock
              </CLICON_SOCK>
              <restconf><enable>true</enable></restconf>
              <CONTROLLER_PYAPI_MODULE_PATH xmlns="http://clicon.org/controller-config">/m&amp;s</CONTROLLER_PYAPI_MODULE_PATH>
              <CONTROLLER_PYAPI_MODULE_FILTER xmlns="http://clicon.org/controller-config"></CONTROLLER_PYAPI_MODULE_FILTER>
            </clixon-config>"#,
            below.display()
        );
        fs::write(&main, text).unwrap();
        (directory, main)
    }

    fn value<T: AsRef<std::ffi::OsStr>>(found: &Option<SourcedValue<T>>) -> Option<&str> {
        found.as_ref().and_then(|found| found.value.as_ref().to_str())
    }

    fn file_of<T>(found: Option<SourcedValue<T>>) -> PathBuf {
        match found.unwrap().origin {
            SettingOrigin::File(file) => file,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn options_of_the_services_daemon_are_read() {
        let (_directory, main) = configuration(&[]);
        let file = ControllerFile::read(&main).unwrap();
        assert_eq!(value(&file.socket), Some("/run/controller.sock"));
        assert_eq!(value(&file.backend_user), Some("clicon"));
        assert_eq!(value(&file.running), Some("/var/controller/running_db"));
        assert_eq!(value(&file.modules), Some("/m&s"));
        assert_eq!((&file.exclude, &file.pidfile, &file.missing), (&None, &None, &None));
        assert_eq!(file_of(file.socket), main);
    }

    #[test]
    fn later_fragments_override_earlier_ones_and_the_file() {
        let option =
            |name: &str, value: &str| format!("<clixon-config><{name}>{value}</{name}></clixon-config>");
        let (directory, main) = configuration(&[
            ("20.xml", &option("CONTROLLER_PYAPI_PIDFILE", "/later.pid")),
            ("10.xml", &option("CONTROLLER_PYAPI_PIDFILE", "/earlier.pid")),
            ("30.xml", &option("CLICON_SOCK", "/fragment.sock")),
            ("40.xml.orig", "not read"),
            ("50.xml", &option("CONTROLLER_PYAPI_MODULE_PATH", "")),
            ("55.xml", &option("CLICON_XMLDB_MULTI", "true")),
        ]);
        fs::create_dir(directory.path().join("controller/60.xml")).unwrap();
        let file = ControllerFile::read(&main).unwrap();
        assert_eq!(value(&file.pidfile), Some("/later.pid"));
        assert_eq!(value(&file.socket), Some("/fragment.sock"));
        assert_eq!(value(&file.running), Some("/var/controller/running.d/0.xml"));
        assert_eq!(value(&file.modules), None);
        assert!(file_of(file.socket).ends_with("controller/30.xml"));
    }

    #[test]
    fn directories_of_models_are_read() {
        let (_directory, main) = configuration(&[(
            "10.xml",
            "<clixon-config><CLICON_YANG_DIR>/c</CLICON_YANG_DIR><CLICON_YANG_MAIN_DIR>/main</CLICON_YANG_MAIN_DIR>
             <CLICON_YANG_DIR/><CLICON_YANG_DOMAIN_DIR>/mounts</CLICON_YANG_DOMAIN_DIR></clixon-config>",
        )]);
        assert_eq!(
            ControllerFile::read(&main).unwrap().models,
            YangDirectories {
                imports: ["/a", "/b", "/c"].map(PathBuf::from).into(),
                main: Some("/main".into()),
                domains: Some("/mounts".into()),
                ..YangDirectories::default()
            }
        );
    }

    #[test]
    fn missing_directory_of_fragments_is_reported() {
        let (directory, main) = configuration(&[]);
        let below = directory.path().join("controller");
        fs::remove_dir(&below).unwrap();
        assert_eq!(ControllerFile::read(&main).unwrap().missing, Some(below));
    }

    #[test]
    fn other_files_are_refused() {
        let error = |text: Option<&str>| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("controller.xml");
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            let error = ControllerFile::read(&path).unwrap_err();
            confine_service::error_chain(&error).replace(path.to_str().unwrap(), "controller.xml")
        };
        let texts = [
            error(None),
            error(Some("")),
            error(Some("<config/>")),
            error(Some("<clixon-config>\n<CLICON_SOCK>/x</CLICON_SOK></clixon-config>")),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
        cannot read the controller's configuration `controller.xml`: No such file or directory (os error 2)
        `controller.xml` is not a configuration of the controller: its root is missing, not `clixon-config`
        `controller.xml` is not a configuration of the controller: its root is `config`, not `clixon-config`
        the controller's configuration `controller.xml` is not well-formed XML: the XML cannot be read at line 2, column 16 (`</CLICON_SOK></clixon-config>`): ill-formed document: expected `</CLICON_SOCK>`, but `</CLICON_SOK>` was found
        ");
        let (_directory, main) = configuration(&[("10.xml", "<clixon-config>")]);
        assert!(
            matches!(ControllerFile::read(&main), Err(ControllerFileError::Xml { path, .. }) if path.ends_with("controller/10.xml"))
        );
    }
}
