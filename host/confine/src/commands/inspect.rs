//! `confine inspect`: what a module declares, as the daemon sees it.

mod words;

use std::fmt;

use confine_sandbox::{Compiler, Digest, HostSecret, Limits, LoadError, Module, Runner, text::line};
use confine_service::read_module;
use serde::Serialize;

use self::words::AccessInWords;
use super::{connect::runtime, output::print};
use crate::{
    cli::{InspectArgs, SettingsArgs},
    error::Error,
    settings::Settings,
};

/// A module file. Its JSON is part of the interface of the command: fields may be added, none removed.
#[derive(Debug, Serialize)]
struct ModuleInspection {
    /// The file name without `.wasm`.
    name: String,
    /// The size of the file.
    bytes: usize,
    /// SHA-256 of the file, in hexadecimal digits.
    digest: String,
    /// Why the daemon would not load it; the fields below are only there if it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(flatten)]
    about: Option<ModuleSummary>,
}

/// What a module that can be loaded declares.
#[derive(Debug, Serialize)]
struct ModuleSummary {
    version: String,
    /// Bytes of the daemon's memory that it takes while it is loaded.
    resident: u64,
    services: Vec<InspectedService>,
    /// What it declares that it reads in addition to its instance.
    reads: Vec<String>,
    /// What it declares that it writes; empty for anything that the host allows.
    writes: Vec<String>,
    /// What it sees, in words.
    sees: Vec<AccessInWords>,
    /// What it may write, in words.
    may_write: Vec<AccessInWords>,
    prefixes: Vec<InspectedPrefix>,
    /// Whether it has hooks.
    hooks: bool,
    /// What the random numbers are that it imports, in words.
    random: Vec<&'static str>,
    /// What the clocks show that it imports, in words.
    clocks: Vec<&'static str>,
    /// Other declarations.
    options: Vec<InspectedOption>,
}

#[derive(Debug, Serialize)]
struct InspectedService {
    list: String,
    namespace: String,
    /// Empty if the module does not declare them.
    keys: Vec<String>,
}

#[derive(Debug, Serialize)]
struct InspectedPrefix {
    prefix: String,
    namespace: String,
}

#[derive(Debug, Serialize)]
struct InspectedOption {
    name: String,
    value: String,
}

pub(super) fn run(inspect: &InspectArgs) -> Result<(), Error> {
    let path = &inspect.module;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let settings =
        Settings::gather(&SettingsArgs { config: inspect.config.clone(), ..SettingsArgs::default() })?;
    let limits = settings.limits_of_modules();
    let limits = limits.of(&name);
    let bytes =
        read_module(path, limits.component).map_err(|source| Error::Module { path: path.clone(), source })?;
    let loaded = load(&name, &bytes, limits)?;
    let inspection = ModuleInspection::new(&name, &bytes, &loaded);
    if inspect.json {
        let mut json =
            serde_json::to_string_pretty(&inspection).map_err(|error| Error::Output(error.into()))?;
        json.push('\n');
        print(json.as_bytes())?;
    } else {
        print(inspection.to_string().as_bytes())?;
    }
    loaded.map(drop).map_err(Error::from)
}

/// Loads a module as the daemon does: compiled by a worker, within the limits of the module.
fn load(name: &str, bytes: &[u8], limits: &Limits) -> Result<Result<Module, LoadError>, Error> {
    let runtime = runtime()?;
    let runner = Runner::new(limits, Compiler::worker(), HostSecret::known())?;
    let loaded = runtime.block_on(runner.load(name, bytes.into(), limits));
    runtime.shutdown_background();
    Ok(loaded)
}

impl ModuleInspection {
    fn new(name: &str, bytes: &[u8], loaded: &Result<Module, LoadError>) -> Self {
        Self {
            name: line(name, name.len()),
            bytes: bytes.len(),
            digest: Digest::of(bytes).to_string(),
            refused: loaded.as_ref().err().map(|error| confine_service::error_chain(error)),
            about: loaded.as_ref().ok().map(ModuleSummary::new),
        }
    }
}

impl ModuleSummary {
    fn new(module: &Module) -> Self {
        let description = module.description();
        let shown = |text: &str| line(text, text.len());
        let prefixes = &description.prefixes;
        Self {
            version: description.version.to_string(),
            resident: module.resident(),
            services: description
                .services
                .iter()
                .map(|list| InspectedService {
                    list: shown(&list.local),
                    namespace: shown(&list.namespace),
                    keys: list.keys.iter().map(|(key, _)| shown(key)).collect(),
                })
                .collect(),
            reads: description.reads.iter().map(|path| shown(&path.to_string())).collect(),
            writes: description.writes.iter().map(|path| shown(&path.to_string())).collect(),
            sees: words::sees(description),
            may_write: words::writes(description),
            prefixes: prefixes
                .prefixes()
                .into_iter()
                .map(|prefix| InspectedPrefix {
                    prefix: shown(prefix),
                    namespace: shown(prefixes.namespace(prefix).unwrap_or_default()),
                })
                .collect(),
            hooks: module.has_hooks(),
            random: words::random(|interface| module.imports(interface)),
            clocks: words::clocks(|interface| module.imports(interface), description.commit_time),
            options: description
                .options
                .iter()
                .map(|(name, value)| InspectedOption { name: shown(name), value: shown(value) })
                .collect(),
        }
    }
}

/// Text for a person: a row for each field. Why a module is refused is not here but in the error of the
/// command.
impl fmt::Display for ModuleInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bytes, digest, about, .. } = self;
        match about {
            Some(about) => writeln!(f, "module    {name} {}", about.version)?,
            None => writeln!(f, "module    {name}")?,
        }
        writeln!(f, "size      {bytes} bytes")?;
        writeln!(f, "digest    sha256:{digest}")?;
        let Some(about) = about else { return Ok(()) };
        writeln!(f, "memory    {} bytes while it is loaded", about.resident)?;
        rows(f, "services", &about.services, "none")?;
        rows(f, "sees", &about.sees, "nothing")?;
        rows(f, "writes", &about.may_write, "nothing")?;
        rows(f, "prefixes", &about.prefixes, "none")?;
        writeln!(
            f,
            "hooks     {}",
            if about.hooks { "yes: they see the same, and write nothing" } else { "no" }
        )?;
        rows(f, "random", &about.random, "not imported")?;
        rows(f, "clocks", &about.clocks, "not imported")?;
        if about.options.is_empty() { Ok(()) } else { rows(f, "options", &about.options, "none") }
    }
}

/// The most rows of one title, so that all of it is on one screen.
const ROWS: usize = 12;

fn rows(f: &mut fmt::Formatter<'_>, title: &str, rows: &[impl fmt::Display], none: &str) -> fmt::Result {
    if rows.is_empty() {
        return writeln!(f, "{title:<10}{none}");
    }
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    rows.iter().take(ROWS).zip(titles).try_for_each(|(row, title)| writeln!(f, "{title:<10}{row}"))?;
    match rows.len().checked_sub(ROWS) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "{:<10}and {more} more, which `--json` lists", ""),
    }
}

impl fmt::Display for InspectedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.list)?;
        self.keys.iter().try_for_each(|key| write!(f, "[{key}]"))?;
        write!(f, " ({})", self.namespace)
    }
}

impl fmt::Display for InspectedPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.prefix, self.namespace)
    }
}

impl fmt::Display for InspectedOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.name, self.value)
    }
}
