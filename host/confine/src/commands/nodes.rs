//! The commands that name nodes: `confine get` and `confine edit`.
//!
//! What a path means, and whether a value is one, is said by the models that the controller has: they are
//! read first, and of its devices only those that the path is about. What they know to be wrong is refused
//! before anything is sent.

mod edit;
mod get;
mod json;

use std::{collections::BTreeSet, future::Future, sync::Arc};

use confine_backend::{Backend, Error as BackendError, Identity, Models, Options, Payload};
use confine_tree::{
    CONTROLLER, Error as TreeError, Overlay, Path, Pattern, PatternStep, Predicate, PrefixMap, QName,
    ResolveError, Tree, nearest, xml,
};
use confine_yang::{Module, Mounted};
use tokio::sync::Mutex;

pub(super) use self::{edit::run as edit, get::run as get};
use crate::{cli::Controller, error::Error};

/// A place of a controller's data, as a path names it.
struct Place {
    /// What the path means: where it names no device, that may be several things.
    patterns: Vec<Pattern>,
    backend: Backend,
    user: String,
    models: Arc<Mounted>,
    overlay: Overlay,
    prefixes: PrefixMap,
}

/// Runs a command to its end.
fn block_on<T>(command: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(command)
}

impl Place {
    /// Finds out what a path means to a controller. A `value` may use prefixes as well. The types of all
    /// `values` below are known afterwards where they are asked for.
    async fn find(
        controller: &Controller,
        path: &str,
        value: Option<&str>,
        values: bool,
    ) -> Result<Self, Error> {
        let path = Path::parse(path).map_err(|error| ResolveError::from(TreeError::from(error)))?;
        if !path.absolute {
            return Err(Error::RelativePath { path: path.to_string() });
        }
        let options = options(controller)?;
        let user = options.host_user.clone();
        let backend = Mutex::new(Backend::connect(options).await.map_err(no_controller)?);
        let mut models = Models::default();
        models.read_own(&backend).await?;
        let is_open = read_devices(&mut models, &backend, &path, values).await?;
        let schema = Arc::new(models.schema());
        let prefixes = prefixes(&schema, &path, value)?;
        let overlay = Overlay::new(schema.clone());
        let examples = if is_open { models.examples() } else { Vec::new() };
        let patterns = resolve(&overlay, &path, &prefixes, &examples)?;
        Ok(Self { patterns, backend: backend.into_inner(), user, models: schema, overlay, prefixes })
    }
}

