//! The settings of the daemon, merged from the command line, the environment and files.

mod controller;
mod file;
mod limits;
mod origin;
pub(crate) mod property;
mod quantity;
mod quarantine;
mod rules;
mod service;
mod show;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    env,
    path::{Path, PathBuf},
};

use confine_backend::YangDirectories;
use confine_nacm::Nacm;
use confine_sandbox::Limits;
use confine_service::{ModuleLimits, QuarantinePolicy};
use toml::Spanned;

use self::{
    controller::{ControllerFile, ControllerFileError},
    file::{OperatorFile, OperatorFileError},
};
pub(crate) use self::{
    limits::lines as limit_lines,
    origin::{SettingOrigin, SourcedValue},
    service::ServiceSettings,
};
use crate::{
    address::{CollectorAddress, ListenAddress},
    cli::SettingsArgs,
    log::{LogFilter, LogFormat, LogTarget},
    names::{GroupName, ListName, ModuleName, ModuleNames, SettingValueError, UserName},
    paths::{PathMisfit, PathTarget, WrittenPath, resolved},
};

/// Confine's own file, which need not exist.
const FILE: &str = "/etc/confine/confine.toml";
/// The configuration of a controller built from source, which need not exist.
const CONTROLLER_FILE: &str = "/usr/local/etc/clixon/controller.xml";
/// The socket of such a controller.
const SOCKET: &str = "/usr/local/var/run/controller/controller.sock";
/// Its directory of service modules.
const MODULES: &str = "/usr/local/share/controller/modules";
/// The directory for compiled modules that the package creates.
const CACHE: &str = "/var/cache/confine";
/// The directory for earlier versions of modules that the package creates.
const STATE: &str = "/var/lib/confine";
/// The admin socket, in the directory that the service manager or `systemd-tmpfiles` creates.
const ADMIN: &str = "/run/confine/admin.sock";
/// The variable with the log filter.
const LOG_VARIABLE: &str = "CONFINE_LOG";
/// The variable with which the Python API server logs more.
const PYTHON_DEBUG_VARIABLE: &str = "PYAPI_DEBUG";

/// The settings of the daemon.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The controller's socket.
    pub(crate) socket: SourcedValue<PathBuf>,
    /// The file where the controller keeps `running`.
    pub(crate) running: Option<SourcedValue<PathBuf>>,
    /// Directories with modules, in the order in which they are searched.
    pub(crate) modules: Vec<SourcedValue<PathBuf>>,
    /// Modules to exclude.
    pub(crate) exclude: Vec<SourcedValue<ModuleName>>,
    /// Lists under `/services` that no module serves.
    pub(crate) unmanaged: Vec<SourcedValue<ListName>>,
    /// The NETCONF user of the daemon's own session; none for the user that it runs as.
    pub(crate) user: Option<SourcedValue<UserName>>,
    /// The directory for compiled modules, and for models.
    pub(crate) cache: SourcedValue<PathBuf>,
    /// The directory for earlier versions of modules.
    pub(crate) state: SourcedValue<PathBuf>,
    /// The directories of YANG models in the controller's configuration.
    pub(crate) models: YangDirectories,
    /// The file to lock.
    pub(crate) pidfile: Option<SourcedValue<PathBuf>>,
    /// The log.
    pub(crate) log: LogSettings,
    /// The admin socket.
    pub(crate) admin: SourcedValue<PathBuf>,
    /// The group that may use the admin socket, in addition to root and the daemon's own user.
    pub(crate) admin_group: Option<SourcedValue<GroupName>>,
    /// The address for monitoring; none if there is none.
    pub(crate) metrics: Option<SourcedValue<ListenAddress>>,
    /// The collector of spans; none if there is none.
    pub(crate) collector: Option<SourcedValue<CollectorAddress>>,
    /// The limits of modules without limits of their own.
    pub(crate) limits: Limits,
    /// The limits of modules with limits of their own.
    pub(crate) module_limits: BTreeMap<ModuleName, Limits>,
    /// Bytes of memory that all modules may take together.
    pub(crate) total_resident: u64,
    /// When a module is put into quarantine.
    pub(crate) quarantine: QuarantinePolicy,
    /// Access rules for modules, in addition to those of the controller.
    pub(crate) rules: Option<SourcedValue<Nacm>>,
    /// The prefixes of paths in access rules, also in the controller's, and their namespaces.
    pub(crate) rule_prefixes: BTreeMap<String, String>,
    /// The modules that may override a value that another instance has set.
    pub(crate) last_wins: BTreeSet<ModuleName>,
    /// The modules that may read what their descriptions do not declare.
    pub(crate) undeclared_reads: BTreeSet<ModuleName>,
    /// The lists with settings of their own.
    pub(crate) services: BTreeMap<ListName, ServiceSettings>,
    /// The user that the backend runs as, if its configuration was read.
    pub(crate) backend_user: Option<SourcedValue<String>>,
    /// The directory of fragments that the controller's configuration names and that does not exist.
    pub(crate) missing_fragments: Option<PathBuf>,
}

