//! Building and playing services: build, cases, demo.

mod build;
mod cases;
pub mod demo;
mod error;
mod services;
mod stage;

pub use build::{TARGET, build};
pub use cases::{CaseResult, ServiceCase};
pub use error::Error;
pub use services::{LoadedServices, find_examples};
pub use stage::{CommitEnd, Testbed};
