//! Simulated devices: each has a configuration of its own and takes what is pushed to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use confine_tree::{NodeId, Tree};

use crate::diff::{DiffError, diff_text};
use crate::model::ControllerModels;

/// The configuration of a device at some time: a node of a tree that nobody changes any more. What stands
/// below it is the device's.
#[derive(Clone, Debug)]
pub(crate) struct DeviceSnapshot {
    pub(crate) tree: Arc<Tree>,
    pub(crate) node: NodeId,
}

impl DeviceSnapshot {
    pub(crate) fn new(tree: &Arc<Tree>, node: NodeId) -> Self {
        Self { tree: Arc::clone(tree), node }
    }

    /// What is different in another one, as text; empty where nothing is.
    pub(crate) fn diff(&self, other: &Self, models: &ControllerModels) -> Result<String, DiffError> {
        let (before, after) = ((&*self.tree, self.node), (&*other.tree, other.node));
        diff_text(before, after, &models.model(), models.device_config())
    }

    /// Whether both hold the same configuration.
    pub(crate) fn same(&self, other: &Self, models: &ControllerModels) -> bool {
        let shared = Arc::ptr_eq(&self.tree, &other.tree) && self.node == other.node;
        shared || self.diff(other, models).is_ok_and(|diff| diff.is_empty())
    }
}

/// When a simulated device refuses a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushPhase {
    /// When it is asked to validate: nothing has changed anywhere, and nothing does.
    Validate,
    /// When it is asked to commit: `running` has changed by then, and stays so.
    Commit,
}

/// A simulated device.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDevice {
    /// What the device has.
    pub(crate) config: DeviceSnapshot,
    /// What the controller believes that it has: as last pulled or pushed.
    pub(crate) synced: DeviceSnapshot,
    /// What the last transient pull found.
    pub(crate) transient: Option<DeviceSnapshot>,
    /// What it had before the last push.
    pub(crate) before_push: Option<DeviceSnapshot>,
    /// In which phase of a push it is to refuse the next one, and what it says then.
    pub(crate) refusal: Option<(PushPhase, String)>,
}

impl SimulatedDevice {
    /// A device with this configuration, which the controller has pulled.
    pub(crate) fn new(config: DeviceSnapshot) -> Self {
        Self { synced: config.clone(), config, transient: None, before_push: None, refusal: None }
    }

    /// Checks that nobody else has changed the device since it was pulled or pushed to.
    ///
    /// # Errors
    /// The reason, as a transaction gives it.
    pub(crate) fn check_sync(&self, name: &str, models: &ControllerModels) -> Result<(), String> {
        match self.config.same(&self.synced, models) {
            true => Ok(()),
            false => Err(format!(
                "Device {name} has changed config. See: diff device-{name}-SYNCED_db device-{name}-TRANSIENT_db"
            )),
        }
    }

    /// Asks the device to go through a phase of a push.
    ///
    /// # Errors
    /// What it says if it was told to refuse this phase. It refuses once.
    pub(crate) fn ask(&mut self, phase: PushPhase) -> Result<(), String> {
        match self.refusal.take_if(|(refused, _)| *refused == phase) {
            Some((_, reason)) => Err(reason),
            None => Ok(()),
        }
    }

    /// Takes a configuration over: the device's own, and what the controller believes.
    pub(crate) fn commit(&mut self, config: DeviceSnapshot) {
        self.before_push = Some(std::mem::replace(&mut self.config, config.clone()));
        self.synced = config;
    }
}

/// The devices, by name.
pub(crate) type Devices = BTreeMap<String, SimulatedDevice>;

/// Whether `name` matches `pattern`, in which `*` is any text and `?` any character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    // Which beginnings of the name, by length, the pattern matches as far as it has been read.
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![true];
    reached.resize(name.len() + 1, false);
    for part in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        let mut any = false;
        for (at, (&before, after)) in reached.iter().zip(&mut next).enumerate() {
            any |= before;
            let one = at.checked_sub(1).and_then(|last| Some((*reached.get(last)?, *name.get(last)?)));
            *after = match part {
                '*' => any,
                part => one.is_some_and(|(before, c)| before && (part == '?' || part == c)),
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_device_names() {
        for (pattern, name, expected) in [
            ("*", "r1", true),
            ("r1", "r1", true),
            ("r1", "r12", false),
            ("r?", "r1", true),
            ("r?", "r", false),
            ("openconfig*", "openconfig4", true),
            ("*-core-*", "a-core-core-1", true),
            ("*-core-*", "a-core", false),
            ("", "", true),
            ("", "r", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
