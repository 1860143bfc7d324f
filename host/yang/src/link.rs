//! Which module each prefix and name of a set stands for.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    Error, Keyword, ModuleSet, SourcePosition, YangSchema, build::SchemaBuilder, nearest::SpellingHints,
    set::ModuleFileText, statement::StatementRef,
};

/// A module of a schema, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModuleId(pub(crate) u32);

/// A statement of a schema: the unit it stands in, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StmtRef {
    pub(crate) unit: u32,
    pub(crate) id: u32,
}

/// A module of a schema.
#[derive(Debug)]
pub struct YangModule {
    pub(crate) name: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) prefix: Box<str>,
    pub(crate) revision: Option<Box<str>>,
    pub(crate) is_implemented: bool,
    /// The module's own text first, then its submodules'.
    pub(crate) units: Vec<u32>,
}

impl YangModule {
    /// The module's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of its nodes.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The prefix that it calls itself by.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Its latest revision, as `YYYY-MM-DD`.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// Whether its nodes are part of the schema; otherwise it only lends definitions.
    pub fn is_implemented(&self) -> bool {
        self.is_implemented
    }
}

/// One text as part of one module.
#[derive(Debug)]
pub(crate) struct ModuleUnit {
    pub(crate) file: usize,
    pub(crate) module: ModuleId,
    prefixes: HashMap<Box<str>, Option<ModuleId>>,
}

/// The modules of a schema and what their prefixes stand for.
#[derive(Debug, Default)]
pub(crate) struct ModuleLinks {
    pub(crate) modules: Vec<YangModule>,
    pub(crate) units: Vec<ModuleUnit>,
    by_name: HashMap<Box<str>, ModuleId>,
    by_namespace: HashMap<Box<str>, ModuleId>,
}

/// What a prefix stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixMeaning {
    Module(ModuleId),
    /// A module that the set lacks: told once, at the import.
    Missing,
    Unknown,
}

impl ModuleLinks {
    pub(crate) fn module(&self, id: ModuleId) -> Option<&YangModule> {
        self.modules.get(id.0 as usize)
    }

    /// The implemented module of this name; where none is, the latest.
    pub(crate) fn module_by_name(&self, name: &str) -> Option<ModuleId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn module_by_namespace(&self, namespace: &str) -> Option<ModuleId> {
        self.by_namespace.get(namespace).copied()
    }

    pub(crate) fn unit(&self, unit: u32) -> Option<&ModuleUnit> {
        self.units.get(unit as usize)
    }

    /// The module that a unit is part of.
    pub(crate) fn module_of(&self, unit: u32) -> ModuleId {
        self.unit(unit).map_or(ModuleId(u32::MAX), |unit| unit.module)
    }

    /// What a prefix in a unit stands for; without one the unit's own module.
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

    /// The statement of a reference.
    pub(crate) fn statement<'a>(
        &self,
        files: &'a [ModuleFileText],
        reference: StmtRef,
    ) -> Option<StatementRef<'a>> {
        files.get(self.unit(reference.unit)?.file)?.parsed.get(reference.id)
    }

    /// The texts of a module, as units with their outermost statements.
    pub(crate) fn roots<'a>(
        &'a self,
        files: &'a [ModuleFileText],
        module: ModuleId,
    ) -> impl Iterator<Item = (u32, StatementRef<'a>)> + 'a {
        let units = self.module(module).map(|module| module.units.as_slice()).unwrap_or_default();
        units.iter().filter_map(move |&unit| Some((unit, self.statement(files, StmtRef { unit, id: 0 })?)))
    }
}

/// What was found wrong, each once, up to a limit: a grouping brings what is wrong in it wherever it is used.
#[derive(Debug, Default)]
pub(crate) struct ProblemList {
    pub(crate) list: Vec<Error>,
    seen: HashSet<Error>,
    limit: usize,
}

impl ProblemList {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(crate) fn push(&mut self, error: Error) {
        if self.list.len() < self.limit && self.seen.insert(error.clone()) {
            self.list.push(error);
        }
    }
}

/// Links and builds.
pub(crate) fn compile(set: ModuleSet) -> YangSchema {
    let mut problems = ProblemList::new(set.limits.problems);
    let linker = ModuleLinker {
        set: &set,
        links: ModuleLinks::default(),
        problems: &mut problems,
        hints: SpellingHints::default(),
        included: HashMap::new(),
    };
    let links = linker.link();
    let compiled = SchemaBuilder::new(&set, &links, problems).build();
    YangSchema::new(set, links, compiled)
}

/// How many revisions of a module may include one submodule: its text counts for each of them.
const INCLUDED: usize = 16;

struct ModuleLinker<'a> {
    set: &'a ModuleSet,
    links: ModuleLinks,
    problems: &'a mut ProblemList,
    hints: SpellingHints,
    /// How often each file was included.
    included: HashMap<usize, usize>,
}

impl<'a> ModuleLinker<'a> {
    fn link(mut self) -> ModuleLinks {
        let mut by_file = HashMap::new();
        for (index, file) in self.set.files.iter().enumerate() {
            if !file.is_submodule() {
                by_file.insert(index, self.module(index, file));
            }
        }
        for number in 0..self.links.modules.len() {
            self.include(ModuleId(number_of(number)));
        }
        for number in 0..self.links.units.len() {
            self.import(number, &by_file);
        }
        self.implement_targets();
        self.links
    }

