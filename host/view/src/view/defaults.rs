//! The default values of leaves that are not set.

use confine_nacm::AccessOperation;
use confine_tree::{BoundValue, ChoiceCase, NodeKind, Pattern, PatternStep, SchemaNode};

use super::View;
use crate::{Error, ScopeDecision, patterns::child};

impl View {
    /// Returns the default value of the one leaf that a pattern names, in its own module's prefix, if it is in use: if the
    /// nodes above it exist that must, and no other case of its choice (RFC 7950, sections 7.6.1 and 7.9.3). `when` is not
    /// evaluated.
    pub(super) async fn default_in_use(&mut self, leaf: &Pattern) -> Result<Option<BoundValue>, Error> {
        let overlay = &self.draft.overlay;
        let location = overlay.locate(leaf);
        let is_leaf = overlay.schema_view().kind(location) == NodeKind::Leaf;
        let Some(schema_node) = location.schema().filter(|_| is_leaf && overlay.check_exact(leaf).is_ok())
        else {
            return Ok(None);
        };
        let Some(default) = overlay.schema_view().schema().defaults(schema_node).into_iter().next() else {
            return Ok(None);
        };
        self.charge_decision(leaf)?;
        if self.forbidden(AccessOperation::Read, leaf).is_some() {
            return Ok(None);
        }
        let spots: Vec<_> = self.draft.overlay.spots(leaf).collect();
        for (depth, spot) in spots.into_iter().enumerate().rev() {
            let node = Pattern { steps: leaf.steps.iter().take(depth + 1).cloned().collect() };
            let kind = self.draft.overlay.schema_view().kind(spot);
            let must_exist = matches!(kind, NodeKind::PresenceContainer | NodeKind::List { .. });
            if must_exist {
                let exists = !self.visible(&node, true).await?.is_empty();
                return Ok(Some(default).filter(|_| exists));
            }
            if let Some(schema_node) = spot.schema()
                && !self.is_case_in_use(&node, schema_node).await?
            {
                return Ok(None);
            }
        }
        Ok(Some(default))
    }

    /// Returns whether the cases that a node is in are those in use.
    async fn is_case_in_use(&mut self, node: &Pattern, schema_node: SchemaNode) -> Result<bool, Error> {
        let cases = self.draft.overlay.schema_view().schema().cases(schema_node);
        for ChoiceCase { choice, case, is_default } in cases {
            let (mut exists, mut other_exists) = (false, false);
            for (sibling, case_of_sibling) in self.in_choice(node, choice) {
                self.draft.ensure_read(std::slice::from_ref(&sibling), &mut self.meter).await?;
                let found = self.draft.search(&sibling, &mut self.meter).await?;
                let mut is_there = false;
                for live in found {
                    let place = self.draft.overlay.pattern(live.node());
                    self.charge_decision(&place)?;
                    self.meter.pause().await;
                    is_there |= matches!(self.scope.decide_admitted(&place), ScopeDecision::Permit { .. });
                }
                let exists = if case_of_sibling == case { &mut exists } else { &mut other_exists };
                *exists |= is_there;
            }
            if other_exists || !exists && !is_default {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the paths of everything that may be in a choice beside a node, or is the node itself; each with its case.
    fn in_choice(&self, node: &Pattern, choice: SchemaNode) -> Vec<(Pattern, SchemaNode)> {
        let parent = Pattern { steps: node.steps.iter().rev().skip(1).rev().cloned().collect() };
        let overlay = &self.draft.overlay;
        let schema = overlay.schema_view().schema();
        let Some(above) = overlay.locate_below(&parent).schema() else { return Vec::new() };
        let in_choice = schema.children(above).into_iter().filter_map(|name| {
            let cases = schema.cases(schema.child(above, name)?);
            let case = cases.into_iter().find(|case| case.choice == choice)?.case;
            Some((child(&parent, PatternStep::new(name)), case))
        });
        in_choice.collect()
    }
}
