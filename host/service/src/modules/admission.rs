//! Decides which modules serve which lists, and which are held.
//!
//! Who serves a list is decided once. A module that claims a list which others serve is held as a whole until an operator
//! approves it: it does not run, and nothing that it declares has any effect. The decision depends on what is stored, on
//! the settings and on the files that are there, not on how fast they are compiled: a list that nobody serves waits for all
//! files that were found no later than the first that claims it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use confine_sandbox::Module;

use crate::{
    EventKind,
    modules::{
        approvals::Approvals,
        claims::{WaitingClaim, WaitingClaims, claims_of},
        hold_reason::HoldReason,
        manager::ModuleManager,
        registry::NotLoaded,
        slot::{HeldVersion, ModuleSlot, StartReason},
        slots::ModuleSlots,
    },
    status,
};

/// The most names that a module has had before it is not recognised under another one any more.
const MOST_FORMER_NAMES: usize = 16;

/// What is decided about a version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Admission {
    /// It serves what it claims.
    Serve,
    /// Files that may claim the same are still being loaded.
    Undecided,
    Held(HoldReason),
}

/// What comes of a version that was loaded.
#[derive(Debug)]
pub(super) enum AdmissionOutcome {
    Admitted(AdmittedVersion),
    /// It is held, or waits for the decision. The event tells that it is held, if that is new.
    Held(Option<EventKind>),
    /// It would be held beside the version that runs, and takes too much memory.
    NoRoom(NotLoaded),
}

/// A version that may begin to serve.
#[derive(Debug)]
pub(super) struct AdmittedVersion {
    pub(super) name: String,
    pub(super) module: Module,
    pub(super) reason: StartReason,
    /// Whether the approvals have changed.
    pub(super) is_new: bool,
}

/// What comes of deciding anew.
#[derive(Debug, Default)]
struct Readmission {
    /// The versions that may serve now, which is recorded.
    admitted: Vec<AdmittedVersion>,
    /// Tell which versions are held that were undecided before.
    events: Vec<EventKind>,
    /// Whether a version is held for another reason.
    is_changed: bool,
}

/// What decisions about new lists depend on, besides approvals and settings.
struct Candidates {
    claims: WaitingClaims,
    /// The numbers of the scans that have found the files that are not loaded yet, by module.
    loading: BTreeMap<String, u64>,
    /// The retired modules by the digests of their files.
    retired: HashMap<String, String>,
}

impl Candidates {
    fn of(slots: &BTreeMap<String, ModuleSlot>) -> Self {
        let (claims, loading, retired) = Default::default();
        let mut candidates = Self { claims, loading, retired };
        for (name, slot) in slots {
            if slot.retired && slot.index.former.len() < MOST_FORMER_NAMES {
                let digests = slot.file_digests();
                candidates.retired.extend(digests.map(|digest| (digest, name.clone())));
            }
            if slot.restoring {
                candidates.loading.insert(name.clone(), 0);
            } else if slot.pending.is_some() {
                candidates.loading.insert(name.clone(), slot.found);
            }
            if let Some(held) = slot.held.as_ref().filter(|held| !held.is_starting)
                && matches!(held.why, None | Some(HoldReason::Contested { .. }))
            {
                let claim = WaitingClaim { module: name.clone(), found: slot.found };
                candidates.claims.add(claims_of(&held.module), &claim);
            }
        }
        candidates
    }

    fn is_loading(&self, claim: &WaitingClaim) -> bool {
        self.loading.iter().any(|(name, &found)| *name != claim.module && found <= claim.found)
    }

    /// Returns the retired module that has had the file of this one, which has not served under its own name.
    fn former_name(&self, slot: &ModuleSlot) -> Option<&str> {
        let file = slot.file_digest.filter(|_| !slot.retired && !slot.has_served())?;
        self.retired.get(&file.to_string()).map(String::as_str)
    }
}

impl ModuleSlots {
    /// Decides about a version that was loaded, and records the decision.
    pub(super) fn admit(&self, name: &str, module: Module, reason: StartReason) -> AdmissionOutcome {
        let mut slots = self.slots();
        let mut approvals = self.approvals();
        let candidates = Candidates::of(&slots);
        let why = match self.decide(&slots, &approvals, &candidates, (name, &module, reason)) {
            Admission::Serve => {
                let is_new = record(&slots, &mut approvals, name, &module);
                let name = name.to_owned();
                return AdmissionOutcome::Admitted(AdmittedVersion { name, module, reason, is_new });
            }
            Admission::Undecided => None,
            Admission::Held(why) => Some(why),
        };
        if let Err(error) = self.check_room_beside(&slots, name, &module) {
            return AdmissionOutcome::NoRoom(error);
        }
        let Some(slot) = slots.get_mut(name) else { return AdmissionOutcome::Held(None) };
        // One that was undecided is held from now on.
        let is_known = slot
            .held
            .as_ref()
            .is_some_and(|held| held.why.is_some() && held.module.digest() == module.digest());
        let event = why.as_ref().filter(|_| !is_known).map(|why| hold_event(name, &module, why));
        slot.hold(HeldVersion { module, reason, why, is_starting: false, since: status::now() });
        AdmissionOutcome::Held(event)
    }

