//! A connection to a controller, with the models read so far.

use std::{collections::HashSet, sync::Arc};

use confine_backend::{Backend, ConnectOptions, ModelStore, RequestUser};
use confine_tree::{Overlay, Path, Pattern, Predicate, ResolveError, nearest};
use confine_yang::MountedSchema;
use tokio::sync::Mutex;

use super::path::{DataPath, every_prefix, prefixes, resolve};
use crate::{cli::ControllerArgs, commands::connect::controller_socket, error::Error};

/// A connection to a controller, with the models of the controller itself and of the devices in paths. Each is read
/// once.
pub(super) struct ControllerSession {
    backend: Mutex<Backend>,
    options: ConnectOptions,
    discard_command: String,
    models: ModelStore,
    schema: Arc<MountedSchema>,
    /// The devices that are known to exist.
    devices: HashSet<String>,
}

/// How deep below a path the models are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ModelDepth {
    /// Down to the node of the path.
    Node,
    /// Down to its children.
    Children,
    /// Everything below it.
    All,
}

impl ControllerSession {
    /// Connects, and reads the controller's own models.
    pub(super) async fn open(controller: &ControllerArgs) -> Result<Self, Error> {
        let user = controller.user.as_ref().map(ToString::to_string);
        let user = user.map_or_else(confine_backend::process_user, Ok)?;
        let options = ConnectOptions::with_host_user(controller_socket(controller)?, user);
        let backend = Mutex::new(Backend::connect(options.clone()).await?);
        let mut models = ModelStore::default();
        models.read_controller_models(&backend).await?;
        let schema = Arc::new(models.schema());
        let discard_command = format!("confine rpc{} '<discard-changes/>'", controller.again());
        Ok(Self { backend, options, discard_command, models, schema, devices: HashSet::new() })
    }

    /// The NETCONF user.
    pub(super) fn user(&self) -> &str {
        &self.options.host_user
    }

    pub(super) fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// The command that discards all pending changes of this controller.
    pub(super) fn discard_command(&self) -> &str {
        &self.discard_command
    }

    pub(super) fn backend(&mut self) -> &mut Backend {
        self.backend.get_mut()
    }

    /// Resolves a path that starts at `above`, or at the root if it is absolute. A `value` may use prefixes as
    /// well.
    pub(super) async fn find(
        &mut self,
        above: &Pattern,
        path: &Path,
        value: Option<&str>,
        depth: ModelDepth,
    ) -> Result<DataPath, Error> {
        let root = Pattern::default();
        let above = if path.absolute { &root } else { above };
        let device = device(above, path);
        let is_open = self.read_device_models(above, path, device, depth).await?;
        let prefixes = prefixes(&self.schema, device, path, value)?;
        let overlay = Overlay::new(self.schema.clone());
        let examples = if is_open { self.models.representative_devices() } else { Vec::new() };
        let patterns = match resolve(&overlay, above, path, &prefixes, &examples) {
            // The error suggests names as a user writes them.
            Err(ResolveError::Ambiguous { .. } | ResolveError::UnknownNode { .. })
                if let Some(every) = every_prefix(&self.schema, device) =>
            {
                resolve(&overlay, above, path, &every, &examples)
            }
            resolved => resolved,
        }?;
        Ok(DataPath { patterns, models: self.schema.clone(), overlay, prefixes })
    }

    /// Reads the models of the devices in a path: of one, or of all if it names none. Returns whether it names
    /// none.
    async fn read_device_models(
        &mut self,
        above: &Pattern,
        path: &Path,
        named: Option<&str>,
        depth: ModelDepth,
    ) -> Result<bool, Error> {
        let steps = above.steps.iter().map(|step| &*step.local);
        let names: Vec<&str> = steps.chain(path.steps.iter().map(|step| &*step.name)).collect();
        let needs_models = match &names[..] {
            ["devices", "device", "config", _, ..] => true,
            ["devices", "device", "config"] => depth >= ModelDepth::Children,
            [] | ["devices"] | ["devices", "device"] => depth == ModelDepth::All,
            ["devices", "device", ..] => false,
            _ => return Ok(false),
        };
        let is_open = named.is_none() && names.len() > 3;
        let is_known = |name| match needs_models {
            true => self.schema.mounted(name).is_some(),
            false => self.devices.contains(name),
        };
        if named.is_some_and(is_known) || (named.is_none() && !needs_models) {
            return Ok(is_open);
        }
        let mut states = self.backend.get_mut().device_states(&RequestUser::Host).await?;
        self.devices = states.iter().map(|state| state.name.clone()).collect();
        if let Some(named) = named {
            // A user who may not read the devices sees none.
            if !states.is_empty() && !self.devices.contains(named) {
                let near = nearest(named, states.iter().map(|state| &*state.name));
                let near = near.into_iter().map(str::to_owned).collect();
                return Err(Error::NoDevice { name: named.to_owned(), nearest: near });
            }
            states.retain(|state| state.name == named);
        }
        states.retain(|state| needs_models && self.schema.mounted(&state.name).is_none());
        if !states.is_empty() {
            self.models.read_models_of(&self.backend, states).await?;
            self.schema = Arc::new(self.models.schema());
        }
        Ok(is_open)
    }
}

/// The device in a path, or in the node where it starts.
fn device<'a>(above: &'a Pattern, path: &'a Path) -> Option<&'a str> {
    match above.steps.get(1) {
        Some(step) => step.key("name"),
        None => {
            let step = path.steps.get(1_usize.checked_sub(above.steps.len())?)?;
            step.predicates.iter().find_map(|predicate| match predicate {
                Predicate::Key { name, value: Some(value), .. } if **name == *"name" => Some(&**value),
                _ => None,
            })
        }
    }
}
