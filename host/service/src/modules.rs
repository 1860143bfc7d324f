//! Service modules: where their files are, which version of each runs, and why one does not.
//!
//! | file | what |
//! |---|---|
//! | `manager` | the modules of a daemon and the registry that commits run |
//! | `registry` | which modules serve which service, fixed for one commit |
//! | `slots` | every known module: its version, state and statistics |
//! | `swap` | from a changed file to a new version that runs |
//! | `operator` | what operators do with a module, by name |
//! | `files` | finding and reading module files |
//! | `store` | versions kept on disk |
//! | `quarantine` | when a module that fails is suspended |
//! | `watcher` | noticing that a module directory has changed |

pub(crate) mod files;
pub(crate) mod manager;
pub(crate) mod operator;
pub(crate) mod quarantine;
pub(crate) mod registry;
pub(crate) mod slots;
pub(crate) mod store;
pub(crate) mod swap;
mod watcher;
