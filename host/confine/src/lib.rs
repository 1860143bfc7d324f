//! The program `confine`: runs network service modules for the Clixon controller, each in a sandbox.
//!
//! - [`main`] parses the command line (`cli`) and runs a command (`commands`).
//! - `settings` merges the command line, the environment, confine.toml and the controller's configuration.
//! - `commands::serve` is the daemon; `admin` is its interface for operators and monitoring, `log` and `traces` what it
//!   records, `report` the status as text, `host_secret` what random bytes of modules derive from.
//! - `names`, `paths` and `address` are the types that the command line and the settings share.
//!
//! The crate is a library only so that fuzz targets reach what it parses; it promises nothing to other crates:
//!
//! ```
//! // Any text is either settings or an error with its line; a panic would be a fault.
//! confine::any_settings(b"socket = '/run/controller.sock'");
//! confine::any_settings(b"socket = 3");
//! ```

mod address;
mod admin;
mod cli;
mod columns;
mod commands;
mod error;
mod host_secret;
mod json_text;
mod log;
mod manager;
mod memory;
mod names;
mod parent;
mod paths;
mod pidfile;
mod report;
mod settings;
#[cfg(feature = "otel")]
mod traces;

use std::{env, process::ExitCode};

use confine_sandbox::worker;

pub use settings::property::any_settings;

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