    /// Decides anew about the versions that are held.
    fn readmit(&self) -> Readmission {
        let mut readmission = Readmission::default();
        let Readmission { admitted, events, is_changed } = &mut readmission;
        let mut slots = self.slots();
        let mut approvals = self.approvals();
        loop {
            let mut is_settled = true;
            let candidates = Candidates::of(&slots);
            let held = slots
                .iter()
                .filter_map(|(name, slot)| Some((slot.found, name.clone(), slot.held.clone()?)))
                .filter(|(_, _, held)| !held.is_starting);
            let mut held: Vec<_> = held.collect();
            // What was found first is decided first.
            held.sort_by_key(|(found, ..)| *found);
            for (_, name, HeldVersion { module, reason, why, .. }) in held {
                match self.decide(&slots, &approvals, &candidates, (&name, &module, reason)) {
                    Admission::Serve => {
                        let is_new = record(&slots, &mut approvals, &name, &module);
                        slots.get_mut(&name).and_then(ModuleSlot::start_held);
                        admitted.push(AdmittedVersion { name, module, reason, is_new });
                        is_settled = false;
                    }
                    Admission::Held(now) if why.as_ref() != Some(&now) => {
                        // What others do changes the reason, but it is held as before.
                        if why.is_none() {
                            events.push(hold_event(&name, &module, &now));
                        }
                        if let Some(held) = slots.get_mut(&name).and_then(|slot| slot.held.as_mut()) {
                            held.why = Some(now);
                        }
                        (*is_changed, is_settled) = (true, false);
                    }
                    Admission::Held(_) | Admission::Undecided => {}
                }
            }
            if is_settled {
                return readmission;
            }
        }
    }

    /// Lets the version of a module serve that is held, if the settings permit it.
    ///
    /// # Errors
    /// The reason why it stays held; none if it is not held.
    pub(super) fn approve(&self, name: &str) -> Result<AdmittedVersion, Option<HoldReason>> {
        let mut slots = self.slots();
        let mut approvals = self.approvals();
        let held = slots.get(name).and_then(|slot| slot.held.as_ref());
        let claims = claims_of(&held.filter(|held| !held.is_starting).ok_or(None)?.module);
        if let Some(assigned) = claims.iter().find_map(|list| self.assigned_to_others(list, name)) {
            return Err(Some(assigned));
        }
        if !approvals.have_room_for(name, &claims) {
            return Err(Some(HoldReason::TooManyLists));
        }
        let (module, reason) = slots.get_mut(name).and_then(ModuleSlot::start_held).ok_or(None)?;
        let is_new = record(&slots, &mut approvals, name, &module);
        Ok(AdmittedVersion { name: name.to_owned(), module, reason, is_new })
    }

    /// Checks that a version can stay loaded beside the one that runs.
    fn check_room_beside(
        &self,
        slots: &BTreeMap<String, ModuleSlot>,
        name: &str,
        module: &Module,
    ) -> Result<(), NotLoaded> {
        let others = slots.iter().map(|(other, slot)| match other == name {
            true => slot.module.as_ref().map(Module::resident).unwrap_or_default(),
            false => slot.resident(),
        });
        self.check_total_resident(module.resident(), others)
    }

    fn decide(
        &self,
        slots: &BTreeMap<String, ModuleSlot>,
        approvals: &Approvals,
        candidates: &Candidates,
        (name, module, reason): (&str, &Module, StartReason),
    ) -> Admission {
        let claims = claims_of(module);
        if let Some(assigned) = claims.iter().find_map(|list| self.assigned_to_others(list, name)) {
            return Admission::Held(assigned);
        }
        if reason == StartReason::Restart && approvals.adopts {
            return Admission::Serve;
        }
        let former = slots.get(name).and_then(|slot| candidates.former_name(slot));
        if let Some(renamed) = former.and_then(|from| self.named(from, name)) {
            return Admission::Held(renamed);
        }
        let claim = WaitingClaim {
            module: name.to_owned(),
            found: slots.get(name).map(|slot| slot.found).unwrap_or_default(),
        };
        let mut new = Vec::new();
        for list in claims.iter().filter(|list| !self.is_assigned(list) && !approvals.has(list, name)) {
            let by: Vec<String> =
                approvals.of(list).filter(|other| slots.contains_key(*other)).map(str::to_owned).collect();
            match by.is_empty() {
                false => return Admission::Held(HoldReason::Served { list: list.clone(), by }),
                true => new.push(list),
            }
        }
        if !approvals.have_room_for(name, &claims) {
            return Admission::Held(HoldReason::TooManyLists);
        }
        if !new.is_empty() && candidates.is_loading(&claim) {
            return Admission::Undecided;
        }
        for list in new {
            let with: Vec<String> =
                candidates.claims.rivals(list, &claim).map(|rival| rival.module.clone()).collect();
            if !with.is_empty() {
                return Admission::Held(HoldReason::Contested { list: list.clone(), with });
            }
        }
        Admission::Serve
    }

