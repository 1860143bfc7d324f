//! What the program does.

mod ask;
mod bindings;
mod demo;
mod inspect;
mod nodes;
mod rpc;
mod serve;
mod watch;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::CommandFactory as _;
use confine_sandbox::text;
use tokio::runtime::{Builder, Runtime};

use crate::{
    cli::{Cli, Command, ControllerArgs, DEMO_SOCKET, SettingsArgs},
    error::Error,
    settings::{SettingOrigin, Settings},
};

pub(crate) fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve(options) => serve::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Rpc(request) => rpc::run(&request),
        Command::Get(request) => nodes::get(&request),
        Command::Edit(request) => nodes::edit(&request),
        Command::Shell(request) => nodes::shell(&request),
        Command::Config(options) => {
            let settings = Settings::gather(&options)?;
            print(settings.to_string().as_bytes())
        }
        Command::Bindings(request) => bindings::run(&request),
        Command::Inspect(inspect) => inspect::run(&inspect),
        Command::Status(options) => ask::status(&options),
        Command::Watch(options) => ask::watch(&options),
        Command::Modules(options) => ask::modules(&options),
        Command::Log(options) => ask::log(&options),
        Command::Stop(daemon) => ask::stop(&daemon),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "confine", &mut script);
            print(&script)
        }
        Command::Man { directory: Some(directory) } => manual(&directory),
        Command::Man { directory: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Error::Output)?;
            print(&page)
        }
    }
}

fn manual(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Manual { directory: directory.into(), source };
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)
}

/// For a command that does one thing, and ends.
fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}

/// Where the controller is that the options mean: the daemon's, or one that a demo has left running where the
/// settings say nothing and none is at the usual place.
fn socket(controller: &ControllerArgs) -> Result<PathBuf, Error> {
    if let Some(socket) = &controller.socket {
        return Ok(socket.clone());
    }
    let options = SettingsArgs { config: controller.config.clone(), ..SettingsArgs::default() };
    let socket = Settings::gather(&options)?.socket;
    let demo = Path::new(DEMO_SOCKET);
    let is_nowhere = socket.origin == SettingOrigin::Default && !socket.value.exists();
    Ok(if is_nowhere && demo.exists() { demo.to_owned() } else { socket.value })
}

/// What comes from a controller, for people: what a terminal would obey is escaped.
fn plain(text: &str) -> String {
    text::block(text, usize::MAX)
}

/// Data to standard output: as it is for a program, [`plain`] for a person.
fn show(data: &str) -> Result<(), Error> {
    if io::stdout().is_terminal() { print(plain(data).as_bytes()) } else { print(data.as_bytes()) }
}

/// To standard output. Who has read enough (`| head`) may go.
fn print(text: &[u8]) -> Result<(), Error> {
    let mut output = anstream::stdout();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
