//! Links the modules of a set: units, imports, includes and prefixes.

use std::collections::VecDeque;

use confine_tree::{HashMap, HashSet};

use crate::{
    Error, ModuleSet,
    keyword::Keyword,
    problem_list::ProblemList,
    set::ModuleFileText,
    spelling::SpellingHints,
    statement::{StatementId, StatementRef},
};

/// The number of a module of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModuleId(pub(crate) u32);

/// A module of a schema.
#[derive(Debug)]
pub struct YangModule {
    pub(crate) name: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) prefix: Box<str>,
    pub(crate) revision: Option<Box<str>>,
    /// Whether its nodes are part of the schema. Otherwise only its definitions are used.
    pub(crate) is_implemented: bool,
    /// Whether nodes of its namespace may be missing anywhere: a submodule is missing, or statements that define nodes
    /// could not be read.
    pub(crate) lacks_parts: bool,
    /// The module's own unit first, then its submodules'.
    pub(crate) units: Vec<u32>,
}

impl YangModule {
    /// Returns the module's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the namespace of its nodes.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the prefix that the module declares for itself.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns its latest revision, as `YYYY-MM-DD`.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

/// One file as part of one module.
#[derive(Debug)]
pub(crate) struct ModuleUnit {
    pub(crate) file: usize,
    pub(crate) module: ModuleId,
    prefixes: HashMap<Box<str>, Option<ModuleId>>,
}

/// The modules of a schema, and the module of each prefix in each unit.
#[derive(Debug, Default)]
pub(crate) struct ModuleLinks {
    pub(crate) modules: Vec<YangModule>,
    pub(crate) units: Vec<ModuleUnit>,
    /// Whether a module is missing that has nodes, because another one adds to them.
    pub(crate) lacks_modules: bool,
    by_name: HashMap<Box<str>, ModuleId>,
    by_namespace: HashMap<Box<str>, ModuleId>,
}

/// The meaning of a prefix in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixMeaning {
    Module(ModuleId),
    /// A module that the set lacks. The import reports it, once.
    Missing,
    Unknown,
}

impl ModuleLinks {
    pub(crate) fn module(&self, id: ModuleId) -> Option<&YangModule> {
        self.modules.get(id.0 as usize)
    }

    /// Returns the latest module of this name.
    pub(crate) fn module_by_name(&self, name: &str) -> Option<ModuleId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn module_by_namespace(&self, namespace: &str) -> Option<ModuleId> {
        self.by_namespace.get(namespace).copied()
    }

    pub(crate) fn unit(&self, unit: u32) -> Option<&ModuleUnit> {
        self.units.get(unit as usize)
    }

    /// Returns the module that a unit is part of.
    pub(crate) fn module_of(&self, unit: u32) -> ModuleId {
        self.unit(unit).map_or(ModuleId(u32::MAX), |unit| unit.module)
    }

    /// Returns the meaning of a prefix in a unit. The empty prefix is the unit's own module.
    pub(crate) fn prefix(&self, unit: u32, prefix: &str) -> PrefixMeaning {
        let Some(unit) = self.unit(unit) else { return PrefixMeaning::Unknown };
        if prefix.is_empty() {
            return PrefixMeaning::Module(unit.module);
        }
        match unit.prefixes.get(prefix) {
            Some(Some(module)) => PrefixMeaning::Module(*module),
            Some(None) => PrefixMeaning::Missing,
            None => PrefixMeaning::Unknown,
        }
    }

    /// Returns the module of a prefix, or what to add to the message that it cannot be found.
    pub(crate) fn module_of_prefix(&self, unit: u32, prefix: &str) -> Result<ModuleId, String> {
        match self.prefix(unit, prefix) {
            PrefixMeaning::Module(module) => Ok(module),
            PrefixMeaning::Missing => Err(format!(": the module of prefix `{prefix}` is missing")),
            PrefixMeaning::Unknown => Err(format!(": no import binds prefix `{prefix}`")),
        }
    }

    /// Returns a statement.
    pub(crate) fn statement<'a>(
        &self,
        files: &'a [ModuleFileText],
        at: StatementId,
    ) -> Option<StatementRef<'a>> {
        files.get(self.unit(at.unit)?.file)?.parsed.get(at)
    }

    /// Returns the outermost statement of a unit.
    pub(crate) fn root<'a>(&self, files: &'a [ModuleFileText], unit: u32) -> Option<StatementRef<'a>> {
        files.get(self.unit(unit)?.file).map(|file| file.parsed.root_of(unit))
    }

    /// Returns the outermost statements of a module's units.
    pub(crate) fn roots<'a>(
        &'a self,
        files: &'a [ModuleFileText],
        module: ModuleId,
    ) -> impl Iterator<Item = StatementRef<'a>> + 'a {
        let units = self.module(module).map(|module| module.units.as_slice()).unwrap_or_default();
        units.iter().filter_map(move |&unit| self.root(files, unit))
    }
}

