//! Builds service modules from source and plays them against an embedded controller: compilation, test cases,
//! and the demo.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use confine_author::{CaseResult, LoadedServices, ServiceCase};
//! use confine_sandbox::Compiler;
//!
//! # async fn example() -> Result<(), confine_author::Error> {
//! let examples = Path::new("example-services");
//! let services = LoadedServices::examples(examples, Compiler::in_process()).await?;
//! for case in ServiceCase::all(&examples.join("banner/cases"))? {
//!     let directory = Path::new("/tmp/case");
//!     let result = case.play(services.host.clone(), &services.models, directory).await?;
//!     assert_eq!(result, CaseResult::Passed);
//! }
//! # Ok(())
//! # }
//! ```

mod build;
mod cases;
pub mod demo;
mod error;
mod services;
mod testbed;

pub use build::build;
pub use cases::{CaseResult, ServiceCase};
pub use error::Error;
pub use services::{BuiltServices, LoadedServices, find_examples};
pub use testbed::{CommitEnd, Testbed};