    fn module(&mut self, index: usize, file: &ModuleFileText) -> ModuleId {
        let root = file.parsed.root();
        let id = ModuleId(number_of(self.links.modules.len()));
        let text = |keyword| root.text(keyword).unwrap_or_default().into();
        let is_latest = self.set.find_index(file.name(), None) == Some(index);
        let module = YangModule {
            name: file.name().into(),
            namespace: text(Keyword::Namespace),
            prefix: text(Keyword::Prefix),
            revision: file.revision.clone(),
            is_implemented: is_latest && !self.set.is_import_only(file.name()),
            units: vec![number_of(self.links.units.len())],
        };
        self.links.units.push(ModuleUnit { file: index, module: id, prefixes: HashMap::new() });
        if is_latest {
            self.links.by_name.insert(module.name.clone(), id);
            let other = self.links.by_namespace.insert(module.namespace.clone(), id);
            if other.is_some() {
                let place = root.child(Keyword::Namespace).map_or_else(|| root.place(), StatementRef::place);
                self.problems.push(Error::Duplicate {
                    place,
                    what: "module of namespace",
                    name: module.namespace.clone(),
                });
            }
        }
        self.links.modules.push(module);
        id
    }

    /// Gathers the submodules of a module, those that submodules include too.
    fn include(&mut self, module: ModuleId) {
        let mut queue: VecDeque<usize> =
            self.links.module(module).into_iter().flat_map(|m| &m.units).map(|&unit| unit as usize).collect();
        let mut seen = HashSet::new();
        while let Some(unit) = queue.pop_front() {
            let Some(file) = self.links.units.get(unit).and_then(|unit| self.set.files.get(unit.file)) else {
                continue;
            };
            for include in file.parsed.root().all(Keyword::Include) {
                if !seen.insert(include.argument()) {
                    continue;
                }
                let found = self.find(include, "submodule", ModuleFileText::is_submodule);
                let Some(index) = found else { continue };
                if self.included.get(&index).is_some_and(|&times| times >= INCLUDED) {
                    let what = "revisions of a module that include one submodule";
                    self.problems.push(Error::Limit { place: include.place(), what, limit: INCLUDED });
                    continue;
                }
                let name = self.links.module(module).map(|m| m.name.clone()).unwrap_or_default();
                let belongs =
                    self.set.files.get(index).and_then(|f| f.parsed.root().text(Keyword::BelongsTo));
                if belongs != Some(&name) {
                    self.problems.push(Error::Unresolved {
                        place: include.place(),
                        what: "submodule",
                        name: include.argument().into(),
                        hint: format!(" of `{name}`: it belongs to `{}`", belongs.unwrap_or_default()),
                    });
                    continue;
                }
                *self.included.entry(index).or_default() += 1;
                let number = self.links.units.len();
                self.links.units.push(ModuleUnit { file: index, module, prefixes: HashMap::new() });
                if let Some(module) = self.links.modules.get_mut(module.0 as usize) {
                    module.units.push(number_of(number));
                }
                queue.push_back(number);
            }
        }
    }

    /// The file that an import or include asks for.
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
                format!(" among the modules given; what refers to it is left out{near}")
            }
        };
        let name = statement.argument().into();
        self.problems.push(Error::Unresolved { place: statement.place(), what, name, hint });
        file.and(index)
    }

    /// Binds the prefixes of a unit.
    fn import(&mut self, number: usize, by_file: &HashMap<usize, ModuleId>) {
        let Some((file, own)) = self.links.units.get(number).map(|unit| (unit.file, unit.module)) else {
            return;
        };
        let Some(root) = self.set.files.get(file).map(|file| file.parsed.root()) else { return };
        let mut prefixes = HashMap::new();
        let naming = root.child(Keyword::BelongsTo).unwrap_or(root);
        prefixes.insert(Box::from(naming.text(Keyword::Prefix).unwrap_or_default()), Some(own));
        for import in root.all(Keyword::Import) {
            let found = self.find(import, "module", |file| !file.is_submodule());
            let module = found.and_then(|index| by_file.get(&index).copied());
            let prefix = import.text(Keyword::Prefix).unwrap_or_default();
            if prefixes.insert(prefix.into(), module).is_some() {
                let place = import.place();
                self.problems.push(Error::Duplicate { place, what: "prefix", name: prefix.into() });
            }
        }
        if let Some(unit) = self.links.units.get_mut(number) {
            unit.prefixes = prefixes;
        }
    }

    /// A module that is augmented or deviated by an implemented one is implemented itself (RFC 7950,
    /// section 5.6.5).
    fn implement_targets(&mut self) {
        let mut queue: Vec<ModuleId> = (0..number_of(self.links.modules.len()))
            .map(ModuleId)
            .filter(|&id| self.links.module(id).is_some_and(|module| module.is_implemented))
            .collect();
        while let Some(id) = queue.pop() {
            let targets: Vec<ModuleId> = self
                .links
                .roots(&self.set.files, id)
                .flat_map(|(unit, root)| root.children().map(move |child| (unit, child)))
                .filter(|(_, child)| matches!(child.keyword(), Keyword::Augment | Keyword::Deviation))
                .filter_map(|(unit, child)| {
                    let first = child.argument().trim_start_matches('/').split('/').next()?;
                    match self.links.prefix(unit, first.split_once(':')?.0) {
                        PrefixMeaning::Module(module) => Some(module),
                        _ => None,
                    }
                })
                .collect();
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

/// The place of a statement of a schema.
pub(crate) fn place(links: &ModuleLinks, files: &[ModuleFileText], reference: StmtRef) -> SourcePosition {
    links.statement(files, reference).map_or_else(
        || SourcePosition { file: "".into(), line: 0, statement: "".into() },
        StatementRef::place,
    )
}

/// Modules, units and nodes are counted in 32 bits; the limits are far below.
pub(crate) fn number_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
