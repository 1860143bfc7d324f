//! What all steps of building a schema share: the modules, their definitions and the problems found.

use std::collections::HashMap;

use crate::{
    Error, ModuleSet, SourcePosition,
    definitions::Definitions,
    link::{ModuleLinks, StmtRef},
    problem_list::ProblemList,
    statement::StatementRef,
};

pub(crate) struct BuildContext<'a> {
    pub(crate) set: &'a ModuleSet,
    pub(crate) links: &'a ModuleLinks,
    pub(crate) definitions: Definitions<'a>,
    pub(crate) problems: ProblemList,
    /// The features evaluated so far, and whether they hold.
    pub(crate) features: HashMap<StmtRef, bool>,
}

impl<'a> BuildContext<'a> {
    pub(crate) fn new(set: &'a ModuleSet, links: &'a ModuleLinks, mut problems: ProblemList) -> Self {
        let definitions = Definitions::gather(&set.files, links, &mut problems);
        Self { set, links, definitions, problems, features: HashMap::new() }
    }

    pub(crate) fn statement(&self, at: StmtRef) -> Option<StatementRef<'a>> {
        self.links.statement(&self.set.files, at)
    }

    pub(crate) fn position(&self, at: StmtRef) -> SourcePosition {
        self.links.position(&self.set.files, at)
    }

    pub(crate) fn report(&mut self, error: Error) {
        self.problems.push(error);
    }
}
