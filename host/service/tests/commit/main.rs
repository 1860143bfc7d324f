//! The daemon's commits, in this process: against the embedded controller, or against a backend that plays a script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod abandoned_commits;
mod access_control;
mod admission;
mod attempts;
mod backend_faults;
mod connections;
mod deadlines;
mod dropped_log_lines;
mod early_commits;
#[path = "../../../sandbox/tests/guest/mod.rs"]
mod guest;
mod hidden_data;
mod hooks;
mod hot_swap;
mod loading;
mod module_discovery;
mod originals;
mod orphans;
mod ownership;
mod pending;
mod python_server_faults;
mod reads;
mod recorded_sessions;
mod rejections;
mod request_count;
mod sequences;
mod serving;
mod sharing;
mod shutdown;
mod values;
mod yang_checks;
