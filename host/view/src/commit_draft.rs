//! The draft that one commit works on.

use std::sync::Arc;

use confine_tree::{
    Coverage, HashSet, LiveNode, LocatedPath, NodeId, Overlay, OverlayMark, Path, Pattern, PatternSearch,
    PatternStep, PrefixMap, ResolveError, Schema, SearchProgress, StepCounter, StopSignal, Tree,
};

use crate::{
    AllowanceExceeded, CallRefusal, Error, HiddenRead, InstanceRef, Meter, PartialSight, Scope,
    SharingServices, Source, WorkAllowance, known_parents::KnownParents, on_demand::OnDemandReads,
    patterns::size, refusal::refused, restored_originals::RestoredOriginals, run_writes::RunWrites,
    written_values::WrittenValues,
};

/// The bytes that a node of the overlay takes, with its name, its state and its entries in tables.
const NODE: usize = 256;

/// The cost of a request to the controller, in units of work: about a millisecond, most of it in the controller,
/// which serves everybody.
const REQUEST: u64 = 20_000;

/// What one commit works on: the data that was read of the datastore, and the edits of the modules so far. The
/// views of the commit own it one after another.
pub struct CommitDraft {
    pub(crate) overlay: Overlay,
    pub(crate) known_parents: KnownParents,
    source: Arc<dyn Source>,
    on_demand: OnDemandReads,
    pub(crate) written: Vec<RunWrites>,
    /// The time of the overlay when a run was recorded last.
    pub(crate) recorded_at: u32,
    /// The instances of the runs, each with the number of what was made for it.
    pub(crate) sections: Vec<(InstanceRef, usize)>,
    /// What was removed because instances had created it.
    pub(crate) stripped: Vec<Pattern>,
    /// What the runs wrote without creating anything.
    pub(crate) unowned: HashSet<NodeId>,
    pub(crate) originals: RestoredOriginals,
    /// What the instances that run own, whether or not it is there.
    pub(crate) owned: Coverage,
    /// What instances that are gone have created. Whoever writes it owns it.
    pub(crate) orphans: Option<Coverage>,
    /// The first denied operation of a module on a node that it does not see. A refusal during the run would reveal the
    /// node, so the commit is refused at its end.
    refused_at_end: Option<CallRefusal>,
    pub(crate) written_values: WrittenValues,
    /// Leaves that the edit leaves out: they are in use without it.
    pub(crate) left_out: Vec<NodeId>,
    /// See [`hidden_reads`](Self::hidden_reads).
    pub(crate) hidden_reads: Vec<HiddenRead>,
    /// See [`partial_sights`](Self::partial_sights).
    pub(crate) partial_sights: Vec<PartialSight>,
    /// See [`hide_created`](Self::hide_created).
    pub(crate) hides_created: bool,
    /// See [`share`](Self::share).
    pub(crate) sharing: Arc<SharingServices>,
}

/// A state of a draft to return to.
#[must_use = "an open mark keeps an undo journal"]
pub(crate) struct DraftMark {
    mark: OverlayMark,
    /// Whether the commit was to be refused at its end.
    was_refused: bool,
}

impl CommitDraft {
    /// Creates a draft without data. It reads `source` when data is needed.
    pub fn new(schema: Arc<dyn Schema>, source: Arc<dyn Source>) -> Self {
        Self {
            overlay: Overlay::new(schema),
            known_parents: KnownParents::default(),
            source,
            on_demand: OnDemandReads::default(),
            written: Vec::new(),
            recorded_at: 0,
            sections: Vec::new(),
            stripped: Vec::new(),
            unowned: HashSet::default(),
            originals: RestoredOriginals::default(),
            owned: Coverage::default(),
            orphans: None,
            refused_at_end: None,
            written_values: WrittenValues::default(),
            left_out: Vec::new(),
            hidden_reads: Vec::new(),
            partial_sights: Vec::new(),
            hides_created: false,
            sharing: Arc::default(),
        }
    }

    /// Sets which services may own objects together.
    pub fn share(&mut self, sharing: Arc<SharingServices>) {
        self.sharing = sharing;
    }

    /// Makes the host's own work for this commit end when `stop` says so.
    pub fn stop_with(&mut self, stop: StopSignal) {
        self.overlay.stop_with(stop);
    }

