//! Errors of building and playing services.

use std::path::PathBuf;

/// An error of building or playing services.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program could not be started.
    #[error("cannot start `{program}`; is it installed and on the PATH?")]
    Spawn {
        /// The program.
        program: String,
        /// The reason.
        source: std::io::Error,
    },
    /// Cargo failed. It has written why to standard error.
    #[error("the modules in `{}` do not compile; see the output of cargo above", directory.display())]
    Build {
        /// The directory of the modules.
        directory: PathBuf,
    },
    /// A package that does not compile to a component.
    #[error(
        "the package `{package}` in `{}` does not compile to a component\n\
         hint: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`",
        directory.display()
    )]
    NoModule {
        /// The package.
        package: String,
        /// The directory of its workspace.
        directory: PathBuf,
    },
    /// The compilation target is missing and could not be installed.
    #[error(
        "the compilation target `wasm32-wasip2` is not installed and rustup could not add it\n\
         hint: run `rustup target add wasm32-wasip2`"
    )]
    NoTarget,
    /// A file could not be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file of a case is not a configuration.
    #[error("`{}` is not a configuration", file.display())]
    Case {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: confine_tree::Error,
    },
    /// The embedded controller could not listen on its socket.
    #[error("the embedded controller cannot listen on `{}`", socket.display())]
    Listen {
        /// The socket.
        socket: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The daemon did not connect to the controller in time.
    #[error("the services daemon did not connect to the embedded controller; see its log")]
    NoDaemon,
    /// A step of the demo did not end as expected.
    #[error("the step `{step}` did not end as expected: {found}")]
    Unexpected {
        /// The step.
        step: &'static str,
        /// How it ended.
        found: String,
    },
    /// The example services were not found.
    #[error(
        "there is no directory `example-services` in `{}` or above it\n\
         hint: run this command in a checkout of the project",
        from.display()
    )]
    NoExamples {
        /// Where the search started.
        from: PathBuf,
    },
    /// A module could not be loaded.
    #[error("cannot load the module `{}`: {reason}", file.display())]
    Module {
        /// The file of the module.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The embedded controller failed.
    #[error(transparent)]
    Controller(#[from] confine_controller::Error),
    /// The connection to the controller failed.
    #[error(transparent)]
    Backend(#[from] confine_backend::Error),
    /// A configuration could not be read or written.
    #[error(transparent)]
    Tree(#[from] confine_tree::Error),
    /// The runtime of the modules failed.
    #[error(transparent)]
    Runtime(#[from] confine_sandbox::HostFault),
    /// The output could not be written.
    #[error("cannot write the output")]
    Show(#[from] std::io::Error),
}
