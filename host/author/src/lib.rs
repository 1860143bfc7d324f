//! Building and playing services: build, bindings, cases, demo.

mod bindings;
mod build;
mod cases;
pub mod demo;
mod error;
mod services;
mod stage;

pub use bindings::bindings;
pub use build::{TARGET, build};
pub use cases::{CaseResult, ServiceCase};
pub use error::Error;
pub use services::{LoadedServices, find_examples};
pub use stage::{CommitEnd, Testbed};
