//! What the daemon knows of the controller that it serves, and keeps from one commit to the next.
//!
//! | file | what |
//! |---|---|
//! | `owner_index` | which instance owns which object, as long as `running` has not changed |
//! | `running_file` | how often the backend has written the file of `running` |
//! | `models` | the YANG models of the controller and its devices |
//! | `nacm` | access control rules for users and modules |
//! | `host_rights` | what the host user must be permitted |

pub(crate) mod host_rights;
pub(crate) mod models;
pub(crate) mod nacm;
pub(crate) mod owner_index;
pub(crate) mod running_file;
