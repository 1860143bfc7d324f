//! Building and playing services: build, inspect, demo.

mod build;
mod error;

pub use build::{TARGET, build};
pub use error::Error;