    /// Returns whether the settings say who serves a list.
    fn is_assigned(&self, list: &str) -> bool {
        self.library.services.contains_key(list)
    }

    /// Returns the reason to hold a module for a list that the settings give to others.
    fn assigned_to_others(&self, list: &str, module: &str) -> Option<HoldReason> {
        let modules = self.library.services.get(list).filter(|modules| !modules.contains(module))?;
        Some(HoldReason::Assigned { list: list.to_owned(), to: modules.iter().cloned().collect() })
    }

    /// Returns the reason to hold a module that had this name before its file was renamed, if the settings name either.
    fn named(&self, from: &str, name: &str) -> Option<HoldReason> {
        let named = [from, name].into_iter().find(|name| self.library.named.contains(*name))?;
        Some(HoldReason::Renamed { from: from.to_owned(), named: named.to_owned() })
    }

    /// Returns the old and the new name of a module whose file was renamed, unless the settings name either.
    pub(super) fn renamed(&self) -> Option<(String, String)> {
        let slots = self.slots();
        let candidates = Candidates::of(&slots);
        slots.iter().find_map(|(name, slot)| {
            let from = candidates.former_name(slot)?;
            self.named(from, name).is_none().then(|| (from.to_owned(), name.clone()))
        })
    }

    /// Returns the module that a held one was before its file was renamed.
    pub(super) fn held_for_its_name(&self, name: &str) -> Option<String> {
        match self.slots().get(name)?.held.as_ref()?.why.as_ref()? {
            HoldReason::Renamed { from, .. } => Some(from.clone()),
            _ => None,
        }
    }
}

/// Records that a module serves what a version of it claims.
fn record(
    slots: &BTreeMap<String, ModuleSlot>,
    approvals: &mut Approvals,
    name: &str,
    module: &Module,
) -> bool {
    approvals.serve(name, &claims_of(module), |other| slots.contains_key(other))
}

fn hold_event(name: &str, module: &Module, why: &HoldReason) -> EventKind {
    EventKind::Hold {
        module: name.to_owned(),
        version: module.description().version.to_string(),
        reason: why.text(name),
    }
}

impl ModuleManager {
    /// Lets a version run that was loaded, from a file with this content, or holds it.
    ///
    /// # Errors
    /// [`NotLoaded::NoRoom`] if it would be held beside the version that runs, and there is no room for both.
    pub(super) async fn admit(
        &self,
        name: &str,
        module: Module,
        reason: StartReason,
        content: Option<Arc<[u8]>>,
    ) -> Result<(), NotLoaded> {
        match self.slots.admit(name, module, reason) {
            AdmissionOutcome::Admitted(version) => self.start(version, content).await,
            AdmissionOutcome::Held(event) => {
                event.into_iter().for_each(|event| self.audit.record(event));
                self.update_registry();
            }
            AdmissionOutcome::NoRoom(error) => return Err(error),
        }
        Ok(())
    }

    /// Lets held versions run that may by now: whenever a file was loaded or refused, or who serves what has changed.
    pub(super) async fn readmit(&self) {
        let Readmission { admitted, events, is_changed } = self.slots.readmit();
        for version in admitted {
            self.start(version, None).await;
        }
        events.into_iter().for_each(|event| self.audit.record(event));
        if is_changed {
            self.update_registry();
        }
    }

    /// Starts a version that may serve. Its file is stored first; without its content, it is read again.
    pub(super) async fn start(&self, version: AdmittedVersion, content: Option<Arc<[u8]>>) {
        let AdmittedVersion { name, module, reason, is_new } = version;
        if is_new {
            self.persist_approvals_or_warn();
        }
        if reason == StartReason::File {
            self.store_file(&name, module.digest(), content).await;
        }
        self.install(&name, module, reason);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use confine_sandbox::Digest;

    use super::*;
    use crate::modules::{slot::PendingFile, store::StoredIndex};

    #[test]
    fn claim_waits_for_files_that_were_found_no_later() {
        let slot = |found: Option<u64>| {
            let mut slot = ModuleSlot::new(PathBuf::new(), StoredIndex::default());
            slot.pending = found.map(|_| PendingFile::new(PathBuf::new(), Digest::of(b"")));
            slot.found = found.unwrap_or(3);
            slot.restoring = found.is_none();
            slot
        };
        let waits = |loading: Option<u64>, found: u64| {
            let slots = [("a".to_owned(), slot(loading)), ("b".to_owned(), slot(Some(found)))];
            let claim = WaitingClaim { module: "b".into(), found };
            Candidates::of(&slots.into()).is_loading(&claim)
        };
        assert_eq!([1, 2, 3].map(|found| waits(Some(2), found)), [false, true, true]);
        // What ran before a restart was there before all files.
        assert!(waits(None, 1));
    }
}
