//! One commit: what it runs, what it reads and writes, and its one answer.
//!
//! | file | what |
//! |---|---|
//! | `work` | the commit itself, from the notification to the edit |
//! | `state` | what is known of a commit in progress, and its deadline |
//! | `plan` | which instances run, with which modules |
//! | `read` | patterns to requests, and the datastore that views read on demand |
//! | `running` | what a commit must know of `running` |
//! | `declared` | what the modules of the commit declare, resolved |
//! | `suspended` | warnings about modules without which it runs |
//! | `created_paths` | paths of `created` lists, which have no namespaces, to patterns |
//! | `stripping` | what the instances had created before is read, and removed |
//! | `originals`, `originals_edit` | where the original values of what instances change are kept, and how they are written |
//! | `pending` | changed instances that a commit of named ones commits too: they run with them |
//! | `connections` | a commit that would change a device without a connection is refused |
//! | `device_order`, `known_orders` | the order of entries on such devices |
//! | `orphans` | what instances had created when they were deleted without a commit of services |
//! | `sight` | instances and losses that the user or a module may not see fail the commit |
//! | `losses` | what instances would lose because access control hides something |
//! | `hooks` | calls of modules around a commit |
//! | `remembered_reads` | what instances read the last time besides what each commit reads in advance |
//! | `remembered_sights` | what access control hid from runs that lost nothing |
//! | `answer` | "done" or an error, exactly once |

pub(crate) mod answer;
mod connections;
mod created_paths;
mod declared;
mod device_order;
pub(crate) mod hooks;
mod known_orders;
mod losses;
pub(crate) mod originals;
mod originals_edit;
pub(crate) mod orphans;
mod ownership;
mod pending;
pub(crate) mod plan;
pub(crate) mod read;
mod remembered_reads;
mod remembered_sights;
pub(crate) mod running;
mod sight;
pub(crate) mod state;
mod stripping;
mod suspended;
pub(crate) mod work;
