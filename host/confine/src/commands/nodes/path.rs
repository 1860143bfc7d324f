//! Resolves paths in the models of a controller.

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

/// A resolved path in the data of a controller.
pub(super) struct DataPath {
    /// The patterns of the path: several where it names no device and devices have different models.
    pub(super) patterns: Vec<Pattern>,
    pub(super) models: Arc<MountedSchema>,
    pub(super) overlay: Overlay,
    pub(super) prefixes: PrefixMap,
}

impl DataPath {
    /// The first pattern of the path.
    pub(super) fn pattern(&self) -> Pattern {
        self.patterns.first().cloned().unwrap_or_default()
    }

    /// The schema node of a pattern, if its model has one.
    pub(super) fn node(&self, pattern: &Pattern) -> Option<YangNode<'_>> {
        self.models.node(self.overlay.locate(pattern).schema()?)
    }
}

/// Parses a path.
pub(super) fn parsed(path: &str) -> Result<Path, Error> {
    Ok(Path::parse(path).map_err(|error| ResolveError::from(TreeError::from(error)))?)
}

/// Parses a path that starts at the root.
pub(super) fn absolute(path: &str) -> Result<Path, Error> {
    let path = parsed(path)?;
    if path.absolute { Ok(path) } else { Err(Error::RelativePath { path: path.to_string() }) }
}

/// Resolves a path. A path that names no device is looked up in the models of these devices; some may not have it.
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

/// The namespaces of the prefixes in a path and a value. A prefix is that of a YANG module, or its name. For a
/// `device`, only its own models count.
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
    let written: BTreeSet<String> =
        path.steps.iter().filter_map(|step| step.prefix.as_deref().map(str::to_owned)).collect();
    let in_values =
        path.steps.iter().flat_map(|step| step.predicates.iter().flat_map(in_predicate)).flatten();
    // Text before a colon in a value need not be a prefix.
    let possible: BTreeSet<String> = in_values.chain(prefix_of(value)).collect();
    let mut bound = Vec::new();
    for prefix in written.iter().chain(possible.difference(&written)) {
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
            (None, _) if prefix == "ctrl" || !written.contains(prefix) => {}
            (None, _) => {
                let known = modules.iter().flat_map(|module| [module.prefix(), module.name()]);
                let near = nearest(prefix, known).into_iter().map(str::to_owned).collect();
                return Err(Error::NoModule { prefix: prefix.clone(), nearest: near });
            }
        }
    }
    // Each prefix occurs once, and that of the controller's own model is predefined.
    PrefixMap::new(bound).map_err(|error| Error::AmbiguousPrefix {
        prefix: error.prefix,
        one: error.first,
        other: error.second,
    })
}

/// The prefixes of all modules, or their names where several share a prefix: suggestions are written with
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

/// The modules that a path may refer to.
fn modules<'a>(models: &'a MountedSchema, device: Option<&str>) -> Vec<&'a YangModule> {
    match device.and_then(|device| models.mounted(device)) {
        Some(mounted) => models.outer().modules().iter().chain(mounted.modules()).collect(),
        None => models.modules().collect(),
    }
}

fn prefix_of(value: Option<&str>) -> Option<String> {
    value?.split_once(':').map(|(prefix, _)| prefix.to_owned())
}

/// Whether a pattern is in a service or in the configuration of a device, which the commit of the controller handles.
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
