//! Compiles a set of modules to a schema.

use crate::{ModuleSet, YangSchema, build::SchemaBuilder, link, problem_list::ProblemList};

impl ModuleSet {
    /// Compiles the schema. [`YangSchema::problems`] has each statement that was left out because of an error.
    pub fn compile(self) -> YangSchema {
        self.compile_with(true)
    }

    /// Compiles the data nodes only: operations and notifications are known by name, without what is inside them. They
    /// are most of some models, and nothing about data depends on them.
    pub fn compile_data(self) -> YangSchema {
        self.compile_with(false)
    }

    fn compile_with(self, has_operations: bool) -> YangSchema {
        let mut problems = ProblemList::new(self.limits.problems);
        for file in &self.files {
            file.parsed.problems.iter().for_each(|problem| problems.push(problem.clone()));
        }
        let links = link::link(&self, &mut problems);
        let compiled = SchemaBuilder::new(&self, &links, problems).build(has_operations);
        YangSchema::new(self, links, compiled)
    }
}
