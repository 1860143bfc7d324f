//! The models that are known: the controller's own, and those of its devices mounted below it.

mod cache;
mod directories;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use confine_yang::{ModuleSet, MountedSchema, YangSchema};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::spawn_blocking,
};

use self::directories::ModulePackages;
pub use self::{
    cache::ModelCache,
    directories::{YangDirectories, modules_from_directories},
};
use crate::{Backend, DeviceSchemas, Error, RequestUser, SchemaRef};

/// The label of the mount point for the models of devices.
const DEVICE: &str = "device";
/// The controller's own module.
const CONTROLLER_MODULE: &str = "clixon-controller";
/// What is known of it where nobody has its text: see [`ModuleSet::mark_abridged`].
const SKELETON: [(&str, &str); 2] = [
    (CONTROLLER_MODULE, include_str!("models/skeleton.yang")),
    ("ietf-yang-schema-mount", include_str!("models/schema-mount.yang")),
];
/// The most bytes that all modules of one device may have together: some vendors publish 100 MB.
const MOST_TEXT: usize = 512 << 20;
/// How often the cache is tidied.
const TIDY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who lets the controller be asked: one request at a time, so that a commit need not wait for more than
/// one.
pub trait RequestGate: Sync {
    /// The connection, as soon as nobody has anything better to do with it.
    fn acquire(&self) -> impl Future<Output = MutexGuard<'_, Backend>> + Send;
}

impl RequestGate for Mutex<Backend> {
    async fn acquire(&self) -> MutexGuard<'_, Backend> {
        self.lock().await
    }
}

/// The models that are known, and where more come from: of devices, the directories that the controller's
/// configuration names, the cache, and the controller, in this order; of the controller itself, the
/// controller, and where that does not tell, the directories and what came with the services.
///
/// Reading them is a matter of the times in which nothing is committed: a commit works with what is known
/// when it begins. What cannot be had is not known, and that is all; it may be [asked
/// for](Self::retry_missing) again.
pub struct ModelStore {
    directories: Arc<YangDirectories>,
    packages: Arc<ModulePackages>,
    cache: Option<Arc<ModelCache>>,
    own: Arc<YangSchema>,
    /// Where the controller's own models came from.
    told: ControllerModules,
    /// What stands in for the models of devices of which nothing is known.
    others: Option<Arc<YangSchema>>,
    devices: BTreeMap<String, DeviceModels>,
    /// Whether the controller would not say how its devices are connected.
    devices_untold: bool,
    sets: HashMap<Arc<ModelSetKey>, Arc<ModelSet>>,
    /// A controller older than 1.8 does not tell of its devices' models.
    tells_of_devices: bool,
    /// When the cache was last tidied.
    tidied: Option<Instant>,
}

/// What the controller tells of its own models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ControllerModules {
    /// Nothing, and so they are read from files.
    Nothing,
    /// Not all of them.
    Part,
    /// All of them.
    All,
}

/// What devices have the same models: those of one domain that speak the same modules.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ModelSetKey {
    domain: String,
    listed: Vec<SchemaRef>,
}

/// The models of one or many devices.
#[derive(Debug)]
struct ModelSet {
    key: Arc<ModelSetKey>,
    models: Arc<YangSchema>,
    /// Modules whose texts could not be had.
    missing: Vec<SchemaRef>,
}

/// A device, with its models as they were when its connection came to be what it is.
#[derive(Clone, Debug)]
struct DeviceModels {
    state: DeviceSchemas,
    set: Option<Arc<ModelSet>>,
    /// Whether the controller would not say what models it has, although it is connected.
    untold: bool,
}

