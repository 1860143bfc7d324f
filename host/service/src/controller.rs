//! What the daemon knows of the controller that it serves, and keeps from one commit to the next.
//!
//! | file | what |
//! |---|---|
//! | `known` | all of the following in one value |
//! | `owner_index` | which instance owns which object, as long as `running` has not changed |
//! | `orphans` | objects that instances lost without a commit of services |
//! | `orphan_adoption` | gives them back to the instances of a commit |
//! | `owner_ledger` | what each instance has created, in a file that outlives the daemon |
//! | `running_file` | how often the backend has written the file of `running` |
//! | `models` | the YANG models of the controller and its devices |
//! | `nacm` | access control rules for users and modules |
//! | `read_warnings` | warnings about what modules read, each once |
//! | `host_rights` | what the host user must be permitted |

use std::sync::Arc;

use confine_backend::Backend;
use tokio::sync::Mutex;

pub(crate) mod host_rights;
pub(crate) mod known;
pub(crate) mod models;
pub(crate) mod nacm;
pub(crate) mod orphan_adoption;
pub(crate) mod orphans;
pub(crate) mod owner_index;
pub(crate) mod owner_ledger;
pub(crate) mod read_warnings;
pub(crate) mod running_file;

/// The session that makes requests, one at a time.
pub(crate) type SharedBackend = Arc<Mutex<Backend>>;
