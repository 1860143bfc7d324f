//! Simulated devices: each has its own configuration and accepts what is pushed to it.

pub(crate) mod name_pattern;

use std::collections::BTreeMap;
use std::sync::Arc;

use confine_tree::{NodeId, Tree};

use crate::diff::{DiffError, diff_text};
use crate::models::ControllerModels;

/// The configuration of a device at some time: everything below a node of a tree that no longer changes.
#[derive(Clone, Debug)]
pub(crate) struct DeviceSnapshot {
    pub(crate) tree: Arc<Tree>,
    pub(crate) node: NodeId,
}

impl DeviceSnapshot {
    pub(crate) fn new(tree: &Arc<Tree>, node: NodeId) -> Self {
        Self { tree: Arc::clone(tree), node }
    }

    /// Returns the differences to another snapshot as text; empty if there are none.
    pub(crate) fn diff(&self, other: &Self, models: &ControllerModels) -> Result<String, DiffError> {
        let (before, after) = ((&*self.tree, self.node), (&*other.tree, other.node));
        diff_text(before, after, &models.model(), models.device_config())
    }

    /// Whether both hold the same configuration.
    pub(crate) fn is_same(&self, other: &Self, models: &ControllerModels) -> bool {
        let is_shared = Arc::ptr_eq(&self.tree, &other.tree) && self.node == other.node;
        is_shared || self.diff(other, models).is_ok_and(|diff| diff.is_empty())
    }
}

/// A phase of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushPhase {
    /// The device validates. If it refuses, nothing changes anywhere.
    Validate,
    /// The device commits. If it refuses, `running` has already changed and stays as it is.
    Commit,
}

/// A simulated device.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDevice {
    /// The configuration on the device.
    pub(crate) config: DeviceSnapshot,
    /// The configuration that the controller last pulled or pushed.
    pub(crate) synced: DeviceSnapshot,
    /// The configuration that the last transient pull found.
    pub(crate) transient: Option<DeviceSnapshot>,
    /// The configuration before the last push.
    pub(crate) before_push: Option<DeviceSnapshot>,
    /// The phase in which to refuse the next push, and the reason to give.
    pub(crate) refusal: Option<(PushPhase, String)>,
    /// Whether the controller has a connection to it.
    pub(crate) is_open: bool,
}

impl SimulatedDevice {
    /// Returns a device with this configuration, as if the controller had just pulled it.
    pub(crate) fn new(config: DeviceSnapshot) -> Self {
        Self {
            synced: config.clone(),
            config,
            transient: None,
            before_push: None,
            refusal: None,
            is_open: true,
        }
    }

    /// Checks that the device has not changed since the controller last pulled or pushed.
    ///
    /// # Errors
    /// The reason for the transaction.
    pub(crate) fn check_sync(&self, name: &str, models: &ControllerModels) -> Result<(), String> {
        match self.config.is_same(&self.synced, models) {
            true => Ok(()),
            false => Err(format!(
                "Device {name} has changed config. See: diff device-{name}-SYNCED_db device-{name}-TRANSIENT_db"
            )),
        }
    }

    /// Runs a phase of a push on the device.
    ///
    /// # Errors
    /// The reason set by `refusal`, if it is for this phase. The device refuses once.
    pub(crate) fn run_phase(&mut self, phase: PushPhase) -> Result<(), String> {
        match self.refusal.take_if(|(refused, _)| *refused == phase) {
            Some((_, reason)) => Err(reason),
            None => Ok(()),
        }
    }

    /// Replaces the configuration on the device, and the one that the controller knows.
    pub(crate) fn accept(&mut self, config: DeviceSnapshot) {
        self.before_push = Some(std::mem::replace(&mut self.config, config.clone()));
        self.synced = config;
    }
}

/// The devices, by name.
pub(crate) type Devices = BTreeMap<String, SimulatedDevice>;
