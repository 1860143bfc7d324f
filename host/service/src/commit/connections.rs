//! Devices without a connection. If a commit changes one, the controller (1.8.0) waits for its lock, and the candidate stays
//! locked: such a commit is refused.

use std::collections::BTreeSet;

use confine_backend::{Datastore, UnopenedDevices};
use confine_tree::{CONTROLLER, Pattern, QName};
use confine_view::{CommitDraft, InstanceRef};

use crate::{
    Error,
    commit::{
        declared::DeclaredPaths,
        work::{CommitWork, OwnershipSnapshot},
    },
};

impl CommitWork<'_> {
    /// Checks that the commit changes no device without a connection: what it writes, and what the instances had created
    /// and the controller has removed, must be there as it is in `running`. A dry run reaches no device.
    pub(super) async fn check_connections(
        &self,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
        instances: &[InstanceRef],
        draft: &mut CommitDraft,
    ) -> Result<(), Error> {
        if self.unopened.is_empty() || !self.reaches_devices {
            return Ok(());
        }
        let mut places: Vec<Pattern> = draft.edits().into_iter().map(|(_, place)| place).collect();
        places.retain(|place| unopened_device(&self.unopened, place).is_some());
        let written = places.clone();
        let lists: BTreeSet<Pattern> =
            written.iter().filter_map(|place| draft.list_ordered_by_user(place)).collect();
        for instance in instances {
            for object in snapshot.owners.created_by(instance) {
                draft.step()?;
                places.extend(declared.candidates(object, instance));
            }
        }
        places.retain(|place| unopened_device(&self.unopened, place).is_some());
        if places.is_empty() {
            return Ok(());
        }
        let mut running = self.as_host_user(Datastore::Running);
        running.read(&places.iter().chain(&lists).cloned().collect::<Vec<_>>()).await?;
        let changed = match draft.first_difference(&mut running, &places)? {
            None => draft.first_moved(&mut running, &written)?,
            changed => changed,
        };
        match changed.and_then(|place| unopened_device(&self.unopened, &place)) {
            Some((device, state)) => Err(Error::DeviceNotOpen { device, state }),
            None => Ok(()),
        }
    }
}

/// Returns the name and the state of the device that a place is on, if its connection is not open.
fn unopened_device(unopened: &UnopenedDevices, place: &Pattern) -> Option<(String, String)> {
    let device = place.steps.get(1).filter(|step| step.name() == QName::new(CONTROLLER, "device"))?;
    let name = device.key("name")?;
    Some((name.to_owned(), unopened.get(name)?.clone()))
}