/// Links the modules of a set: finds the units of each module and the module of each prefix.
pub(crate) fn link(set: &ModuleSet, problems: &mut ProblemList) -> ModuleLinks {
    let linker = ModuleLinker {
        set,
        links: ModuleLinks::default(),
        problems,
        hints: SpellingHints::default(),
        included: HashMap::default(),
    };
    linker.link()
}

/// The most revisions of a module that may include one submodule: its text is compiled for each of them.
const MAX_INCLUDES: usize = 16;

struct ModuleLinker<'a> {
    set: &'a ModuleSet,
    links: ModuleLinks,
    problems: &'a mut ProblemList,
    hints: SpellingHints,
    /// By file: how many modules include it.
    included: HashMap<usize, usize>,
}

impl<'a> ModuleLinker<'a> {
    fn link(mut self) -> ModuleLinks {
        let mut by_file = HashMap::default();
        for (index, file) in self.set.files.iter().enumerate() {
            if !file.is_submodule() {
                by_file.insert(index, self.add_module(index, file));
            }
        }
        for number in 0..self.links.modules.len() {
            self.include_submodules(ModuleId(number_of(number)));
        }
        for number in 0..self.links.units.len() {
            self.bind_prefixes(number, &by_file);
        }
        self.implement_targets();
        self.links
    }

    fn add_module(&mut self, index: usize, file: &ModuleFileText) -> ModuleId {
        let root = file.parsed.root();
        let id = ModuleId(number_of(self.links.modules.len()));
        let text = |keyword| root.text(keyword).unwrap_or_default().into();
        let is_latest = self.set.find_index(file.name(), None) == Some(index);
        let mut lacks_parts = file.lacks_nodes();
        let mut module = YangModule {
            name: file.name().into(),
            namespace: text(Keyword::Namespace),
            prefix: text(Keyword::Prefix),
            revision: file.revision.clone(),
            is_implemented: is_latest,
            lacks_parts: false,
            units: vec![number_of(self.links.units.len())],
        };
        self.links.units.push(ModuleUnit { file: index, module: id, prefixes: HashMap::default() });
        if is_latest {
            self.links.by_name.insert(module.name.clone(), id);
            let other = self.links.by_namespace.insert(module.namespace.clone(), id);
            if let Some(other) = other {
                // Names lead to the nodes of one of them only.
                self.mark_lacking(other);
                lacks_parts = true;
                let position =
                    root.child(Keyword::Namespace).map_or_else(|| root.position(), StatementRef::position);
                self.problems.push(Error::Duplicate {
                    position,
                    what: "module of namespace",
                    name: module.namespace.clone(),
                });
            }
        }
        module.lacks_parts = lacks_parts;
        self.links.modules.push(module);
        id
    }

    /// Adds the submodules that a module includes, directly or through other submodules.
    fn include_submodules(&mut self, module: ModuleId) {
        let mut queue: VecDeque<usize> =
            self.links.module(module).into_iter().flat_map(|m| &m.units).map(|&unit| unit as usize).collect();
        let mut seen = HashSet::default();
        while let Some(unit) = queue.pop_front() {
            let Some(file) = self.links.units.get(unit).and_then(|unit| self.set.files.get(unit.file)) else {
                continue;
            };
            for include in file.parsed.root().all(Keyword::Include) {
                if !seen.insert(include.argument()) {
                    continue;
                }
                let found = self.find(include, "submodule", ModuleFileText::is_submodule);
                let Some(index) = found else {
                    self.mark_lacking(module);
                    continue;
                };
                if self.included.get(&index).is_some_and(|&times| times >= MAX_INCLUDES) {
                    let what = "the revisions of a module that include one submodule";
                    self.problems.push(Error::Limit {
                        position: include.position(),
                        what,
                        limit: MAX_INCLUDES,
                    });
                    self.mark_lacking(module);
                    continue;
                }
                let name = self.links.module(module).map(|m| m.name.clone()).unwrap_or_default();
                let belongs =
                    self.set.files.get(index).and_then(|f| f.parsed.root().text(Keyword::BelongsTo));
                if belongs != Some(&name) {
                    self.problems.push(Error::Unresolved {
                        position: include.position(),
                        what: "submodule",
                        name: include.argument().into(),
                        hint: format!(" of `{name}`: it belongs to `{}`", belongs.unwrap_or_default()),
                    });
                    self.mark_lacking(module);
                    continue;
                }
                if self.set.files.get(index).is_some_and(ModuleFileText::lacks_nodes) {
                    self.mark_lacking(module);
                }
                *self.included.entry(index).or_default() += 1;
                let number = self.links.units.len();
                self.links.units.push(ModuleUnit { file: index, module, prefixes: HashMap::default() });
                if let Some(module) = self.links.modules.get_mut(module.0 as usize) {
                    module.units.push(number_of(number));
                }
                queue.push_back(number);
            }
        }
    }

