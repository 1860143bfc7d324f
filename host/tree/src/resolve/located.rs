//! What is known of the nodes on paths, and the checks of paths that are written to.

use crate::{LocatedPath, NodeKind, Overlay, Pattern, PatternStep, ResolveError, SchemaLocation};

/// Finds what is known of nodes, one path after another: what a path has in common with the one before is not looked up again.
#[derive(Debug, Default)]
pub struct PathLocator {
    /// The steps of the path before, each with what is known of its node and of where the children of that are defined.
    steps: Vec<(PatternStep, SchemaLocation, SchemaLocation)>,
}

impl PathLocator {
    /// Returns what [`Overlay::locate`] returns. The overlay must be the same as before, and know the same.
    pub fn locate(&mut self, overlay: &Overlay, pattern: &Pattern) -> SchemaLocation {
        let common = self.steps.iter().zip(&pattern.steps).take_while(|((known, ..), step)| known == *step);
        let common = common.count();
        self.steps.truncate(common);
        for step in pattern.steps.iter().skip(common) {
            let above =
                self.steps.last().map_or_else(|| overlay.schema_view().root(), |&(.., inside)| inside);
            let (at, inside) = overlay.descend(above, step);
            self.steps.push((step.clone(), at, inside));
        }
        self.steps.last().map_or_else(|| overlay.schema_view().root(), |&(_, at, _)| at)
    }
}

impl Overlay {
    /// Returns a path with what is known of the nodes on it.
    pub fn located(&self, pattern: Pattern) -> LocatedPath {
        let spots = self.spots(&pattern).collect();
        LocatedPath { pattern, spots, exact: 0 }
    }

    /// Returns what is known of the node that a path names.
    pub fn spot(&self, path: &LocatedPath) -> SchemaLocation {
        path.spots.last().copied().unwrap_or_else(|| self.schema_view().root())
    }

    /// Fails if the pattern does not name one node, if that node cannot have a value, or if the path
    /// itself gives it another value.
    pub fn check_settable(&self, pattern: &Pattern, value: &str) -> Result<(), ResolveError> {
        self.check_exact(pattern)?;
        self.check_value(pattern, self.locate(pattern), value)
    }

    /// Fails if a node cannot have a value, or if its path itself gives it another value.
    pub fn check_value(
        &self,
        pattern: &Pattern,
        spot: SchemaLocation,
        value: &str,
    ) -> Result<(), ResolveError> {
        if let NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. } =
            self.schema_view().kind(spot)
        {
            let problem = "has children and no value: name a leaf, or use `create`".to_owned();
            return Err(ResolveError::Unfit { path: pattern.to_string(), problem });
        }
        let entry = pattern.steps.last().and_then(|step| step.entry.as_ref()?.as_deref());
        let problem = match (entry, pattern.key_value()) {
            (Some(entry), _) if entry != value => {
                format!(
                    "is the entry `{entry}` and cannot be set to `{value}`: remove it and set another entry"
                )
            }
            (_, Some(key)) if key != value => {
                format!(
                    "is a key with the value `{key}` in the path and cannot be set to `{value}`: create another entry"
                )
            }
            _ => return Ok(()),
        };
        Err(ResolveError::Unfit { path: pattern.to_string(), problem })
    }

    /// Fails if the pattern does not name one node, if that node needs a value, or if it is a container
    /// without presence, which cannot be created by itself.
    pub fn check_creatable(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        self.check_exact(pattern)?;
        self.check_without_value(pattern, self.locate(pattern))
    }

    /// Fails if a node needs a value, or if it is a container without presence.
    pub fn check_without_value(&self, pattern: &Pattern, spot: SchemaLocation) -> Result<(), ResolveError> {
        let problem = match self.schema_view().kind(spot) {
            NodeKind::Leaf => "is a leaf: use `set` with a value",
            NodeKind::Container if self.schema_view().is_certain(spot) => {
                "is a container without presence, which exists only if it has children: set its children instead"
            }
            _ => return Ok(()),
        };
        Err(ResolveError::Unfit { path: pattern.to_string(), problem: problem.to_owned() })
    }

    /// Fails if the pattern does not name one node, as far as that is known.
    pub fn check_exact(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        self.check_exact_at(pattern, self.spots(pattern), 0)
    }

    /// As [`check_exact`](Self::check_exact), of a path whose nodes are known.
    pub fn check_exact_located(&self, path: &LocatedPath) -> Result<(), ResolveError> {
        self.check_exact_at(&path.pattern, path.spots.iter().copied(), path.exact)
    }

    /// Notes whether all steps of a path that [is modelled](LocatedPath::is_modelled) name one node each. It need not be found
    /// out again for what is below it.
    pub fn note_exact(&self, path: &mut LocatedPath) {
        if path.is_modelled() && self.check_exact_located(path).is_ok() {
            path.exact = path.spots.len();
        }
    }

    fn check_exact_at(
        &self,
        pattern: &Pattern,
        spots: impl Iterator<Item = SchemaLocation>,
        exact: usize,
    ) -> Result<(), ResolveError> {
        for (index, (step, at)) in pattern.steps.iter().zip(spots).enumerate().skip(exact) {
            match self.schema_view().kind(at) {
                NodeKind::List { keys }
                    if keys.is_empty() || keys.iter().any(|key| step.key(key).is_none()) =>
                {
                    return Err(ResolveError::missing_keys(pattern, index, &keys));
                }
                NodeKind::LeafList if !matches!(step.entry, Some(Some(_))) => {
                    return Err(ResolveError::missing_keys(pattern, index, &[".".into()]));
                }
                NodeKind::Unknown { many } => {
                    let open = step.keys.iter().any(|(_, value)| value.is_none());
                    if open || many && step.keys.is_empty() && step.entry.is_none() {
                        let keys: Vec<Box<str>> = step.keys.iter().map(|(key, _)| key.clone()).collect();
                        return Err(ResolveError::missing_keys(pattern, index, &keys));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
