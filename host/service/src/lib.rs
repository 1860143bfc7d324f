//! The commit: plan, read, strip, run, write, answer; the module registry.

mod files;

pub use files::{File, FileError, find};
