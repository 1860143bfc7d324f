//! Devices without a connection. If a commit changes one that takes part in the push, the controller (1.8.0) waits for its lock,
//! and the candidate stays locked: such a commit is refused. Devices that are disabled or that the commit was not started for
//! take no part.

use std::collections::{BTreeMap, BTreeSet};

use confine_backend::{Datastore, DatastoreDiff, DeviceConfigType, RequestUser};
use confine_tree::{CONTROLLER, Pattern, QName};
use confine_view::CommitDraft;

use crate::{Error, commit::work::CommitWork};

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
        let mut written: Vec<Pattern> = draft.edits().into_iter().map(|(_, place)| place).collect();
        written.retain(|place| written_device(place).is_some_and(|device| unopened.contains_key(device)));
        self.check_order(&unopened, &written, draft).await?;
        let first: BTreeSet<&str> = written.iter().filter_map(written_device).collect();
        let others: Vec<&str> = unopened.keys().copied().filter(|device| !first.contains(device)).collect();
        let compared = if others.len() > MOST_ALONE { self.compared("*").await? } else { None };
        // Each difference begins with a line that names the device. One that does not may be of any.
        let name = |text: &String| text.split_once(":\n").map(|(name, _)| name.to_owned());
        if let Some(changed) = compared.and_then(|all| all.iter().map(name).collect::<Option<Vec<_>>>()) {
            draft.steps().steps(changed.len()).map_err(confine_view::Error::from)?;
            let closed = changed.iter().find(|device| unopened.contains_key(device.as_str()));
            return closed.map_or(Ok(()), |device| Err(not_open(&unopened, device)));
        }
        for device in first.into_iter().chain(others) {
            draft.step()?;
            if self.compared(device).await?.is_some_and(|differences| !differences.is_empty()) {
                return Err(not_open(&unopened, device));
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

    /// Returns what a push would change on devices, a text for each; the name may have wildcards. None if the controller cannot
    /// compare them, as before a device was connected for the first time.
    async fn compared(&self, devices: &str) -> Result<Option<Vec<String>>, Error> {
        let diff = DatastoreDiff::Devices(devices, DeviceConfigType::Synced, DeviceConfigType::Actions);
        match self.backend.lock().await.datastore_diff(diff, &RequestUser::Host).await {
            Ok(differences) => Ok(Some(differences)),
            Err(error) if error.is_recoverable() => {
                tracing::debug!(devices, %error, "cannot compare devices without a connection");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that no entry moves in a list that is `ordered-by user`: the controller does not tell.
    async fn check_order(
        &self,
        unopened: &UnopenedDevices<'_>,
        written: &[Pattern],
        draft: &mut CommitDraft,
    ) -> Result<(), Error> {
        let lists: BTreeSet<Pattern> =
            written.iter().filter_map(|place| draft.list_ordered_by_user(place)).collect();
        if lists.is_empty() {
            return Ok(());
        }
        let mut running = self.as_host_user(Datastore::Running);
        running.read(&lists.into_iter().collect::<Vec<_>>()).await?;
        let moved = draft.first_moved(&mut running, written)?;
        match moved.as_ref().and_then(written_device) {
            Some(device) => Err(not_open(unopened, device)),
            None => Ok(()),
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
    let device = place.steps.get(1).filter(|step| step.name() == QName::new(CONTROLLER, "device"))?;
    device.key("name")
}
