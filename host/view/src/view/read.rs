//! What a module sees.

use confine_tree::{LiveNode, NodeId, NodeKind, Pattern, PatternStep, QName, Tree, xml};

use super::{View, ViewNode};
use crate::{AccessVerdict, CallRefusal, Error, ErrorTag, NodeAccess, patterns::child, refusal::refused};

/// A node of a subtree, with whether everything below it may be read.
struct VisibleNode {
    live: LiveNode,
    depth: u32,
    whole: bool,
}

/// What has more keys is read as it is: each key would be asked for by a path with all of them.
const MOST_KEYS: usize = 8;

/// What an element of a list of strings takes besides its bytes.
const STRING: usize = 8;

impl View {
    /// The value of a leaf; none where there is no such node.
    pub async fn get(&mut self, path: &str) -> Result<Option<String>, Error> {
        let pattern = self.resolve(path).await?;
        let found = self.visible(&pattern, false).await?;
        let refuse = |message: String| CallRefusal::new(ErrorTag::InvalidValue, message).at(path);
        match &found[..] {
            [] => Ok(None),
            [live] => {
                let value = self.value(*live).await?.ok_or_else(|| {
                    refuse(format!("`{pattern}` has no value but children: use `read`, or name a leaf"))
                })?;
                self.meter.charge_bytes(value.len()).await?;
                Ok(Some(value))
            }
            several => Err(refuse(format!(
                "`{pattern}` matches {} nodes: give all keys, or use `find` or `read`",
                several.len()
            ))
            .into()),
        }
    }

    /// Whether at least one node matches.
    pub async fn exists(&mut self, path: &str) -> Result<bool, Error> {
        let pattern = self.resolve(path).await?;
        // What is known already may be enough to say yes, and is never enough to say no.
        Ok(!self.known(&pattern).await?.is_empty() || !self.visible(&pattern, true).await?.is_empty())
    }

