//! Commands for a running daemon: `status`, `watch`, `modules`, `log`, `stop`.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use confine_service::{AuditEvent, DaemonStatus};

use super::{
    connect::runtime,
    output::{plain, print},
    watch,
};
use crate::{
    admin::{AdminClient, AdminClientError, LogReport, ModuleReport},
    cli::{
        DaemonArgs, LogArgs, ModuleNameArgs, ModulesArgs, ModulesCommand, RefreshArgs, SettingsArgs,
        StatusArgs, WatchArgs,
    },
    error::Error,
    json_text::escaped,
    report::{ModulesText, StatusText},
    settings::Settings,
};

/// Runs a task with the daemon that the options name.
fn with_daemon<T>(
    daemon: &DaemonArgs,
    task: impl AsyncFnOnce(AdminClient) -> Result<T, Error>,
) -> Result<T, Error> {
    let options = SettingsArgs {
        config: daemon.config.clone(),
        admin: daemon.admin.clone(),
        ..SettingsArgs::default()
    };
    let client = AdminClient::new(&Settings::gather(&options)?.admin.value);
    runtime()?.block_on(task(client))
}

pub(super) fn status(options: &StatusArgs) -> Result<(), Error> {
    with_daemon(&options.daemon, async |client| {
        if options.json {
            return print_json(&client.get_text("status").await?);
        }
        let status: DaemonStatus = client.get("status").await?;
        print(StatusText(&status).to_string().as_bytes())
    })
}

pub(super) fn watch(options: &WatchArgs) -> Result<(), Error> {
    with_daemon(&options.daemon, async |client| {
        if !io::stdout().is_terminal() {
            return Err(Error::NoTerminal);
        }
        let mut screen = watch::AlternateScreen::open().map_err(Error::Output)?;
        let interrupted = tokio::signal::ctrl_c();
        let look = async {
            loop {
                let looked = async {
                    let status: DaemonStatus = client.get("status").await?;
                    let events: Vec<AuditEvent> = client.get("events").await?;
                    Ok::<_, AdminClientError>((status, events))
                };
                // A daemon that restarts comes back.
                let frame = match looked.await {
                    Ok((status, events)) => watch::frame(&status, &events, screen.size()),
                    Err(error) => plain(&format!("{error}\n")),
                };
                screen.show(&frame).map_err(Error::Output)?;
                tokio::time::sleep(Duration::from_secs(options.interval)).await;
            }
        };
        tokio::select! {
            ended = look => ended,
            _ = interrupted => Ok(()),
        }
    })
}

pub(super) fn modules(options: &ModulesArgs) -> Result<(), Error> {
    with_daemon(&options.daemon, async |client| match &options.task {
        None => all(&client, options.json).await,
        Some(ModulesCommand::Refresh(RefreshArgs { no_wait })) => {
            client.post(if *no_wait { "refresh?wait=no" } else { "refresh" }).await?;
            all(&client, options.json).await
        }
        Some(ModulesCommand::Show(ModuleNameArgs { name })) => {
            let text = client.get_text(&format!("modules/{name}")).await?;
            one(&text, options.json)
        }
        Some(ModulesCommand::Enable(named)) => change(&client, named, "enable", options.json).await,
        Some(ModulesCommand::Disable(named)) => change(&client, named, "disable", options.json).await,
        Some(ModulesCommand::Rollback(named)) => change(&client, named, "rollback", options.json).await,
        Some(ModulesCommand::Reload(named)) => change(&client, named, "reload", options.json).await,
        Some(ModulesCommand::Release(named)) => change(&client, named, "release", options.json).await,
        Some(ModulesCommand::Approve(named)) => change(&client, named, "approve", options.json).await,
        Some(ModulesCommand::Forget(named)) => change(&client, named, "forget", options.json).await,
    })
}

async fn all(client: &AdminClient, json: bool) -> Result<(), Error> {
    let status: DaemonStatus = client.get("status").await?;
    if json {
        let modules = serde_json::to_vec(&status.modules).map_err(AdminClientError::Response)?;
        return print_json(&modules);
    }
    print(ModulesText(&status.modules).to_string().as_bytes())
}

async fn change(
    client: &AdminClient,
    named: &ModuleNameArgs,
    operation: &str,
    json: bool,
) -> Result<(), Error> {
    let text = client.post(&format!("modules/{}/{operation}", named.name)).await?;
    if text.is_empty() { Ok(()) } else { one(&text, json) }
}

fn one(text: &[u8], json: bool) -> Result<(), Error> {
    if json {
        return print_json(text);
    }
    let module: ModuleReport = serde_json::from_slice(text).map_err(AdminClientError::Response)?;
    print(module.to_string().as_bytes())
}

pub(super) fn log(options: &LogArgs) -> Result<(), Error> {
    with_daemon(&options.daemon, async |client| {
        let view: LogReport = match &options.filter {
            Some(filter) => client.put("log", &LogReport { filter: filter.to_string() }).await?,
            None => client.get("log").await?,
        };
        print(plain(&format!("{}\n", view.filter)).as_bytes())
    })
}

pub(super) fn stop(daemon: &DaemonArgs) -> Result<(), Error> {
    with_daemon(daemon, async |client| {
        client.post("stop").await?;
        client.gone().await;
        Ok(())
    })
}

/// Prints the JSON of the daemon, indented. Characters that JSON leaves unescaped and that a terminal would
/// interpret are escaped as well.
fn print_json(text: &[u8]) -> Result<(), Error> {
    let value: serde_json::Value = serde_json::from_slice(text).map_err(AdminClientError::Response)?;
    let laid_out = serde_json::to_string_pretty(&value).map_err(AdminClientError::Response)?;
    print(format!("{}\n", escaped(&laid_out)).as_bytes())
}
