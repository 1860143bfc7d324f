//! `confine serve`: the daemon.
//!
//! A user, a service manager or the controller's backend may start it. The backend gives it the working directory
//! `/`, no standard input and output, and its own environment. Nothing here depends on any of these: the runtime
//! library opens `/dev/null` for closed standard descriptors before anything else can get their numbers, ignored
//! signals stay ignored, and no file is searched for in a home directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use confine_backend::{ModelCache, ModelStore};
use confine_sandbox::{Cache, Compiler, HostSecret, Runner};
use confine_service::{Host, HostOptions, ModuleLibrary, ModulePolicy, VersionStore, error_chain};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::{AdminApi, Listeners},
    cli::SettingsArgs,
    error::Error,
    host_secret::{self, HostSecretError},
    log::{self, LogFilter, LogFormat, LogLevels, LogTarget},
    manager, memory,
    names::ListName,
    parent,
    pidfile::Pidfile,
    settings::{self, ServiceSettings, SettingOrigin, Settings},
};

/// Threads of the daemon's own runtime. Modules run on threads of their own.
const THREADS: usize = 2;

pub(super) fn run(options: &SettingsArgs) -> Result<(), Error> {
    let restarted = memory::return_to_system();
    let settings = Settings::gather(options);
    let (filter, to, format) = match &settings {
        Ok(settings) => (settings.log.filter.value.clone(), settings.log.to.value, settings.log.format.value),
        // Errors in the settings go where an operator looks for them.
        Err(_) => (LogFilter::default(), options.log_target(), LogFormat::default()),
    };
    let collector = settings.as_ref().ok().and_then(|settings| settings.collector.as_ref());
    let log = log::start(&filter, to, format, collector.map(|collector| &collector.value))?;
    if let Err(error) = restarted {
        tracing::warn!(%error, "cannot restart the program with its memory settings: memory of modules may not return to the system");
    }
    let served = settings.map_err(Error::from).and_then(|settings| serve(&settings, &log.levels()));
    if let Err(error) = &served
        && to != LogTarget::Stderr
    {
        tracing::error!("exiting: {}", error_chain(error));
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
    // Tasks that still run have nothing left to answer. The backend may take a child that lingers for one that never
    // exits.
    runtime.shutdown_background();
    served
}

async fn daemon(settings: &Settings, levels: &LogLevels) -> Result<(), Error> {
    let first_signal = stop_signals(1).map_err(Error::Runtime)?;
    let second_signal = stop_signals(2).map_err(Error::Runtime)?;
    fail_at_large_files().map_err(Error::Runtime)?;
    let backend = connect_options(settings)?;
    let host = Arc::new(host(settings)?);
    let listeners = listeners(settings).await?;
    let api = Arc::new(AdminApi::new(host.clone(), levels.clone(), settings::limit_lines));
    manager::ready();
    let shutdown = async {
        tokio::select! {
            () = first_signal => tracing::info!("stopping: received a signal"),
            () = parent::ended(&settings.socket.value, &host) => tracing::info!("stopping: the controller has exited"),
        }
        manager::stopping();
    };
    tokio::select! {
        () = confine_service::serve(host.clone(), backend, shutdown) => {
            manager::stopping();
            Ok(())
        }
        never = load_and_watch_modules(host.clone(), settings) => match never {},
        () = second_signal => Err(Error::Interrupted),
        never = manager::keep_alive() => match never {},
        never = listeners.serve(&api) => match never {},
    }
}

/// How to connect to the backend, and as which user.
fn connect_options(settings: &Settings) -> Result<confine_backend::ConnectOptions, Error> {
    let own = confine_backend::process_user();
    let is_trusted = |user: &str| own.as_ref().is_ok_and(|own| own == user || own == "root");
    if let Some(backend_user) = settings.backend_user.as_ref().filter(|user| !is_trusted(&user.value)) {
        tracing::warn!(
            user = own.as_deref().ok(),
            "the backend lets only root and `{}` act for committing users: run Confine as one of them",
            backend_user.value,
        );
    }
    if let Some(directory) = &settings.missing_fragments {
        tracing::warn!(directory = %directory.display(), "the directory in CLICON_CONFIGDIR does not exist");
    }
    let user = settings.user.as_ref().map_or(own, |user| Ok(user.value.to_string()))?;
    Ok(confine_backend::ConnectOptions {
        running_file: settings.running.as_ref().map(|running| running.value.clone()),
        ..confine_backend::ConnectOptions::with_host_user(&settings.socket.value, user)
    })
}

/// The state that is kept between commits, without modules yet.
fn host(settings: &Settings) -> Result<Host, Error> {
    let store = version_store(settings)?;
    let limits = settings.limits_of_modules();
    let runner = Runner::new(&limits.of_runner(), compiler(settings)?, secret(settings)?)?;
    let library = ModuleLibrary {
        directories: settings.modules.iter().map(|directory| directory.value.clone()).collect(),
        exclude: settings.exclude.iter().map(|name| name.value.to_string()).collect(),
        limits,
        store,
        services: by_list(&settings.services, |service| service.modules.as_ref()),
        shares_with: by_list(&settings.services, |service| Some(&service.shares_with)),
        named: settings.named_modules(),
        quarantine: settings.quarantine,
    };
    let unmanaged = settings.unmanaged.iter().map(|list| list.value.to_string()).collect();
    let policy = ModulePolicy {
        prefixes: settings.rule_prefixes.clone().into_iter().collect(),
        rules: settings
            .rules
            .as_ref()
            .map(|rules| (format!("`{}`", rules.origin).into(), rules.value.clone())),
        last_wins: settings.last_wins.iter().map(ToString::to_string).collect(),
        undeclared_reads: settings.undeclared_reads.iter().map(ToString::to_string).collect(),
    };
    let options = HostOptions {
        models: model_store(settings),
        unmanaged,
        policy,
        ledgers: Some(settings.state.value.clone()),
    };
    Ok(Host::of_library(runner, library, options)?)
}

/// Names in the settings of lists.
fn by_list<T: fmt::Display>(
    services: &BTreeMap<ListName, ServiceSettings>,
    names: impl Fn(&ServiceSettings) -> Option<&BTreeSet<T>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let named = services.iter().filter_map(|(list, service)| {
        let names = names(service)?;
        Some((list.to_string(), names.iter().map(T::to_string).collect()))
    });
    named.collect()
}

/// Loads the modules, and watches their directories for changes, for ever. A panic does not end it.
async fn load_and_watch_modules(host: Arc<Host>, settings: &Settings) -> Infallible {
    let watch = async {
        loop {
            let watching = host.clone();
            let Err(ended) = host.work().run(async move { watching.modules().watch().await }).await;
            tracing::error!(error = %ended, "the task that watches the module directories crashed and is restarted");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let log = async {
        host.modules().wait_until_known().await;
        log_modules(&host, settings);
        std::future::pending().await
    };
    tokio::select! {
        never = watch => never,
        never = log => never,
    }
}

/// Logs differences between the modules in the settings and those in the directories.
fn log_modules(host: &Host, settings: &Settings) {
    let modules = host.status().modules;
    for name in settings.modules_with_settings() {
        if !modules.iter().any(|module| module.name == name.as_ref()) {
            tracing::warn!(module = %name, "the settings name a module that does not exist");
        }
    }
    for list in settings.sharing_lists() {
        if !modules.iter().any(|module| module.services.iter().any(|service| service == list.as_ref())) {
            tracing::warn!(%list, "the settings let a list share objects that no module serves");
        }
    }
    for excluded in &settings.exclude {
        tracing::info!(module = %excluded.value, by = %excluded.origin, "excluded a module");
    }
    if modules.is_empty() {
        let directories: Vec<_> = settings.modules.iter().map(|directory| &directory.value).collect();
        tracing::warn!(?directories, "no modules found: every commit of a service will fail");
    }
}

/// The store of earlier versions. The daemon runs without one if the default directory cannot be used.
fn version_store(settings: &Settings) -> Result<Option<VersionStore>, Error> {
    match VersionStore::open(&settings.state.value) {
        Ok(store) => Ok(Some(store)),
        Err(error) if settings.state.origin == SettingOrigin::Default => {
            tracing::warn!(error = %error_chain(&error), "cannot keep versions of modules: rollback is not available");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The secret from which random bytes of modules derive. If it cannot be kept in the default directory, and is not there
/// either, it ends with the daemon.
fn secret(settings: &Settings) -> Result<HostSecret, Error> {
    match host_secret::open(&settings.state.value) {
        Err(error @ HostSecretError::Make { .. }) if settings.state.origin == SettingOrigin::Default => {
            tracing::warn!(
                error = %error_chain(&error),
                "cannot keep the secret from which the random bytes of modules derive: keys that modules make of them change with every restart of the daemon"
            );
            Ok(host_secret::in_memory()?)
        }
        opened => Ok(opened?),
    }
}

/// The source of YANG models, with a cache if its directory can be used.
fn model_store(settings: &Settings) -> ModelStore {
    let cache = ModelCache::open(settings.cache.value.join("models"));
    if let Err(error) = &cache {
        tracing::warn!(%error, "no cache for YANG models: they are read again at each start");
    }
    let directories: Vec<PathBuf> =
        settings.modules.iter().map(|directory| directory.value.clone()).collect();
    ModelStore::new(settings.models.clone(), directories, cache.ok())
}

/// The sockets for operators and monitoring. The daemon runs without an admin socket if the default one cannot be
/// opened, and no setting says whom it is for.
async fn listeners(settings: &Settings) -> Result<Listeners, Error> {
    let mut listeners = Listeners::none();
    let group = settings.admin_group.as_ref().map(|group| group.value.as_ref());
    match listeners.open_admin(&settings.admin.value, group).await {
        Ok(()) => {}
        Err(error) if settings.admin.origin == SettingOrigin::Default && group.is_none() => {
            tracing::warn!(error = %error_chain(&error), "cannot open the admin socket: serving without it");
        }
        Err(error) => return Err(Error::Admin(error)),
    }
    if let Some(address) = &settings.metrics {
        listeners.open_monitoring(&address.value).await.map_err(Error::Metrics)?;
    }
    Ok(listeners)
}

/// The compiler, with a cache. The daemon runs without a cache if the default directory cannot be used.
fn compiler(settings: &Settings) -> Result<Compiler, Error> {
    // Only one daemon has this state.
    let state = &settings.state.value;
    let owner = std::path::absolute(state).unwrap_or_else(|_| state.clone());
    match Cache::open(&settings.cache.value) {
        Ok(cache) => Ok(Compiler::worker().with_cache(cache.of_owner(&owner))),
        Err(error) if settings.cache.origin == SettingOrigin::Default => {
            tracing::warn!(error = %error_chain(&error), "no compile cache: modules are compiled at each start");
            Ok(Compiler::worker())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes a write beyond the maximum file size an error, like a full disk, instead of ending the process.
fn fail_at_large_files() -> std::io::Result<()> {
    // The signal ends a process that does not handle it. The handler stays for good.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Waits until this many signals to stop have arrived, from now on. `SIGHUP` is not one.
fn stop_signals(count: usize) -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        for _ in 0..count {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    })
}