    /// The paths of all nodes that match, in document order, each with its keys filled in.
    pub async fn find(&mut self, path: &str) -> Result<Vec<String>, Error> {
        let pattern = self.resolve(path).await?;
        let found = self.visible(&pattern, true).await?;
        self.need_keys(&pattern, &found).await.map_err(|error| error.at(path))?;
        let mut paths = Vec::new();
        let mut size = 0;
        for live in found {
            let pattern = self.draft.overlay.pattern(live.node());
            let path = self.shown(&pattern);
            self.meter.charge_result(&mut size, STRING + path.len()).await?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Refuses to name entries of a list of which there are several and whose keys are not known: of these
    /// nodes, which the pattern matches, or above them. Devices may differ in what is known of them.
    pub(super) async fn need_keys(&mut self, pattern: &Pattern, found: &[LiveNode]) -> Result<(), Error> {
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

    /// The subtrees of all nodes that match, in document order.
    pub async fn read(&mut self, path: &str) -> Result<Vec<ViewNode>, Error> {
        let pattern = self.resolve(path).await?;
        let mut nodes = Vec::new();
        let mut size = 0;
        for top in self.tops(&pattern).await? {
            // The nodes above.
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

    /// The same as XML.
    pub async fn read_xml(&mut self, path: &str) -> Result<String, Error> {
        let pattern = self.resolve(path).await?;
        let mut text = String::new();
        let mut size = 0;
        for top in self.tops(&pattern).await? {
            let mut copy = Tree::new();
            // The nodes above, and their copies.
            let mut above: Vec<(LiveNode, NodeId)> = Vec::new();
            let mut walk = vec![top];
            while let Some(seen) = walk.pop() {
                above.truncate(seen.depth as usize);
                // The text is made in one go: what would be too long is refused before.
                let bytes = self.written(seen.live, above.last().map(|(above, _)| above));
                self.meter.charge_result(&mut size, bytes).await?;
                let overlay = &self.draft.overlay;
                let name = copy.intern(overlay.qname(seen.live));
                let parent = above.last().map_or(Tree::ROOT, |&(_, copy)| copy);
                let element = copy.append(parent, name).map_err(tree_error)?;
                if let Some(value) = overlay.value(seen.live) {
                    let bindings = overlay.bindings(seen.live);
                    let bindings: Vec<(&str, &str)> = bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
                    copy.set_value(element, value, &bindings).map_err(tree_error)?;
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

    /// The name of a node, and its namespace where that is not that of the node above.
    fn name(&self, live: LiveNode, above: Option<&LiveNode>) -> (QName<'_>, Option<&str>) {
        let name = self.draft.overlay.qname(live);
        let above = above.map(|&above| self.draft.overlay.qname(above).namespace);
        (name, Some(name.namespace).filter(|_| above != Some(name.namespace)))
    }

    /// How many bytes the element of a node takes, without what is below it.
    fn written(&self, live: LiveNode, above: Option<&LiveNode>) -> usize {
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

    /// The nodes that a pattern matches and the module may see, in document order. With `names_only`,
    /// entries count for which nothing but their keys is known.
    pub(super) async fn visible(
        &mut self,
        pattern: &Pattern,
        names_only: bool,
    ) -> Result<Vec<LiveNode>, Error> {
        let wanted = self.scope.readable(pattern);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = if names_only { self.keys_only(pattern, wanted) } else { wanted };
        self.draft.need(&wanted, &mut self.meter).await?;
        self.known(pattern).await
    }

    /// As [`visible`](Self::visible), of what has been read so far.
    async fn known(&mut self, pattern: &Pattern) -> Result<Vec<LiveNode>, Error> {
        if self.scope.readable(pattern).is_empty() {
            return Ok(Vec::new());
        }
        let found = self.draft.search(pattern.clone(), &mut self.meter).await?;
        self.seen(found).await
    }

    /// Those of some nodes that rules let the module see.
    pub(super) async fn seen(&mut self, found: Vec<LiveNode>) -> Result<Vec<LiveNode>, Error> {
        if !self.scope.has_rules() {
            return Ok(found);
        }
        let mut seen = Vec::with_capacity(found.len());
        for live in found {
            let node = self.draft.overlay.pattern(live.node());
            self.charge_decision(&node).await?;
            if self.forbidden(NodeAccess::Read, &node).is_none() {
                seen.push(live);
            }
        }
        Ok(seen)
    }

    /// To know which entries there are takes their keys, where these are known.
    pub(super) fn keys_only(&self, pattern: &Pattern, wanted: Vec<Pattern>) -> Vec<Pattern> {
        let overlay = &self.draft.overlay;
        let form = overlay.schema_view().kind(overlay.locate(pattern));
        match (form, pattern.steps.last(), &wanted[..]) {
            (NodeKind::List { keys }, Some(last), [one])
                if (1..=MOST_KEYS).contains(&keys.len()) && one == pattern =>
            {
                keys.iter()
                    .map(|key| child(pattern, PatternStep::new(QName::new(&last.namespace, key))))
                    .collect()
            }
            _ => wanted,
        }
    }

    /// The nodes to read from: of the root, which is none itself, what is right below it.
    async fn tops(&mut self, pattern: &Pattern) -> Result<Vec<VisibleNode>, Error> {
        let mut tops = Vec::new();
        for live in self.visible(pattern, false).await? {
            let node = self.draft.overlay.pattern(live.node());
            self.charge_path(&node).await?;
            let whole =
                matches!(self.scope.decide(NodeAccess::Read, &node), AccessVerdict::Permit { below: true });
            let top = VisibleNode { live, depth: 0, whole };
            if live == LiveNode::ROOT {
                self.below(&top, &mut tops).await?;
                // On a stack the first is on top.
                tops.reverse();
                tops.iter_mut().for_each(|top| top.depth = 0);
            } else {
                tops.push(top);
            }
        }
        Ok(tops)
    }

    /// Puts the children of a node that the module may see on the stack, the first on top.
    async fn below(&mut self, seen: &VisibleNode, walk: &mut Vec<VisibleNode>) -> Result<(), Error> {
        let from = walk.len();
        let depth = seen.depth + 1;
        let children = self.draft.children(seen.live, &mut self.meter).await?;
        walk.extend(children.into_iter().map(|live| VisibleNode { live, depth, whole: seen.whole }));
        if !seen.whole {
            let mut kept = Vec::new();
            for below in walk.drain(from..) {
                let node = self.draft.overlay.pattern(below.live.node());
                self.charge_decision(&node).await?;
                match self.scope.decide(NodeAccess::Read, &node) {
                    AccessVerdict::Permit { below: whole } => kept.push(VisibleNode { whole, ..below }),
                    AccessVerdict::Deny { .. } => {}
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
