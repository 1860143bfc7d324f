//! The modules that a schema is made of.

use std::collections::{BTreeMap, HashMap, HashSet, btree_map};

use crate::{Error, Keyword, YangLimits, YangSchema, grammar, link, statement::ParsedFile};

/// Modules and submodules, gathered before they are [compiled](Self::compile) to a [`YangSchema`].
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
    /// By name and revision, which is empty where a module has none.
    by_name: HashMap<Box<str>, BTreeMap<Box<str>, usize>>,
    features: HashMap<Box<str>, HashSet<Box<str>>>,
    import_only: HashSet<Box<str>>,
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

    /// How errors name it.
    pub(crate) fn place_name(&self) -> &str {
        &self.parsed.file
    }

    pub(crate) fn is_submodule(&self) -> bool {
        self.parsed.root().keyword() == Keyword::Submodule
    }
}

/// A module or submodule by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct YangModuleName {
    /// Its name.
    pub name: Box<str>,
    /// Its revision; where it is asked for, `None` stands for any.
    pub revision: Option<Box<str>>,
    /// Whether it is a submodule.
    pub is_submodule: bool,
}

impl ModuleSet {
    /// An empty set whose modules may be as large as `limits` says.
    pub fn with_limits(limits: YangLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads a module or submodule; `file` names it in errors. Where the set has this revision of it
    /// already, that one stays.
    ///
    /// # Errors
    /// Where the text is not a module. The set is then as it was, and usable.
    pub fn add(&mut self, file: &str, source: &[u8]) -> Result<YangModuleName, Error> {
        let added = self.read(file, source);
        self.is_partial |= added.is_err();
        added
    }

    fn read(&mut self, file: &str, source: &[u8]) -> Result<YangModuleName, Error> {
        let parsed = ParsedFile::read(file, source, &self.limits)?;
        grammar::check(&parsed)?;
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

    /// Says that there are modules that the set does not have: what they add to the nodes of others is not
    /// known, so that a node that is not known may well be one of theirs.
    pub fn mark_partial(&mut self) {
        self.is_partial = true;
    }

    /// Says that the text of a module is not all of it: what of its namespace is not known may be there.
    pub fn mark_abridged(&mut self, module: &str) {
        self.abridged.insert(module.into());
        self.is_partial = true;
    }

    /// Takes the module as one that only lends its definitions: its data nodes are no part of the schema
    /// (RFC 8525, `import-only-module`). All others are implemented, in their latest revision.
    pub fn import_only(&mut self, module: &str) {
        self.import_only.insert(module.into());
    }

    /// Which features of the module are there. Without this call: all.
    pub fn features<'a>(&mut self, module: &str, features: impl IntoIterator<Item = &'a str>) {
        self.features.insert(module.into(), features.into_iter().map(Box::from).collect());
    }

    /// What the modules import and include and the set does not have, each once.
    pub fn missing(&self) -> Vec<YangModuleName> {
        let mut seen = HashSet::new();
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

    /// How many modules and submodules there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether the set has the module or submodule, in this revision where one is given.
    pub fn contains(&self, name: &str, revision: Option<&str>) -> bool {
        self.find_revision(name, revision).is_some()
    }

    /// Makes the schema. What cannot be made of the modules is told by [`YangSchema::problems`] and left out.
    pub fn compile(self) -> YangSchema {
        link::compile(self)
    }

    /// The module of this revision, or the latest.
    fn find_revision(&self, name: &str, revision: Option<&str>) -> Option<&ModuleFileText> {
        match revision {
            None => self.find(name, None),
            Some(_) => self.find(name, revision).filter(|file| file.revision.as_deref() == revision),
        }
    }

    /// The module of this revision; where there is none, or none is asked for, the latest.
    pub(crate) fn find(&self, name: &str, revision: Option<&str>) -> Option<&ModuleFileText> {
        self.find_index(name, revision).and_then(|index| self.files.get(index))
    }

    /// As [`find`](Self::find), as a place in `files`.
    pub(crate) fn find_index(&self, name: &str, revision: Option<&str>) -> Option<usize> {
        let revisions = self.by_name.get(name)?;
        let asked = revision.and_then(|revision| revisions.get(revision));
        asked.or_else(|| revisions.values().next_back()).copied()
    }

    /// Whether all modules that there are were added.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_partial
    }

    pub(crate) fn is_abridged(&self, name: &str) -> bool {
        self.abridged.contains(name)
    }

    pub(crate) fn is_import_only(&self, name: &str) -> bool {
        self.import_only.contains(name)
    }

    /// Whether a feature is there.
    pub(crate) fn has_feature(&self, module: &str, feature: &str) -> bool {
        self.features.get(module).is_none_or(|features| features.contains(feature))
    }
}
