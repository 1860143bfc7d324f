//! The operator's file, `confine.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use confine_nacm::Nacm;
use confine_sandbox::{Limits, text};
use confine_service::QuarantinePolicy;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    limits::{LimitMisfit, LimitsTable},
    quarantine::QuarantineTable,
    rules::{ConflictPolicy, NacmTable, UndeclaredReadPolicy},
    service::{ServiceSettings, ServiceTable},
};
use crate::{
    address::{CollectorAddress, ListenAddress},
    log::{LogFilter, LogFormat, LogTarget},
    names::{GroupName, ListName, ModuleName, UserName},
    paths::{PathTarget, WrittenPath},
};

/// The most that is shown of a problem, in bytes.
const MAX_PROBLEM_BYTES: usize = 1000;

/// The operator's file. Every key is optional.
#[derive(Debug, Default)]
pub(crate) struct OperatorFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its keys.
    pub(crate) table: OperatorTable,
    /// The limits of modules without limits of their own.
    pub(crate) limits: Limits,
    /// The limits of modules with limits of their own.
    pub(crate) module_limits: BTreeMap<ModuleName, Limits>,
    /// Bytes of memory that all modules may take together; none for the default.
    pub(crate) total_resident: Option<u64>,
    /// When a module is put into quarantine.
    pub(crate) quarantine: QuarantinePolicy,
    /// Access rules for modules.
    pub(crate) rules: Option<Nacm>,
    /// The prefixes of paths in access rules, and their namespaces.
    pub(crate) rule_prefixes: BTreeMap<String, String>,
    /// The modules that may override a value that another instance has set.
    pub(crate) last_wins: BTreeSet<ModuleName>,
    /// The modules that may read what their descriptions do not declare.
    pub(crate) undeclared_reads: BTreeSet<ModuleName>,
    /// The lists with settings of their own.
    pub(crate) services: BTreeMap<ListName, ServiceSettings>,
}

/// The keys of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OperatorTable {
    pub(crate) controller_config: Option<Spanned<WrittenPath>>,
    pub(crate) socket: Option<Spanned<WrittenPath>>,
    pub(crate) running: Option<Spanned<WrittenPath>>,
    pub(crate) modules: Option<Vec<Spanned<WrittenPath>>>,
    pub(crate) exclude: Option<Vec<ModuleName>>,
    pub(crate) unmanaged: Option<Vec<ListName>>,
    pub(crate) user: Option<UserName>,
    pub(crate) cache: Option<Spanned<WrittenPath>>,
    pub(crate) state: Option<Spanned<WrittenPath>>,
    pub(crate) pidfile: Option<Spanned<WrittenPath>>,
    pub(crate) log: LogTable,
    pub(crate) admin: AdminTable,
    pub(crate) metrics: MetricsTable,
    pub(crate) traces: TracesTable,
    limits: LimitsTable,
    quarantine: QuarantineTable,
    nacm: NacmTable,
    module: BTreeMap<ModuleName, ModuleTable>,
    service: BTreeMap<ListName, Spanned<ServiceTable>>,
}

impl OperatorTable {
    /// All paths, and what each leads to.
    fn paths(&mut self) -> impl Iterator<Item = (&mut Spanned<WrittenPath>, PathTarget)> {
        let files = [&mut self.controller_config, &mut self.running, &mut self.pidfile];
        let sockets = [&mut self.socket, &mut self.admin.socket];
        let directories = [&mut self.cache, &mut self.state];
        let directories = directories.into_iter().flatten().chain(self.modules.iter_mut().flatten());
        let of = |target| move |path| (path, target);
        let files = files.into_iter().flatten().map(of(PathTarget::File));
        let sockets = sockets.into_iter().flatten().map(of(PathTarget::Socket));
        files.chain(sockets).chain(directories.map(of(PathTarget::Directory)))
    }
}

/// The table `log`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogTable {
    pub(crate) filter: Option<LogFilter>,
    pub(crate) to: Option<LogTarget>,
    pub(crate) format: Option<LogFormat>,
}

/// The table `admin`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminTable {
    pub(crate) socket: Option<Spanned<WrittenPath>>,
    pub(crate) group: Option<GroupName>,
}

/// The table `metrics`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsTable {
    pub(crate) listen: Option<ListenAddress>,
}

/// The table `traces`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TracesTable {
    pub(crate) collector: Option<CollectorAddress>,
}

/// The table `module.NAME`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ModuleTable {
    limits: LimitsTable,
    conflicts: ConflictPolicy,
    undeclared_reads: UndeclaredReadPolicy,
}

/// Why the operator's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorFileError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}`, line {line}{}: {what}", path.display(), key.as_ref().map(|key| format!(", key `{key}`")).unwrap_or_default())]
    Content {
        path: PathBuf,
        /// From 1.
        line: usize,
        /// With the tables around it; none if the text is not TOML.
        key: Option<String>,
        what: String,
    },
}

