//! Plays the test cases of a service: each is one commit, described by files.
//!
//! A case is a directory with `before.xml` (the configuration before), `edit.xml` (the user's edit) and either
//! `after.xml` (the configuration after) or `error.txt` (a part of the error that the user sees). The root of
//! each XML file is `<config>`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_backend::{ActionsMode, PushMode};
use confine_controller::{Controller, Datastore};
use confine_service::Host;
use confine_tree::{CONTROLLER, NodeId, QName, Tree, xml};

use crate::{
    Error, Testbed,
    services::{read_text, sorted_paths},
};

/// A test case, read from its directory.
#[derive(Clone, Debug)]
pub struct ServiceCase {
    /// The directory of the case.
    pub directory: PathBuf,
    before: String,
    edit: String,
    expected: ExpectedResult,
}

#[derive(Clone, Debug)]
enum ExpectedResult {
    After(String),
    Error(String),
}

/// The result of playing a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseResult {
    /// The commit did what the case expects.
    Passed,
    /// The commit did something else, as the text describes.
    Failed(String),
}

impl ServiceCase {
    /// Reads all cases in a directory, sorted by name.
    pub fn all(directory: &Path) -> Result<Vec<Self>, Error> {
        sorted_paths(directory, Path::is_dir)?.into_iter().map(Self::read).collect()
    }

    /// Reads the case in a directory.
    pub fn read(directory: PathBuf) -> Result<Self, Error> {
        let text = |name: &str| read_text(directory.join(name));
        let expected = if directory.join("error.txt").exists() {
            ExpectedResult::Error(text("error.txt")?.trim_end_matches('\n').to_owned())
        } else {
            ExpectedResult::After(text("after.xml")?)
        };
        Ok(Self { before: text("before.xml")?, edit: text("edit.xml")?, expected, directory })
    }

    /// Plays the case: starts a controller with the configuration in `before.xml` and the YANG `models` of the
    /// services (file name and text), and a daemon with the modules of `host`, and commits `edit.xml`.
    pub async fn play(
        &self,
        host: Arc<Host>,
        models: &[(String, String)],
        directory: &Path,
    ) -> Result<CaseResult, Error> {
        let socket = directory.join("controller.sock");
        self.play_behind(host, models, socket.clone(), &socket).await
    }

    /// As [`play`](Self::play), with a daemon that connects to the controller through another socket.
    pub async fn play_behind(
        &self,
        host: Arc<Host>,
        models: &[(String, String)],
        socket: PathBuf,
        daemon_socket: &Path,
    ) -> Result<CaseResult, Error> {
        let before = self.parse("before.xml", &self.before)?;
        let edit = self.parse("edit.xml", &self.edit)?;
        let mut builder = Controller::builder().service_models(models.iter().cloned());
        for (name, config) in devices(&before)? {
            builder = builder.device(name, config);
        }
        if let Some(services) = before.child(Tree::ROOT, SERVICES) {
            builder = builder.config(xml::write(&before, services)?);
        }
        let mut testbed = Testbed::open_behind(builder, host, socket, daemon_socket, "author").await?;
        testbed.edit(&xml::XmlTreeWriter::new().write(&edit, edit.children(Tree::ROOT))?).await?;
        let committed = testbed.commit(PushMode::Commit, ActionsMode::Change).await?;
        let running = xml::parse(&testbed.controller().datastore(Datastore::Running)?)?;
        let on_devices: Result<String, Error> = devices(&before)?
            .iter()
            .map(|(name, _)| Ok(canonical(&xml::parse(&testbed.controller().device(name)?)?)))
            .collect();
        let on_devices = on_devices?;
        testbed.close().await;
        self.compare(
            &committed.succeeded().then_some(()).ok_or(committed.reason().to_owned()),
            &running,
            &before,
            &on_devices,
        )
    }

