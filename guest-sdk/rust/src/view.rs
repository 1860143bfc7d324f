//! The configuration tree, as a module sees it.

use std::{fmt, rc::Rc, str::FromStr};

use crate::{Batch, Error, Node, Path, Result, bindings::confine::service::tree, error::from_host};

/// A place in the configuration tree, and everything at and below it. It is all that a module can
/// reach: what lies outside of it can be neither read nor written, and reads as absent.
///
/// The one that [`Service::apply`](crate::Service::apply) is handed stands at the instance;
/// [`at`](Self::at) and [`list`](Self::list) make others from it. Paths are relative to the place,
/// unless they begin with `/`. What was written before, by this instance and by earlier ones of the
/// same commit, is there to be read.
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

    /// The place itself: `.` for the instance.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place at `path`. Nothing need be there.
    #[must_use]
    pub fn at(&self, path: impl AsRef<str>) -> Self {
        Self { host: Rc::clone(&self.host), path: self.resolve(path) }
    }

    /// The value that the place's own path gives to `key`, which is named without a prefix.
    ///
    /// # Errors
    /// `missing-element`, where the last step of the path does not name that key. Every place that
    /// [`list`](Self::list) gives names all of its keys.
    pub fn key(&self, key: &str) -> Result<String> {
        self.path.key(key).ok_or_else(|| {
            let path = &self.path;
            let hint =
                "hint: where the host does not know the model, the pattern to list has to name the key";
            Error::new(format!("`{path}` gives no value to key `{key}`\n{hint}, as in `user[name]`"))
                .with_tag("missing-element")
                .with_path(&self.path)
        })
    }

    /// The value of a leaf; none where there is none. An empty leaf has the value `""`.
    ///
    /// # Errors
    /// Where the path matches several nodes or a node with children, or the host cannot read.
    pub fn get(&self, path: impl AsRef<str>) -> Result<Option<String>> {
        self.host.get(self.resolve(path).as_str()).map_err(from_host)
    }

    /// The value of a leaf as a `T`; none where there is none.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `invalid-value` where the value is no `T`.
    pub fn get_as<T>(&self, path: impl AsRef<str>) -> Result<Option<T>>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let path = path.as_ref();
        self.get(path)?.map(|value| self.parse(path, &value)).transpose()
    }

    /// The value of a leaf that must be there.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `data-missing` where there is none.
    pub fn require(&self, path: impl AsRef<str>) -> Result<String> {
        let path = path.as_ref();
        self.get(path)?.ok_or_else(|| {
            let path = self.resolve(path);
            Error::new(format!("`{path}` has no value")).with_tag("data-missing").with_path(path)
        })
    }

    /// The value of a leaf that must be there, as a `T`.
    ///
    /// # Errors
    /// As [`require`](Self::require), and `invalid-value` where the value is no `T`.
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

    /// The values of all leaves or leaf-list entries that match, in document order.
    ///
    /// # Errors
    /// Where the host cannot read.
    pub fn values(&self, path: impl AsRef<str>) -> Result<Vec<String>> {
        Ok(self
            .read(path)?
            .into_iter()
            .filter(|node| node.depth == 0)
            .filter_map(|node| node.value)
            .collect())
    }

    /// The same values, each as a `T`.
    ///
    /// # Errors
    /// As [`values`](Self::values), and `invalid-value` where one is no `T`.
    pub fn values_as<T>(&self, path: impl AsRef<str>) -> Result<Vec<T>>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let path = path.as_ref();
        self.values(path)?.iter().map(|value| self.parse(path, value)).collect()
    }

    /// Whether anything matches.
    ///
    /// # Errors
    /// Where the host cannot read.
    pub fn exists(&self, path: impl AsRef<str>) -> Result<bool> {
        self.host.exists(self.resolve(path).as_str()).map_err(from_host)
    }

    /// The places of all list entries (or other nodes) that match, in document order, each with its
    /// keys in its path.
    ///
    /// # Errors
    /// Where the host cannot read, or does not know the keys of a list. They can be named in the path:
    /// `user[name]` is every user, by name.
    pub fn list(&self, path: impl AsRef<str>) -> Result<Vec<Self>> {
        let found = self.host.find(self.resolve(path).as_str()).map_err(from_host)?;
        Ok(found.into_iter().map(|path| Self { host: Rc::clone(&self.host), path: path.into() }).collect())
    }

    /// The subtrees of all nodes that match, in document order, as a flat list of nodes with their
    /// depths. One call of the host: cheaper than many [`get`](Self::get).
    ///
    /// # Errors
    /// Where the host cannot read.
    pub fn read(&self, path: impl AsRef<str>) -> Result<Vec<Node>> {
        self.host.read(self.resolve(path).as_str()).map_err(from_host)
    }

    /// The same as XML: several times cheaper than [`read`](Self::read) for a module with an XML
    /// parser.
    ///
    /// # Errors
    /// Where the host cannot read.
    pub fn read_xml(&self, path: impl AsRef<str>) -> Result<String> {
        self.host.read_xml(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Sets a leaf, and makes what is missing above it. A leaf-list entry has its value in the path as
    /// well: `set(path!("search[.={}]", name), name)`.
    ///
    /// # Errors
    /// Where the host refuses: the path is outside of what the module may write, or names a list
    /// without its keys.
    pub fn set(&self, path: impl AsRef<str>, value: impl fmt::Display) -> Result<()> {
        self.host.set(self.resolve(path).as_str(), &value.to_string()).map_err(from_host)
    }

    /// Makes a presence container, an empty leaf, or a list entry with its keys. It may be there
    /// already.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn create(&self, path: impl AsRef<str>) -> Result<()> {
        self.host.create(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Takes away every node that matches, with all below it. There need be none.
    ///
    /// What an earlier call for this instance made needs no removing: the host does that.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn remove(&self, path: impl AsRef<str>) -> Result<()> {
        self.host.remove(self.resolve(path).as_str()).map_err(from_host)
    }

    /// Many edits that are made together, with paths relative to this place.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Merges a fragment of XML from the root of the tree, whatever this view's place is
    /// (`<devices xmlns="http://clicon.org/controller">…`). [`template!`](crate::template!) fills
    /// values in.
    ///
    /// # Errors
    /// As [`set`](Self::set), and where it is not well-formed. Nothing of it is merged then.
    pub fn edit_xml(&self, config: impl AsRef<str>) -> Result<()> {
        self.host.edit_xml(config.as_ref()).map_err(from_host)
    }
}
