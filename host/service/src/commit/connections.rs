//! Devices without a connection. If a commit changes one, the controller (1.8.0) waits for its lock, and the candidate stays
//! locked: such a commit is refused.

use std::collections::BTreeSet;

use confine_backend::{Datastore, DatastoreDiff, DeviceConfigType, RequestUser, UnopenedDevices};
use confine_tree::{CONTROLLER, Pattern, QName};
use confine_view::CommitDraft;

use crate::{Error, commit::work::CommitWork};

/// The most devices that are compared one by one although no module has written to them. If there are more, all devices of the
/// controller are compared at once.
const MOST_ALONE: usize = 64;

impl CommitWork<'_> {
    /// Checks that the commit changes no device without a connection, whoever has changed it, after the edit was written. A
    /// dry run reaches no device.
    pub(super) async fn check_connections(&self, draft: &mut CommitDraft) -> Result<(), Error> {
        if self.unopened.is_empty() || !self.reaches_devices {
            return Ok(());
        }
        let mut written: Vec<Pattern> = draft.edits().into_iter().map(|(_, place)| place).collect();
        written.retain(|place| unopened_device(&self.unopened, place).is_some());
        self.check_order(&written, draft).await?;
        let first: BTreeSet<&str> =
            written.iter().filter_map(|place| Some(unopened_device(&self.unopened, place)?.0)).collect();
        let others = self.unopened.keys().map(String::as_str).filter(|device| !first.contains(device));
        let others: Vec<&str> = others.collect();
        let compared = if others.len() > MOST_ALONE { self.compared("*").await? } else { None };
        // Each difference begins with a line that names the device. One that does not may be of any.
        let name = |text: &String| text.split_once(":\n").map(|(name, _)| name.to_owned());
        if let Some(changed) = compared.and_then(|all| all.iter().map(name).collect::<Option<Vec<_>>>()) {
            draft.steps().steps(changed.len()).map_err(confine_view::Error::from)?;
            let closed = changed.iter().find(|device| self.unopened.contains_key(*device));
            return closed.map_or(Ok(()), |device| Err(self.not_open(device)));
        }
        for device in first.into_iter().chain(others) {
            draft.step()?;
            if self.compared(device).await?.is_some_and(|differences| !differences.is_empty()) {
                return Err(self.not_open(device));
            }
        }
        Ok(())
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
    async fn check_order(&self, written: &[Pattern], draft: &mut CommitDraft) -> Result<(), Error> {
        let lists: BTreeSet<Pattern> =
            written.iter().filter_map(|place| draft.list_ordered_by_user(place)).collect();
        if lists.is_empty() {
            return Ok(());
        }
        let mut running = self.as_host_user(Datastore::Running);
        running.read(&lists.into_iter().collect::<Vec<_>>()).await?;
        let moved = draft.first_moved(&mut running, written)?;
        match moved.as_ref().and_then(|place| unopened_device(&self.unopened, place)) {
            Some((device, _)) => Err(self.not_open(device)),
            None => Ok(()),
        }
    }

    fn not_open(&self, device: &str) -> Error {
        let state = self.unopened.get(device).cloned().unwrap_or_default();
        Error::DeviceNotOpen { device: device.to_owned(), state }
    }
}

/// Returns the name and the state of the device that a place is on, if its connection is not open.
fn unopened_device<'a>(unopened: &'a UnopenedDevices, place: &'a Pattern) -> Option<(&'a str, &'a str)> {
    let device = place.steps.get(1).filter(|step| step.name() == QName::new(CONTROLLER, "device"))?;
    let name = device.key("name")?;
    Some((name, unopened.get(name)?))
}
