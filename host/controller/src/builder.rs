//! Sets up a controller.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use confine_netconf::Datastore;
use confine_tree::{CONTROLLER, Tree, xml};
use confine_yang::{ModuleSet, YangSchema};

use crate::access::credentials::{Credentials, own_user};
use crate::clock::Clock;
use crate::controller::Controller;
use crate::datastore::Datastores;
use crate::datastore::edit::{self, EditOperation};
use crate::datastore::running_file::RunningDatastoreFile;
use crate::device::SimulatedDevice;
use crate::error::Error;
use crate::models::bundled;
use crate::models::{ControllerModels, ModelText};
use crate::refusal::RpcRefusal;
use crate::runtime::SharedRuntime;
use crate::state::ControllerState;

/// How long the real controller waits for the services daemon by default.
const DEFAULT_SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

/// Sets up a controller. By default it has no devices, no services and no access rules.
#[derive(Default)]
pub struct ControllerBuilder {
    devices: Vec<(String, String)>,
    services: Vec<(String, String)>,
    device_models: Vec<(String, String)>,
    config: Option<String>,
    service_timeout: Option<Duration>,
    device_latency: Duration,
    clock: Clock,
    credentials: Credentials,
    user: Option<String>,
    running_file: Option<PathBuf>,
}

impl Controller {
    /// Returns a builder that sets up a controller.
    pub fn builder() -> ControllerBuilder {
        ControllerBuilder::default()
    }
}

impl ControllerBuilder {
    /// Adds this many devices, `openconfig1` and so on, each with a hostname, an administrator and two
    /// interfaces.
    pub fn devices(mut self, count: usize) -> Self {
        for number in 1..=count {
            let name = format!("openconfig{number}");
            let config = bundled::EXAMPLE_CONFIG.replace("{{NAME}}", &name);
            self.devices.push((name, config));
        }
        self
    }

    /// Adds a device with this configuration: XML with the top-level nodes of the device's own YANG modules.
    pub fn device(mut self, name: impl Into<String>, config: impl Into<String>) -> Self {
        self.devices.push((name.into(), config.into()));
        self
    }

    /// Adds the YANG module of a service. `file` is its name in errors.
    pub fn service_model(mut self, file: impl Into<String>, yang: impl Into<String>) -> Self {
        self.services.push((file.into(), yang.into()));
        self
    }

    /// Adds the YANG modules of services, each as a file name and its text.
    pub fn service_models<F: Into<String>, Y: Into<String>>(
        mut self,
        models: impl IntoIterator<Item = (F, Y)>,
    ) -> Self {
        self.services.extend(models.into_iter().map(|(file, yang)| (file.into(), yang.into())));
        self
    }

    /// Adds a YANG module of the devices. The first one replaces those that come with the controller: parts of
    /// `openconfig-system` and `openconfig-interfaces`.
    pub fn device_model(mut self, file: impl Into<String>, yang: impl Into<String>) -> Self {
        self.device_models.push((file.into(), yang.into()));
        self
    }

    /// Merges this configuration, XML from the root, into the initial content of all datastores. If it has
    /// `/nacm`, users may do what that permits (RFC 8341), else everything.
    pub fn config(mut self, config: impl Into<String>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Sets how long a transaction waits for the services daemon if `/ctrl:services/ctrl:service-timeout` is
    /// not set. The default is 300 s.
    pub fn service_timeout(mut self, timeout: Duration) -> Self {
        self.service_timeout = Some(timeout);
        self
    }

    /// Sets how long a push to devices takes. The default is no time. Meanwhile the transaction is in state
    /// INIT.
    pub fn device_latency(mut self, latency: Duration) -> Self {
        self.device_latency = latency;
        self
    }

    /// Sets the source of timestamps. The default is the system clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets for which users a peer may make requests.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets the user that the controller pretends to run as, who may act for other users. The default is the
    /// user of the process.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Writes `running` to this file on each change, as the real controller does. The default is no file.
    pub fn running_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.running_file = Some(file.into());
        self
    }

    /// Returns the controller. It starts as after a pull of all devices: all datastores agree with them.
    ///
    /// # Errors
    /// A YANG module that cannot be used, or a configuration that does not match the YANG modules.
    pub fn build(self) -> Result<Controller, Error> {
        let models = Arc::new(ControllerModels::new(
            compile_schema(bundled::CONTROLLER, &self.services)?,
            match self.device_models.is_empty() {
                true => compile_schema(bundled::DEVICE, &[])?,
                false => compile_schema(&[], &self.device_models)?,
            },
        ));
        let mut tree = Tree::new();
        merge_config(&mut tree, bundled::INITIAL_CONFIG, &models, "the controller")?;
        if let Some(config) = &self.config {
            merge_config(&mut tree, config, &models, "the controller")?;
        }
        let mut names = BTreeSet::new();
        for (name, config) in &self.devices {
            if !names.insert(name) {
                return Err(Error::DuplicateDevice { name: name.clone() });
            }
            let device = device_entry(name, config)?;
            merge_config(&mut tree, &device, &models, name)?;
        }
        models.modelled(&tree).check().map_err(invalid_config("the controller"))?;
        let mut state = ControllerState {
            models,
            credentials: self.credentials,
            own_user: self.user.unwrap_or_else(own_user),
            clock: self.clock,
            service_timeout: self.service_timeout.unwrap_or(DEFAULT_SERVICE_TIMEOUT),
            datastores: Datastores::new(tree),
            devices: BTreeMap::new(),
            transactions: Vec::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            effects_before_reply: Vec::new(),
            effects_after_reply: Vec::new(),
        };
        let configs = state.device_configs(Datastore::Running);
        state.devices =
            configs.into_iter().map(|(name, config)| (name, SimulatedDevice::new(config))).collect();
        let running = state.datastores.tree(Datastore::Running);
        let file = self.running_file.map(|path| RunningDatastoreFile::create(path, running)).transpose()?;
        Ok(Controller::new(SharedRuntime::new(state, self.device_latency, file)))
    }
}

/// Compiles YANG modules, and returns the schema with their texts.
fn compile_schema(
    own: &[(&str, &str)],
    others: &[(String, String)],
) -> Result<(YangSchema, Vec<ModelText>), Error> {
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

/// Returns the list entry of a device in the controller's configuration.
fn device_entry(name: &str, config: &str) -> Result<String, Error> {
    let mut entry =
        xml::parse(&format!("<devices xmlns=\"{CONTROLLER}\">{}</devices>", bundled::DEVICE_ENTRY))?;
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

/// Merges XML into the initial configuration.
fn merge_config(tree: &mut Tree, config: &str, models: &ControllerModels, of: &str) -> Result<(), Error> {
    let edit = xml::parse(config)?;
    edit::apply(tree, models.modelled(&edit), EditOperation::Merge).map_err(invalid_config(of))
}

fn invalid_config(device: &str) -> impl FnOnce(RpcRefusal) -> Error {
    move |error| Error::Config { device: device.to_owned(), reason: error.message().to_owned() }
}
