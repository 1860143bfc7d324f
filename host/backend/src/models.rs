//! The models that are known: the controller's own, and those of its devices mounted below it.

mod cache;
mod directories;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::Future,
    sync::Arc,
};

use confine_yang::{ModuleSet, Mounted, Schema};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::spawn_blocking,
};

pub use self::{
    cache::ModelCache,
    directories::{Directories, models_beside},
};
use crate::{Backend, DeviceState, Error, Identity, SchemaRef};

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

/// Who lets the controller be asked: one request at a time, so that a commit need not wait for more than
/// one.
pub trait Turn: Sync {
    /// The connection, as soon as nobody has anything better to do with it.
    fn turn(&self) -> impl Future<Output = MutexGuard<'_, Backend>> + Send;
}

impl Turn for Mutex<Backend> {
    async fn turn(&self) -> MutexGuard<'_, Backend> {
        self.lock().await
    }
}

/// The models that are known, and where more come from: of devices, the directories that the controller's
/// configuration names, the cache, and the controller, in this order; of the controller itself, the
/// controller, and where that does not tell, the directories and what came with the services.
///
/// Reading them is a matter of the times in which nothing is committed: a commit works with what is known
/// when it begins. What cannot be had is not known, and that is all.
pub struct Models {
    directories: Arc<Directories>,
    /// Modules that came with services: name of the file and text.
    packages: Vec<(String, Vec<u8>)>,
    cache: Option<Arc<ModelCache>>,
    own: Arc<Schema>,
    /// What stands in for the models of devices of which nothing is known.
    others: Option<Arc<Schema>>,
    devices: BTreeMap<String, Device>,
    sets: HashMap<Key, Arc<Schema>>,
    /// A controller older than 1.8 does not tell of its devices' models.
    tells_of_devices: bool,
}

/// What devices have the same models: those of one domain that speak the same modules.
type Key = (String, Vec<SchemaRef>);

/// A device, with its models as they were when its connection came to be what it is.
#[derive(Clone, Debug)]
struct Device {
    state: DeviceState,
    models: Option<Arc<Schema>>,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("own", &self.own)
            .field("devices", &self.devices.len())
            .field("sets", &self.sets.len())
            .finish_non_exhaustive()
    }
}

impl Default for Models {
    fn default() -> Self {
        Self::new(Directories::default(), Vec::new(), None)
    }
}

impl Models {
    /// Nothing is read yet. `packages` are modules that came with services, each with the name of its file.
    pub fn new(
        directories: Directories,
        packages: Vec<(String, Vec<u8>)>,
        cache: Option<ModelCache>,
    ) -> Self {
        let mut set = ModuleSet::default();
        add_skeleton(&mut set);
        Self {
            directories: Arc::new(directories),
            packages,
            cache: cache.map(Arc::new),
            own: Arc::new(set.compile()),
            others: None,
            devices: BTreeMap::new(),
            sets: HashMap::new(),
            tells_of_devices: true,
        }
    }

    /// What is known now. Commits keep what they began with.
    pub fn schema(&self) -> Mounted {
        let mut schema = Mounted::new(self.own.clone(), DEVICE);
        for (name, device) in &self.devices {
            if let Some(models) = &device.models {
                schema.mount(name, models.clone());
            }
        }
        if let Some(others) = &self.others {
            schema.mount_in_others(others.clone());
        }
        schema
    }

