//! `confine serve`: the daemon.
//!
//! It may be started by hand, by a service manager, or by the controller's backend, which gives it the
//! working directory `/`, no standard input and output, and an environment that is somebody else's. So
//! nothing here depends on any of these: the runtime library opens `/dev/null` for standard descriptors
//! that are closed before anything else can get their numbers, signals that are ignored stay so, and no
//! file is looked for in a home directory.

use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

use confine_backend::{ModelCache, ModelStore};
use confine_sandbox::{Cache, Compiler, Runner};
use confine_service::{Host, ModuleLibrary, ModulePolicy, VersionStore, chain};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    admin::{AdminApi, Listeners},
    cli::SettingsArgs,
    error::Error,
    log::{self, LogFilter, LogFormat, LogLevels, LogTarget},
    manager, memory, parent,
    pidfile::Pidfile,
    settings::{self, SettingOrigin, Settings},
};

/// Threads of the daemon's own runtime. Guests have threads of their own.
const THREADS: usize = 2;

pub(super) fn run(options: &SettingsArgs) -> Result<(), Error> {
    let given_back = memory::give_back();
    let settings = Settings::gather(options);
    let (filter, to, format) = match &settings {
        Ok(settings) => (settings.log.filter.value.clone(), settings.log.to.value, settings.log.format.value),
        // What is wrong with the settings is told where an operator would look for it.
        Err(_) => (LogFilter::default(), options.log_target(), LogFormat::default()),
    };
    let collector = settings.as_ref().ok().and_then(|settings| settings.collector.as_ref());
    let written = log::start(&filter, to, format, collector.map(|collector| &collector.value))?;
    if let Err(error) = given_back {
        tracing::warn!(%error, "the program cannot be started once more: memory that modules took may be kept");
    }
    let served = settings.map_err(Error::from).and_then(|settings| serve(&settings, &written.levels()));
    if let Err(error) = &served
        && to != LogTarget::Stderr
    {
        tracing::error!("Ending: {}", chain(error));
    }
    served
}

fn serve(settings: &Settings, levels: &LogLevels) -> Result<(), Error> {
    let _pidfile = settings.pidfile.as_ref().map(|path| Pidfile::lock(&path.value)).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("confine")
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let served = runtime.block_on(daemon(settings, levels));
    // What still runs there has nobody left to answer to. The backend may think that a child which lingers
    // is never going to end.
    runtime.shutdown_background();
    served
}

async fn daemon(settings: &Settings, levels: &LogLevels) -> Result<(), Error> {
    let mut told = StopSignals::new().map_err(Error::Runtime)?;
    let mut told_twice = StopSignals::new().map_err(Error::Runtime)?;
    fail_at_large_files().map_err(Error::Runtime)?;
    let backend = backend(settings)?;
    let host = Arc::new(host(settings)?);
    let doors = doors(settings).await?;
    let interface = Arc::new(AdminApi::new(host.clone(), levels.clone(), settings::limit_lines));
    manager::ready();
    let shutdown = async {
        tokio::select! {
            () = told.end() => tracing::info!("Told to end"),
            () = parent::ended(&settings.socket.value, &host) => tracing::info!("The controller has ended"),
        }
        manager::stopping();
    };
    let impatience = async {
        told_twice.end().await;
        told_twice.end().await;
    };
    tokio::select! {
        () = confine_service::serve(host.clone(), backend, shutdown) => {
            manager::stopping();
            Ok(())
        }
        never = modules(host.clone(), settings) => match never {},
        () = impatience => Err(Error::Interrupted),
        never = manager::keep_alive() => match never {},
        never = doors.serve(&interface) => match never {},
    }
}

/// Where the backend is, and who the daemon is to it.
fn backend(settings: &Settings) -> Result<confine_backend::ConnectOptions, Error> {
    let own = confine_backend::process_user();
    let is_trusted = |user: &str| own.as_ref().is_ok_and(|own| own == user || own == "root");
    if let Some(backend_user) = settings.backend_user.as_ref().filter(|user| !is_trusted(&user.value)) {
        tracing::warn!(
            user = own.as_deref().ok(),
            "The backend lets only root and `{}` act for the users who commit: run Confine as one of these",
            backend_user.value,
        );
    }
    if let Some(directory) = &settings.missing_fragments {
        tracing::warn!(directory = %directory.display(), "The directory in CLICON_CONFIGDIR is not there");
    }
    let user = settings.user.as_ref().map_or(own, |user| Ok(user.value.to_string()))?;
    Ok(confine_backend::ConnectOptions {
        running_file: settings.running.as_ref().map(|running| running.value.clone()),
        ..confine_backend::ConnectOptions::with_host_user(&settings.socket.value, user)
    })
}

