//! The known models: the controller's own, with those of its devices mounted in it.

mod cache;
mod directories;
mod skeleton;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use confine_yang::{ModuleSet, MountedSchema, YangLimits, YangSchema};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::spawn_blocking,
};

pub use self::{
    cache::ModelCache,
    directories::{YangDirectories, modules_from_directories},
};
use self::{
    directories::ModulePackages,
    skeleton::{CONTROLLER_MODULE, add_skeleton},
};
use crate::{Backend, DeviceSchemas, Error, RequestUser, SchemaRef};

/// The label of the mount point for the models of devices.
const DEVICE_MOUNT: &str = "device";
/// The most bytes of all modules of one device together: some vendors publish 100 MB.
const MAX_MODEL_SIZE: usize = 512 << 20;
/// The most bytes of the compiled models of all devices together. Devices with the same modules share them.
const MAX_COMPILED: usize = 2 << 30;
/// The most modules that a message names.
const MAX_NAMED_MODULES: usize = 20;
/// The interval of removing unused texts from the cache.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Grants access to the connection for one request at a time, so that a commit waits for one request at most.
pub trait RequestGate: Sync {
    /// Waits until the connection is free.
    fn acquire(&self) -> impl Future<Output = MutexGuard<'_, Backend>> + Send;

    /// The models of this device are read from now on, or those of the controller itself.
    fn reading(&self, _device: Option<&str>) {}
}

impl RequestGate for Mutex<Backend> {
    async fn acquire(&self) -> MutexGuard<'_, Backend> {
        self.lock().await
    }
}

/// The known models, and their sources.
///
/// The models of devices come from the directories in the controller's configuration, the cache, and the controller, in
/// this order. Those of the controller come from the controller; if it does not report them, from the directories and from
/// the packages of service modules.
///
/// Models are read while no commit runs: a commit works with the models known when it begins. A model that is not available
/// stays unknown and may be [requested again](Self::retry_missing).
pub struct ModelStore {
    directories: Arc<YangDirectories>,
    packages: Arc<ModulePackages>,
    cache: Option<Arc<ModelCache>>,
    controller_schema: Arc<YangSchema>,
    /// How many of its own modules the controller has reported.
    controller_modules: ReportedModules,
    /// The schema of devices without models of their own.
    default_schema: Option<Arc<YangSchema>>,
    devices: BTreeMap<String, DeviceModels>,
    /// Whether the controller did not return the connection states of its devices.
    device_states_missing: bool,
    sets: HashMap<Arc<ModelSetKey>, Arc<ModelSet>>,
    /// Whether the controller has `get-device-schema`, which releases before 1.8 do not.
    has_device_schemas: bool,
    /// The time of the last removal of unused texts from the cache.
    cleaned_at: Option<Instant>,
}

/// How many of its own modules the controller has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportedModules {
    /// None: they are read from files.
    None,
    /// Not all of them.
    Some,
    /// All of them.
    All,
}

/// The key of a set of models: devices of one domain with the same modules share it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ModelSetKey {
    domain: String,
    listed: Vec<SchemaRef>,
}

/// The models of one or several devices.
#[derive(Debug)]
struct ModelSet {
    key: Arc<ModelSetKey>,
    models: Arc<YangSchema>,
    /// Modules whose text is not available.
    missing: Vec<SchemaRef>,
}

/// A device, with its models since the last change of its connection state.
#[derive(Clone, Debug)]
struct DeviceModels {
    state: DeviceSchemas,
    set: Option<Arc<ModelSet>>,
    /// Whether the controller did not return its models although it is connected.
    schemas_missing: bool,
}

impl fmt::Debug for ModelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelStore")
            .field("controller_schema", &self.controller_schema)
            .field("devices", &self.devices.len())
            .field("sets", &self.sets.len())
            .finish_non_exhaustive()
    }
}

impl Default for ModelStore {
    fn default() -> Self {
        Self::new(YangDirectories::default(), Vec::new(), None)
    }
}

impl ModelStore {
    /// Creates a store without reading models. `packages` are the directories of service modules, which may have YANG files.
    pub fn new(directories: YangDirectories, packages: Vec<PathBuf>, cache: Option<ModelCache>) -> Self {
        let mut set = ModuleSet::default();
        add_skeleton(&mut set);
        Self {
            directories: Arc::new(directories),
            packages: Arc::new(ModulePackages::new(packages)),
            cache: cache.map(Arc::new),
            controller_schema: Arc::new(set.compile_data()),
            controller_modules: ReportedModules::None,
            default_schema: None,
            devices: BTreeMap::new(),
            device_states_missing: false,
            sets: HashMap::new(),
            has_device_schemas: true,
            cleaned_at: None,
        }
    }

