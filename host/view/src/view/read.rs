//! The calls that read.

use std::sync::Arc;

use confine_nacm::AccessOperation;
use confine_tree::{
    BoundValue, LiveNode, NodeId, NodeKind, NodePaths, Pattern, PatternStep, QName, Tree, xml,
};

use super::{View, ViewNode, admission::ReadExtent};
use crate::{
    AllowanceExceeded, CallRefusal, Error, ErrorTag, HiddenRead, PartialSight, ScopeDecision,
    hidden::is_input, patterns::child, refusal::refused,
};

/// A node of a subtree, and whether everything below it may be read.
struct VisibleNode {
    live: LiveNode,
    depth: u32,
    whole: bool,
}

/// What is known at once of the nodes that a pattern matches.
enum VisibleAtOnce {
    /// At most this one, and all of it has been read.
    One(Option<LiveNode>),
    /// A search must tell.
    Several,
    /// This must be read first, or rules asked.
    Unread(Vec<Pattern>),
}

/// How many nodes a call that reads one has found.
enum FoundNodes {
    None,
    One(LiveNode),
    Several(usize),
}

impl FoundNodes {
    fn of(found: &[LiveNode]) -> Self {
        match found {
            [] => Self::None,
            [live] => Self::One(*live),
            several => Self::Several(several.len()),
        }
    }
}

/// Nodes that rules hide from a module.
pub(super) struct HiddenNodes {
    first: Pattern,
    /// Why the first one is hidden.
    reason: Arc<str>,
    /// The hashes of their paths.
    all: Vec<u64>,
}

impl HiddenNodes {
    fn new(first: Pattern, reason: Arc<str>) -> Self {
        Self { first, reason, all: Vec::new() }
    }
}

/// The bytes of a hash that is kept until the commit ends.
const KEPT_HASH: usize = 32;

/// A list with more keys is read whole, because the request for each key has a path with all of them.
const MAX_KEYS: usize = 8;

/// The bytes of a string in a list besides its text.
const STRING: usize = 8;

impl View {
    /// Returns the value of a leaf: the one that is set, else the default that is in use, else none.
    pub async fn get(&mut self, path: &str) -> Result<Option<String>, Error> {
        let pattern = self.resolve_to_read(path, ReadExtent::Content)?;
        let found = match self.visible_at_once(&pattern)? {
            VisibleAtOnce::One(found) => FoundNodes::of(found.as_slice()),
            begun => FoundNodes::of(&Box::pin(self.visible_later(&pattern, begun)).await?),
        };
        self.meter.pause().await;
        let refuse = |message: String| CallRefusal::new(ErrorTag::InvalidValue, message).at(path);
        match found {
            FoundNodes::None => {
                let default = Box::pin(self.default_in_use(&pattern)).await?;
                Ok(default.map(|BoundValue { value, bindings }| self.with_own_prefix(value, &bindings)))
            }
            FoundNodes::One(live) => {
                let value = self.value(live).await?.ok_or_else(|| {
                    refuse(format!("`{pattern}` has no value but children: use `read`, or name a leaf"))
                })?;
                self.meter.charge_bytes_sync(value.len())?;
                self.meter.pause().await;
                Ok(Some(value))
            }
            FoundNodes::Several(count) => Err(refuse(format!(
                "`{pattern}` matches {count} nodes: give all keys, or use `find` or `read`"
            ))
            .into()),
        }
    }

    /// Returns whether at least one node matches.
    pub async fn exists(&mut self, path: &str) -> Result<bool, Error> {
        let pattern = self.resolve_to_read(path, ReadExtent::Existence)?;
        let wanted = self.keys_only(&pattern, vec![pattern.clone()]);
        self.draft.note(&wanted, &mut self.meter)?;
        self.meter.pause().await;
        // Data that was read already may prove that a node exists, and never that none does. A hidden one beside one that is seen
        // makes no difference.
        if !self.visible_in_draft(&pattern, false).await?.is_empty() {
            return Ok(true);
        }
        self.draft.ensure_read(&wanted, &mut self.meter).await?;
        Ok(!self.visible_in_draft(&pattern, false).await?.is_empty())
    }

