//! The set of modules that a schema is compiled from.

use std::collections::{BTreeMap, btree_map};

use confine_tree::{HashMap, HashSet};

use crate::{Error, YangLimits, grammar, keyword::Keyword, statement::ParsedFile};

/// Modules and submodules, to be [compiled](Self::compile) to a [`YangSchema`](crate::YangSchema).
///
/// ```
/// let mut modules = confine_yang::ModuleSet::default();
/// modules.add("lamp.yang", b"module lamp { namespace urn:lamp; prefix l; leaf lit { type boolean; } }")?;
/// let schema = modules.compile();
/// assert!(schema.problems().is_empty());
/// # Ok::<(), confine_yang::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct ModuleSet {
    pub(crate) limits: YangLimits,
    pub(crate) files: Vec<ModuleFileText>,
    /// By name and revision. The revision is empty if a module has none.
    by_name: HashMap<Box<str>, BTreeMap<Box<str>, usize>>,
    abridged: HashSet<Box<str>>,
    is_partial: bool,
}

/// One module or submodule of a set.
#[derive(Debug)]
pub(crate) struct ModuleFileText {
    pub(crate) parsed: ParsedFile,
    pub(crate) revision: Option<Box<str>>,
}

impl ModuleFileText {
    pub(crate) fn name(&self) -> &str {
        self.parsed.root().argument()
    }

    /// Returns whether the file may define nodes that could not be read.
    pub(crate) fn lacks_nodes(&self) -> bool {
        self.parsed.lacks_nodes
    }

    pub(crate) fn is_submodule(&self) -> bool {
        self.parsed.root().keyword() == Keyword::Submodule
    }
}

/// The name of a module or submodule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct YangModuleName {
    /// Its name.
    pub name: Box<str>,
    /// Its revision. In a request, `None` means any.
    pub revision: Option<Box<str>>,
    /// Whether it is a submodule.
    pub is_submodule: bool,
}

impl ModuleSet {
    /// Creates an empty set with the given limits.
    pub fn with_limits(limits: YangLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a module or submodule; errors name it by `file`. If the set already has this revision of it, the
    /// set stays as it is.
    ///
    /// # Errors
    /// Fails if the text is not a module. The set stays as it was, and usable. A statement that cannot be read is ignored,
    /// and becomes one of [`YangSchema::problems`](crate::YangSchema::problems).
    pub fn add(&mut self, file: &str, source: &[u8]) -> Result<YangModuleName, Error> {
        let added = self.read(file, source);
        self.is_partial |= added.is_err();
        added
    }

    fn read(&mut self, file: &str, source: &[u8]) -> Result<YangModuleName, Error> {
        let mut parsed = ParsedFile::read(file, source, &self.limits)?;
        grammar::check(&mut parsed)?;
        parsed.problems.truncate(self.limits.problems);
        let root = parsed.root();
        let revision = root.all(Keyword::Revision).map(|revision| revision.argument()).max().map(Box::from);
        let file = ModuleFileText { revision, parsed };
        let name = YangModuleName {
            name: file.name().into(),
            revision: file.revision.clone(),
            is_submodule: file.is_submodule(),
        };
        let revision = name.revision.clone().unwrap_or_default();
        let revisions = self.by_name.entry(name.name.clone()).or_default();
        if let btree_map::Entry::Vacant(new) = revisions.entry(revision) {
            new.insert(self.files.len());
            self.files.push(file);
        }
        Ok(name)
    }

    /// Marks the set as lacking modules. An unknown node may then be one that a lacking module adds.
    pub fn mark_partial(&mut self) {
        self.is_partial = true;
    }

    /// Marks a module as lacking part of its text. An unknown node of its namespace may then exist.
    pub fn mark_abridged(&mut self, module: &str) {
        self.abridged.insert(module.into());
        self.is_partial = true;
    }

    /// Returns the modules that are imported or included and that the set does not have, each once.
    pub fn missing(&self) -> Vec<YangModuleName> {
        let mut seen = HashSet::default();
        let mut missing = Vec::new();
        for file in &self.files {
            for statement in file.parsed.root().children() {
                let is_submodule = match statement.keyword() {
                    Keyword::Import => false,
                    Keyword::Include => true,
                    _ => continue,
                };
                let revision = statement.text(Keyword::RevisionDate);
                if self.find_revision(statement.argument(), revision).is_some() {
                    continue;
                }
                let name = YangModuleName {
                    name: statement.argument().into(),
                    revision: revision.map(Box::from),
                    is_submodule,
                };
                if seen.insert(name.clone()) {
                    missing.push(name);
                }
            }
        }
        missing
    }

    /// Returns the number of modules and submodules.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns whether the set has the module or submodule, in this revision if one is given.
    pub fn contains(&self, name: &str, revision: Option<&str>) -> bool {
        self.find_revision(name, revision).is_some()
    }

    /// Returns the module of this revision, or the latest if none is given.
    fn find_revision(&self, name: &str, revision: Option<&str>) -> Option<&ModuleFileText> {
        match revision {
            None => self.find(name, None),
            Some(_) => self.find(name, revision).filter(|file| file.revision.as_deref() == revision),
        }
    }

    /// Returns the module of this revision. Without that revision, or if none is given, returns the latest.
    fn find(&self, name: &str, revision: Option<&str>) -> Option<&ModuleFileText> {
        self.find_index(name, revision).and_then(|index| self.files.get(index))
    }

    /// Returns the same as [`find`](Self::find), as an index into `files`.
    pub(crate) fn find_index(&self, name: &str, revision: Option<&str>) -> Option<usize> {
        let revisions = self.by_name.get(name)?;
        let asked = revision.and_then(|revision| revisions.get(revision));
        asked.or_else(|| revisions.values().next_back()).copied()
    }

    /// Returns whether no module is lacking.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_partial
    }

    pub(crate) fn is_abridged(&self, name: &str) -> bool {
        self.abridged.contains(name)
    }
}