impl fmt::Debug for ModelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("own", &self.own)
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
    /// Nothing is read yet. `packages` are the directories in which modules stand that came with services.
    pub fn new(directories: YangDirectories, packages: Vec<PathBuf>, cache: Option<ModelCache>) -> Self {
        let mut set = ModuleSet::default();
        add_skeleton(&mut set);
        Self {
            directories: Arc::new(directories),
            packages: Arc::new(ModulePackages::new(packages)),
            cache: cache.map(Arc::new),
            own: Arc::new(set.compile()),
            told: ControllerModules::Nothing,
            others: None,
            devices: BTreeMap::new(),
            devices_untold: false,
            sets: HashMap::new(),
            tells_of_devices: true,
            tidied: None,
        }
    }

    /// What is known now. Commits keep what they began with.
    pub fn schema(&self) -> MountedSchema {
        let mut schema = MountedSchema::new(self.own.clone(), DEVICE);
        for (name, device) in &self.devices {
            if let Some(set) = &device.set {
                schema.mount(name, set.models.clone());
            }
        }
        if let Some(others) = &self.others {
            schema.mount_default(others.clone());
        }
        schema
    }

    /// Reads the controller's own models anew: it may have been started with others. They are not cached,
    /// because who develops a service changes its module without giving it a new revision.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn read_controller_models(&mut self, turn: &impl RequestGate) -> Result<(), Error> {
        self.tells_of_devices = true;
        let listed = turn.acquire().await.controller_schemas(&RequestUser::Host).await;
        let listed = recovered(listed, "the controller does not tell its own models")?.unwrap_or_default();
        let mut texts = Vec::with_capacity(listed.len());
        for schema in &listed {
            let text = turn.acquire().await.controller_schema(schema, &RequestUser::Host).await;
            texts.push((schema.clone(), recovered(text, "a model of the controller cannot be read")?));
        }
        self.told = match (texts.is_empty(), texts.iter().all(|(_, text)| text.is_some())) {
            (true, _) => ControllerModules::Nothing,
            (false, false) => ControllerModules::Part,
            (false, true) => ControllerModules::All,
        };
        let (directories, packages) = (self.directories.clone(), self.packages.clone());
        let compiled = spawn_blocking(move || {
            let packages = packages.read();
            let own = if texts.is_empty() {
                own_from_files(&directories, &packages)
            } else {
                set_of(texts.into_iter().map(|(schema, text)| (schema, text.map(String::into_bytes))))
            };
            (compile(own, "the controller"), others_from_packages(&directories, &packages))
        });
        if let Ok((own, others)) = compiled.await {
            (self.own, self.others) = (own, others);
        }
        Ok(())
    }

    /// Looks again for the models that came with services, and reads them where others are there now: a
    /// module that is new brings its own. Whether anything is different now.
    pub async fn read_service_models(&mut self) -> bool {
        let (directories, packages) = (self.directories.clone(), self.packages.clone());
        let from_files = self.told == ControllerModules::Nothing;
        let compiled = spawn_blocking(move || {
            if !packages.have_changed() {
                return None;
            }
            let packages = packages.read();
            let own = from_files.then(|| compile(own_from_files(&directories, &packages), "the controller"));
            Some((own, others_from_packages(&directories, &packages)))
        });
        let Ok(Some((own, others))) = compiled.await else { return false };
        self.others = others;
        if let Some(own) = own {
            self.own = own;
        }
        true
    }

    /// Brings the models of the devices up to date: of those that have come, or have come back. Whether
    /// anything is different now.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn read_device_models(&mut self, turn: &impl RequestGate) -> Result<bool, Error> {
        let states = turn.acquire().await.device_states(&RequestUser::Host).await;
        let states = recovered(states, "the connections of the devices cannot be read")?;
        self.devices_untold = states.is_none();
        let Some(states) = states else { return Ok(false) };
        let mut before = std::mem::take(&mut self.devices);
        let mut changed = false;
        let mut lost = None;
        for state in states {
            let known = before.remove(&state.name);
            let device = match known {
                Some(known) if known.state == state => known,
                known => match self.read_device(turn, state).await {
                    Ok(mut device) => {
                        let known = known.and_then(|known| known.set);
                        match &device.set {
                            // It is on its way up or down, or the controller was just started: until it is
                            // back, what it spoke is the best that is known.
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
            // Those that were not asked about stay as they were.
            self.devices.append(&mut before);
            return Err(error);
        }
        changed |= before.values().any(|gone| gone.set.is_some());
        drop(before);
        self.sets.retain(|_, set| Arc::strong_count(set) > 1);
        self.tidy_cache().await;
        Ok(changed)
    }

    /// Reads the models of these devices alone, for who asks about no others.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn read_models_of(
        &mut self,
        turn: &impl RequestGate,
        states: impl IntoIterator<Item = DeviceSchemas>,
    ) -> Result<(), Error> {
        for state in states {
            let device = self.read_device(turn, state).await?;
            self.devices.insert(device.state.name.clone(), device);
        }
        Ok(())
    }

    /// One device of each set of models that devices have, by name.
    pub fn representative_devices(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let with_set = self.devices.iter().filter_map(|(name, device)| Some((name, device.set.as_ref()?)));
        with_set.filter(|(_, set)| seen.insert(Arc::as_ptr(set))).map(|(name, _)| &**name).collect()
    }

    /// Whether the controller has not told something that it may tell another time.
    pub fn has_gaps(&self) -> bool {
        self.told == ControllerModules::Part
            || self.devices_untold
            || self.devices.values().any(|device| device.untold)
            || self.sets.values().any(|set| !set.missing.is_empty())
    }

    /// Asks again for what could not be had. Whether anything is different now.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn retry_missing(&mut self, turn: &impl RequestGate) -> Result<bool, Error> {
        let mut changed = false;
        if self.told == ControllerModules::Part {
            self.read_controller_models(turn).await?;
            changed = true;
        }
        let gaps = self.sets.values().filter(|set| !set.missing.is_empty());
        for set in gaps.cloned().collect::<Vec<_>>() {
            let mut speakers = self.devices.values();
            let speaker = speakers.find(|device| {
                device.state.may_have_schemas()
                    && device.set.as_ref().is_some_and(|other| Arc::ptr_eq(other, &set))
            });
            let Some(speaker) = speaker.map(|device| device.state.name.clone()) else { continue };
            let mut found = HashMap::new();
            for schema in &set.missing {
                found.extend(fetch(turn, &speaker, schema).await?.map(|text| (schema.clone(), text)));
            }
            if found.is_empty() {
                continue;
            }
            let Some(whole) = self.read_set(turn, &speaker, set.key.clone(), found).await? else { continue };
            for device in self.devices.values_mut() {
                if device.set.as_ref().is_some_and(|old| Arc::ptr_eq(old, &set)) {
                    device.set = Some(whole.clone());
                }
            }
            self.sets.insert(whole.key.clone(), whole);
            changed = true;
        }
        let untold: Vec<DeviceSchemas> =
            self.devices.values().filter(|device| device.untold).map(|device| device.state.clone()).collect();
        for state in untold {
            let device = self.read_device(turn, state).await?;
            if device.set.is_some() {
                changed = true;
                self.devices.insert(device.state.name.clone(), device);
            }
        }
        if self.devices_untold {
            changed |= self.read_device_models(turn).await?;
        }
        Ok(changed)
    }

    /// A device as it is connected now, with its models if they are to be had.
    async fn read_device(
        &mut self,
        turn: &impl RequestGate,
        state: DeviceSchemas,
    ) -> Result<DeviceModels, Error> {
        let mut device = DeviceModels { state, set: None, untold: false };
        if !self.tells_of_devices || !device.state.may_have_schemas() {
            return Ok(device);
        }
        let listed = turn.acquire().await.device_schemas(&device.state.name, &RequestUser::Host).await;
        if listed.as_ref().is_err_and(Error::is_unknown_operation) {
            tracing::info!("The controller does not tell the models of its devices: it is older than 1.8");
            self.tells_of_devices = false;
            return Ok(device);
        }
        let Some(mut listed) = recovered(listed, "the models of a device are not known")? else {
            // It has none of a device that was not open since it was started.
            device.untold = device.state.is_open();
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
        device.set = self.read_set(turn, &device.state.name, Arc::new(key), HashMap::new()).await?;
        if let Some(set) = &device.set {
            self.sets.insert(set.key.clone(), set.clone());
        }
        Ok(device)
    }

    /// Reads and compiles the models that a device and others have. Of what is not in files, and not yet
    /// `found`, the device's texts are asked for.
    async fn read_set(
        &self,
        turn: &impl RequestGate,
        device: &str,
        key: Arc<ModelSetKey>,
        mut found: HashMap<SchemaRef, Vec<u8>>,
    ) -> Result<Option<Arc<ModelSet>>, Error> {
        let (directories, cache, wanted) = (self.directories.clone(), self.cache.clone(), key.clone());
        let local = spawn_blocking(move || local_texts(&directories, cache.as_deref(), &wanted));
        let Ok(mut texts) = local.await else { return Ok(None) };
        let mut new = Vec::new();
        let mut room = MOST_TEXT;
        for (schema, text) in &mut texts {
            if text.is_none() {
                *text = match found.remove(schema) {
                    Some(text) => Some(text),
                    None => fetch(turn, device, schema).await?,
                };
                new.extend(text.is_some().then(|| schema.clone()));
            }
            room = room.saturating_sub(text.as_ref().map_or(0, Vec::len));
            if room == 0 {
                tracing::warn!(device, "its models are larger than {MOST_TEXT} bytes");
                return Ok(None);
            }
        }
        let (cache, of) = (self.cache.clone(), device.to_owned());
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
            Arc::new(ModelSet { key, models: compile(set_of(texts), &of), missing })
        });
        Ok(compiled.await.ok())
    }

    /// Has the cache forget, once a day, what has not been used for long.
    async fn tidy_cache(&mut self) {
        if self.tidied.is_some_and(|tidied| tidied.elapsed() < TIDY) {
            return;
        }
        self.tidied = Some(Instant::now());
        let Some(cache) = self.cache.clone() else { return };
        let used: Vec<Arc<ModelSetKey>> = self.sets.keys().cloned().collect();
        let tidied = spawn_blocking(move || {
            used.iter().for_each(|key| cache.touch(&key.domain, &key.listed));
            cache.tidy();
        });
        // That it ends early is told by the panic itself.
        let _ = tidied.await;
    }
}

