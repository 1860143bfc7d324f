//! What one commit works on.

use std::{collections::HashSet, sync::Arc};

use confine_tree::{
    LiveNode, Overlay, OverlayMark, Path, Pattern, PatternSearch, PrefixMap, ResolveError, Schema,
    SearchProgress, Tree,
};

use crate::{
    AllowanceExceeded, CallRefusal, Error, InstanceRef, Meter, Scope, Source, WorkAllowance, patterns::size,
    refusal::refused, run_writes::RunWrites, written_values::WrittenValues,
};

/// Bytes that a node of the overlay takes, with its name, its state and the tables that it is in.
const NODE: usize = 256;

/// What a request costs who has it made, in units of work: about a millisecond, most of it of the backend,
/// which serves everybody.
const REQUEST: u64 = 20_000;

/// What one commit works on: what was read of the datastore, and what the modules have made of it so
/// far. Each view of the commit owns it in turn.
pub struct CommitDraft {
    pub(crate) overlay: Overlay,
    source: Arc<dyn Source>,
    fetched: Vec<Pattern>,
    pub(crate) written: Vec<RunWrites>,
    /// What was taken away because instances had created it.
    pub(crate) stripped: Vec<Pattern>,
    /// What modules did to nodes that they do not see and may not do. To refuse that in a run would tell
    /// them of the nodes, so the commit is refused in the end.
    unseen: Vec<CallRefusal>,
    pub(crate) written_values: WrittenValues,
}

/// A moment of a draft to go back to.
#[must_use = "an open mark keeps a journal"]
pub(crate) struct DraftMark {
    mark: OverlayMark,
    unseen: usize,
}

impl CommitDraft {
    /// Nothing is read yet. `source` is read where something turns out to be needed.
    pub fn new(schema: Arc<dyn Schema>, source: Arc<dyn Source>) -> Self {
        Self {
            overlay: Overlay::new(schema),
            source,
            fetched: Vec::new(),
            written: Vec::new(),
            stripped: Vec::new(),
            unseen: Vec::new(),
            written_values: WrittenValues::default(),
        }
    }

    /// Takes the keys that a pattern of a module's description names for what they are, as in
    /// `/services/p:circuit[site][number]`.
    pub fn declare(&mut self, pattern: &Pattern) {
        self.overlay.declare(pattern);
    }

    /// What a path means, relative to `base` unless it is absolute.
    pub fn resolve(&self, path: &str, base: &Pattern, prefixes: &PrefixMap) -> Result<Pattern, CallRefusal> {
        let refuse = |error: ResolveError| refused(error).at(path);
        let parsed = Path::parse(path).map_err(|error| refuse(confine_tree::Error::from(error).into()))?;
        self.overlay.resolve(&parsed, base, prefixes).map_err(refuse)
    }

    /// Takes in what was read of the datastore: all that `read` matches.
    pub fn load(&mut self, fragment: &Tree, read: &[Pattern]) -> Result<(), Error> {
        Ok(self.overlay.load(fragment, read).map_err(ResolveError::from).map_err(refused)?)
    }

    /// Reads what of `wanted` has not been read yet, in one request.
    pub async fn read(&mut self, wanted: &[Pattern]) -> Result<(), Error> {
        self.fetch(wanted, &mut Meter::new(WorkAllowance::UNLIMITED)).await.map(drop)
    }

