//! What commands need to reach a controller or a daemon.

use std::path::{Path, PathBuf};

use tokio::runtime::{Builder, Runtime};

use crate::{
    cli::{ControllerArgs, DEMO_SOCKET, SettingsArgs},
    error::Error,
    settings::{SettingOrigin, Settings},
};

/// A runtime for a command that does one thing and exits.
pub(super) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}

/// The socket of the controller that the options name: the daemon's, or that of a demo in this directory if no
/// setting names a socket and the default one does not exist.
pub(super) fn controller_socket(controller: &ControllerArgs) -> Result<PathBuf, Error> {
    if let Some(socket) = &controller.socket {
        return Ok(socket.clone());
    }
    let options = SettingsArgs { config: controller.config.clone(), ..SettingsArgs::default() };
    let socket = Settings::gather(&options)?.socket;
    let demo = Path::new(DEMO_SOCKET);
    let is_missing = socket.origin == SettingOrigin::Default && !socket.value.exists();
    Ok(if is_missing && demo.exists() { demo.to_owned() } else { socket.value })
}
