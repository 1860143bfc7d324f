//! What a path means to a controller.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use confine_tree::{
    CONTROLLER, Error as TreeError, Overlay, Path, Pattern, PatternStep, Predicate, PrefixMap, QName,
    ResolveError, nearest,
};
use confine_yang::{MountedSchema, YangModule, YangNode};

use crate::error::Error;

/// A place of a controller's data, as a path names it.
pub(super) struct DataPath {
    /// What the path means: where it names no device, that may be several things.
    pub(super) patterns: Vec<Pattern>,
    pub(super) models: Arc<MountedSchema>,
    pub(super) overlay: Overlay,
    pub(super) prefixes: PrefixMap,
}

impl DataPath {
    /// What the path means, or the first of it.
    pub(super) fn pattern(&self) -> Pattern {
        self.patterns.first().cloned().unwrap_or_default()
    }

    /// The node of the model at a place, where there is one.
    pub(super) fn node(&self, pattern: &Pattern) -> Option<YangNode<'_>> {
        self.models.node(self.overlay.locate(pattern).schema()?)
    }
}

/// A path as it is written.
pub(super) fn parsed(path: &str) -> Result<Path, Error> {
    Ok(Path::parse(path).map_err(|error| ResolveError::from(TreeError::from(error)))?)
}

/// A path that begins at the root.
pub(super) fn absolute(path: &str) -> Result<Path, Error> {
    let path = parsed(path)?;
    if path.absolute { Ok(path) } else { Err(Error::RelativePath { path: path.to_string() }) }
}

/// What a path means. One that names no device is looked up in the models of these; some may not know it.
pub(super) fn resolve(
    overlay: &Overlay,
    above: &Pattern,
    path: &Path,
    prefixes: &PrefixMap,
    devices: &[&str],
) -> Result<Vec<Pattern>, ResolveError> {
    let of_device = |device: &&str| {
        let mut named = path.clone();
        let step = 1_usize.checked_sub(above.steps.len()).and_then(|at| named.steps.get_mut(at));
        if let Some(step) = step {
            let value = Some((*device).to_owned());
            step.predicates = vec![Predicate::Key { prefix: None, name: "name".into(), value }];
        }
        let mut pattern = overlay.resolve(&named, above, prefixes)?;
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
        (true, None) => Ok(vec![overlay.resolve(path, above, prefixes)?]),
    }
}

/// What the prefixes of a path and a value stand for: modules go by the prefix that they call themselves by,
/// or by their name. Of a `device`, its own models count and no other's.
pub(super) fn prefixes(
    models: &MountedSchema,
    device: Option<&str>,
    path: &Path,
    value: Option<&str>,
) -> Result<PrefixMap, Error> {
    let modules = modules(models, device);
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
        let named = |module: &&&YangModule| module.prefix() == prefix || module.name() == prefix;
        let namespaces: BTreeSet<&str> =
            modules.iter().filter(named).map(|module| module.namespace()).collect();
        let mut namespaces = namespaces.into_iter();
        match (namespaces.next(), namespaces.next()) {
            (Some(namespace), None) => bound.push((prefix.as_str(), namespace)),
            (Some(one), Some(other)) => {
                let (one, other) = (one.to_owned(), other.to_owned());
                return Err(Error::AmbiguousPrefix { prefix: prefix.clone(), one, other });
            }
            (None, _) if prefix == "ctrl" || !said.contains(prefix) => {}
            (None, _) => {
                let known = modules.iter().flat_map(|module| [module.prefix(), module.name()]);
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

/// The prefixes of all modules, or their names where several have one prefix: what to propose is written with
/// them.
pub(super) fn every_prefix(models: &MountedSchema, device: Option<&str>) -> Option<PrefixMap> {
    let modules = modules(models, device);
    let mut namespaces: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for module in &modules {
        namespaces.entry(module.prefix()).or_default().insert(module.namespace());
    }
    let clear = |module: &&&YangModule| namespaces.get(module.prefix()).is_some_and(|those| those.len() == 1);
    let by_prefix = modules.iter().filter(clear).map(|module| (module.prefix(), module.namespace()));
    let by_name =
        modules.iter().filter(|module| !clear(module)).map(|module| (module.name(), module.namespace()));
    PrefixMap::new(by_prefix.chain(by_name)).ok()
}

/// The modules that a path may be about.
fn modules<'a>(models: &'a MountedSchema, device: Option<&str>) -> Vec<&'a YangModule> {
    match device.and_then(|device| models.mounted(device)) {
        Some(mounted) => models.outer().modules().iter().chain(mounted.modules()).collect(),
        None => models.modules().collect(),
    }
}

fn prefix_of(value: Option<&str>) -> Option<String> {
    value?.split_once(':').map(|(prefix, _)| prefix.to_owned())
}

/// Whether a place is a service or the configuration of a device, which a commit by the controller is for.
pub(super) fn is_managed(pattern: &Pattern) -> bool {
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