    fn mark_lacking(&mut self, module: ModuleId) {
        if let Some(module) = self.links.modules.get_mut(module.0 as usize) {
            module.lacks_parts = true;
        }
    }

    /// Returns the file that an import or include asks for.
    fn find(
        &mut self,
        statement: StatementRef<'a>,
        what: &'static str,
        is_right: fn(&ModuleFileText) -> bool,
    ) -> Option<usize> {
        let revision = statement.text(Keyword::RevisionDate);
        let index = self.set.find_index(statement.argument(), revision);
        let file = index.and_then(|index| self.set.files.get(index)).filter(|file| is_right(file));
        let hint = match file {
            Some(file) if revision.is_none() || file.revision.as_deref() == revision => return index,
            Some(file) => {
                let there = file.revision.as_deref().unwrap_or("without one");
                format!(" of revision {}; revision {there} is used", revision.unwrap_or_default())
            }
            None => {
                let names = self.set.files.iter().filter(|file| is_right(file)).map(ModuleFileText::name);
                let near = self.hints.did_you_mean(statement.argument(), names);
                format!(" among the given modules; statements that refer to it are ignored{near}")
            }
        };
        let name = statement.argument().into();
        self.problems.push(Error::Unresolved { position: statement.position(), what, name, hint });
        file.and(index)
    }

    /// Binds the prefixes of a unit to modules.
    fn bind_prefixes(&mut self, number: usize, by_file: &HashMap<usize, ModuleId>) {
        let Some((file, own)) = self.links.units.get(number).map(|unit| (unit.file, unit.module)) else {
            return;
        };
        let Some(root) = self.set.files.get(file).map(|file| file.parsed.root()) else { return };
        let mut prefixes = HashMap::default();
        let naming = root.child(Keyword::BelongsTo).unwrap_or(root);
        prefixes.insert(Box::from(naming.text(Keyword::Prefix).unwrap_or_default()), Some(own));
        for import in root.all(Keyword::Import) {
            let found = self.find(import, "module", |file| !file.is_submodule());
            let module = found.and_then(|index| by_file.get(&index).copied());
            let prefix = import.text(Keyword::Prefix).unwrap_or_default();
            if prefixes.insert(prefix.into(), module).is_some() {
                let position = import.position();
                self.problems.push(Error::Duplicate { position, what: "prefix", name: prefix.into() });
            }
        }
        if let Some(unit) = self.links.units.get_mut(number) {
            unit.prefixes = prefixes;
        }
    }

    /// Implements each module that an implemented one augments or deviates (RFC 7950, section 5.6.5).
    fn implement_targets(&mut self) {
        let mut queue: Vec<ModuleId> = (0..number_of(self.links.modules.len()))
            .map(ModuleId)
            .filter(|&id| self.links.module(id).is_some_and(|module| module.is_implemented))
            .collect();
        while let Some(id) = queue.pop() {
            let mut lacks_modules = false;
            let targets: Vec<ModuleId> = self
                .links
                .roots(&self.set.files, id)
                .flat_map(StatementRef::children)
                .filter(|child| matches!(child.keyword(), Keyword::Augment | Keyword::Deviation))
                .filter_map(|child| {
                    let first = child.argument().trim_start_matches('/').split('/').next()?;
                    match self.links.prefix(child.at().unit, first.split_once(':')?.0) {
                        PrefixMeaning::Module(module) => Some(module),
                        PrefixMeaning::Missing => {
                            lacks_modules = true;
                            None
                        }
                        PrefixMeaning::Unknown => None,
                    }
                })
                .collect();
            self.links.lacks_modules |= lacks_modules;
            for target in targets {
                if let Some(module) = self.links.modules.get_mut(target.0 as usize)
                    && !module.is_implemented
                {
                    module.is_implemented = true;
                    queue.push(target);
                }
            }
        }
    }
}

/// Converts an index to the 32-bit number that modules, units and nodes have. The limits are far below.
pub(crate) fn number_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