    /// Compares the outcome of the commit with what the case expects.
    fn compare(
        &self,
        ended: &Result<(), String>,
        running: &Tree,
        before: &Tree,
        on_devices: &str,
    ) -> Result<CaseResult, Error> {
        let (expected, found) = match (&self.expected, ended) {
            (ExpectedResult::Error(text), Err(reason)) if !reason.contains(text.as_str()) => {
                return Ok(CaseResult::Failed(format!("the error `{reason}` does not contain `{text}`")));
            }
            (ExpectedResult::Error(text), Ok(())) => {
                return Ok(CaseResult::Failed(format!(
                    "the commit succeeded, but the case expects the error `{text}`"
                )));
            }
            (ExpectedResult::After(_), Err(reason)) => {
                return Ok(CaseResult::Failed(format!("the commit failed: {reason}")));
            }
            // A commit that failed must not change any device.
            (ExpectedResult::Error(_), Err(_)) => (config_text(before)?, on_devices.to_owned()),
            (ExpectedResult::After(after), Ok(())) => {
                let after = self.parse("after.xml", after)?;
                let expected = services_text(&after) + &config_text(&after)?;
                (expected, services_text(running) + on_devices)
            }
        };
        Ok(if expected == found {
            CaseResult::Passed
        } else {
            CaseResult::Failed(difference(&expected, &found))
        })
    }

    /// Parses the content of `<config>` in a file.
    fn parse(&self, name: &str, text: &str) -> Result<Tree, Error> {
        let invalid = |source| Error::Case { file: self.directory.join(name), source };
        let tree = xml::parse(text.trim_end()).map_err(invalid)?;
        let config = tree.first_child(Tree::ROOT).unwrap_or(Tree::ROOT);
        let inner = xml::XmlTreeWriter::new().write(&tree, tree.children(config)).map_err(invalid)?;
        xml::parse(&inner).map_err(invalid)
    }
}

const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");

/// Returns the name and configuration of each device in a datastore.
fn devices(datastore: &Tree) -> Result<Vec<(String, String)>, Error> {
    let devices = datastore.child(Tree::ROOT, QName::new(CONTROLLER, "devices"));
    let entries = devices.into_iter().flat_map(|devices| datastore.children(devices));
    let named = entries.filter_map(|device| {
        let name = datastore.child(device, QName::new(CONTROLLER, "name"))?;
        let config = datastore.child(device, QName::new(CONTROLLER, "config"));
        let nodes = config.into_iter().flat_map(|config| datastore.children(config));
        Some((datastore.value(name)?.to_owned(), xml::XmlTreeWriter::new().write(datastore, nodes)))
    });
    named.map(|(name, config)| Ok((name, config?))).collect()
}

/// Returns the configuration of all devices in a form that can be compared.
fn config_text(datastore: &Tree) -> Result<String, Error> {
    devices(datastore)?.iter().map(|(_, config)| Ok(canonical(&xml::parse(config)?))).collect()
}

/// Returns the services, without the controller's own nodes, in a form that can be compared.
fn services_text(datastore: &Tree) -> String {
    let services = datastore.child(Tree::ROOT, SERVICES);
    let entries = services.into_iter().flat_map(|services| datastore.children(services));
    let mut entries: Vec<String> = entries
        .filter(|&entry| datastore.qname(entry).namespace != CONTROLLER)
        .map(|entry| lines(datastore, entry, 0))
        .collect();
    entries.sort();
    entries.concat()
}

fn canonical(tree: &Tree) -> String {
    let mut nodes: Vec<String> = tree.children(Tree::ROOT).map(|node| lines(tree, node, 0)).collect();
    nodes.sort();
    nodes.concat()
}

/// Returns a node and its descendants, one per line: with namespaces instead of prefixes, and with siblings
/// in an order that does not depend on the document.
fn lines(tree: &Tree, node: NodeId, depth: usize) -> String {
    let value = tree.value(node).unwrap_or_default();
    let bound = value.split_once(':').and_then(|(prefix, local)| {
        let (_, namespace) = tree.bindings(node).iter().find(|(bound, _)| **bound == *prefix)?;
        Some(format!("{{{namespace}}}{local}"))
    });
    let mut text =
        format!("{:1$}{2} {3:?}\n", "", 2 * depth, tree.qname(node), bound.as_deref().unwrap_or(value));
    let mut children: Vec<String> = tree.children(node).map(|child| lines(tree, child, depth + 1)).collect();
    children.sort();
    text.extend(children);
    text
}

/// Returns the unified diff of two configurations.
fn difference(expected: &str, found: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, found);
    format!(
        "the configuration differs:\n{}",
        diff.unified_diff().context_radius(6).header("expected", "found")
    )
}
