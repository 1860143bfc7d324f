//! Compiles a set of modules to a schema.

use crate::{ModuleSet, YangSchema, build::SchemaBuilder, link, problem_list::ProblemList};

impl ModuleSet {
    /// Compiles the schema. [`YangSchema::problems`] has each statement that was left out because of an error.
    pub fn compile(self) -> YangSchema {
        let mut problems = ProblemList::new(self.limits.problems);
        let links = link::link(&self, &mut problems);
        let compiled = SchemaBuilder::new(&self, &links, problems).build();
        YangSchema::new(self, links, compiled)
    }
}