    /// Returns the schema of the known models. A commit keeps the schema it began with.
    pub fn schema(&self) -> MountedSchema {
        let mut schema = MountedSchema::new(self.controller_schema.clone(), DEVICE_MOUNT);
        for (name, device) in &self.devices {
            if let Some(set) = &device.set {
                schema.mount(name, set.models.clone());
            }
        }
        if let Some(default) = &self.default_schema {
            schema.mount_default(default.clone());
        }
        schema
    }

    /// Reads the controller's own models again: a restart may have changed them. They are not cached, because a developer of a
    /// service changes its module without a new revision.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn read_controller_models(&mut self, gate: &impl RequestGate) -> Result<(), Error> {
        self.has_device_schemas = true;
        gate.reading(None);
        let listed = gate.acquire().await.controller_schemas(&RequestUser::Host).await;
        let listed = recovered(listed, "the controller does not report its own models")?.unwrap_or_default();
        let mut texts = Vec::with_capacity(listed.len());
        for schema in &listed {
            let text = gate.acquire().await.controller_schema(schema, &RequestUser::Host).await;
            texts.push((schema.clone(), recovered(text, "cannot read a model of the controller")?));
        }
        self.controller_modules = match (texts.is_empty(), texts.iter().all(|(_, text)| text.is_some())) {
            (true, _) => ReportedModules::None,
            (false, false) => ReportedModules::Some,
            (false, true) => ReportedModules::All,
        };
        let (directories, packages) = (self.directories.clone(), self.packages.clone());
        let compiled = spawn_blocking(move || {
            let packages = packages.read();
            let own = if texts.is_empty() {
                controller_modules_from_files(&directories, &packages)
            } else {
                let texts = texts.into_iter().map(|(schema, text)| (schema, text.map(String::into_bytes)));
                set_of(texts, YangLimits::default())
            };
            (compile(own, "the controller"), default_from_packages(&directories, &packages))
        });
        if let Ok((own, others)) = compiled.await {
            (self.controller_schema, self.default_schema) = (own, others);
        }
        Ok(())
    }

    /// Reads the models in the packages of service modules if any of their files has changed. Returns whether the models have
    /// changed.
    pub async fn read_service_models(&mut self) -> bool {
        let (directories, packages) = (self.directories.clone(), self.packages.clone());
        let from_files = self.controller_modules == ReportedModules::None;
        let compiled = spawn_blocking(move || {
            if !packages.have_changed() {
                return None;
            }
            let packages = packages.read();
            let own = from_files
                .then(|| compile(controller_modules_from_files(&directories, &packages), "the controller"));
            Some((own, default_from_packages(&directories, &packages)))
        });
        let Ok(Some((own, others))) = compiled.await else { return false };
        self.default_schema = others;
        if let Some(own) = own {
            self.controller_schema = own;
        }
        true
    }

    /// Updates the models of devices that were added or whose connection state changed. Returns whether the models have
    /// changed.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn read_device_models(&mut self, gate: &impl RequestGate) -> Result<bool, Error> {
        let states = gate.acquire().await.device_states(&RequestUser::Host).await;
        let states = recovered(states, "cannot read the connection states of the devices")?;
        self.device_states_missing = states.is_none();
        let Some(states) = states else { return Ok(false) };
        let mut previous = std::mem::take(&mut self.devices);
        let mut changed = false;
        let mut lost = None;
        for state in states {
            let known = previous.remove(&state.name);
            let device = match known {
                Some(known) if known.state == state => known,
                known => match self.read_device(gate, state).await {
                    Ok(mut device) => {
                        let known = known.and_then(|known| known.set);
                        match &device.set {
                            // The device is connecting or disconnecting, or the controller was just started: until
                            // the device is open, its last models are the best guess.
                            None => device.set = known,
                            Some(set) => changed |= !known.is_some_and(|known| Arc::ptr_eq(&known, set)),
                        }
                        device
                    }
                    Err(error) => {
                        lost = Some(error);
                        break;
                    }
                },
            };
            self.devices.insert(device.state.name.clone(), device);
        }
        if let Some(error) = lost {
            // The remaining devices keep their models.
            self.devices.append(&mut previous);
            return Err(error);
        }
        changed |= previous.values().any(|gone| gone.set.is_some());
        drop(previous);
        self.sets.retain(|_, set| Arc::strong_count(set) > 1);
        self.clean_cache().await;
        Ok(changed)
    }

    /// Reads the models of these devices only.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn read_models_of(
        &mut self,
        gate: &impl RequestGate,
        states: impl IntoIterator<Item = DeviceSchemas>,
    ) -> Result<(), Error> {
        for state in states {
            let device = self.read_device(gate, state).await?;
            self.devices.insert(device.state.name.clone(), device);
        }
        Ok(())
    }

    /// Returns the name of one device per set of models.
    pub fn representative_devices(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let with_set = self.devices.iter().filter_map(|(name, device)| Some((name, device.set.as_ref()?)));
        with_set.filter(|(_, set)| seen.insert(Arc::as_ptr(set))).map(|(name, _)| &**name).collect()
    }

    /// Returns whether models are missing that the controller may return later.
    pub fn has_gaps(&self) -> bool {
        self.controller_modules == ReportedModules::Some
            || self.device_states_missing
            || self.devices.values().any(|device| device.schemas_missing)
            || self.sets.values().any(|set| !set.missing.is_empty())
    }

    /// Requests missing models again. Returns whether the models have changed.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn retry_missing(&mut self, gate: &impl RequestGate) -> Result<bool, Error> {
        let mut changed = false;
        if self.controller_modules == ReportedModules::Some {
            self.read_controller_models(gate).await?;
            changed = true;
        }
        let gaps = self.sets.values().filter(|set| !set.missing.is_empty());
        for set in gaps.cloned().collect::<Vec<_>>() {
            let mut devices = self.devices.values();
            let device = devices.find(|device| {
                device.state.may_have_schemas()
                    && device.set.as_ref().is_some_and(|other| Arc::ptr_eq(other, &set))
            });
            let Some(device) = device.map(|device| device.state.name.clone()) else { continue };
            let mut found = HashMap::new();
            for schema in &set.missing {
                found.extend(fetch(gate, &device, schema).await?.map(|text| (schema.clone(), text)));
            }
            if found.is_empty() {
                continue;
            }
            let Some(new_set) = self.read_set(gate, &device, set.key.clone(), found).await? else { continue };
            for device in self.devices.values_mut() {
                if device.set.as_ref().is_some_and(|old| Arc::ptr_eq(old, &set)) {
                    device.set = Some(new_set.clone());
                }
            }
            self.sets.insert(new_set.key.clone(), new_set);
            changed = true;
        }
        let without_schemas: Vec<DeviceSchemas> = self
            .devices
            .values()
            .filter(|device| device.schemas_missing)
            .map(|device| device.state.clone())
            .collect();
        for state in without_schemas {
            let device = self.read_device(gate, state).await?;
            if device.set.is_some() {
                changed = true;
                self.devices.insert(device.state.name.clone(), device);
            }
        }
        if self.device_states_missing {
            changed |= self.read_device_models(gate).await?;
        }
        Ok(changed)
    }

    /// Reads a device's models, if they are available.
    async fn read_device(
        &mut self,
        gate: &impl RequestGate,
        state: DeviceSchemas,
    ) -> Result<DeviceModels, Error> {
        let mut device = DeviceModels { state, set: None, schemas_missing: false };
        if !self.has_device_schemas || !device.state.may_have_schemas() {
            return Ok(device);
        }
        gate.reading(Some(&device.state.name));
        let listed = gate.acquire().await.device_schemas(&device.state.name, &RequestUser::Host).await;
        if listed.as_ref().is_err_and(Error::is_unknown_operation) {
            tracing::info!("the controller is older than 1.8 and does not report the models of its devices");
            self.has_device_schemas = false;
            return Ok(device);
        }
        let Some(mut listed) = recovered(listed, "the models of a device are not available")? else {
            // The controller has none if the device has not been open since the controller was started.
            device.schemas_missing = device.state.is_open();
            return Ok(device);
        };
        listed.sort();
        listed.dedup();
        if listed.is_empty() {
            return Ok(device);
        }
        let key = ModelSetKey { domain: device.state.domain.clone(), listed };
        if let Some(set) = self.sets.get(&key) {
            device.set = Some(set.clone());
            return Ok(device);
        }
        device.set = self.read_set(gate, &device.state.name, Arc::new(key), HashMap::new()).await?;
        if let Some(set) = &device.set {
            self.sets.insert(set.key.clone(), set.clone());
        }
        Ok(device)
    }

    /// Reads and compiles the models of a device and of others with the same modules. Requests the texts that are neither in
    /// files nor in `found`.
    async fn read_set(
        &self,
        gate: &impl RequestGate,
        device: &str,
        key: Arc<ModelSetKey>,
        mut found: HashMap<SchemaRef, Vec<u8>>,
    ) -> Result<Option<Arc<ModelSet>>, Error> {
        let (directories, cache, wanted) = (self.directories.clone(), self.cache.clone(), key.clone());
        let local = spawn_blocking(move || local_texts(&directories, cache.as_deref(), &wanted));
        let Ok(mut texts) = local.await else { return Ok(None) };
        let mut new = Vec::new();
        let mut room = MAX_MODEL_SIZE;
        for (schema, text) in &mut texts {
            if text.is_none() {
                *text = match found.remove(schema) {
                    Some(text) => Some(text),
                    None => fetch(gate, device, schema).await?,
                };
                new.extend(text.is_some().then(|| schema.clone()));
            }
            room = room.saturating_sub(text.as_ref().map_or(0, Vec::len));
            if room == 0 {
                tracing::warn!(device, "the models of a device are larger than {MAX_MODEL_SIZE} bytes");
                return Ok(None);
            }
        }
        let taken: usize = self.sets.values().map(|set| set.models.memory()).sum();
        let memory = YangLimits::default().memory.min(MAX_COMPILED.saturating_sub(taken));
        let limits = YangLimits { memory, ..YangLimits::default() };
        let (cache, of) = (self.cache.clone(), format!("device `{device}`"));
        let compiled = spawn_blocking(move || {
            if let Some(cache) = cache.filter(|_| !new.is_empty()) {
                let mut index = cache.index(&key.domain);
                for (schema, text) in texts.iter().filter(|(schema, _)| new.contains(schema)) {
                    text.iter().for_each(|text| cache.put(&mut index, schema, text));
                }
                cache.put_index(&key.domain, &index);
            }
            let missing = texts.iter().filter(|(_, text)| text.is_none()).map(|(schema, _)| schema.clone());
            let missing = missing.collect();
            Arc::new(ModelSet { key, models: compile(set_of(texts, limits), &of), missing })
        });
        Ok(compiled.await.ok())
    }

    /// Removes unused texts from the cache, once a day.
    async fn clean_cache(&mut self) {
        if self.cleaned_at.is_some_and(|cleaned_at| cleaned_at.elapsed() < CLEANUP_INTERVAL) {
            return;
        }
        self.cleaned_at = Some(Instant::now());
        let Some(cache) = self.cache.clone() else { return };
        let used: Vec<Arc<ModelSetKey>> = self.sets.keys().cloned().collect();
        let cleaned = spawn_blocking(move || {
            used.iter().for_each(|key| cache.touch(&key.domain, &key.listed));
            cache.remove_unused();
        });
        // A panic in the task is logged by its hook.
        let _ = cleaned.await;
    }
}

