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
            remove(other_revisions(&file)?)?;
            print(format!("{}\nRestart the controller's backend to load it.\n", file.display()).as_bytes())
        }
        YangCommand::Remove { directory, controller } => {
            let file = file(directory.as_deref())?;
            if runtime()?.block_on(has_originals(controller))? {
                return Err(Error::OriginalsStand { file });
            }
            remove(other_revisions(&file)?.into_iter().chain([file.clone()]))?;
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

/// Returns the files of other revisions of the module in the directory of a file. The controller would load one of them.
fn other_revisions(file: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::YangFile { file: file.to_owned(), source };
    let module = ORIGINALS_FILE.split('@').next().unwrap_or(ORIGINALS_FILE);
    let mut others = Vec::new();
    for found in file.parent().map(fs::read_dir).transpose().map_err(failed)?.into_iter().flatten() {
        let path = found.map_err(failed)?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".yang"));
        let is_revision = name.is_some_and(|name| name.split('@').next() == Some(module));
        if is_revision && path != file {
            others.push(path);
        }
    }
    Ok(others)
}

/// Removes files, if they are there.
fn remove(files: impl IntoIterator<Item = PathBuf>) -> Result<(), Error> {
    files.into_iter().try_for_each(|file| match fs::remove_file(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| Error::YangFile { file, source }),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_revision_takes_the_place_of_older_ones() {
        let directory = tempfile::tempdir().unwrap();
        let others = ["confine-originals@2020-01-01.yang", "confine-originals.yang"];
        let foreign =
            ["confine-originals-more@2020-01-01.yang", "a.yang", "confine-originals@2020-01-01.txt"];
        for name in others.iter().chain(&foreign) {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let install = YangCommand::Install { directory: Some(directory.path().to_owned()) };
        run(&YangArgs { command: install }).unwrap();
        let mut left: Vec<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|found| found.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut expected: Vec<&str> = foreign.iter().copied().chain([ORIGINALS_FILE]).collect();
        expected.sort_unstable();
        assert_eq!(left, expected);
        assert_eq!(fs::read_to_string(directory.path().join(ORIGINALS_FILE)).unwrap(), ORIGINALS_MODULE);
    }
}