impl OperatorFile {
    pub(crate) fn read(path: &Path) -> Result<Self, OperatorFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| OperatorFileError::Read { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    pub(crate) fn parse(path: &Path, content: &str) -> Result<Self, OperatorFileError> {
        Self::of(path, content).map_err(|misfit| OperatorFileError::Content {
            path: path.into(),
            line: line(content, misfit.span.start),
            key: key(content, misfit.span.start),
            // It may quote the file.
            what: text::line(&misfit.what, MAX_PROBLEM_BYTES),
        })
    }

    fn of(path: &Path, text: &str) -> Result<Self, LimitMisfit> {
        let mut table: OperatorTable = toml::from_str(text).map_err(|error| LimitMisfit {
            span: error.span().unwrap_or_default(),
            what: error.message().trim_end().replace('\n', ": ").replace("unknown field", "unknown key"),
        })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for (written, target) in table.paths() {
            let placed = written.get_mut().place(directory, target);
            placed.map_err(|misfit| LimitMisfit { span: written.span(), what: misfit.to_string() })?;
        }
        let mut limits = Limits::default();
        table.limits.apply(&mut limits)?;
        let total_resident = table.limits.total_resident()?;
        let (rules, rule_prefixes) = (table.nacm.read()?, table.nacm.prefixes.clone());
        let mut module_limits = BTreeMap::new();
        let (mut last_wins, mut undeclared_reads) = (BTreeSet::new(), BTreeSet::new());
        for (name, module) in &table.module {
            if let Some(misfit) = module.limits.shared() {
                return Err(misfit);
            }
            if module.limits.is_set() {
                let mut limits = limits.clone();
                module.limits.apply(&mut limits)?;
                module_limits.insert(name.clone(), limits);
            }
            if module.conflicts == ConflictPolicy::LastWins {
                last_wins.insert(name.clone());
            }
            if module.undeclared_reads == UndeclaredReadPolicy::Warn {
                undeclared_reads.insert(name.clone());
            }
        }
        let mut services = BTreeMap::new();
        for (list, service) in &table.service {
            services.insert(list.clone(), ServiceSettings::read(list, service)?);
        }
        let mut quarantine = QuarantinePolicy::default();
        table.quarantine.apply(&mut quarantine)?;
        Ok(Self {
            path: path.into(),
            table,
            limits,
            module_limits,
            total_resident,
            quarantine,
            rules,
            rule_prefixes,
            last_wins,
            undeclared_reads,
            services,
        })
    }
}

fn line(text: &str, position: usize) -> usize {
    1 + text.bytes().take(position).filter(|&byte| byte == b'\n').count()
}

/// The key at this position, or the key whose value is there.
fn key(text: &str, position: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let keys = find(table.get_ref(), position)?;
    Some(keys.join("."))
}

fn find(table: &DeTable<'_>, position: usize) -> Option<Vec<String>> {
    table.iter().find_map(|(key, value)| {
        // The span of a table covers only its header, so its content is searched first.
        let below = match value.get_ref() {
            DeValue::Table(table) => find(table, position),
            _ => None,
        };
        let holds = |span: std::ops::Range<usize>| span.contains(&position);
        let mut keys = match below {
            Some(below) => below,
            None if holds(key.span()) || holds(value.span()) => Vec::new(),
            None => return None,
        };
        keys.insert(0, Spanned::get_ref(key).to_string());
        Some(keys)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OperatorFile, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("confine.toml");
        fs::write(&path, text).unwrap();
        OperatorFile::read(&path)
            .map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn every_key_is_optional() {
        let file = read("").unwrap();
        assert_eq!(file.limits, Limits::default());
        assert!(file.module_limits.is_empty());
        assert!(file.table.socket.is_none());
    }

    #[test]
    fn relative_path_starts_from_the_directory_of_the_file() {
        let file = read("socket = 'run/c.sock'\nmodules = ['/m', 'n']").unwrap();
        let here = file.path.parent().unwrap();
        assert_eq!(file.table.socket.as_ref().unwrap().get_ref().0, here.join("run/c.sock"));
        let modules = file.table.modules.as_ref().unwrap();
        assert_eq!(
            modules.iter().map(|path| path.get_ref().0.clone()).collect::<Vec<_>>(),
            [PathBuf::from("/m"), here.join("n")]
        );
    }

    #[test]
    fn module_has_the_common_limits_except_its_own() {
        let file =
            read("limits.memory = '1 GiB'\nlimits.handles = 5\n[module.big.limits]\nmemory = '2 GiB'\n")
                .unwrap();
        let big = &file.module_limits[&"big".parse().unwrap()];
        assert_eq!((file.limits.memory, file.limits.handles), (1 << 30, 5));
        assert_eq!((big.memory, big.handles), (2 << 30, 5));
    }

    #[test]
    fn module_with_other_settings_has_no_limits_of_its_own() {
        let file =
            read("[module.loud]\nconflicts = 'last-wins'\nundeclared_reads = 'warn'\n[module.meek.limits]\n")
                .unwrap();
        assert!(file.module_limits.is_empty(), "{:?}", file.module_limits);
        assert_eq!(file.last_wins.iter().map(ModuleName::as_ref).collect::<Vec<_>>(), ["loud"]);
        assert_eq!(file.undeclared_reads, file.last_wins);
    }

    #[test]
    fn problem_is_reported_with_its_line_and_key() {
        let texts = [
            "user = 'root'\nsockets = '/x'\n",
            "modules = '/m'\n",
            "modules = [\n  '/m',\n  3,\n]\n",
            "socket = ''",
            "socket = \"\\u0000\"",
            "modules = [\n  '/m',\n  '/',\n]",
            "cache = '/usr/..'",
            "state = '/dev/null'",
            "running = '/usr'",
            "pidfile = '/run/confine/'",
            "[admin]\n\nsocket = '..'",
            "controller_config = ''",
            "user = 'a b'",
            "user = \"a\\u202eb\"",
            "user = ''",
            "exclude = ['.']",
            "unmanaged = ['ok', \"bench[name='x']\"]",
            "exclude = ['../x']",
            "[log]\nto = 'printer'",
            "[log]\nfilter = 'info,=loud'",
            "[admin]\ngroup = 'a:b'",
            "[metrics]\nlisten = '/usr'",
            "[metrics]\nlisten = '0.0.0.0:9464'",
            "[limits]\n\nmemory = '64 pies'",
            "[limits]\nfuel = { base = 0 }",
            "[limits]\nlog.base = '9 GiB'",
            "[limits.fuel]\nbasis = 3",
            "[module.x.limits]\nstack = '1 MiB'",
            "[module.x.limits]\ntotal_resident = '1 GiB'",
            "[module.x.limits]\nedits.base = 0",
            "[module.'a/b']\n",
            "[module.x]\nlimit = 3",
            "[module.x]\nundeclared_reads = 'allow'",
            "[service.bench]\nmodules = []",
            "[service.bench]\nmodules = [\n  'a',\n  'b',\n  'a',\n]",
            "[service.bench]\nmodules = ['a.wasm', 'a']",
            "[service.bench]\nmodules = ['']",
            "[service.bench]\nmodules = 'a'",
            "[service.bench]\n",
            "[service.bench]\nmodule = ['a']",
            "[service.bench]\nshares_with = []",
            "[service.bench]\nshares_with = [\n  'a',\n  'a',\n]",
            "[service.bench]\nmodules = ['a']\nshares_with = ['a', 'bench']",
            "[service.bench]\nshares_with = ['b:other']",
            "[service.bench]\nshares_with = 'other'",
            "[service.'h:bench']\nmodules = ['a']",
            "socket = \n",
            "socket = '/a'\nsocket = '/b'\n",
            "[limits\n",
        ];
        let texts: Vec<_> = texts.map(|text| read(text).unwrap_err()).into();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        `confine.toml`, line 2, key `sockets`: unknown key `sockets`, expected one of `controller_config`, `socket`, `running`, `modules`, `exclude`, `unmanaged`, `user`, `cache`, `state`, `pidfile`, `log`, `admin`, `metrics`, `traces`, `limits`, `quarantine`, `nacm`, `module`, `service`
        `confine.toml`, line 1, key `modules`: invalid type: string "/m", expected a sequence
        `confine.toml`, line 3, key `modules`: invalid type: integer `3`, expected a string
        `confine.toml`, line 1, key `socket`: a path cannot be empty
        `confine.toml`, line 1, key `socket`: `\u{0}` has a NUL character, which no path can have
        `confine.toml`, line 3, key `modules`: `/` is the root of the file system: name a directory below it
        `confine.toml`, line 1, key `cache`: `/usr/..` is the root of the file system: name a directory below it
        `confine.toml`, line 1, key `state`: `/dev/null` is a device or a pipe: write the path of a directory
        `confine.toml`, line 1, key `running`: `/usr` is a directory: write the path of a file
        `confine.toml`, line 1, key `pidfile`: `/run/confine/` does not end in the name of a file: add the name
        `confine.toml`, line 3, key `admin.socket`: `..` does not end in the name of a socket: add the name
        `confine.toml`, line 1, key `controller_config`: a path cannot be empty
        `confine.toml`, line 1, key `user`: `a b` is not a user name: write 1 to 255 bytes without blanks and control characters
        `confine.toml`, line 1, key `user`: `a\u{202e}b` is not a user name: write 1 to 255 bytes without blanks and control characters
        `confine.toml`, line 1, key `user`: `` is not a user name: write 1 to 255 bytes without blanks and control characters
        `confine.toml`, line 1, key `exclude`: `.` is not a module name: write the file name without `.wasm`, made of at most 250 letters, digits, `-`, `_` and `.`
        `confine.toml`, line 1, key `unmanaged`: `bench[name='x']` is not a list name: write the name of a list under `/services`, without prefix, keys or path
        `confine.toml`, line 1, key `exclude`: `../x` is not a module name: write the file name without `.wasm`, made of at most 250 letters, digits, `-`, `_` and `.`
        `confine.toml`, line 2, key `log.to`: unknown variant `printer`, expected one of `stderr`, `stdout`, `syslog`, `journald`
        `confine.toml`, line 2, key `log.filter`: `info,=loud` is not a log filter: write a level (error, warn, info, debug, trace, off) or levels per part of the program, as in `info,confine_backend=trace`
        `confine.toml`, line 2, key `admin.group`: `a:b` is not a group name: write 1 to 255 bytes without blanks, control characters, `:`, `,` and `/`
        `confine.toml`, line 2, key `metrics.listen`: `/usr` is a directory: write the path of a socket
        `confine.toml`, line 2, key `metrics.listen`: `0.0.0.0` is reachable from other machines: use a loopback address, as in `127.0.0.1:9464`
        `confine.toml`, line 3, key `limits.memory`: `64 pies` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `confine.toml`, line 2, key `limits.fuel.base`: 0 is too small: at least 1
        `confine.toml`, line 2, key `limits.log.base`: 9 GiB is too large: at most 1 GiB
        `confine.toml`, line 2, key `limits.fuel.basis`: unknown key `basis`, expected `base` or `per_instance`
        `confine.toml`, line 2, key `module.x.limits.stack`: the stack is the same for all modules: set it in `[limits]`
        `confine.toml`, line 2, key `module.x.limits.total_resident`: this is for all modules together: set it in `[limits]`
        `confine.toml`, line 2, key `module.x.limits.edits.base`: 0 is too small: at least 1
        `confine.toml`, line 1, key `module.a/b`: `a/b` is not a module name: write the file name without `.wasm`, made of at most 250 letters, digits, `-`, `_` and `.`
        `confine.toml`, line 2, key `module.x.limit`: unknown key `limit`, expected one of `limits`, `conflicts`, `undeclared_reads`
        `confine.toml`, line 2, key `module.x.undeclared_reads`: unknown variant `allow`, expected `refuse` or `warn`
        `confine.toml`, line 2, key `service.bench.modules`: no module is named: name those that serve the list, or add the list to `unmanaged`
        `confine.toml`, line 5, key `service.bench.modules`: `a` is named twice: name each module once
        `confine.toml`, line 2, key `service.bench.modules`: `a` is named twice: name each module once
        `confine.toml`, line 2, key `service.bench.modules`: `` is not a module name: write the file name without `.wasm`, made of at most 250 letters, digits, `-`, `_` and `.`
        `confine.toml`, line 2, key `service.bench.modules`: invalid type: string "a", expected a sequence
        `confine.toml`, line 1, key `service.bench`: the table is empty: name the modules that serve the list as `modules`, or lists that may own objects together with it as `shares_with`
        `confine.toml`, line 2, key `service.bench.module`: unknown key `module`, expected `modules` or `shares_with`
        `confine.toml`, line 2, key `service.bench.shares_with`: no list is named: name those that may own objects together with it, or remove the key
        `confine.toml`, line 4, key `service.bench.shares_with`: `a` is named twice: name each list once
        `confine.toml`, line 3, key `service.bench.shares_with`: `bench` is the list itself, whose instances share objects anyway: name other lists
        `confine.toml`, line 2, key `service.bench.shares_with`: `b:other` is not a list name: write the name of a list under `/services`, without prefix, keys or path
        `confine.toml`, line 2, key `service.bench.shares_with`: invalid type: string "other", expected a sequence
        `confine.toml`, line 1, key `service.h:bench`: `h:bench` is not a list name: write the name of a list under `/services`, without prefix, keys or path
        `confine.toml`, line 1: string values must be quoted, expected literal string
        `confine.toml`, line 2: duplicate key
        `confine.toml`, line 1: unclosed table, expected `]`
        "#);
    }

    #[test]
    fn unreadable_file_is_named() {
        insta::assert_snapshot!(OperatorFile::read(Path::new("/nowhere/confine.toml")).unwrap_err(), @"cannot read `/nowhere/confine.toml`");
    }
}
