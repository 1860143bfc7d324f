//! Setting a controller up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use confine_tree::{CONTROLLER, Tree, xml};
use confine_yang::{ModuleSet, MountedSchema, YangSchema};

use crate::clock::Clock;
use crate::controller::{Controller, RunningDatastoreFile};
use crate::datastore::{DatastoreName, Datastores};
use crate::device::SimulatedDevice;
use crate::edit::{self, EditOperation};
use crate::error::Error;
use crate::identity::{Credentials, own_user};
use crate::model::{ControllerModels, ModelText};
use crate::models;
use crate::state::ControllerState;
use crate::validate;

/// How long the real controller waits for the services daemon unless it is told otherwise.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

/// A controller that is being set up. Without more ado it has no devices, no services, and lets everybody do
/// everything.
pub struct ControllerBuilder {
    devices: Vec<(String, String)>,
    services: Vec<(String, String)>,
    device_models: Vec<(String, String)>,
    config: Option<String>,
    service_timeout: Duration,
    device_latency: Duration,
    clock: Clock,
    credentials: Credentials,
    user: Option<String>,
    running_file: Option<PathBuf>,
}

impl Default for ControllerBuilder {
    fn default() -> Self {
        Self {
            devices: Vec::new(),
            services: Vec::new(),
            device_models: Vec::new(),
            config: None,
            service_timeout: SERVICE_TIMEOUT,
            device_latency: Duration::ZERO,
            clock: Clock::System,
            credentials: Credentials::default(),
            user: None,
            running_file: None,
        }
    }
}

impl ControllerBuilder {
    /// Adds this many devices, `openconfig1` and so on, each with a hostname, an administrator and two
    /// interfaces.
    pub fn devices(mut self, count: usize) -> Self {
        for number in 1..=count {
            let name = format!("openconfig{number}");
            let config = models::EXAMPLE_CONFIG.replace("{{NAME}}", &name);
            self.devices.push((name, config));
        }
        self
    }

    /// Adds a device with this configuration: XML, the top-level nodes of the device's own models.
    pub fn device(mut self, name: impl Into<String>, config: impl Into<String>) -> Self {
        self.devices.push((name.into(), config.into()));
        self
    }

    /// Adds the YANG module of a service. `file` names it in errors.
    pub fn service_model(mut self, file: impl Into<String>, yang: impl Into<String>) -> Self {
        self.services.push((file.into(), yang.into()));
        self
    }

    /// As [`service_model`](Self::service_model) for each of these: a file and its YANG.
    pub fn service_models<F: Into<String>, Y: Into<String>>(
        mut self,
        models: impl IntoIterator<Item = (F, Y)>,
    ) -> Self {
        self.services.extend(models.into_iter().map(|(file, yang)| (file.into(), yang.into())));
        self
    }

    /// Adds a YANG module of the devices. The first one takes the place of those that the controller
    /// brings along: parts of `openconfig-system` and `openconfig-interfaces`.
    pub fn device_model(mut self, file: impl Into<String>, yang: impl Into<String>) -> Self {
        self.device_models.push((file.into(), yang.into()));
        self
    }

    /// Merges this configuration, XML from the root, into what all datastores begin with. With a `/nacm` in it,
    /// users may do what that permits (RFC 8341); without, everybody may do everything.
    pub fn config(mut self, config: impl Into<String>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// How long a transaction waits for the services daemon where `/ctrl:services/ctrl:service-timeout` does
    /// not say: 300 s.
    pub fn service_timeout(mut self, timeout: Duration) -> Self {
        self.service_timeout = timeout;
        self
    }

    /// How long devices take for a push: no time. The transaction is in state INIT meanwhile.
    pub fn device_latency(mut self, latency: Duration) -> Self {
        self.device_latency = latency;
        self
    }

    /// Where timestamps come from: the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// For whom a peer may make requests.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// The user that the controller says it runs as, who may act for others: the process's own.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Writes `running` to this file whenever it changes, as the real controller does: no file.
    pub fn running_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.running_file = Some(file.into());
        self
    }

