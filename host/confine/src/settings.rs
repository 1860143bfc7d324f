//! What the daemon runs with, from wherever it is said.

mod controller;
mod file;
mod limits;
mod property;
mod quantity;
mod quarantine;
mod rules;
mod show;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt,
    path::{Path, PathBuf},
};

use confine_backend::YangDirectories;
use confine_nacm::Nacm;
use confine_sandbox::Limits;
use confine_service::{ModuleLimits, QuarantinePolicy};

pub(crate) use self::limits::lines as limit_lines;
pub use self::property::any_settings;
pub(crate) use self::value::{GroupName, ListName, ModuleName, ModuleNames, UserName};
use self::{
    controller::{ControllerFile, ControllerFileError, OptionValue},
    file::{OperatorFile, OperatorFileError},
    value::{FilePath, SettingValueError},
};
use crate::{
    admin::ListenAddress,
    cli::SettingsArgs,
    log::{LogFilter, LogFormat, LogTarget},
    traces::CollectorAddress,
};

/// Confine's own file, which need not be there.
const FILE: &str = "/etc/confine/confine.toml";
/// The configuration of a controller that was built from source, which need not be there.
const CONTROLLER_FILE: &str = "/usr/local/etc/clixon/controller.xml";
/// Where such a controller has its socket.
const SOCKET: &str = "/usr/local/var/run/controller/controller.sock";
/// Where it has its service modules.
const MODULES: &str = "/usr/local/share/controller/modules";
/// Where the package makes a directory for compiled modules.
const CACHE: &str = "/var/cache/confine";
/// Where it makes one for what the daemon keeps.
const STATE: &str = "/var/lib/confine";
/// The socket for operators, in the directory that the service manager or `systemd-tmpfiles` makes.
const ADMIN: &str = "/run/confine/admin.sock";
/// The variable that says what to log.
const LOG_VARIABLE: &str = "CONFINE_LOG";
/// The variable that has the Python API server log more.
const PYTHON_DEBUG_VARIABLE: &str = "PYAPI_DEBUG";
/// The longest path that a unix socket can have on Linux, in bytes.
pub(crate) const SOCKET_PATH: usize = 107;

/// What the daemon runs with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The controller's socket.
    pub(crate) socket: SourcedValue<PathBuf>,
    /// The file in which the controller keeps `running`.
    pub(crate) running: Option<SourcedValue<PathBuf>>,
    /// Directories with modules, in the order in which they are searched.
    pub(crate) modules: Vec<SourcedValue<PathBuf>>,
    /// Modules to leave out.
    pub(crate) exclude: Vec<SourcedValue<ModuleName>>,
    /// Lists under `/services` that no module is meant for.
    pub(crate) unmanaged: Vec<SourcedValue<ListName>>,
    /// The user that the daemon acts as for itself; none for the one that it runs as.
    pub(crate) user: Option<SourcedValue<UserName>>,
    /// The directory for compiled modules, and for models.
    pub(crate) cache: SourcedValue<PathBuf>,
    /// The directory for what the daemon keeps: versions of modules.
    pub(crate) state: SourcedValue<PathBuf>,
    /// The directories with models that the controller's configuration names.
    pub(crate) models: YangDirectories,
    /// The file to lock.
    pub(crate) pidfile: Option<SourcedValue<PathBuf>>,
    /// What is logged.
    pub(crate) log: LogSettings,
    /// The socket for operators.
    pub(crate) admin: SourcedValue<PathBuf>,
    /// The group whose members may use it besides root and the daemon's own user.
    pub(crate) admin_group: Option<SourcedValue<GroupName>>,
    /// Where monitoring finds metrics; none for nowhere.
    pub(crate) metrics: Option<SourcedValue<ListenAddress>>,
    /// What takes the daemon's spans; none for nobody.
    pub(crate) collector: Option<SourcedValue<CollectorAddress>>,
    /// The limits of a module for which nothing else is said.
    pub(crate) limits: Limits,
    /// The limits of the modules for which something else is said.
    pub(crate) module_limits: BTreeMap<ModuleName, Limits>,
    /// When a module is set aside.
    pub(crate) quarantine: QuarantinePolicy,
    /// Rules for modules, beside the controller's own.
    pub(crate) rules: Option<SourcedValue<Nacm>>,
    /// The modules that may override what another instance has set.
    pub(crate) last_wins: BTreeSet<ModuleName>,
    /// The user that the backend runs as, if its configuration was read.
    pub(crate) backend_user: Option<SourcedValue<String>>,
    /// The directory of fragments that the controller's configuration names and that is not there.
    pub(crate) missing_fragments: Option<PathBuf>,
}

/// What is logged, where to and how.
#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: SourcedValue<LogFilter>,
    pub(crate) to: SourcedValue<LogTarget>,
    pub(crate) format: SourcedValue<LogFormat>,
}

