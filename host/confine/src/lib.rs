//! Confine: runs network service modules for the Clixon controller, each in a sandbox.
//!
//! This is a program. It is a library too so that fuzz targets reach what it reads, and promises nothing to others.

mod admin;
mod cli;
mod commands;
mod error;
mod log;
mod manager;
mod memory;
mod parent;
mod pidfile;
mod report;
mod settings;
mod traces;

use std::{env, process::ExitCode};

use confine_sandbox::worker;

pub use admin::any_request;
pub use settings::any_settings;

/// The program, from its arguments to its exit code.
pub fn main() -> ExitCode {
    if worker::is_called_for(env::args_os().nth(1).as_deref()) {
        return worker::main(env::args_os().skip(2));
    }
    let command = match cli::parse(env::args_os()) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    match commands::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}", error.report());
            error.exit_code()
        }
    }
}
