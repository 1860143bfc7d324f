//! The part of the configuration tree that a module sees.

use std::{fmt, rc::Rc, str::FromStr};

use crate::{Batch, Error, Node, Path, Result, bindings::confine::service::tree, error::from_host};

/// A view of the configuration tree from one node. The view is the module's only authority: the host refuses to
/// read what [`READS`](crate::Service::READS) and [`WRITES`](crate::Service::WRITES) do not name, and to write what
/// `WRITES` does not name.
///
/// The view that [`Service::apply`](crate::Service::apply) receives is at the instance; [`at`](Self::at) and
/// [`list`](Self::list) return views of other nodes. A path that does not start with `/` is relative to the
/// view's node. A view includes the edits that this instance and earlier instances of the same commit made.
///
/// ```no_run
/// # use confine_sdk::prelude::*;
/// # fn apply(view: &View) -> Result<()> {
/// let name = view.require("name")?; // a leaf of the instance
/// let mtu = view.get_as::<u16>("mtu")?.unwrap_or(1500);
/// for device in view.list("/devices/device")? {
///     if device.key("name")?.starts_with("core-") {
///         let port = device.at(path!("config/oc-if:interfaces/interface[name={}]/config", name));
///         port.set("name", &name)?;
///         port.set("mtu", mtu)?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct View {
    host: Rc<tree::View>,
    path: Path,
}

impl View {
    pub(crate) fn new(host: tree::View) -> Self {
        Self { host: Rc::new(host), path: Path::from(".") }
    }

    pub(crate) fn host(&self) -> &tree::View {
        &self.host
    }

    fn resolve(&self, path: impl AsRef<str>) -> Path {
        self.path.join(path)
    }

    /// Returns the path of the view's node: `.` for the instance.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a view of the node at `path`, whether or not it exists.
    #[must_use]
    pub fn at(&self, path: impl AsRef<str>) -> Self {
        Self { host: Rc::clone(&self.host), path: self.resolve(path) }
    }

    /// Returns the value of `key` (named without a prefix) in the last step of the view's own path.
    ///
    /// # Errors
    /// Fails with `missing-element` if the last step of the path does not name that key. The paths of the views
    /// that [`list`](Self::list) returns name all keys.
    pub fn key(&self, key: &str) -> Result<String> {
        self.path.key(key).ok_or_else(|| {
            let path = &self.path;
            let hint =
                "hint: if the host does not have the YANG module, name the key in the path of the list";
            Error::new(format!("`{path}` gives no value to key `{key}`\n{hint}, as in `user[name]`"))
                .with_tag("missing-element")
                .with_path(&self.path)
        })
    }

    /// Returns the value of a leaf, or its default if it is not set, or `None` if there is neither. A leaf of type `empty` has the
    /// value `""`.
    ///
    /// # Errors
    /// Fails if the path matches several nodes or a node with children, or if the host cannot read.
    pub fn get(&self, path: impl AsRef<str>) -> Result<Option<String>> {
        self.host.get(self.resolve(path).as_str()).map_err(from_host)
    }