/// A setting and who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourcedValue<T> {
    pub(crate) value: T,
    pub(crate) origin: SettingOrigin,
}

/// Who says a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingOrigin {
    CommandLine,
    /// A variable of the environment.
    Environment(&'static str),
    /// `confine.toml`, or a file of the controller's configuration.
    File(PathBuf),
    Default,
}

/// Why there are no settings to run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    File(#[from] OperatorFileError),
    #[error(transparent)]
    Controller(#[from] ControllerFileError),
    #[error("`{option}` in {origin} is wrong")]
    Option { option: &'static str, origin: SettingOrigin, source: SettingValueError },
    #[error("`{variable}` in the environment is wrong")]
    Variable { variable: &'static str, source: crate::log::LogFilterError },
    #[error("the socket's path `{}` ({origin}) has {} bytes, a socket's path can have {SOCKET_PATH} at most\nhint: name a shorter one, or one through a link to its directory", path.display(), path.as_os_str().len())]
    SocketPath { path: PathBuf, origin: SettingOrigin },
}

impl Settings {
    /// The settings that these options, the environment and the files that they name come to.
    pub(crate) fn gather(options: &SettingsArgs) -> Result<Self, SettingsError> {
        let file = match &options.config {
            Some(path) => OperatorFile::read(path)?,
            None if Path::new(FILE).exists() => OperatorFile::read(Path::new(FILE))?,
            None => OperatorFile::default(),
        };
        let environment = |variable: &str| env::var(variable).ok().filter(|text| !text.is_empty());
        let controller = controller(options, &file, Path::new(CONTROLLER_FILE))?;
        Self::merge(options, environment, &file, &controller)
    }

    fn merge(
        options: &SettingsArgs,
        environment: impl Fn(&str) -> Option<String>,
        file: &OperatorFile,
        controller: &ControllerFile,
    ) -> Result<Self, SettingsError> {
        let table = &file.table;
        let in_file = |path: &FilePath| file.says(path.within(file.directory()));
        let in_controller = |found: &OptionValue| found.says(PathBuf::from(&found.value));
        let path = |option: &Option<PathBuf>, key: &Option<FilePath>, found: &Option<OptionValue>| {
            option
                .clone()
                .map(SourcedValue::command_line)
                .or_else(|| key.as_ref().map(in_file))
                .or_else(|| found.as_ref().map(in_controller))
        };
        let socket = path(&options.socket, &table.socket, &controller.socket);
        let socket = socket.unwrap_or_else(|| SourcedValue::default(SOCKET.into()));
        let admin = path(&options.admin, &table.admin.socket, &None);
        let admin = admin.unwrap_or_else(|| SourcedValue::default(ADMIN.into()));
        for socket in [&socket, &admin] {
            if socket.value.as_os_str().len() > SOCKET_PATH {
                let SourcedValue { value: path, origin } = socket.clone();
                return Err(SettingsError::SocketPath { path, origin });
            }
        }
        // Of that controller, and not of one that another configuration is about.
        let running = controller.running.clone().filter(|_| controller.is_about(&socket.value));
        Ok(Self {
            socket,
            running: path(&None, &table.running, &running),
            modules: modules(options, file, controller),
            exclude: exclude(options, file, controller)?,
            unmanaged: unmanaged(options, file),
            user: first([
                options.user.clone().map(SourcedValue::command_line),
                table.user.clone().map(|user| file.says(user)),
            ]),
            cache: path(&options.cache, &table.cache, &None)
                .unwrap_or_else(|| SourcedValue::default(CACHE.into())),
            state: path(&options.state, &table.state, &None)
                .unwrap_or_else(|| SourcedValue::default(STATE.into())),
            models: controller.models.clone(),
            pidfile: path(&options.pidfile, &table.pidfile, &controller.pidfile),
            log: LogSettings::merge(options, environment, file)?,
            admin,
            admin_group: table.admin.group.clone().map(|group| file.says(group)),
            metrics: first([
                options.metrics.clone().map(SourcedValue::command_line),
                table.metrics.listen.clone().map(|listen| file.says(listen)),
            ]),
            collector: table.traces.collector.clone().map(|collector| file.says(collector)),
            limits: file.limits.clone(),
            module_limits: file.module_limits.clone(),
            quarantine: file.quarantine,
            rules: file.rules.clone().map(|rules| file.says(rules)),
            last_wins: file.last_wins.clone(),
            backend_user: controller.backend_user.as_ref().map(|found| found.says(found.value.clone())),
            missing_fragments: controller.missing.clone(),
        })
    }

    /// The modules of which something is said.
    pub(crate) fn modules_named(&self) -> BTreeSet<&ModuleName> {
        self.module_limits.keys().chain(&self.last_wins).collect()
    }

    /// What modules may use.
    pub(crate) fn limits_of_modules(&self) -> ModuleLimits {
        let own = self.module_limits.iter().map(|(name, limits)| (name.to_string(), limits.clone()));
        ModuleLimits { all: self.limits.clone(), own: own.collect() }
    }
}

/// The controller's configuration: the one that is named, or the usual one if it is there. Where another
/// controller's socket is named and no configuration, the usual one says nothing of that controller.
fn controller(
    options: &SettingsArgs,
    file: &OperatorFile,
    usual: &Path,
) -> Result<ControllerFile, SettingsError> {
    let within = |path: &FilePath| path.within(file.directory());
    let named = options.controller_config.clone();
    if let Some(path) = named.or_else(|| file.table.controller_config.as_ref().map(within)) {
        return Ok(ControllerFile::read(&path)?);
    }
    if !usual.exists() {
        return Ok(ControllerFile::default());
    }
    let controller = ControllerFile::read(usual)?;
    let socket = options.socket.clone().or_else(|| file.table.socket.as_ref().map(within));
    let is_meant = socket.is_none_or(|socket| controller.is_about(&socket));
    Ok(if is_meant { controller } else { ControllerFile::default() })
}

/// Those of the command line first, then those of the first file that names any.
fn modules(
    options: &SettingsArgs,
    file: &OperatorFile,
    controller: &ControllerFile,
) -> Vec<SourcedValue<PathBuf>> {
    let mut modules: Vec<_> = options.modules.iter().cloned().map(SourcedValue::command_line).collect();
    match (&file.table.modules, &controller.modules) {
        (Some(paths), _) => modules.extend(paths.iter().map(|path| file.says(path.within(file.directory())))),
        (None, Some(found)) => modules.push(found.says(PathBuf::from(&found.value))),
        (None, None) if modules.is_empty() => modules.push(SourcedValue::default(MODULES.into())),
        (None, None) => {}
    }
    let mut seen = BTreeSet::new();
    modules.retain(|module| seen.insert(module.value.clone()));
    modules
}

/// Those of all places.
fn exclude(
    options: &SettingsArgs,
    file: &OperatorFile,
    controller: &ControllerFile,
) -> Result<Vec<SourcedValue<ModuleName>>, SettingsError> {
    let said = options.exclude.iter().flat_map(ModuleNames::iter).cloned().map(SourcedValue::command_line);
    let mut exclude: Vec<_> = said.collect();
    exclude.extend(file.table.exclude.iter().flatten().cloned().map(|name| file.says(name)));
    if let Some(found) = &controller.exclude {
        let names: ModuleNames = found.value.parse().map_err(|source| SettingsError::Option {
            option: "CONTROLLER_PYAPI_MODULE_FILTER",
            origin: SettingOrigin::File(found.file.clone()),
            source,
        })?;
        exclude.extend(names.iter().cloned().map(|name| found.says(name)));
    }
    Ok(exclude)
}

/// Those of all places.
fn unmanaged(options: &SettingsArgs, file: &OperatorFile) -> Vec<SourcedValue<ListName>> {
    let said = options.unmanaged.iter().cloned().map(SourcedValue::command_line);
    said.chain(file.table.unmanaged.iter().flatten().cloned().map(|list| file.says(list))).collect()
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
        let mut filter = first([
            options.log.clone().map(SourcedValue::command_line),
            options.debug.then(|| SourcedValue::command_line(LogFilter::debug())),
            environment(LOG_VARIABLE).map(variable).transpose()?,
            python_debug,
            table.filter.clone().map(|filter| file.says(filter)),
        ])
        .unwrap_or_else(|| SourcedValue::default(LogFilter::default()));
        if options.log_xml {
            filter = SourcedValue::command_line(filter.value.with_xml());
        }
        Ok(Self {
            filter,
            to: first([options.log_to.map(SourcedValue::command_line), table.to.map(|to| file.says(to))])
                .unwrap_or_else(|| SourcedValue::default(options.log_target())),
            format: first([
                options.log_format.map(SourcedValue::command_line),
                table.format.map(|format| file.says(format)),
            ])
            .unwrap_or_else(|| SourcedValue::default(LogFormat::default())),
        })
    }
}

fn first<T>(said: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    said.into_iter().flatten().next()
}

impl<T> SourcedValue<T> {
    fn command_line(value: T) -> Self {
        Self { value, origin: SettingOrigin::CommandLine }
    }

    fn default(value: T) -> Self {
        Self { value, origin: SettingOrigin::Default }
    }
}

impl OperatorFile {
    fn says<T>(&self, value: T) -> SourcedValue<T> {
        SourcedValue { value, origin: SettingOrigin::File(self.path.clone()) }
    }
}

impl OptionValue {
    fn says<T>(&self, value: T) -> SourcedValue<T> {
        SourcedValue { value, origin: SettingOrigin::File(self.file.clone()) }
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests;
