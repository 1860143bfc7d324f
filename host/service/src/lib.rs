//! The commit: plan, read, strip, run, write, answer; the module registry.
