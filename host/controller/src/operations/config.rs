//! Reads and edits: `get`, `get-config` and `edit-config` (RFC 6241, sections 7.1, 7.2 and 7.7).

use confine_netconf::{Datastore, XmlElement, XmlWriter};
use confine_tree::{CONTROLLER, NodeId, Tree, xml};

use super::input::{unreadable, unwritable};

use crate::datastore::defaults::with_defaults;
use crate::datastore::edit::{self, EditOperation};
use crate::datastore::trees;
use crate::filter::lost_entries;
use crate::filter::{XPathFilter, XPathFilterError, prune};
use crate::refusal::{self, RpcRefusal};
use crate::services;
use crate::state::{ControllerState, OkReply, Reply, RequestContext};

impl ControllerState {
    /// `get-config`, with defaults if the request asks for them. Clixon's attribute `depth` limits the reply
    /// to that many levels below the root.
    pub(super) fn get_config(&mut self, request: &RequestContext<'_>) -> Reply {
        let source = request.datastore("source")?;
        let tree = self.datastores.tree(source);
        match request.text("with-defaults")?.as_deref() {
            Some("report-all") => {
                let complete = with_defaults(tree, &self.models.schema).map_err(refusal::internal_error)?;
                self.read(request, &complete)
            }
            _ => self.read(request, tree),
        }
    }

    /// `get`: configuration and state, or one of them as Clixon's attribute `content` says. The state is that
    /// of the transactions and of the connections to devices.
    pub(super) fn get(&mut self, request: &RequestContext<'_>) -> Reply {
        let content = request.input.attribute("content").unwrap_or("all");
        let running = self.datastores.tree(Datastore::Running);
        if content == "config" {
            return self.read(request, running);
        }
        let mut tree = Tree::new();
        if content == "all" {
            tree = running.as_ref().clone();
        }
        self.add_state(&mut tree)?;
        // The real controller also searches the text of the filter for this name.
        let filter = request.input.child("filter").map_err(unreadable)?;
        if filter.and_then(|filter| Some(filter.attribute("select")?.contains("netconf-state"))) == Some(true)
        {
            let schemas = self.own_schemas().map_err(unwritable)?;
            xml::XmlTreeReader::new()
                .read(&mut tree, Tree::ROOT, &schemas)
                .map_err(refusal::internal_error)?;
        }
        self.read(request, &tree)
    }

    fn add_state(&self, tree: &mut Tree) -> Result<(), RpcRefusal> {
        let mut writer = XmlWriter::new();
        writer
            .element("devices", &[("xmlns", CONTROLLER)], |xml| {
                self.devices.iter().try_for_each(|(name, device)| {
                    xml.element("device", &[], |xml| {
                        xml.leaf("name", &[], name)?;
                        xml.leaf("conn-state", &[], if device.is_open { "OPEN" } else { "CLOSED" })
                    })
                })
            })
            .map_err(unwritable)?;
        let devices = xml::parse(&writer.finish()).map_err(refusal::internal_error)?;
        edit::merge_state(tree, self.models.modelled(&devices))?;
        let transactions = self.transactions_xml().map_err(unwritable)?;
        xml::XmlTreeReader::new().read(tree, Tree::ROOT, &transactions).map_err(refusal::internal_error)
    }

    fn read(&self, request: &RequestContext<'_>, tree: &Tree) -> Reply {
        let filter = request.input.child("filter").map_err(unreadable)?;
        // The real controller ignores filters of another type as well.
        let filter = filter.filter(|filter| filter.attribute("type") == Some("xpath"));
        let selected = match &filter {
            Some(filter) => {
                lost_entries::without_lost_entries(tree, &self.models.model(), select(tree, filter)?)
            }
            None => vec![Tree::ROOT],
        };
        let depth = request.input.attribute("depth").map(|depth| {
            let unknown = || refusal::bad_attribute("depth", "Unrecognized value of depth attribute");
            depth.trim().parse::<i32>().map_err(|_| unknown())
        });
        // A negative depth means no limit.
        let depth = depth.transpose()?.and_then(|depth| usize::try_from(depth).ok());
        let part = prune(tree, &selected, &self.models.model(), depth).map_err(refusal::internal_error)?;
        let part = self.access(request.user).remove_unreadable(part);
        trees::to_xml(&part, Tree::ROOT).map(OkReply::Data).map_err(refusal::internal_error)
    }

    /// `edit-config`. If a node has the attribute `cl:creator`, its path is added to the `created` list of the
    /// service instance that the attribute names.
    pub(super) fn edit_config(&mut self, request: &RequestContext<'_>) -> Reply {
        let target = request.datastore("target")?;
        let default = request.enumeration("default-operation", EditOperation::parse_default)?;
        let default = default.unwrap_or(EditOperation::Merge);
        let config = request
            .input
            .child("config")
            .map_err(unreadable)?
            .ok_or_else(|| refusal::missing_element("config", "Element not found"))?;
        let content = config.content();
        let scope: Vec<(&str, &str)> = content.bindings().iter().collect();
        let mut edit = Tree::new();
        xml::XmlTreeReader::new()
            .scope(&scope)
            .read(&mut edit, Tree::ROOT, content.as_str())
            .map_err(|error| refusal::failed_with("malformed-message", &error.to_string()))?;

        self.check_lock(target, request.session)?;
        let edit = self.models.modelled(&edit);
        let creator_tags = services::creator_tags(edit)?;
        let before = self.datastores.tree(target);
        let mut after = trees::editable(before).map_err(refusal::internal_error)?;
        edit::apply(&mut after, edit, default)?;
        self.access(request.user).check_write(before, &after)?;
        if !creator_tags.is_empty() {
            let records = services::created_records(&creator_tags).map_err(refusal::internal_error)?;
            let mut recorded = after.clone();
            edit::apply(&mut recorded, self.models.modelled(&records), EditOperation::Merge)?;
            // The real controller writes the records on behalf of no user, which access rules may deny.
            self.access(None).check_write(&after, &recorded)?;
            after = recorded;
        }
        self.datastores.replace(target, after);
        self.datastores.is_candidate_modified |= target == Datastore::Candidate;
        Ok(OkReply::Ok)
    }
}

/// Returns the nodes that a filter selects.
fn select(tree: &Tree, filter: &XmlElement<'_>) -> Result<Vec<NodeId>, RpcRefusal> {
    let bindings: Vec<(&str, &str)> = filter.content().bindings().iter().collect();
    let select = filter.attribute("select").unwrap_or("/");
    let filter = XPathFilter::parse(select, &bindings).map_err(|error| match error {
        XPathFilterError::UnboundPrefix { prefix, .. } => {
            refusal::bad_attribute("select", &format!("No namespace found for prefix: {prefix}"))
        }
        other => refusal::failed(format!("xpath parser on line 1: {other}")),
    })?;
    Ok(filter.select_some(tree))
}
