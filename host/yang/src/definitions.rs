//! Finds definitions by name: typedefs, groupings, identities and features (RFC 7950, section 6.2.1).

use crate::{
    Error,
    keyword::Keyword,
    link::{ModuleId, ModuleLinks, number_of},
    problem_list::ProblemList,
    set::ModuleFileText,
    spelling::SpellingHints,
    statement::{StatementId, StatementRef},
    types::BUILT_IN_TYPES,
};
use confine_tree::HashMap;

/// The definitions of all modules, by scope.
pub(crate) struct Definitions<'a> {
    files: &'a [ModuleFileText],
    links: &'a ModuleLinks,
    by_name: HashMap<(Keyword, DefinitionScope, &'a str), StatementRef<'a>>,
    pub(crate) hints: SpellingHints,
}

/// The scope of a definition.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum DefinitionScope {
    /// A module with its submodules, and other modules through a prefix.
    Module(ModuleId),
    /// The statement around the definition.
    Statement(StatementId),
}

impl<'a> Definitions<'a> {
    pub(crate) fn gather(
        files: &'a [ModuleFileText],
        links: &'a ModuleLinks,
        problems: &mut ProblemList,
    ) -> Self {
        let mut by_name = HashMap::default();
        for (number, unit) in links.units.iter().enumerate() {
            let Some(file) = files.get(unit.file) else { continue };
            for statement in file.parsed.all(number_of(number)) {
                let keyword = statement.keyword();
                if !matches!(
                    keyword,
                    Keyword::Typedef | Keyword::Grouping | Keyword::Identity | Keyword::Feature
                ) {
                    continue;
                }
                let scope = match statement.parent() {
                    Some(parent) if parent.at().number != 0 => DefinitionScope::Statement(parent.at()),
                    _ => DefinitionScope::Module(unit.module),
                };
                let name = statement.argument();
                if by_name.insert((keyword, scope, name), statement).is_some() {
                    problems.push(Error::Duplicate {
                        position: statement.position(),
                        what: keyword.text(),
                        name: name.into(),
                    });
                }
            }
        }
        Self { files, links, by_name, hints: SpellingHints::default() }
    }

    /// Finds the definition of `name`, which may have a prefix, for the statement `user`.
    pub(crate) fn find(
        &self,
        what: Keyword,
        user: StatementRef<'_>,
        name: &str,
    ) -> Result<StatementRef<'a>, Error> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let fail = |hint| {
            Err(Error::Unresolved { position: user.position(), what: what.text(), name: name.into(), hint })
        };
        let unit = user.at().unit;
        let module = match self.links.module_of_prefix(unit, prefix) {
            Ok(module) => module,
            Err(hint) => return fail(hint),
        };
        if module == self.links.module_of(unit) {
            let mut around = user.parent();
            while let Some(statement) = around {
                let scope = DefinitionScope::Statement(statement.at());
                if let Some(found) = self.by_name.get(&(what, scope, local)) {
                    return Ok(*found);
                }
                around = statement.parent();
            }
        }
        match self.by_name.get(&(what, DefinitionScope::Module(module), local)) {
            Some(found) => Ok(*found),
            None => {
                let of = self.links.module(module).map(|module| format!(" in `{}`", module.name()));
                let of = of.unwrap_or_default();
                let built_in =
                    if what == Keyword::Typedef && prefix.is_empty() { BUILT_IN_TYPES } else { &[] };
                let defined = self.links.roots(self.files, module).flat_map(|root| root.all(what));
                let names = built_in.iter().copied().chain(defined.map(StatementRef::argument));
                fail(format!("{of}{}", self.hints.did_you_mean(local, names)))
            }
        }
    }

    /// Returns all definitions of a kind, in the order of the source.
    pub(crate) fn all(&self, what: Keyword) -> Vec<StatementRef<'a>> {
        let all = self.by_name.iter().filter(|((keyword, ..), _)| *keyword == what);
        let mut all: Vec<_> = all.map(|(_, statement)| *statement).collect();
        all.sort_by_key(|statement| statement.at());
        all
    }
}
