//! Where modules come from, and what they may use.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::PathBuf,
};

use confine_sandbox::Limits;
use confine_view::SharingServices;

use crate::modules::{quarantine::QuarantinePolicy, store::VersionStore};

/// Where modules come from, their limits, and what happens to those that fail.
#[derive(Debug, Default)]
pub struct ModuleLibrary {
    /// The directories that are searched for module files, in this order.
    pub directories: Vec<PathBuf>,
    /// The names of modules that are ignored.
    pub exclude: HashSet<String>,
    /// The limits of modules.
    pub limits: ModuleLimits,
    /// Where versions are stored; `None` to store none.
    pub store: Option<VersionStore>,
    /// The modules that serve a list under `/services`, by its name. All others that claim it are held.
    pub services: BTreeMap<String, BTreeSet<String>>,
    /// The lists whose instances may own objects together because the operator says so: by the name of one, the names of
    /// the others. What one says of another holds for both.
    pub shares_with: BTreeMap<String, BTreeSet<String>>,
    /// The names of modules that settings name. A module does not take one of them, or give it up, with the name of its file.
    pub named: HashSet<String>,
    /// When a module that fails is quarantined.
    pub quarantine: QuarantinePolicy,
}

impl ModuleLibrary {
    /// Returns which services may own objects together, whatever their modules say.
    pub(crate) fn sharing(&self) -> SharingServices {
        let mut sharing = SharingServices::default();
        for (list, others) in &self.shares_with {
            others.iter().for_each(|other| sharing.permit(list, other));
        }
        sharing
    }
}

/// The limits of modules.
#[derive(Clone, Debug)]
pub struct ModuleLimits {
    /// The limits of a module that has none of its own.
    pub all: Limits,
    /// The limits of modules that have their own, by name.
    pub own: HashMap<String, Limits>,
    /// Bytes of the daemon's memory that all loaded modules may take together: for [`Limits::resident`] of each.
    pub total_resident: u64,
}

impl Default for ModuleLimits {
    fn default() -> Self {
        Self { all: Limits::default(), own: HashMap::new(), total_resident: 1 << 30 }
    }
}

impl ModuleLimits {
    /// Returns the limits of the module of this name.
    pub fn of(&self, module: &str) -> &Limits {
        self.own.get(module).unwrap_or(&self.all)
    }

    /// Returns the limits for which a [`Runner`](confine_sandbox::Runner) runs all modules: the highest of memory, memories, tables and
    /// core instances, and otherwise those of a module that has none of its own.
    pub fn of_runner(&self) -> Limits {
        let highest = |all: Limits, own: &Limits| Limits {
            memory: all.memory.max(own.memory),
            memories: all.memories.max(own.memories),
            tables: all.tables.max(own.tables),
            core_instances: all.core_instances.max(own.core_instances),
            ..all
        };
        self.own.values().fold(self.all.clone(), highest)
    }

    /// Returns the most bytes that the file of any module may have. Each module's own limit applies when it is loaded.
    pub(crate) fn largest_file(&self) -> u64 {
        let limits = self.own.values().chain([&self.all]);
        limits.map(|limits| limits.component).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runner_has_room_for_the_highest_limits() {
        let all = Limits { memory: 64 << 20, memories: 16, stack: 1 << 20, ..Limits::default() };
        let own = [
            Limits { memory: 1 << 30, tables: 1000, ..Limits::default() },
            Limits { memories: 2, core_instances: 999, ..Limits::default() },
        ];
        let own = ["a", "b"].map(str::to_owned).into_iter().zip(own).collect();
        let limits = ModuleLimits { all: all.clone(), own, ..ModuleLimits::default() };
        let expected = Limits { memory: 1 << 30, tables: 1000, core_instances: 999, ..all };
        assert_eq!(limits.of_runner(), expected);
    }
}
