//! A commit of services: what it runs, what it reads and writes, and its one answer.
//!
//! | file | what |
//! |---|---|
//! | `work` | the commit itself, from the notification to the edit |
//! | `plan` | which instances run, with which modules |
//! | `read` | patterns to requests, and the datastore that views read on demand |
//! | `created_paths` | paths of `created` lists, which have no namespaces, to patterns |
//! | `hooks` | calls of modules around a commit |
//! | `undeclared_reads` | what instances read the last time without a declaration |
//! | `answer` | "done" or an error, exactly once |

pub(crate) mod answer;
mod created_paths;
pub(crate) mod hooks;
pub(crate) mod plan;
pub(crate) mod read;
pub(crate) mod undeclared_reads;
pub(crate) mod work;
