//! Devices without a connection. If a commit changes one that takes part in the push, the controller (1.8.0) waits for its lock,
//! and the candidate stays locked: such a commit is refused. Devices that are disabled or that the commit was not started for
//! take no part.

use std::collections::{BTreeMap, BTreeSet};

use confine_backend::{DatastoreDiff, DeviceConfigType, RequestUser};
use confine_tree::{CONTROLLER, Pattern, PatternStep, QName, Tree};
use confine_view::CommitDraft;

use crate::{
    Error,
    commit::{read::read_running, work::CommitWork},
};

/// The most devices that are compared one by one although no module has written to them. If there are more, all devices of the
/// controller are compared at once.
const MOST_ALONE: usize = 64;

/// The devices that a commit may not change, by name, with the state of the connection.
type UnopenedDevices<'a> = BTreeMap<&'a str, &'a str>;

impl CommitWork<'_> {
    /// Checks that the commit changes no device without a connection, whoever has changed it, after the edit was written. A
    /// dry run reaches no device.
    pub(super) async fn check_connections(&self, draft: &mut CommitDraft) -> Result<(), Error> {
        if !self.reaches_devices {
            return Ok(());
        }
        let unopened = self.unopened();
        if unopened.is_empty() {
            return Ok(());
        }
        self.check_differences(&unopened, draft).await?;
        match self.first_reordered(unopened.keys().copied()).await? {
            Some(device) => Err(not_open(&unopened, device)),
            None => Ok(()),
        }
    }

    /// Checks that the controller finds no difference on these devices, apart from the order of entries.
    async fn check_differences(
        &self,
        unopened: &UnopenedDevices<'_>,
        draft: &mut CommitDraft,
    ) -> Result<(), Error> {
        let mut written: Vec<Pattern> = draft.edits().into_iter().map(|(_, place)| place).collect();
        written.retain(|place| written_device(place).is_some_and(|device| unopened.contains_key(device)));
        let first: BTreeSet<&str> = written.iter().filter_map(written_device).collect();
        let others: Vec<&str> = unopened.keys().copied().filter(|device| !first.contains(device)).collect();
        let compared = if others.len() > MOST_ALONE { self.compared("*").await?.ok() } else { None };
        // Each difference begins with a line that names the device. One that does not may be of any.
        let name = |text: &String| text.split_once(":\n").map(|(name, _)| name.to_owned());
        if let Some(changed) = compared.and_then(|all| all.iter().map(name).collect::<Option<Vec<_>>>()) {
            draft.steps().steps(changed.len()).map_err(confine_view::Error::from)?;
            let closed = changed.iter().find(|device| unopened.contains_key(device.as_str()));
            return closed.map_or(Ok(()), |device| Err(not_open(unopened, device)));
        }
        for device in first.into_iter().chain(others) {
            draft.step()?;
            match self.compared(device).await? {
                Ok(differences) if differences.is_empty() => {}
                Ok(_) => return Err(not_open(unopened, device)),
                // It says nothing about the device.
                Err(error) if error.is_denied() || error.is_unknown_operation() => {}
                // The controller has no configuration of it, so the push would fail, whatever is pushed.
                Err(_) => return Err(Error::DeviceNeverOpen { device: device.to_owned() }),
            }
        }
        Ok(())
    }

    /// Returns the devices that take part in the push and have no connection.
    fn unopened(&self) -> UnopenedDevices<'_> {
        let selected = &self.transaction.devices;
        let takes_part = |name: &String| selected.is_empty() || selected.contains(name);
        let connections = self.connections.iter();
        let unopened = connections.filter(|(name, state)| *state != "OPEN" && takes_part(name));
        unopened.map(|(name, state)| (name.as_str(), state.as_str())).collect()
    }

    /// Checks that no module has written to an enabled device that the controller has never had to do with, before the edit is
    /// written. With it, even of a dry run, the device would be part of every later commit, and the controller would fail them.
    pub(super) async fn check_never_open(&self, draft: &mut CommitDraft) -> Result<(), Error> {
        // The host user may not be permitted to read the states.
        if self.connections.is_empty() {
            return Ok(());
        }
        let mut device = PatternStep::new(QName::new(CONTROLLER, "device"));
        device.keys.push(("name".into(), None));
        let devices = Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "devices")), device] };
        let known = draft.find(&devices);
        draft.steps().steps(known.len()).map_err(confine_view::Error::from)?;
        let is_unknown =
            |place: &Pattern| device_name(place).is_some_and(|device| !self.connections.contains_key(device));
        if !known.iter().any(is_unknown) {
            return Ok(());
        }
        let edits = draft.edits();
        let written: BTreeSet<&str> = edits.iter().filter_map(|(_, place)| written_device(place)).collect();
        for device in written.into_iter().filter(|device| !self.connections.contains_key(*device)) {
            draft.step()?;
            if self.is_enabled(&devices, device).await? {
                return Err(Error::DeviceNeverOpen { device: device.to_owned() });
            }
        }
        Ok(())
    }

    /// Returns whether a device is there and enabled. One that the host user may not read is not.
    async fn is_enabled(&self, devices: &Pattern, device: &str) -> Result<bool, Error> {
        let mut enabled = devices.clone();
        if let Some((_, name)) = enabled.steps.last_mut().and_then(|step| step.keys.first_mut()) {
            *name = Some(device.to_owned());
        }
        enabled.steps.push(PatternStep::new(QName::new(CONTROLLER, "enabled")));
        let running = read_running(self.backend, &[enabled]).await?;
        let leaf = ["devices", "device", "enabled"]
            .iter()
            .try_fold(Tree::ROOT, |node, name| running.child(node, QName::new(CONTROLLER, name)));
        Ok(leaf.and_then(|leaf| running.value(leaf)) == Some("true"))
    }

    /// Returns what a push would change on devices, a text for each; the name may have wildcards. The inner error is the
    /// controller's, if it cannot compare them.
    async fn compared(&self, devices: &str) -> Result<Result<Vec<String>, confine_backend::Error>, Error> {
        let diff = DatastoreDiff::Devices(devices, DeviceConfigType::Synced, DeviceConfigType::Actions);
        match self.backend.lock().await.datastore_diff(diff, &RequestUser::Host).await {
            Err(error) if error.is_recoverable() => {
                tracing::debug!(devices, %error, "cannot compare devices without a connection");
                Ok(Err(error))
            }
            compared => Ok(Ok(compared?)),
        }
    }
}

fn not_open(unopened: &UnopenedDevices<'_>, device: &str) -> Error {
    let state = unopened.get(device).copied().unwrap_or_default().to_owned();
    Error::DeviceNotOpen { device: device.to_owned(), state }
}

/// Returns the device whose configuration a place is in.
fn written_device(place: &Pattern) -> Option<&str> {
    place.steps.get(2).filter(|step| step.name() == QName::new(CONTROLLER, "config"))?;
    device_name(place)
}

fn device_name(place: &Pattern) -> Option<&str> {
    let device = place.steps.get(1).filter(|step| step.name() == QName::new(CONTROLLER, "device"))?;
    device.key("name")
}
