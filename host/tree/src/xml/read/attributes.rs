//! Reading attributes and declarations of namespaces.

use std::borrow::Cow;

use confine_markup::StartTag;
use quick_xml::{
    XmlVersion,
    events::{BytesStart, attributes::Attribute},
};

use super::{ReadStop, TreeReading, clip};
use crate::{
    NodeId,
    name::is_name,
    xml::{XML, error::XmlFault, unrepresentable},
};

impl<'a> TreeReading<'a, '_> {
    /// Calls `each` for the tag's attributes as written, up to the limit.
    fn each_attribute(
        &mut self,
        tag: &BytesStart<'_>,
        mut each: impl FnMut(&mut Self, &str, &Attribute<'_>) -> Result<(), ReadStop>,
    ) -> Result<(), ReadStop> {
        let mut attributes = tag.attributes();
        // The library would compare them with each other before their number is known to be small.
        attributes.with_checks(false);
        for (index, attribute) in attributes.enumerate() {
            if index == self.limits.attributes {
                return self.stop(XmlFault::TooManyAttributes(self.limits.attributes));
            }
            match attribute {
                Ok(attribute) => match each(self, attribute.key.as_ref(), &attribute) {
                    // What an attribute of a reply says is not configuration.
                    Err(ReadStop::Text(..)) if self.is_tolerant => {}
                    result => result?,
                },
                Err(error) => return self.malformed(error),
            }
        }
        Ok(())
    }

    /// Declares what a tag declares. Returns whether it has other attributes.
    pub(super) fn declare(&mut self, tag: StartTag<'a>) -> Result<bool, ReadStop> {
        match self.known_declarations.get(tag.attributes()) {
            Some((prefix, namespace)) => {
                // It is the first one of this element.
                self.scope.declare(prefix, namespace);
                Ok(false)
            }
            None => self.declarations(tag),
        }
    }

    fn declarations(&mut self, tag: StartTag<'a>) -> Result<bool, ReadStop> {
        let mut has_others = false;
        let mut declared = None;
        let mut count = 0;
        self.each_attribute(&tag.to_bytes(), |this, key, attribute| {
            count += 1;
            let Some(prefix) = declared_prefix(key) else {
                has_others = true;
                return Ok(());
            };
            if !prefix.is_empty() && !is_name(prefix) {
                return this.stop(XmlFault::Name(clip(prefix)));
            }
            let namespace = this.attribute_value(attribute)?;
            if namespace.len() > this.limits.namespace {
                return this.stop(XmlFault::LongNamespace(this.limits.namespace));
            }
            let reserved = prefix == "xmlns" || (prefix == "xml") != (*namespace == *XML);
            if reserved || (namespace.is_empty() && !prefix.is_empty()) {
                return this.stop(XmlFault::Declaration(clip(prefix)));
            }
            let namespace = this.tree.names_mut().intern_namespace(&namespace);
            let prefix = this.scope.prefix_id(prefix);
            if !this.scope.declare(prefix, namespace) {
                return this.stop(XmlFault::DuplicateAttribute(clip(key)));
            }
            declared = Some((prefix, namespace));
            Ok(())
        })?;
        if let (1, Some(declared)) = (count, declared) {
            self.known_declarations.add(tag.attributes(), declared);
        }
        Ok(has_others)
    }

    pub(super) fn attributes(&mut self, tag: &BytesStart<'_>, node: NodeId) -> Result<(), ReadStop> {
        self.each_attribute(tag, |this, key, attribute| {
            if declared_prefix(key).is_some() {
                return Ok(());
            }
            // An attribute without a prefix is in no namespace, whatever the default namespace is.
            let (namespace, local) = match key.split_once(':') {
                None => (this.tree.names_mut().intern_namespace(""), key),
                Some((prefix, local)) => match this.scope.resolve(prefix) {
                    Some(namespace) if !prefix.is_empty() => (namespace, local),
                    _ => return this.stop(XmlFault::UnboundPrefix(clip(prefix))),
                },
            };
            if !is_name(local) {
                return this.stop(XmlFault::Name(clip(key)));
            }
            let name = this.tree.names_mut().intern_in(namespace, local);
            let value = this.attribute_value(attribute)?;
            if !this.tree.add_attribute(node, name, &value) {
                return this.stop(XmlFault::DuplicateAttribute(clip(key)));
            }
            Ok(())
        })
    }

    fn attribute_value<'v>(&self, attribute: &Attribute<'v>) -> Result<Cow<'v, str>, ReadStop> {
        if attribute.value.contains('<') {
            return self.malformed("`<` is not allowed in an attribute value: write `&lt;`");
        }
        let value = match attribute.normalized_value(XmlVersion::Explicit1_0) {
            Ok(value) => value,
            Err(error) => return self.malformed(error),
        };
        match unrepresentable(&value) {
            Some(character) => self.stop(XmlFault::Character(character)),
            None => Ok(value),
        }
    }
}

/// Returns the prefix that an attribute declares, if it is a namespace declaration; empty for the default
/// namespace.
fn declared_prefix(key: &str) -> Option<&str> {
    match key.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}