    /// As [`read`](Self::read), at a module's expense; what had to be read.
    async fn fetch(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<Vec<Pattern>, Error> {
        let mut missing: Vec<Pattern> =
            wanted.iter().filter(|pattern| !self.overlay.knows(pattern)).cloned().collect();
        missing.dedup();
        meter.charge(self.overlay.take_visited() as u64).await?;
        if missing.is_empty() {
            return Ok(missing);
        }
        let steps: usize = missing.iter().map(|pattern| pattern.steps.len()).sum();
        let bytes: usize = missing.iter().map(size).sum();
        meter.charge_edit_bytes(bytes.saturating_add(steps.saturating_mul(NODE)))?;
        meter.charge(REQUEST).await?;
        let fragment = self.source.fetch(&missing).await?;
        let before = self.overlay.size();
        let mut loading = self.overlay.begin_load(&missing);
        self.charge_growth(before, meter)?;
        loop {
            let loaded = self.overlay.load_some(&fragment, &mut loading);
            match loaded.map_err(ResolveError::from).map_err(refused)? {
                0 => return Ok(missing),
                nodes => meter.charge(nodes as u64).await?,
            }
        }
    }

    /// Pays for the nodes that the overlay keeps since it had this size, as a short path may make many, and for
    /// those that were gone through meanwhile.
    pub(crate) fn charge_growth(
        &mut self,
        before: usize,
        meter: &mut Meter,
    ) -> Result<(), AllowanceExceeded> {
        meter.charge_sync(self.overlay.take_visited() as u64)?;
        let grown = self.overlay.size().saturating_sub(before);
        if grown == 0 { Ok(()) } else { meter.charge_edit_bytes(grown.saturating_mul(NODE)) }
    }

    /// Reads for a module what nobody had declared, and remembers it.
    pub(crate) async fn need(&mut self, wanted: &[Pattern], meter: &mut Meter) -> Result<(), Error> {
        let missing = self.fetch(wanted, meter).await?;
        self.fetched.extend(missing);
        Ok(())
    }

    /// What had to be read during the calls because nobody had declared it, in order: what the next
    /// commit had better ask for at once.
    pub fn fetched(&self) -> &[Pattern] {
        &self.fetched
    }

    /// The paths of all nodes that a pattern matches now, in document order.
    pub fn find(&mut self, pattern: &Pattern) -> Vec<Pattern> {
        let found = self.overlay.find(pattern);
        found.into_iter().map(|live| self.overlay.pattern(live.node())).collect()
    }

    /// The value of the first node that a pattern matches now.
    pub fn value(&mut self, pattern: &Pattern) -> Option<String> {
        let live = self.overlay.find(pattern).into_iter().next()?;
        self.overlay.value(live).map(Into::into)
    }

    /// Takes away what a service instance had created, before it is made anew: what is made again as it
    /// was is no edit; what is not is taken out of the datastore. The pattern has all its keys.
    pub fn strip(&mut self, pattern: &Pattern) -> Result<(), CallRefusal> {
        self.stripped.push(pattern.clone());
        self.overlay.strip(pattern).map_err(|error| refused(error).at(pattern.to_string()))
    }

    /// Remembers this moment, until [`keep`](Self::keep) or [`rollback`](Self::rollback).
    pub(crate) fn moment(&mut self) -> DraftMark {
        DraftMark { mark: self.overlay.mark(), unseen: self.unseen.len() }
    }

    pub(crate) fn keep(&mut self, moment: DraftMark) {
        self.overlay.keep(moment.mark);
    }

    pub(crate) fn rollback(&mut self, moment: DraftMark) {
        self.overlay.rollback(moment.mark);
        self.unseen.truncate(moment.unseen);
    }

    /// Refuses the commit in the end, for what the module must not be told of.
    pub(crate) fn refuse_unseen(&mut self, refusal: CallRefusal) {
        self.unseen.push(refusal);
    }

    pub(crate) fn unseen(&self) -> Option<&CallRefusal> {
        self.unseen.first()
    }

    pub(crate) async fn search(
        &mut self,
        pattern: Pattern,
        meter: &mut Meter,
    ) -> Result<Vec<LiveNode>, Error> {
        let mut search = PatternSearch::new(pattern);
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

    /// The children of a node that are there now, in document order. Those that are not any more are gone
    /// through as well.
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

    /// Takes note of what a run did since this was called last.
    pub(crate) fn record(&mut self, instance: &InstanceRef, scope: &Arc<Scope>) {
        let removed = self.overlay.take_removed();
        let mut seen = HashSet::new();
        let mut nodes = self.overlay.take_written();
        nodes.retain(|&node| seen.insert(node) && self.overlay.place(node).is_some());
        if nodes.is_empty() && removed.is_empty() {
            return;
        }
        let (instance, scope) = (instance.clone(), scope.clone());
        let written = RunWrites { instance, scope, nodes, removed };
        self.written_values.record(&mut self.overlay, &written);
        self.written.push(written);
    }
}