    /// Takes a step of the host's own work.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn step(&mut self) -> Result<(), Error> {
        Ok(self.overlay.steps().step()?)
    }

    /// Returns the counter of the steps of the host's own work for this commit: stripping, settling, finishing and the last
    /// check.
    pub fn steps(&mut self) -> &mut StepCounter {
        self.overlay.steps()
    }

    /// Hides what the instances create from the controller. It would remove the objects without a user, and crash if
    /// that is denied (seen with 1.8.0).
    pub fn hide_created(&mut self) {
        self.hides_created = true;
    }

    /// Returns whether [`hide_created`](Self::hide_created) was called.
    pub fn hides_created(&self) -> bool {
        self.hides_created
    }

    /// Adds the keys that a pattern of a module's description names, as in `/services/p:circuit[site][number]`.
    pub fn declare(&mut self, pattern: &Pattern) {
        self.overlay.declare(pattern);
    }

    /// Resolves a path, which is relative to `base` unless it is absolute.
    pub fn resolve(&self, path: &str, base: &Pattern, prefixes: &PrefixMap) -> Result<Pattern, CallRefusal> {
        self.resolve_seeing(path, base, prefixes, &mut |_, _| true).map(LocatedPath::into_pattern)
    }

    /// As [`resolve`](Self::resolve), once for each model of the devices that the path may be about. Empty if there is one
    /// meaning at most, whatever the models.
    pub fn resolve_in_models(
        &self,
        path: &str,
        base: &Pattern,
        prefixes: &PrefixMap,
    ) -> Vec<Result<Pattern, CallRefusal>> {
        let Ok(parsed) = Path::parse(path) else { return Vec::new() };
        let all = self.overlay.resolve_in_models(&parsed, base, prefixes).into_iter();
        all.map(|result| result.map_err(|error| refused(error).at(path))).collect()
    }

    /// As [`resolve`](Self::resolve), for a module that sees only a part of the data.
    pub(crate) fn resolve_seeing(
        &self,
        path: &str,
        base: &Pattern,
        prefixes: &PrefixMap,
        sees: &mut dyn FnMut(&Pattern, &PatternStep) -> bool,
    ) -> Result<LocatedPath, CallRefusal> {
        let refuse = |error: ResolveError| refused(error).at(path);
        let parsed = Path::parse(path).map_err(|error| refuse(confine_tree::Error::from(error).into()))?;
        self.overlay.resolve_seeing(&parsed, base, prefixes, sees).map_err(refuse)
    }

    /// Adds data that was read of the datastore: everything that `read` matches.
    pub fn load(&mut self, fragment: &Tree, read: &[Pattern]) -> Result<(), Error> {
        Ok(self.overlay.load(fragment, read).map_err(ResolveError::from).map_err(refused)?)
    }

    /// As [`load`](Self::load), and reads what these paths name that is there in another form.
    pub async fn load_completely(&mut self, fragment: &Tree, read: &[Pattern]) -> Result<(), Error> {
        self.load(fragment, read)?;
        self.read_other_forms(read, &mut Meter::new(WorkAllowance::UNLIMITED)).await
    }

    /// Reads the part of `wanted` that has not been read yet, in one request, or a few if entries are there in another form
    /// than in the paths.
    pub async fn read(&mut self, wanted: &[Pattern]) -> Result<(), Error> {
        self.ensure_read(wanted, &mut Meter::new(WorkAllowance::UNLIMITED)).await
    }

    /// As [`read`](Self::read), charged to a meter.
    pub(crate) async fn ensure_read(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), Error> {
        let missing = self.missing(wanted, meter)?;
        if missing.is_empty() {
            return Ok(());
        }
        // A request takes longer than making room for what leads to it, which the calls without one need not carry around.
        Box::pin(self.read_missing(missing, meter)).await
    }

    /// Returns the part of `wanted` that has not been read yet.
    pub(crate) fn missing(
        &mut self,
        wanted: &[Pattern],
        meter: &mut Meter,
    ) -> Result<Vec<Pattern>, AllowanceExceeded> {
        let mut missing: Vec<Pattern> =
            wanted.iter().filter(|pattern| !self.overlay.knows(pattern)).cloned().collect();
        missing.dedup();
        meter.charge_sync(self.overlay.take_visited() as u64)?;
        Ok(missing)
    }

    pub(crate) async fn read_missing(
        &mut self,
        missing: Vec<Pattern>,
        meter: &mut Meter,
    ) -> Result<(), Error> {
        meter.pause().await;
        self.charge_request(&missing, meter).await?;
        self.fetch(&missing, meter).await?;
        self.read_other_forms(&missing, meter).await
    }

    /// Reads what these paths name that is there in another form than in the paths: the controller compares texts. Everything
    /// else that they match has been read.
    async fn read_other_forms(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), Error> {
        let mut wanted = wanted.to_vec();
        loop {
            let keys = self.overlay.other_forms(&wanted);
            meter.charge(self.overlay.take_visited() as u64).await?;
            if keys.is_empty() {
                return Ok(());
            }
            self.charge_request(&keys, meter).await?;
            self.fetch(&keys, meter).await?;
            let overlay = &mut self.overlay;
            wanted.retain(|pattern| *overlay.as_stored(pattern) != *pattern);
            if wanted.is_empty() {
                return Ok(());
            }
            let stored: Vec<Pattern> =
                wanted.iter().map(|pattern| overlay.as_stored(pattern).into_owned()).collect();
            self.charge_request(&stored, meter).await?;
            self.fetch(&stored, meter).await?;
        }
    }

    /// Charges a request to the controller, and what is kept of it.
    async fn charge_request(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), Error> {
        let steps: usize = wanted.iter().map(|pattern| pattern.steps.len()).sum();
        let bytes: usize = wanted.iter().map(size).sum();
        meter.charge_edit_bytes(bytes.saturating_add(steps.saturating_mul(NODE)))?;
        Ok(meter.charge(REQUEST).await?)
    }

    /// Reads what these paths match and loads it.
    async fn fetch(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), Error> {
        let stored: Vec<Pattern> =
            wanted.iter().map(|pattern| self.overlay.as_stored(pattern).into_owned()).collect();
        let fragment = self.source.fetch(&stored).await?;
        let before = self.overlay.size();
        let mut loading = self.overlay.begin_load(wanted);
        self.charge_growth(before, meter)?;
        loop {
            let loaded = self.overlay.load_some(&fragment, &mut loading);
            match loaded.map_err(ResolveError::from).map_err(refused)? {
                0 => return Ok(()),
                nodes => meter.charge(nodes as u64).await?,
            }
        }
    }

    /// Charges the nodes that the overlay has gained since it had the size `before`, because a short path may
    /// create many, and the nodes that were visited meanwhile.
    pub(crate) fn charge_growth(
        &mut self,
        before: usize,
        meter: &mut Meter,
    ) -> Result<(), AllowanceExceeded> {
        meter.charge_sync(self.overlay.take_visited() as u64)?;
        let grown = self.overlay.size().saturating_sub(before);
        if grown == 0 { Ok(()) } else { meter.charge_edit_bytes(grown.saturating_mul(NODE)) }
    }

    /// Notes what a call of a module reads, for [`take_on_demand`](Self::take_on_demand).
    pub(crate) fn note(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), AllowanceExceeded> {
        let cost = self.on_demand.note(wanted);
        meter.charge_sync(cost as u64)
    }

    /// Says what each commit reads in advance, whatever modules ask for.
    pub fn read_in_advance(&mut self, patterns: &[Pattern]) {
        self.on_demand.read_in_advance(patterns);
    }

    /// Returns what modules have read since the last call besides what each commit reads in advance, in order. The next
    /// commit should read it in advance too.
    pub fn take_on_demand(&mut self) -> Vec<Pattern> {
        let asked = self.on_demand.take();
        asked.into_iter().map(|pattern| self.overlay.as_stored(&pattern).into_owned()).collect()
    }

    /// Returns the paths of all nodes that a pattern matches now, in document order.
    pub fn find(&mut self, pattern: &Pattern) -> Vec<Pattern> {
        let found = self.overlay.find(pattern);
        found.into_iter().map(|live| self.overlay.pattern(live.node())).collect()
    }

    /// Returns whether a node that an instance has created is there. Its path has all keys, as far as they are not known yet.
    pub fn has_created(&mut self, pattern: &Pattern) -> bool {
        // Otherwise all entries of a list without a model would be looked at for each of them.
        self.overlay.learn(pattern);
        let found = !self.overlay.find(pattern).is_empty();
        let visited = self.overlay.take_visited();
        // Stopped work is noticed at the next step.
        let _ = self.overlay.steps().steps(visited);
        found
    }

    /// Returns the value of the first node that a pattern matches now.
    pub fn value(&mut self, pattern: &Pattern) -> Option<String> {
        let live = self.overlay.find(pattern).into_iter().next()?;
        self.overlay.value(live).map(Into::into)
    }

    /// Returns whether nothing that these patterns match is there. Each has all its keys.
    pub fn lacks(&mut self, patterns: &[Pattern]) -> bool {
        !patterns.iter().any(|pattern| self.has_created(pattern))
    }

    /// Removes what a service instance had created, before the instance runs again. What the run creates again
    /// unchanged is no edit; the rest is removed from the datastore. The pattern has all its keys.
    pub fn strip(&mut self, pattern: &Pattern) -> Result<(), CallRefusal> {
        self.overlay.strip(pattern).map_err(|error| refused(error).at(pattern.to_string()))?;
        self.stripped.push(self.overlay.normal_pattern(pattern).into_owned());
        Ok(())
    }

    /// Notes where what an instance that runs has created is, or was.
    pub fn note_owned(&mut self, pattern: &Pattern) {
        let normal = self.overlay.normal_pattern(pattern);
        self.owned.insert(&normal);
    }

    /// Notes where an orphan is: an object that an instance has created and no instance owns any more.
    pub fn note_orphan(&mut self, pattern: &Pattern) {
        let normal = self.overlay.normal_pattern(pattern);
        self.orphans.get_or_insert_default().insert(&normal);
    }

    /// Marks the current state, until [`keep`](Self::keep) or [`rollback`](Self::rollback).
    pub(crate) fn mark(&mut self) -> DraftMark {
        DraftMark { mark: self.overlay.mark(), was_refused: self.refused_at_end.is_some() }
    }

    pub(crate) fn keep(&mut self, mark: DraftMark) {
        self.overlay.keep(mark.mark);
    }

    pub(crate) fn rollback(&mut self, mark: DraftMark) {
        self.overlay.rollback(mark.mark);
        if !mark.was_refused {
            self.refused_at_end = None;
        }
    }

    /// Refuses the commit at its end, for a reason that the module must not learn.
    pub(crate) fn refuse_at_end(&mut self, refusal: CallRefusal) {
        self.refused_at_end.get_or_insert(refusal);
    }

    pub(crate) fn refusal_at_end(&self) -> Option<&CallRefusal> {
        self.refused_at_end.as_ref()
    }

    pub(crate) async fn search(
        &mut self,
        pattern: &Pattern,
        meter: &mut Meter,
    ) -> Result<Vec<LiveNode>, Error> {
        match self.find_one(pattern, meter)? {
            Some(found) => Ok(found.into_iter().collect()),
            None => Box::pin(self.search_each(pattern, meter)).await,
        }
    }

    /// Returns the node that a pattern matches now, or that it matches none; nothing if only a search tells.
    pub(crate) fn find_one(
        &mut self,
        pattern: &Pattern,
        meter: &mut Meter,
    ) -> Result<Option<Option<LiveNode>>, AllowanceExceeded> {
        let (one, steps) = self.overlay.find_one(pattern);
        meter.charge_sync(steps as u64 + self.overlay.take_visited() as u64)?;
        Ok(one)
    }

    /// As [`search`](Self::search), looking at each node that a step may match.
    pub(crate) async fn search_each(
        &mut self,
        pattern: &Pattern,
        meter: &mut Meter,
    ) -> Result<Vec<LiveNode>, Error> {
        let mut search = PatternSearch::new(pattern.clone());
        let mut found = Vec::new();
        loop {
            let progress = search.advance(&mut self.overlay);
            meter.charge(1 + self.overlay.take_visited() as u64).await?;
            match progress {
                SearchProgress::Visited => {}
                SearchProgress::Found(live) => found.push(live),
                SearchProgress::Done => return Ok(found),
            }
        }
    }

    /// Returns the current children of a node in document order. Removed children are visited, and charged, too.
    pub(crate) async fn children(
        &self,
        place: LiveNode,
        meter: &mut Meter,
    ) -> Result<Vec<LiveNode>, AllowanceExceeded> {
        let mut children = Vec::new();
        for child in self.overlay.places(place) {
            meter.charge(1).await?;
            children.extend(child);
        }
        Ok(children)
    }

    /// Records what a run did since the previous call.
    pub(crate) fn record(&mut self, instance: &InstanceRef, scope: &Arc<Scope>) {
        let mut seen = HashSet::default();
        let mut removed = self.overlay.take_removed();
        removed.retain(|&node| seen.insert(node));
        seen.clear();
        let since = std::mem::replace(&mut self.recorded_at, self.overlay.now());
        self.overlay.end_run();
        // Its modules make one list together.
        if self.sections.last().is_none_or(|(last, _)| last != instance) {
            let section = self.overlay.end_section_at(since);
            self.sections.push((instance.clone(), section));
        }
        let remade = removed.iter().filter_map(|&node| Some((self.overlay.remade_at(node)?, node)));
        let mut remade: Vec<(u32, NodeId)> = remade.filter(|&(at, _)| at > since).collect();
        remade.sort_unstable();
        let remade = remade.into_iter().map(|(_, node)| node).collect();
        let written = self.overlay.take_written();
        let mut nodes = Vec::with_capacity(written.len());
        for node in written {
            // Of what was set and removed again, the entries stay that were made for it.
            let left = if self.overlay.place(node).is_some() { Some(node) } else { self.entry_left_of(node) };
            nodes.extend(left.filter(|&node| seen.insert(node)));
        }
        if nodes.is_empty() && removed.is_empty() {
            return;
        }
        let (instance, scope) = (instance.clone(), scope.clone());
        let written = RunWrites { instance, scope, nodes, removed, remade };
        self.written_values.record(&mut self.overlay, &written);
        self.written.push(written);
    }
}
