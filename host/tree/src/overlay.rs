//! A working copy of the datastore: what was read, and what has been made of it.

mod coverage;

pub use coverage::Coverage;
