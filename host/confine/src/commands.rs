//! The commands of the program.

mod bindings;
mod connect;
mod daemon;
mod demo;
mod inspect;
mod manual;
mod nodes;
mod output;
mod rpc;
mod serve;
mod watch;
mod yang;

use clap::CommandFactory as _;

use self::output::{print, show};
use crate::{
    cli::{Cli, Command},
    error::Error,
    settings::Settings,
};

pub(crate) fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve(options) => serve::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Rpc(request) => rpc::run(&request),
        Command::Get(request) => nodes::get::run(&request),
        Command::Edit(request) => nodes::edit::run(&request),
        Command::Shell(request) => nodes::shell::run(&request),
        Command::Config(options) => {
            let settings = Settings::gather(&options)?;
            show(&settings.to_string())
        }
        Command::Bindings(request) => bindings::run(&request),
        Command::Yang(request) => yang::run(&request),
        Command::Inspect(inspect) => inspect::run(&inspect),
        Command::Status(options) => daemon::status(&options),
        Command::Watch(options) => daemon::watch(&options),
        Command::Modules(options) => daemon::modules(&options),
        Command::Log(options) => daemon::log(&options),
        Command::Stop(daemon) => daemon::stop(&daemon),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "confine", &mut script);
            print(&script)
        }
        Command::Man { directory } => manual::run(directory.as_deref()),
    }
}