/// The text of one of a device's modules; `None` where it is not to be had.
async fn fetch(turn: &impl RequestGate, device: &str, schema: &SchemaRef) -> Result<Option<Vec<u8>>, Error> {
    let fetched = turn.acquire().await.device_schema(device, schema, &RequestUser::Host).await;
    let fetched = recovered(fetched, "a model of a device cannot be read")?;
    Ok(fetched.flatten().map(String::into_bytes))
}

/// What the files of this machine have of the modules of a domain.
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

/// A set of all modules that a server has, as far as their texts are there.
fn set_of(texts: impl IntoIterator<Item = (SchemaRef, Option<Vec<u8>>)>) -> ModuleSet {
    let mut set = ModuleSet::default();
    for (schema, text) in texts {
        match text.map(|text| set.add(&format!("{schema}.yang"), &text)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "a model is left out"),
            None => set.mark_partial(),
        }
    }
    set
}

/// The controller's own models, where it does not tell them itself.
fn own_from_files(directories: &YangDirectories, packages: &[(String, Vec<u8>)]) -> ModuleSet {
    let mut set = ModuleSet::default();
    directories.add_own(&mut set);
    for (file, text) in packages {
        // What the controller has goes before what came with a service.
        match ModuleSet::default().add(file, text) {
            Ok(module) if set.contains(&module.name, None) => {}
            Ok(_) => drop(set.add(file, text)),
            Err(error) => tracing::warn!(%error, "a model that came with a service is left out"),
        }
    }
    set.mark_partial();
    if !set.contains(CONTROLLER_MODULE, None) {
        add_skeleton(&mut set);
    }
    set
}

/// What came with services may be of devices' models as well: it tells keys and types where nothing else
/// does, but not what a device does not have.
fn others_from_packages(
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
    (!set.is_empty()).then(|| Arc::new(set.compile()))
}

fn add_skeleton(set: &mut ModuleSet) {
    for (name, text) in SKELETON {
        if !set.contains(name, None)
            && let Err(error) = set.add(name, text.as_bytes())
        {
            tracing::error!(%error, "the skeleton of the controller's model cannot be read");
        }
    }
    set.mark_abridged(CONTROLLER_MODULE);
}

fn compile(set: ModuleSet, of: &str) -> Arc<YangSchema> {
    let modules = set.len();
    let schema = set.compile();
    let problems = schema.problems();
    tracing::info!(of, modules, problems = problems.len(), "models read");
    problems.iter().for_each(|problem| tracing::debug!(of, %problem, "left out of a model"));
    Arc::new(schema)
}

/// What was answered; `None`, and told, where the controller refuses it. Only a lost connection is an error.
fn recovered<T>(answer: Result<T, Error>, otherwise: &'static str) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_recoverable() => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::info!(%error, cause, "{otherwise}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