/// Requests the text of one of a device's modules. Returns `None` if it is not available.
async fn fetch(gate: &impl RequestGate, device: &str, schema: &SchemaRef) -> Result<Option<Vec<u8>>, Error> {
    let fetched = gate.acquire().await.device_schema(device, schema, &RequestUser::Host).await;
    let fetched = recovered(fetched, "cannot read a model of a device")?;
    Ok(fetched.flatten().map(String::into_bytes))
}

/// Returns the texts of modules that are in the directory of the domain or in the cache.
fn local_texts(
    directories: &YangDirectories,
    cache: Option<&ModelCache>,
    wanted: &ModelSetKey,
) -> Vec<(SchemaRef, Option<Vec<u8>>)> {
    let cached = cache.map(|cache| (cache, cache.index(&wanted.domain)));
    let text = |schema: &SchemaRef| {
        let of_cache = || cached.as_ref().and_then(|(cache, index)| cache.get(index, schema));
        let text = directories.of_domain(&wanted.domain, schema).or_else(of_cache);
        (schema.clone(), text)
    };
    wanted.listed.iter().map(text).collect()
}

/// Returns the set of a server's modules. A module without a text makes the set partial.
fn set_of(texts: impl IntoIterator<Item = (SchemaRef, Option<Vec<u8>>)>, limits: YangLimits) -> ModuleSet {
    let mut set = ModuleSet::with_limits(limits);
    for (schema, text) in texts {
        match text.map(|text| set.add(&format!("{schema}.yang"), &text)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "ignored a model"),
            None => set.mark_partial(),
        }
    }
    set
}

