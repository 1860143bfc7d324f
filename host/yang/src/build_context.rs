//! What all steps of building a schema share: the modules, their definitions and the problems found.

use crate::{
    Error, ModuleSet, definitions::Definitions, link::ModuleLinks, problem_list::ProblemList,
    statement::StatementId,
};
use confine_tree::HashMap;

pub(crate) struct BuildContext<'a> {
    pub(crate) set: &'a ModuleSet,
    pub(crate) links: &'a ModuleLinks,
    pub(crate) definitions: Definitions<'a>,
    pub(crate) problems: ProblemList,
    /// The features evaluated so far, and whether they hold.
    pub(crate) features: HashMap<StatementId, bool>,
}

impl<'a> BuildContext<'a> {
    pub(crate) fn new(set: &'a ModuleSet, links: &'a ModuleLinks, mut problems: ProblemList) -> Self {
        let definitions = Definitions::gather(&set.files, links, &mut problems);
        Self { set, links, definitions, problems, features: HashMap::default() }
    }

    pub(crate) fn report(&mut self, error: Error) {
        self.problems.push(error);
    }
}