    /// Reads the controller's own models anew: it may have been started with others. They are not cached,
    /// because who develops a service changes its module without giving it a new revision.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn read_own(&mut self, turn: &impl Turn) -> Result<(), Error> {
        self.tells_of_devices = true;
        let listed = turn.turn().await.own_schemas(&Identity::Host).await;
        let listed = recovered(listed, "the controller does not tell its own models")?.unwrap_or_default();
        let mut texts = Vec::with_capacity(listed.len());
        for schema in &listed {
            let text = turn.turn().await.own_schema(schema, &Identity::Host).await;
            texts.push((schema.clone(), recovered(text, "a model of the controller cannot be read")?));
        }
        let (directories, packages) = (self.directories.clone(), self.packages.clone());
        let compiled = spawn_blocking(move || {
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

    /// Brings the models of the devices up to date: of those that have come, or have come back. Whether
    /// anything is different now.
    ///
    /// # Errors
    /// A connection that is lost.
    pub async fn read_devices(&mut self, turn: &impl Turn) -> Result<bool, Error> {
        let states = turn.turn().await.device_states(&Identity::Host).await;
        let Some(states) = recovered(states, "the connections of the devices cannot be read")? else {
            return Ok(false);
        };
        let mut before = std::mem::take(&mut self.devices);
        let mut changed = false;
        let mut states = states.into_iter();
        let mut lost = None;
        for state in states.by_ref() {
            let known = before.remove(&state.name);
            let models = match known {
                Some(known) if known.state == state => known.models,
                known => {
                    let known = known.and_then(|known| known.models);
                    match self.read_device(turn, &state).await {
                        // It is on its way up or down, or the controller was just started: until it is
                        // back, what it spoke is the best that is known.
                        Ok(None) => known,
                        Ok(Some(models)) => {
                            changed |= !known.is_some_and(|known| Arc::ptr_eq(&known, &models));
                            Some(models)
                        }
                        Err(error) => {
                            lost = Some(error);
                            break;
                        }
                    }
                }
            };
            self.devices.insert(state.name.clone(), Device { state, models });
        }
        if let Some(error) = lost {
            // Those that were not asked about stay as they were.
            self.devices.append(&mut before);
            return Err(error);
        }
        changed |= before.values().any(|gone| gone.models.is_some());
        let in_use = |schema: &Arc<Schema>| {
            let mut models = self.devices.values().filter_map(|device| device.models.as_ref());
            models.any(|used| Arc::ptr_eq(used, schema))
        };
        self.sets.retain(|_, schema| in_use(schema));
        Ok(changed)
    }

    async fn read_device(
        &mut self,
        turn: &impl Turn,
        state: &DeviceState,
    ) -> Result<Option<Arc<Schema>>, Error> {
        if !self.tells_of_devices || !matches!(&*state.state, "OPEN" | "CLOSED") {
            return Ok(None);
        }
        let listed = turn.turn().await.device_schemas(&state.name, &Identity::Host).await;
        if listed.as_ref().is_err_and(Error::is_unknown_operation) {
            tracing::info!("The controller does not tell the models of its devices: it is older than 1.8");
            self.tells_of_devices = false;
            return Ok(None);
        }
        let Some(mut listed) = recovered(listed, "the models of a device are not known")? else {
            return Ok(None);
        };
        listed.sort();
        listed.dedup();
        if listed.is_empty() {
            return Ok(None);
        }
        let key = (state.domain.clone(), listed);
        if let Some(models) = self.sets.get(&key) {
            return Ok(Some(models.clone()));
        }
        let models = self.read_set(turn, state, &key.1).await?;
        if let Some(models) = &models {
            self.sets.insert(key, models.clone());
        }
        Ok(models)
    }

    /// Reads and compiles the models of a device, where nobody else has the same.
    async fn read_set(
        &self,
        turn: &impl Turn,
        state: &DeviceState,
        listed: &[SchemaRef],
    ) -> Result<Option<Arc<Schema>>, Error> {
        let (directories, cache) = (self.directories.clone(), self.cache.clone());
        let (domain, wanted) = (state.domain.clone(), listed.to_vec());
        let local = spawn_blocking(move || local_texts(&directories, cache.as_deref(), &domain, wanted));
        let Ok(mut texts) = local.await else { return Ok(None) };
        let mut new = Vec::new();
        let mut room = MOST_TEXT;
        for (schema, text) in &mut texts {
            if text.is_none() {
                let fetched = turn.turn().await.device_schema(&state.name, schema, &Identity::Host).await;
                *text = recovered(fetched, "a model of a device cannot be read")?
                    .flatten()
                    .map(String::into_bytes);
                new.extend(text.is_some().then(|| schema.clone()));
            }
            room = room.saturating_sub(text.as_ref().map_or(0, Vec::len));
            if room == 0 {
                tracing::warn!(device = state.name, "its models are larger than {MOST_TEXT} bytes");
                return Ok(None);
            }
        }
        let (cache, domain, device) = (self.cache.clone(), state.domain.clone(), state.name.clone());
        let compiled = spawn_blocking(move || {
            if let Some(cache) = cache.filter(|_| !new.is_empty()) {
                let mut index = cache.index(&domain);
                for (schema, text) in texts.iter().filter(|(schema, _)| new.contains(schema)) {
                    text.iter().for_each(|text| cache.put(&mut index, schema, text));
                }
                cache.put_index(&domain, &index);
            }
            compile(set_of(texts), &device)
        });
        Ok(compiled.await.ok())
    }
}

/// What the files of this machine have of the modules of a domain.
fn local_texts(
    directories: &Directories,
    cache: Option<&ModelCache>,
    domain: &str,
    wanted: Vec<SchemaRef>,
) -> Vec<(SchemaRef, Option<Vec<u8>>)> {
    let cached = cache.map(|cache| (cache, cache.index(domain)));
    let text = |schema: SchemaRef| {
        let of_cache = || cached.as_ref().and_then(|(cache, index)| cache.get(index, &schema));
        let text = directories.of_domain(domain, &schema).or_else(of_cache);
        (schema, text)
    };
    wanted.into_iter().map(text).collect()
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
fn own_from_files(directories: &Directories, packages: &[(String, Vec<u8>)]) -> ModuleSet {
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
fn others_from_packages(directories: &Directories, packages: &[(String, Vec<u8>)]) -> Option<Arc<Schema>> {
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

fn compile(set: ModuleSet, of: &str) -> Arc<Schema> {
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
