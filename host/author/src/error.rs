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
}