/// What a path means. One that names no device is looked up in the models of these; some may not know it.
fn resolve(
    overlay: &Overlay,
    path: &Path,
    prefixes: &PrefixMap,
    devices: &[&str],
) -> Result<Vec<Pattern>, ResolveError> {
    let of_device = |device: &&str| {
        let mut named = path.clone();
        if let Some(step) = named.steps.get_mut(1) {
            let value = Some((*device).to_owned());
            step.predicates = vec![Predicate::Key { prefix: None, name: "name".into(), value }];
        }
        let mut pattern = overlay.resolve(&named, &Pattern::default(), prefixes)?;
        if let Some(step) = pattern.steps.get_mut(1) {
            step.keys.clear();
        }
        Ok(pattern)
    };
    let (mut patterns, mut refused) = (Vec::new(), None);
    for meant in devices.iter().map(of_device) {
        match meant {
            Ok(pattern) if !patterns.contains(&pattern) => patterns.push(pattern),
            Ok(_) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match (patterns.is_empty(), refused) {
        (false, _) => Ok(patterns),
        (true, Some(error)) => Err(error),
        (true, None) => Ok(vec![overlay.resolve(path, &Pattern::default(), prefixes)?]),
    }
}

fn options(controller: &Controller) -> Result<Options, Error> {
    let user = controller.user.as_ref().map(ToString::to_string);
    let user = user.map_or_else(confine_backend::own_user, Ok)?;
    Ok(Options::with_host_user(&controller.socket, user))
}

fn no_controller(error: BackendError) -> Error {
    match error {
        BackendError::Connect { socket, source } => Error::Connect { socket, source },
        other => other.into(),
    }
}

/// Reads the models of the devices that a path is about: of one, or of all where it names none, which is then
/// true. Where `values` matter, also those of the devices that the path stops short of.
async fn read_devices(
    models: &mut Models,
    backend: &Mutex<Backend>,
    path: &Path,
    values: bool,
) -> Result<bool, Error> {
    let names: Vec<&str> = path.steps.iter().map(|step| &*step.name).collect();
    let needs_models = match &names[..] {
        ["devices", "device", "config", _, ..] => true,
        [] | ["devices"] | ["devices", "device"] | ["devices", "device", "config"] => values,
        ["devices", "device", ..] => false,
        _ => return Ok(false),
    };
    let mut states = backend.lock().await.device_states(&Identity::Host).await?;
    let predicates = path.steps.get(1).map(|step| &*step.predicates).unwrap_or_default();
    let named = predicates.iter().find_map(|predicate| match predicate {
        Predicate::Key { name, value: Some(value), .. } if **name == *"name" => Some(value),
        _ => None,
    });
    if let Some(named) = named {
        let known = states.iter().map(|state| &*state.name);
        // Who may not see the devices is told of none.
        if !states.is_empty() && !known.clone().any(|name| name == named) {
            let near = nearest(named, known).into_iter().map(str::to_owned).collect();
            return Err(Error::NoDevice { name: named.clone(), nearest: near });
        }
        states.retain(|state| state.name == *named);
    }
    if needs_models {
        models.read_these(backend, states).await?;
    }
    Ok(named.is_none() && names.len() > 3)
}

/// What the prefixes of a path and a value stand for: modules go by the prefix that they call themselves by,
/// or by their name.
fn prefixes(models: &Mounted, path: &Path, value: Option<&str>) -> Result<PrefixMap, Error> {
    let in_predicate = |predicate: &Predicate| match predicate {
        Predicate::Key { prefix, value, .. } => {
            [prefix.as_deref().map(str::to_owned), prefix_of(value.as_deref())]
        }
        Predicate::Entry { value } => [None, prefix_of(value.as_deref())],
    };
    let said: BTreeSet<String> =
        path.steps.iter().filter_map(|step| step.prefix.as_deref().map(str::to_owned)).collect();
    let in_values =
        path.steps.iter().flat_map(|step| step.predicates.iter().flat_map(in_predicate)).flatten();
    // What looks like a prefix in a value need not be one.
    let perhaps: BTreeSet<String> = in_values.chain(prefix_of(value)).collect();
    let mut bound = Vec::new();
    for prefix in said.iter().chain(perhaps.difference(&said)) {
        let named = |module: &&Module| module.prefix() == prefix || module.name() == prefix;
        let namespaces: BTreeSet<&str> = models.modules().filter(named).map(Module::namespace).collect();
        let mut namespaces = namespaces.into_iter();
        match (namespaces.next(), namespaces.next()) {
            (Some(namespace), None) => bound.push((prefix.as_str(), namespace)),
            (Some(one), Some(other)) => {
                let (one, other) = (one.to_owned(), other.to_owned());
                return Err(Error::AmbiguousPrefix { prefix: prefix.clone(), one, other });
            }
            (None, _) if prefix == "ctrl" || !said.contains(prefix) => {}
            (None, _) => {
                let known = models.modules().flat_map(|module| [module.prefix(), module.name()]);
                let near = nearest(prefix, known).into_iter().map(str::to_owned).collect();
                return Err(Error::NoModule { prefix: prefix.clone(), nearest: near });
            }
        }
    }
    // Each prefix is there once, and the controller's model calls itself by the prefix that is known anyhow.
    PrefixMap::new(bound).map_err(|error| Error::AmbiguousPrefix {
        prefix: error.prefix,
        one: error.first,
        other: error.second,
    })
}

fn prefix_of(value: Option<&str>) -> Option<String> {
    value?.split_once(':').map(|(prefix, _)| prefix.to_owned())
}

/// What the controller has answered, as a tree.
fn tree(content: &Payload<'_>) -> Result<Tree, Error> {
    let bindings: Vec<_> = content.bindings().iter().collect();
    let mut tree = Tree::new();
    let read = xml::Reader::new().scope(&bindings).read(&mut tree, Tree::ROOT, content.as_str());
    read.map_err(ResolveError::from)?;
    Ok(tree)
}

/// Whether a place is a service or the configuration of a device, which a commit by the controller is for.
fn is_managed(pattern: &Pattern) -> bool {
    let is = |step: Option<&PatternStep>, local| {
        step.is_some_and(|step| step.name() == QName::new(CONTROLLER, local))
    };
    let mut steps = pattern.steps.iter();
    match steps.next() {
        first if is(first, "services") => true,
        first if is(first, "devices") => is(steps.next(), "device") && is(steps.next(), "config"),
        _ => false,
    }
}
