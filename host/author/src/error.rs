//! What can go wrong while building and playing services.

use std::path::PathBuf;

/// What can go wrong while building and playing services.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program could not be started.
    #[error("`{program}` could not be started; is it installed and on the PATH?")]
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Cargo failed; it has said why.
    #[error("the modules in `{}` do not compile: see what cargo says above", directory.display())]
    Build {
        /// Where they are.
        directory: PathBuf,
    },
    /// A package compiles to no component.
    #[error(
        "the package `{package}` in `{}` makes no component\n\
         hint: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`",
        directory.display()
    )]
    NoModule {
        /// The package.
        package: String,
        /// The workspace that it is in.
        directory: PathBuf,
    },
    /// The compilation target is missing and could not be installed.
    #[error(
        "the compilation target `{}` is not installed and could not be added\n\
         hint: run `rustup target add {}`",
        crate::TARGET,
        crate::TARGET
    )]
    NoTarget,
    /// A file could not be read.
    #[error("`{}` cannot be read", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of a case is not right.
    #[error("`{}` is no configuration", file.display())]
    Case {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: confine_tree::Error,
    },
    /// The socket of the embedded controller is not to be had.
    #[error("the embedded controller cannot listen on `{}`", socket.display())]
    Listen {
        /// The socket.
        socket: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The daemon did not find the controller.
    #[error("the services daemon did not connect to the embedded controller: see its log")]
    NoDaemon,
    /// A step of the demonstration did not end as it should.
    #[error("the step `{step}` did not end as expected: {found}")]
    Unexpected {
        /// The step.
        step: &'static str,
        /// How it ended.
        found: String,
    },
    /// The example services are not here.
    #[error(
        "the example services are not in `{}` or above it\n\
         hint: run this in a checkout of the project",
        from.display()
    )]
    NoExamples {
        /// Where they were looked for.
        from: PathBuf,
    },
    /// A module was not loaded.
    #[error("the module in `{}` was not loaded: {reason}", file.display())]
    Module {
        /// Its file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The embedded controller.
    #[error(transparent)]
    Controller(#[from] confine_controller::Error),
    /// The connection to it.
    #[error(transparent)]
    Backend(#[from] confine_backend::Error),
    /// Configuration.
    #[error(transparent)]
    Tree(#[from] confine_tree::Error),
    /// The runtime of the modules.
    #[error(transparent)]
    Runtime(#[from] confine_sandbox::HostFault),
    /// Nothing can be shown any more.
    #[error("what there is to show cannot be written")]
    Show(#[from] std::io::Error),
}