/// The settings of the log.
#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: SourcedValue<LogFilter>,
    pub(crate) to: SourcedValue<LogTarget>,
    pub(crate) format: SourcedValue<LogFormat>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    File(#[from] OperatorFileError),
    #[error(transparent)]
    Controller(#[from] ControllerFileError),
    #[error("invalid `{option}` in {origin}")]
    Option { option: &'static str, origin: SettingOrigin, source: SettingValueError },
    #[error("invalid environment variable `{variable}`")]
    Variable { variable: &'static str, source: crate::log::LogFilterError },
    #[error("invalid `{option}` in {origin}")]
    Path { option: &'static str, origin: SettingOrigin, source: PathMisfit },
    #[error("`{option}` ({origin}) is in the module directory `{}`, which would take its files for modules: name a directory elsewhere", directory.display())]
    InModules { option: &'static str, origin: SettingOrigin, directory: PathBuf },
    #[error("`admin.socket` ({origin}) is the controller's socket: name another file")]
    AdminSocket { origin: SettingOrigin },
}

impl Settings {
    /// Merges the options, the environment and the files that they name.
    pub(crate) fn gather(options: &SettingsArgs) -> Result<Self, SettingsError> {
        let file = match &options.config {
            Some(path) => OperatorFile::read(path)?,
            None if Path::new(FILE).exists() => OperatorFile::read(Path::new(FILE))?,
            None => OperatorFile::default(),
        };
        let environment = |variable: &str| env::var(variable).ok().filter(|text| !text.is_empty());
        let controller = controller_file(options, &file, Path::new(CONTROLLER_FILE))?;
        Self::merge(options, environment, &file, &controller)
    }

    fn merge(
        options: &SettingsArgs,
        environment: impl Fn(&str) -> Option<String>,
        file: &OperatorFile,
        controller: &ControllerFile,
    ) -> Result<Self, SettingsError> {
        let table = &file.table;
        let path = |option: &Option<PathBuf>, key: &Option<Spanned<WrittenPath>>| {
            file.or_key(option, &key.as_ref().map(written))
        };
        let or_default = |found: Option<SourcedValue<PathBuf>>, default: &str| {
            found.unwrap_or_else(|| SourcedValue::default(default.into()))
        };
        let socket = match path(&options.socket, &table.socket) {
            None => checked("CLICON_SOCK", &controller.socket, PathTarget::Socket)?,
            socket => socket,
        };
        let mut socket = or_default(socket, SOCKET);
        // What is kept of a controller is kept by its socket, wherever the daemon is started. A path that is too long so works
        // as it is written.
        if let Ok(absolute) = std::path::absolute(&socket.value)
            && let Ok(absolute) = PathTarget::Socket.check(absolute)
        {
            socket.value = absolute;
        }
        let pidfile = match path(&options.pidfile, &table.pidfile) {
            None => checked("CONTROLLER_PYAPI_PIDFILE", &controller.pidfile, PathTarget::File)?,
            pidfile => pidfile,
        };
        // Only if the configuration is about the controller with this socket.
        let running = controller.running.clone().filter(|_| controller.is_about(&socket.value));
        let settings = Self {
            socket,
            running: path(&None, &table.running).or(running),
            modules: modules(options, file, controller)?,
            exclude: exclude(options, file, controller)?,
            unmanaged: unmanaged(options, file),
            user: file.or_key(&options.user, &table.user),
            cache: or_default(path(&options.cache, &table.cache), CACHE),
            state: or_default(path(&options.state, &table.state), STATE),
            models: controller.models.clone(),
            pidfile,
            log: LogSettings::merge(options, environment, file)?,
            admin: or_default(path(&options.admin, &table.admin.socket), ADMIN),
            admin_group: file.or_key(&None, &table.admin.group),
            metrics: file.or_key(&options.metrics, &table.metrics.listen),
            collector: file.or_key(&None, &table.traces.collector),
            limits: file.limits.clone(),
            module_limits: file.module_limits.clone(),
            total_resident: file.total_resident.unwrap_or(ModuleLimits::default().total_resident),
            quarantine: file.quarantine,
            rules: file.or_key(&None, &file.rules),
            rule_prefixes: file.rule_prefixes.clone(),
            last_wins: file.last_wins.clone(),
            undeclared_reads: file.undeclared_reads.clone(),
            services: file.services.clone(),
            backend_user: controller.backend_user.clone(),
            missing_fragments: controller.missing.clone(),
        };
        settings.check_places()?;
        Ok(settings)
    }

    /// Checks that Confine's own files are where nobody else looks for something.
    fn check_places(&self) -> Result<(), SettingsError> {
        for (option, own) in [("cache", &self.cache), ("state", &self.state)] {
            let place = resolved(&own.value);
            let around = self.modules.iter().find(|directory| place.starts_with(resolved(&directory.value)));
            if let Some(SourcedValue { value: directory, .. }) = around {
                let (origin, directory) = (own.origin.clone(), directory.clone());
                return Err(SettingsError::InModules { option, origin, directory });
            }
        }
        match resolved(&self.admin.value) == resolved(&self.socket.value) {
            true => Err(SettingsError::AdminSocket { origin: self.admin.origin.clone() }),
            false => Ok(()),
        }
    }

    /// The modules with settings of their own, and those that serve a list by the settings.
    pub(crate) fn modules_with_settings(&self) -> BTreeSet<&ModuleName> {
        let serving = self.services.values().filter_map(|service| service.modules.as_ref()).flatten();
        self.module_limits
            .keys()
            .chain(&self.last_wins)
            .chain(&self.undeclared_reads)
            .chain(serving)
            .collect()
    }

    /// The lists whose instances may own objects together with those of other lists.
    pub(crate) fn sharing_lists(&self) -> BTreeSet<&ListName> {
        let sharing = self.services.iter().filter(|(_, service)| !service.shares_with.is_empty());
        sharing.flat_map(|(list, service)| service.shares_with.iter().chain([list])).collect()
    }

    /// The names of modules that any setting names.
    pub(crate) fn named_modules(&self) -> HashSet<String> {
        let rules = self.rules.iter().flat_map(|rules| &rules.value.rule_lists);
        let groups = rules.flat_map(|list| &list.groups);
        let in_rules = groups.filter_map(|group| group.strip_prefix("module:")).map(str::to_owned);
        let excluded = self.exclude.iter().map(|excluded| &excluded.value);
        let others = self.modules_with_settings().into_iter().chain(excluded).map(ToString::to_string);
        in_rules.chain(others).collect()
    }

    /// The limits of all modules.
    pub(crate) fn limits_of_modules(&self) -> ModuleLimits {
        let own = self.module_limits.iter().map(|(name, limits)| (name.to_string(), limits.clone()));
        ModuleLimits { all: self.limits.clone(), own: own.collect(), total_resident: self.total_resident }
    }
}

/// The controller's configuration: the named one, or the default one if it exists and has the socket of the
/// settings.
fn controller_file(
    options: &SettingsArgs,
    file: &OperatorFile,
    default: &Path,
) -> Result<ControllerFile, SettingsError> {
    let named = options.controller_config.clone();
    if let Some(path) = named.or_else(|| file.table.controller_config.as_ref().map(written)) {
        return Ok(ControllerFile::read(&path)?);
    }
    if !default.exists() {
        return Ok(ControllerFile::default());
    }
    let controller = ControllerFile::read(default)?;
    let socket = options.socket.clone().or_else(|| file.table.socket.as_ref().map(written));
    let is_meant = socket.is_none_or(|socket| controller.is_about(&socket));
    Ok(if is_meant { controller } else { ControllerFile::default() })
}

/// The module directories: those of the command line, then those of the first file that names any.
fn modules(
    options: &SettingsArgs,
    file: &OperatorFile,
    controller: &ControllerFile,
) -> Result<Vec<SourcedValue<PathBuf>>, SettingsError> {
    let mut modules: Vec<_> = options.modules.iter().cloned().map(SourcedValue::command_line).collect();
    match (&file.table.modules, &controller.modules) {
        (Some(paths), _) => {
            modules.extend(paths.iter().map(|path| file.provides(written(path))));
        }
        (None, found @ Some(_)) => {
            modules.extend(checked("CONTROLLER_PYAPI_MODULE_PATH", found, PathTarget::Directory)?);
        }
        (None, None) if modules.is_empty() => modules.push(SourcedValue::default(MODULES.into())),
        (None, None) => {}
    }
    let mut seen = BTreeSet::new();
    modules.retain(|module| seen.insert(module.value.clone()));
    Ok(modules)
}

fn written(path: &Spanned<WrittenPath>) -> PathBuf {
    path.get_ref().0.clone()
}

/// A path of the controller's configuration, which is absolute.
fn checked(
    option: &'static str,
    found: &Option<SourcedValue<PathBuf>>,
    target: PathTarget,
) -> Result<Option<SourcedValue<PathBuf>>, SettingsError> {
    let Some(SourcedValue { value, origin }) = found.clone() else { return Ok(None) };
    match target.check_absolute(value) {
        Ok(value) => Ok(Some(SourcedValue { value, origin })),
        Err(source) => Err(SettingsError::Path { option, origin, source }),
    }
}

/// The excluded modules of all sources.
fn exclude(
    options: &SettingsArgs,
    file: &OperatorFile,
    controller: &ControllerFile,
) -> Result<Vec<SourcedValue<ModuleName>>, SettingsError> {
    let named = options.exclude.iter().flat_map(ModuleNames::iter).cloned().map(SourcedValue::command_line);
    let mut exclude: Vec<_> = named.collect();
    exclude.extend(file.table.exclude.iter().flatten().cloned().map(|name| file.provides(name)));
    if let Some(found) = &controller.exclude {
        let names: ModuleNames = found.value.parse().map_err(|source| SettingsError::Option {
            option: "CONTROLLER_PYAPI_MODULE_FILTER",
            origin: found.origin.clone(),
            source,
        })?;
        exclude.extend(names.iter().map(|name| found.clone().map(|_| name.clone())));
    }
    Ok(exclude)
}

/// The unmanaged lists of all sources.
fn unmanaged(options: &SettingsArgs, file: &OperatorFile) -> Vec<SourcedValue<ListName>> {
    let named = options.unmanaged.iter().cloned().map(SourcedValue::command_line);
    named.chain(file.table.unmanaged.iter().flatten().cloned().map(|list| file.provides(list))).collect()
}

impl LogSettings {
    fn merge(
        options: &SettingsArgs,
        environment: impl Fn(&str) -> Option<String>,
        file: &OperatorFile,
    ) -> Result<Self, SettingsError> {
        let table = &file.table.log;
        let variable = |text: String| match text.parse() {
            Ok(value) => Ok(SourcedValue { value, origin: SettingOrigin::Environment(LOG_VARIABLE) }),
            Err(source) => Err(SettingsError::Variable { variable: LOG_VARIABLE, source }),
        };
        let python_debug =
            environment(PYTHON_DEBUG_VARIABLE).filter(|text| text == "1").map(|_| SourcedValue {
                value: LogFilter::debug(),
                origin: SettingOrigin::Environment(PYTHON_DEBUG_VARIABLE),
            });
        let option = options.log.clone().or_else(|| options.debug.then(LogFilter::debug));
        let mut filter = option
            .map(SourcedValue::command_line)
            .or(environment(LOG_VARIABLE).map(variable).transpose()?)
            .or(python_debug)
            .or_else(|| file.or_key(&None, &table.filter))
            .unwrap_or_else(|| SourcedValue::default(LogFilter::default()));
        if options.log_xml {
            filter = SourcedValue::command_line(filter.value.with_xml());
        }
        Ok(Self {
            filter,
            to: file
                .or_key(&options.log_to, &table.to)
                .unwrap_or_else(|| SourcedValue::default(options.log_target())),
            format: file
                .or_key(&options.log_format, &table.format)
                .unwrap_or_else(|| SourcedValue::default(LogFormat::default())),
        })
    }
}

impl OperatorFile {
    fn provides<T>(&self, value: T) -> SourcedValue<T> {
        SourcedValue { value, origin: SettingOrigin::File(self.path.clone()) }
    }

    /// The value of the command line, else that of the file.
    fn or_key<T: Clone>(&self, option: &Option<T>, key: &Option<T>) -> Option<SourcedValue<T>> {
        let key = || key.clone().map(|value| self.provides(value));
        option.clone().map(SourcedValue::command_line).or_else(key)
    }
}

#[cfg(test)]
mod tests;
