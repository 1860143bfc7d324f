//! `confine yang`: the YANG module with which the controller keeps the values that services change.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use confine_backend::{Backend, ConfigRequest, ConnectOptions, Datastore, RequestUser};
use confine_service::{ORIGINALS_FILE, ORIGINALS_MODULE, ORIGINALS_NAMESPACE};
use confine_tree::{CONTROLLER, QName, Tree};

use super::{
    connect::{controller_socket, runtime},
    output::print,
};
use crate::{
    cli::{ControllerArgs, SettingsArgs, YangArgs, YangCommand},
    error::Error,
    settings::Settings,
};

pub(super) fn run(request: &YangArgs) -> Result<(), Error> {
    match &request.command {
        YangCommand::Print => print(ORIGINALS_MODULE.as_bytes()),
        YangCommand::Install { directory } => {
            let file = file(directory.as_deref())?;
            let written = fs::write(&file, ORIGINALS_MODULE);
            written.map_err(|source| Error::YangFile { file: file.clone(), source })?;
            print(format!("{}\nRestart the controller's backend to load it.\n", file.display()).as_bytes())
        }
        YangCommand::Remove { directory, controller } => {
            let file = file(directory.as_deref())?;
            if runtime()?.block_on(has_originals(controller))? {
                return Err(Error::OriginalsStand { file });
            }
            match fs::remove_file(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|source| Error::YangFile { file: file.clone(), source })?,
            }
            print(format!("{}\nRestart the controller's backend.\n", file.display()).as_bytes())
        }
    }
}

/// Returns the file of the module in a directory, or in the controller's own.
fn file(directory: Option<&Path>) -> Result<PathBuf, Error> {
    let directory = match directory {
        Some(directory) => Some(directory.to_owned()),
        None => Settings::gather(&SettingsArgs::default())?.models.main,
    };
    Ok(directory.ok_or(Error::NoYangDirectory)?.join(ORIGINALS_FILE))
}

/// Returns whether `running` has data of the module.
async fn has_originals(controller: &ControllerArgs) -> Result<bool, Error> {
    let socket = controller_socket(controller)?;
    let user = match &controller.user {
        Some(user) => user.to_string(),
        None => confine_backend::process_user()?,
    };
    let options = ConnectOptions::with_host_user(&socket, &user);
    let mut backend = Backend::connect(options).await?;
    let request = ConfigRequest {
        source: Datastore::Running,
        xpath: "/ctrl:services/orig:originals",
        namespaces: &[("ctrl", CONTROLLER), ("orig", ORIGINALS_NAMESPACE)],
        depth: None,
        defaults: false,
    };
    let payload = backend.get_config(request, &RequestUser::Host).await?;
    // What cannot be read is there.
    let Ok(tree) = confine_backend::payload_tree(&payload) else { return Ok(true) };
    let services = tree.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
    let container =
        services.and_then(|services| tree.child(services, QName::new(ORIGINALS_NAMESPACE, "originals")));
    Ok(container.is_some_and(|container| tree.first_child(container).is_some()))
}
