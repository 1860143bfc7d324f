//! Service modules: where their files are, which version of each runs, and why one does not.
//!
//! | file | what |
//! |---|---|
//! | `manager` | the modules of a daemon and the registry that commits run |
//! | `registry` | which modules serve which service, fixed for one commit |
//! | `claims`, `approvals` | which module claims which list; which modules serve it, as it was decided |
//! | `admission`, `hold_reason` | decides who serves a list, who is held, and why |
//! | `membership`, `unserved` | the modules of one list, also those that are suspended; why nobody serves a list |
//! | `library` | where modules come from, and what they may use |
//! | `slots`, `slot`, `statistics` | every known module: its version, state and statistics |
//! | `scan` | from module directories to what is to be loaded |
//! | `loader` | loads it |
//! | `refusals` | the files that were refused |
//! | `swap` | from one version to another |
//! | `operator` | what operators do with a module, by name |
//! | `files` | finding and reading module files |
//! | `store` | versions kept on disk |
//! | `quarantine` | when a module that fails is suspended |
//! | `watcher` | noticing that a module directory has changed |

mod admission;
mod approvals;
mod claims;
pub(crate) mod files;
mod hold_reason;
pub(crate) mod library;
mod loader;
pub(crate) mod manager;
pub(crate) mod membership;
pub(crate) mod operator;
pub(crate) mod quarantine;
mod refusals;
pub(crate) mod registry;
mod scan;
mod slot;
mod slots;
mod statistics;
pub(crate) mod store;
mod swap;
pub(crate) mod unserved;
mod watcher;