    /// Returns the paths of all nodes that match, in document order, with their keys.
    pub async fn find(&mut self, path: &str) -> Result<Vec<String>, Error> {
        let pattern = self.resolve_to_read(path, ReadExtent::Paths)?;
        let found = self.visible(&pattern, true).await?;
        self.require_keys(&pattern, &found).await.map_err(|error| error.at(path))?;
        let mut paths = Vec::new();
        let mut size = 0;
        for live in found {
            let path = self.shown_node(live.node());
            self.meter.charge_result(&mut size, STRING + path.len()).await?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Refuses to name nodes that a pattern matches if one of them, or one above them, is one of several entries of
    /// a list whose keys are not known. Devices may differ in the models that are known.
    pub(super) async fn require_keys(&mut self, pattern: &Pattern, found: &[LiveNode]) -> Result<(), Error> {
        for live in found {
            self.meter.charge(pattern.steps.len() as u64).await?;
            let overlay = &mut self.draft.overlay;
            let lineage = overlay.ancestors(live.node());
            let is_open = |&node: &NodeId| matches!(overlay.kind(node), NodeKind::Unknown { many: true });
            if let Some(at) = lineage.iter().position(is_open) {
                let list = Pattern { steps: pattern.steps.iter().take(at + 1).cloned().collect() };
                return Err(
                    refused(confine_tree::ResolveError::UnknownKeys { path: list.to_string() }).into()
                );
            }
        }
        Ok(())
    }

    /// Returns the subtrees of all nodes that match, in document order.
    pub async fn read(&mut self, path: &str) -> Result<Vec<ViewNode>, Error> {
        let pattern = self.resolve_to_read(path, ReadExtent::Content)?;
        let mut nodes = Vec::new();
        let mut size = 0;
        for top in self.tops(&pattern).await? {
            // The nodes above the current one.
            let mut above: Vec<LiveNode> = Vec::new();
            let mut walk = vec![top];
            while let Some(seen) = walk.pop() {
                let value = self.value(seen.live).await?;
                above.truncate(seen.depth as usize);
                let (name, namespace) = self.name(seen.live, above.last());
                above.push(seen.live);
                let node = ViewNode {
                    depth: seen.depth,
                    name: name.local.into(),
                    namespace: namespace.map(Into::into),
                    value,
                };
                let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                let bytes = node.name.len() + text(&node.namespace) + text(&node.value);
                self.meter.charge_result(&mut size, STRING + bytes).await?;
                nodes.push(node);
                self.below(&seen, &mut walk).await?;
            }
        }
        Ok(nodes)
    }

    /// As [`read`](Self::read), as XML.
    pub async fn read_xml(&mut self, path: &str) -> Result<String, Error> {
        let pattern = self.resolve_to_read(path, ReadExtent::Content)?;
        let mut text = String::new();
        let mut size = 0;
        for top in self.tops(&pattern).await? {
            let mut copy = Tree::new();
            // The nodes above the current one, and their copies.
            let mut above: Vec<(LiveNode, NodeId)> = Vec::new();
            let mut walk = vec![top];
            while let Some(seen) = walk.pop() {
                above.truncate(seen.depth as usize);
                self.refuse_fault(seen.live)?;
                // The text is written at the end, so its length is charged before.
                let bytes = self.element_size(seen.live, above.last().map(|(above, _)| above));
                self.meter.charge_result(&mut size, bytes).await?;
                let overlay = &mut self.draft.overlay;
                let name = copy.intern(overlay.qname(seen.live));
                let parent = above.last().map_or(Tree::ROOT, |&(_, copy)| copy);
                let element = copy.append(parent, name).map_err(tree_error)?;
                if let Some(value) = overlay.value(seen.live).map(str::to_owned) {
                    if let Some(character) = xml::unrepresentable(&value) {
                        let reason = format!(
                            "XML cannot represent the character `{}` of its value: use `read` or `get`",
                            character.escape_unicode()
                        );
                        return Err(self.unreadable(seen.live, &reason).into());
                    }
                    let overlay = &mut self.draft.overlay;
                    let BoundValue { value, bindings } = match overlay.has_text(seen.live) {
                        true => overlay.normal_value(seen.live.node()),
                        false => BoundValue { value, bindings: Vec::new() },
                    };
                    let bindings: Vec<(&str, &str)> = bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
                    copy.set_value(element, &value, &bindings).map_err(tree_error)?;
                }
                above.push((seen.live, element));
                self.below(&seen, &mut walk).await?;
            }
            let top = xml::write(&copy, Tree::ROOT).map_err(tree_error)?;
            self.meter.charge_bytes(top.len()).await?;
            text.push_str(&top);
        }
        Ok(text)
    }

    /// Refuses to read a node of which something could not be read: a module that takes the rest for all of it would write a
    /// wrong configuration.
    pub(super) fn refuse_fault(&mut self, live: LiveNode) -> Result<(), Error> {
        match self.draft.overlay.fault(live).map(ToString::to_string) {
            Some(fault) => Err(self.unreadable(live, &fault).into()),
            None => Ok(()),
        }
    }

    fn unreadable(&mut self, live: LiveNode, reason: &str) -> CallRefusal {
        let node = self.draft.overlay.pattern(live.node());
        let node = self.shown(&node);
        CallRefusal::new(ErrorTag::OperationFailed, format!("cannot read `{node}`: {reason}")).at(node)
    }

    /// Returns the name of a node, and its namespace if that differs from the parent's.
    fn name(&self, live: LiveNode, above: Option<&LiveNode>) -> (QName<'_>, Option<&str>) {
        let name = self.draft.overlay.qname(live);
        let above = above.map(|&above| self.draft.overlay.qname(above).namespace);
        (name, Some(name.namespace).filter(|_| above != Some(name.namespace)))
    }

    /// Returns the number of bytes of a node's element, without its children.
    fn element_size(&self, live: LiveNode, above: Option<&LiveNode>) -> usize {
        let (name, namespace) = self.name(live, above);
        let declared = |prefix: usize, namespace: &str| " xmlns:=\"\"".len() + prefix + namespace.len();
        let bindings = self.draft.overlay.bindings(live).iter();
        let bindings: usize = bindings.map(|(prefix, namespace)| declared(prefix.len(), namespace)).sum();
        let value = self.draft.overlay.value(live).unwrap_or_default();
        "<></>".len()
            + 2 * name.local.len()
            + namespace.map_or(0, |namespace| declared(0, namespace))
            + bindings
            + xml::escaped(value)
    }

    /// Returns the nodes that a pattern matches and the module may see, in document order. With `names_only`, list
    /// entries count of which only the keys were read.
    pub(super) async fn visible(
        &mut self,
        pattern: &Pattern,
        names_only: bool,
    ) -> Result<Vec<LiveNode>, Error> {
        let wanted = vec![pattern.clone()];
        let wanted = if names_only { self.keys_only(pattern, wanted) } else { wanted };
        self.draft.note(&wanted, &mut self.meter)?;
        self.meter.pause().await;
        self.draft.ensure_read(&wanted, &mut self.meter).await?;
        self.visible_in_draft(pattern, true).await
    }

    /// Begins what [`visible`](Self::visible) does: most nodes that calls name have been read, and rules narrow few scopes.
    fn visible_at_once(&mut self, pattern: &Pattern) -> Result<VisibleAtOnce, Error> {
        let wanted = std::slice::from_ref(pattern);
        self.draft.note(wanted, &mut self.meter)?;
        let missing = self.draft.missing(wanted, &mut self.meter)?;
        if !missing.is_empty() || self.scope.has_rules() {
            return Ok(VisibleAtOnce::Unread(missing));
        }
        let found = self.draft.find_one(pattern, &mut self.meter)?;
        Ok(found.map_or(VisibleAtOnce::Several, VisibleAtOnce::One))
    }

    /// Finishes it.
    async fn visible_later(
        &mut self,
        pattern: &Pattern,
        begun: VisibleAtOnce,
    ) -> Result<Vec<LiveNode>, Error> {
        self.meter.pause().await;
        match begun {
            VisibleAtOnce::One(found) => Ok(found.into_iter().collect()),
            VisibleAtOnce::Several => self.draft.search_each(pattern, &mut self.meter).await,
            VisibleAtOnce::Unread(missing) => {
                if !missing.is_empty() {
                    self.draft.read_missing(missing, &mut self.meter).await?;
                }
                self.visible_in_draft(pattern, true).await
            }
        }
    }

    /// As [`visible`](Self::visible), of the data that was read so far. `needs_all` is whether it matters if only a part is
    /// seen.
    async fn visible_in_draft(&mut self, pattern: &Pattern, needs_all: bool) -> Result<Vec<LiveNode>, Error> {
        let found = self.draft.search(pattern, &mut self.meter).await?;
        self.meter.pause().await;
        if !self.scope.has_rules() {
            return Ok(found);
        }
        let (seen, hidden) = Box::pin(self.filter_visible(found)).await?;
        if let Some(HiddenNodes { first, reason, all }) = hidden {
            // A read that looks empty, and is not; or one that looks whole, and is not.
            match seen.is_empty() || is_input(&first) {
                true => self.note_hidden(first, reason),
                false if needs_all => self.note_partly_hidden(first, reason, all)?,
                false => {}
            }
        }
        Ok(seen)
    }

    /// Returns the nodes that the rules let the module see, and those that they hide.
    pub(super) async fn filter_visible(
        &mut self,
        found: Vec<LiveNode>,
    ) -> Result<(Vec<LiveNode>, Option<HiddenNodes>), Error> {
        let mut hidden: Option<HiddenNodes> = None;
        if !self.scope.has_rules() {
            return Ok((found, hidden));
        }
        let mut seen = Vec::with_capacity(found.len());
        for live in found {
            let node = self.draft.overlay.pattern(live.node());
            self.charge_decision(&node)?;
            self.meter.pause().await;
            match self.forbidden(AccessOperation::Read, &node) {
                None => seen.push(live),
                Some(reason) => {
                    let hash = PartialSight::hash(&node);
                    hidden.get_or_insert_with(|| HiddenNodes::new(node, reason)).all.push(hash);
                }
            }
        }
        Ok((seen, hidden))
    }

    /// Keeps that the module did not see a node. Hooks make nothing, so what they see changes nothing.
    pub(super) fn note_hidden(&mut self, node: Pattern, reason: Arc<str>) {
        if !self.read_only {
            let (instance, module) = (self.instance.clone(), self.scope.module().clone());
            self.draft.note_hidden(HiddenRead { instance, module, node, reason });
        }
    }

    /// Keeps that the module did not see some of the nodes that it has read. `all` are the hashes of their paths.
    fn note_partly_hidden(
        &mut self,
        node: Pattern,
        reason: Arc<str>,
        all: Vec<u64>,
    ) -> Result<(), AllowanceExceeded> {
        if self.read_only {
            return Ok(());
        }
        let (instance, module) = (self.instance.clone(), self.scope.module().clone());
        let new = self.draft.note_partly_hidden(HiddenRead { instance, module, node, reason }, all);
        self.meter.charge_edit_bytes(new.saturating_mul(KEPT_HASH))
    }

    /// Returns the keys instead of the whole entries, if the pattern is a list whose keys are known.
    pub(super) fn keys_only(&self, pattern: &Pattern, wanted: Vec<Pattern>) -> Vec<Pattern> {
        let overlay = &self.draft.overlay;
        let form = overlay.schema_view().kind(overlay.locate(pattern));
        match (form, pattern.steps.last(), &wanted[..]) {
            (NodeKind::List { keys }, Some(last), [one])
                if (1..=MAX_KEYS).contains(&keys.len()) && one == pattern =>
            {
                keys.iter()
                    .map(|key| child(pattern, PatternStep::new(QName::new(&last.namespace, key))))
                    .collect()
            }
            _ => wanted,
        }
    }

    /// Returns the nodes to read from.
    async fn tops(&mut self, pattern: &Pattern) -> Result<Vec<VisibleNode>, Error> {
        let (mut tops, mut paths) = (Vec::new(), NodePaths::default());
        for live in self.visible(pattern, false).await? {
            let node = paths.pattern(&mut self.draft.overlay, live.node());
            self.charge_path(&node).await?;
            let whole = self.scope.decide_admitted(&node) == ScopeDecision::Permit { below: true };
            tops.push(VisibleNode { live, depth: 0, whole });
        }
        Ok(tops)
    }

    /// Pushes the visible children of a node on the stack, the first on top.
    async fn below(&mut self, seen: &VisibleNode, walk: &mut Vec<VisibleNode>) -> Result<(), Error> {
        let from = walk.len();
        let depth = seen.depth + 1;
        let children = self.draft.children(seen.live, &mut self.meter).await?;
        walk.extend(children.into_iter().map(|live| VisibleNode { live, depth, whole: seen.whole }));
        if !seen.whole {
            let mut kept = Vec::new();
            for below in walk.drain(from..) {
                let node = self.draft.overlay.pattern(below.live.node());
                self.charge_decision(&node)?;
                self.meter.pause().await;
                match self.scope.decide_admitted(&node) {
                    ScopeDecision::Permit { below: whole } => kept.push(VisibleNode { whole, ..below }),
                    ScopeDecision::Deny { reason } => {
                        if self.scope.reading.unreadable(&node).is_none() {
                            match is_input(&node) {
                                true => self.note_hidden(node, reason),
                                false => {
                                    let hash = PartialSight::hash(&node);
                                    self.note_partly_hidden(node, reason, vec![hash])?;
                                }
                            }
                        }
                    }
                }
            }
            walk.extend(kept);
        }
        if let Some(children) = walk.get_mut(from..) {
            children.reverse();
        }
        Ok(())
    }
}

fn tree_error(error: confine_tree::Error) -> CallRefusal {
    refused(error.into())
}