    /// The controller. It begins as after a pull of all devices: all datastores agree with them.
    ///
    /// # Errors
    /// A module that cannot be read or used, or a configuration that the models do not allow.
    pub fn build(self) -> Result<Controller, Error> {
        let models = Arc::new(ControllerModels::new(
            schema(models::CONTROLLER, &self.services)?,
            match self.device_models.is_empty() {
                true => schema(models::DEVICE, &[])?,
                false => schema(&[], &self.device_models)?,
            },
        ));
        let mut tree = Tree::new();
        merge(&mut tree, models::INITIAL_CONFIG, models.schema(), "the controller")?;
        if let Some(config) = &self.config {
            merge(&mut tree, config, models.schema(), "the controller")?;
        }
        let mut names = BTreeMap::new();
        for (name, config) in &self.devices {
            if names.insert(name.clone(), ()).is_some() {
                return Err(Error::DuplicateDevice { name: name.clone() });
            }
            let device = device_entry(name, config)?;
            merge(&mut tree, &device, models.schema(), name)?;
        }
        validate::datastore(&tree, models.schema()).map_err(|error| Error::Config {
            device: "the controller".to_owned(),
            reason: error.message().to_owned(),
        })?;
        let mut state = ControllerState {
            models,
            credentials: self.credentials,
            user: self.user.unwrap_or_else(own_user),
            clock: self.clock,
            service_timeout: self.service_timeout,
            datastores: Datastores::new(tree),
            devices: BTreeMap::new(),
            transactions: Vec::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            before: Vec::new(),
            after: Vec::new(),
        };
        let configs = state.device_configs(DatastoreName::Running);
        state.devices =
            configs.into_iter().map(|(name, config)| (name, SimulatedDevice::new(config))).collect();
        let running = state.datastores.tree(DatastoreName::Running);
        let file = self.running_file.map(|path| RunningDatastoreFile::create(path, running)).transpose()?;
        Ok(Controller::new(state, self.device_latency, file))
    }
}

fn schema(own: &[(&str, &str)], others: &[(String, String)]) -> Result<(YangSchema, Vec<ModelText>), Error> {
    let mut set = ModuleSet::default();
    let mut texts = Vec::new();
    let others = others.iter().map(|(file, yang)| (file.as_str(), yang.as_str()));
    for (file, yang) in own.iter().copied().chain(others) {
        let added = set.add(file, yang.as_bytes())?;
        texts.push(ModelText {
            name: added.name.into(),
            revision: added.revision.map(Into::into),
            namespace: None,
            text: yang.to_owned(),
        });
    }
    let schema = set.compile();
    if let Some(problem) = schema.problems().first() {
        return Err(problem.clone().into());
    }
    for text in &mut texts {
        let module = schema.module_by_name(&text.name);
        text.namespace = module.map(|module| module.namespace().to_owned());
    }
    Ok((schema, texts))
}

/// The entry of a device, as the controller has it.
fn device_entry(name: &str, config: &str) -> Result<String, Error> {
    let mut entry =
        xml::parse(&format!("<devices xmlns=\"{CONTROLLER}\">{}</devices>", models::DEVICE_ENTRY))?;
    let find = |tree: &Tree, local: &str| {
        tree.descendants(Tree::ROOT).map(|(node, _)| node).find(|&node| tree.qname(node).local == local)
    };
    if let Some(leaf) = find(&entry, "name") {
        entry.set_value(leaf, name, &[])?;
    }
    if let Some(node) = find(&entry, "config") {
        xml::XmlTreeReader::new().read(&mut entry, node, config)?;
    }
    Ok(xml::write(&entry, Tree::ROOT)?)
}

fn merge(tree: &mut Tree, config: &str, schema: &MountedSchema, device: &str) -> Result<(), Error> {
    let edit = xml::parse(config)?;
    edit::apply(tree, &edit, EditOperation::Merge, schema)
        .map_err(|error| Error::Config { device: device.to_owned(), reason: error.message().to_owned() })
}
