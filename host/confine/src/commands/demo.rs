//! `confine demo`: a guided demo against a built-in controller.

use std::{env, path::Path};

use confine_author::{LoadedServices, demo, find_examples};
use confine_sandbox::Compiler;

use crate::{
    cli::DemoArgs,
    error::Error,
    log::{self, LogFilter, LogFormat, LogTarget},
};

pub(super) fn run(options: &DemoArgs) -> Result<(), Error> {
    let filter: LogFilter = "error".parse().unwrap_or_default();
    let _written = log::start(&filter, LogTarget::Stderr, LogFormat::default(), None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(play(options))
}

async fn play(options: &DemoArgs) -> Result<(), Error> {
    let here = env::current_dir().map_err(Error::Directory)?;
    let examples = find_examples(&here)?;
    let mut out = anstream::stdout();
    anstream::eprintln!("Building and loading the modules in `{}` …\n", examples.display());
    let services = LoadedServices::examples(&examples, Compiler::worker()).await?;
    let directory = tempfile::tempdir().map_err(Error::Directory)?;
    let socket = options.serve.clone().unwrap_or_else(|| directory.path().join("controller.sock"));
    let (mut stage, host) = demo::open(services, socket).await?;
    demo::play(&mut stage, &host, &mut out).await?;
    if options.serve.is_some() {
        print_next_commands(stage.socket());
        let interrupted = async {
            // If the signal cannot be waited for, it ends the process by default.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        stage.stay(interrupted).await;
    } else {
        stage.close().await;
    }
    Ok(())
}

/// Prints commands to try next.
fn print_next_commands(socket: &Path) {
    let socket = socket.display();
    // Under cargo the program is not on the PATH.
    let program = env::current_exe().unwrap_or_else(|_| "confine".into());
    anstream::eprintln!(
        "The controller listens on `{socket}` until Ctrl-C. Try these in another terminal:\n\n  \
         {program} get --socket {socket} /services\n  \
         {program} edit --socket {socket} \"/services/banner[service-name='legal']/text\" 'Hands off' --commit\n  \
         {program} get --socket {socket} /devices/device/config/system/config/login-banner\n  \
         {program} rpc --socket {socket} '<get-config><source><running/></source></get-config>'\n\n\
         It speaks NETCONF with chunked framing (RFC 6242) on that socket, as the Clixon controller does.",
        program = program.display()
    );
}