/// What is kept from one commit to the next. No module is loaded yet.
fn host(settings: &Settings) -> Result<Host, Error> {
    let runner = Runner::new(&settings.limits, compiler(settings)?)?;
    let library = ModuleLibrary {
        directories: settings.modules.iter().map(|directory| directory.value.clone()).collect(),
        exclude: settings.exclude.iter().map(|name| name.value.to_string()).collect(),
        limits: settings.limits_of_modules(),
        store: store(settings)?,
        quarantine: settings.quarantine,
    };
    let unmanaged = settings.unmanaged.iter().map(|list| list.value.to_string()).collect();
    let policy = ModulePolicy {
        rules: settings
            .rules
            .as_ref()
            .map(|rules| (format!("`{}`", rules.origin).into(), rules.value.clone())),
        last_wins: settings.last_wins.iter().map(ToString::to_string).collect(),
    };
    Ok(Host::of(runner, models(settings), unmanaged, library).with_policy(policy))
}

/// Loads the modules, and takes in for ever what changes in their directories, whatever happens meanwhile.
async fn modules(host: Arc<Host>, settings: &Settings) -> Infallible {
    let loading = host.clone();
    if let Err(ended) = tokio::spawn(async move { loading.load_modules().await }).await {
        tracing::error!(error = %ended, "The task that loads the modules ended");
    }
    tell_of_modules(&host, settings);
    loop {
        let watching = host.clone();
        let Err(ended) = tokio::spawn(async move { watching.watch().await }).await;
        tracing::error!(error = %ended, "The task that watches the module directories ended, and is begun again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What the settings say of modules, and what there is.
fn tell_of_modules(host: &Host, settings: &Settings) {
    let modules = host.status().modules;
    for name in settings.modules_named() {
        if !modules.iter().any(|module| module.name == name.as_ref()) {
            tracing::warn!(module = %name, "The settings name a module that is not there");
        }
    }
    for excluded in &settings.exclude {
        tracing::info!(module = %excluded.value, by = %excluded.origin, "A module is left out");
    }
    if modules.is_empty() {
        let directories: Vec<_> = settings.modules.iter().map(|directory| &directory.value).collect();
        tracing::warn!(?directories, "There are no modules: every commit of a service will be refused");
    }
}

/// Where versions of modules are kept, if that can be: nobody has asked for the place that is looked for
/// by default.
fn store(settings: &Settings) -> Result<Option<VersionStore>, Error> {
    match VersionStore::open(&settings.state.value) {
        Ok(store) => Ok(Some(store)),
        Err(error) if settings.state.origin == SettingOrigin::Default => {
            tracing::warn!(error = %chain(&error), "No versions of modules are kept, and there is no going back to one");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where models come from. That some cannot be kept is no reason to do without them.
fn models(settings: &Settings) -> ModelStore {
    let cache = ModelCache::open(settings.cache.value.join("models"));
    if let Err(error) = &cache {
        tracing::warn!(%error, "Models are read anew at each start: there is no cache");
    }
    let directories: Vec<PathBuf> =
        settings.modules.iter().map(|directory| directory.value.clone()).collect();
    ModelStore::new(settings.models.clone(), directories, cache.ok())
}

/// Where operators and monitoring find the daemon. It serves without operators where there is no
/// directory for their socket, as long as nobody has asked for it.
async fn doors(settings: &Settings) -> Result<Listeners, Error> {
    let mut doors = Listeners::none();
    let group = settings.admin_group.as_ref().map(|group| group.value.as_ref());
    match doors.open_admin(&settings.admin.value, group).await {
        Ok(()) => {}
        Err(error) if settings.admin.origin == SettingOrigin::Default => {
            tracing::warn!(error = %chain(&error), "There is no admin socket");
        }
        Err(error) => return Err(Error::Admin(error)),
    }
    if let Some(place) = &settings.metrics {
        doors.open_monitoring(&place.value).await.map_err(Error::Metrics)?;
    }
    Ok(doors)
}

/// With a cache, if there is one to be had: nobody has asked for the one that is looked for by default.
fn compiler(settings: &Settings) -> Result<Compiler, Error> {
    match Cache::open(&settings.cache.value) {
        Ok(cache) => Ok(Compiler::worker().with_cache(cache)),
        Err(error) if settings.cache.origin == SettingOrigin::Default => {
            tracing::warn!(error = %chain(&error), "Modules are compiled at each start: there is no cache");
            Ok(Compiler::worker())
        }
        Err(error) => Err(error.into()),
    }
}

/// What would be written beyond the largest size of a file is an error, like a full disk, and not the end.
fn fail_at_large_files() -> std::io::Result<()> {
    // The signal ends a process that does not take it. It is taken for good, wanted or not.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// The signals by which a process is told to end. `SIGHUP` is not among them.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