/// Returns the controller's own modules from files, if the controller does not report them.
fn controller_modules_from_files(directories: &YangDirectories, packages: &[(String, Vec<u8>)]) -> ModuleSet {
    let mut set = ModuleSet::default();
    directories.add_own(&mut set);
    for (file, text) in packages {
        // The controller's own files take precedence over a package.
        match ModuleSet::default().add(file, text) {
            Ok(module) if set.contains(&module.name, None) => {}
            Ok(_) => drop(set.add(file, text)),
            Err(error) => tracing::warn!(%error, "ignored a model of a service package"),
        }
    }
    set.mark_partial();
    if !set.contains(CONTROLLER_MODULE, None) {
        add_skeleton(&mut set);
    }
    set
}

/// Returns the schema of the modules in packages, which may be models of devices. They provide keys and types if nothing
/// else does. They are abridged: a node that they lack may exist.
fn default_from_packages(
    directories: &YangDirectories,
    packages: &[(String, Vec<u8>)],
) -> Option<Arc<YangSchema>> {
    let mut set = ModuleSet::default();
    for (file, text) in packages {
        if let Ok(module) = set.add(file, text) {
            set.mark_abridged(&module.name);
        }
    }
    directories.add_imports(&mut set);
    (!set.is_empty()).then(|| Arc::new(set.compile_data()))
}