    /// As [`get`](Self::get), as a `T`.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `invalid-value` if the value is not a `T`.
    pub fn get_as<T>(&self, path: impl AsRef<str>) -> Result<Option<T>>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let path = path.as_ref();
        self.get(path)?.map(|value| self.parse(path, &value)).transpose()
    }

    /// Returns the value of a leaf that must be set or have a default.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `data-missing` if there is none.
    pub fn require(&self, path: impl AsRef<str>) -> Result<String> {
        let path = path.as_ref();
        self.get(path)?.ok_or_else(|| {
            let path = self.resolve(path);
            Error::new(format!("`{path}` has no value")).with_tag("data-missing").with_path(path)
        })
    }

    /// Returns the value of a leaf that must be set or have a default, as a `T`.
    ///
    /// # Errors
    /// As [`require`](Self::require), and `invalid-value` if the value is not a `T`.
    pub fn require_as<T>(&self, path: impl AsRef<str>) -> Result<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let path = path.as_ref();
        self.parse(path, &self.require(path)?)
    }

    fn parse<T>(&self, path: &str, value: &str) -> Result<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        value.parse().map_err(|error| {
            let path = self.resolve(path);
            Error::new(format!("`{path}` is `{value}`: {error}")).with_tag("invalid-value").with_path(path)
        })
    }

    /// Returns the values of all leaves or leaf-list entries that match, in document order.
    ///
    /// # Errors
    /// Fails if the host cannot read.
    pub fn values(&self, path: impl AsRef<str>) -> Result<Vec<String>> {
        Ok(self
            .read(path)?
            .into_iter()
            .filter(|node| node.depth == 0)
            .filter_map(|node| node.value)
            .collect())
    }

    /// Returns the same values, each as a `T`.
    ///
    /// # Errors
    /// As [`values`](Self::values), and `invalid-value` if one is not a `T`.
    pub fn values_as<T>(&self, path: impl AsRef<str>) -> Result<Vec<T>>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let path = path.as_ref();
        self.values(path)?.iter().map(|value| self.parse(path, value)).collect()
    }

    /// Returns whether any node matches.
    ///
    /// # Errors
    /// Fails if the host cannot read.
    pub fn exists(&self, path: impl AsRef<str>) -> Result<bool> {
        self.host.exists(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Returns views of all list entries (or other nodes) that match, in document order, with their keys in
    /// their paths.
    ///
    /// # Errors
    /// Fails if the host cannot read, or does not know the keys of a list. Name them in the path then:
    /// `user[name]` is every user, and names the key `name`.
    pub fn list(&self, path: impl AsRef<str>) -> Result<Vec<Self>> {
        let found = self.host.find(self.resolve(path).as_str()).map_err(from_host)?;
        Ok(found.into_iter().map(|path| Self { host: Rc::clone(&self.host), path: path.into() }).collect())
    }

    /// Returns the subtrees of all nodes that match, in document order, as a flat list of nodes with their
    /// depths. It is one call of the host, and cheaper than many [`get`](Self::get).
    ///
    /// # Errors
    /// Fails if the host cannot read.
    pub fn read(&self, path: impl AsRef<str>) -> Result<Vec<Node>> {
        self.host.read(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Returns the same as XML. For a module with an XML parser this is several times cheaper than
    /// [`read`](Self::read).
    ///
    /// # Errors
    /// Fails if the host cannot read.
    pub fn read_xml(&self, path: impl AsRef<str>) -> Result<String> {
        self.host.read_xml(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Sets a leaf, and creates missing nodes above it. A leaf-list entry has its value in the path as well:
    /// `set(path!("search[.={}]", name), name)`.
    ///
    /// # Errors
    /// Fails if the host refuses the edit: the module may not write at the path, or the path names a list
    /// without its keys.
    pub fn set(&self, path: impl AsRef<str>, value: impl fmt::Display) -> Result<()> {
        self.host.set(self.resolve(path).as_str(), &value.to_string()).map_err(from_host)
    }

    /// Creates a presence container, a leaf of type `empty`, or a list entry with its keys. Succeeds if the
    /// node exists already.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn create(&self, path: impl AsRef<str>) -> Result<()> {
        self.host.create(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Removes every node that matches, with its subtree. Succeeds if no node matches.
    ///
    /// Do not remove what an earlier commit of this instance created: the host does that.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn remove(&self, path: impl AsRef<str>) -> Result<()> {
        self.host.remove(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Returns an empty batch, whose paths are relative to this view.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Merges an XML fragment that starts at the root of the tree, whatever the view's own node
    /// (`<devices xmlns="http://clicon.org/controller">…`). [`template!`](crate::template!) fills in values.
    ///
    /// # Errors
    /// As [`set`](Self::set), and if the fragment is not well-formed. Nothing of it is merged then.
    pub fn edit_xml(&self, config: impl AsRef<str>) -> Result<()> {
        self.host.edit_xml(config.as_ref()).map_err(from_host)
    }
}