fn compile(set: ModuleSet, of: &str) -> Arc<YangSchema> {
    let modules = set.len();
    let schema = set.compile_data();
    confine_netconf::mask_in_log(schema.secret_names());
    let problems = schema.problems();
    let first = problems.first().map(ToString::to_string);
    tracing::info!(of, modules, problems = problems.len(), first, "compiled models");
    if let Some(text) = lacking_memory(of, problems) {
        tracing::warn!("{text}");
    }
    problems.iter().for_each(|problem| tracing::debug!(of, %problem, "ignored a statement of a model"));
    Arc::new(schema)
}

/// Returns what is not known because the compiled models would take too much memory, if they do.
fn lacking_memory(of: &str, problems: &[confine_yang::Error]) -> Option<String> {
    let limited = || problems.iter().filter(|problem| problem.is_memory_limit());
    let first = limited().next()?;
    let files: BTreeSet<&str> = limited().map(|problem| &*problem.position().file).collect();
    let named: Vec<&str> = files.iter().copied().take(MAX_NAMED_MODULES).collect();
    let others = files.len() - named.len();
    let others = if others == 0 { String::new() } else { format!(" and {others} others") };
    Some(format!(
        "the models of {of} are too large: not all nodes of `{}`{others} are known, so names and values there are not checked: \
         {first}",
        named.join("`, `")
    ))
}

/// Returns the result, or logs `message` and returns `None` if the controller rejected the request. Only a lost connection is
/// an error.
fn recovered<T>(result: Result<T, Error>, message: &'static str) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_recoverable() => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::info!(%error, cause, "{message}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_beyond_memory_are_named() {
        let compiled = |memory| {
            let mut set = ModuleSet::with_limits(YangLimits { memory, ..YangLimits::default() });
            for name in ["a", "b"] {
                let leaves: String =
                    (0..100).map(|n| format!("leaf {name}{n} {{ type string; }} ")).collect();
                let text = format!("module {name} {{ namespace urn:{name}; prefix {name}; {leaves} }}");
                set.add(&format!("{name}.yang"), text.as_bytes()).unwrap();
            }
            set.compile_data()
        };
        insta::assert_snapshot!(lacking_memory("device `r1`", compiled(4096).problems()).unwrap(), @"the models of device `r1` are too large: not all nodes of `a.yang`, `b.yang` are known, so names and values there are not checked: a.yang:1: `leaf a38`: bytes of the compiled tree are limited to 4096");
        assert_eq!(lacking_memory("device `r1`", compiled(1 << 20).problems()), None);
    }
}
