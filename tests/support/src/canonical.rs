//! XML in a form in which two texts are equal if they mean the same.

use std::fmt::Write as _;

use confine_tree::{Error, NodeId, Tree, xml};

/// In expected XML, matches any text or attribute value.
pub const ANY: &str = "{any}";

/// The name of an element, in no namespace, that matches any further siblings in expected XML, and any further
/// attributes of its parent.
pub const MORE: &str = "more";

/// An element without what does not matter: prefixes, the order of attributes and siblings, and white space between
/// elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CanonicalXml {
    name: String,
    attributes: Vec<(String, String)>,
    value: String,
    children: Vec<Self>,
}

impl CanonicalXml {
    /// Reads one element without the attributes of these names, in any namespace.
    ///
    /// # Errors
    /// Text that is not one element.
    pub fn parse(text: &str, ignored: &[&str]) -> Result<Self, Error> {
        let tree = xml::parse(text)?;
        let root = tree.first_child(Tree::ROOT).unwrap_or(Tree::ROOT);
        Ok(Self::of(&tree, root, ignored))
    }

    /// Reads the only child of an element, such as the operation of a request.
    ///
    /// # Errors
    /// Text that is not one element.
    pub fn parse_inner(text: &str, ignored: &[&str]) -> Result<Self, Error> {
        let tree = xml::parse(text)?;
        let inner = tree.first_child(Tree::ROOT).and_then(|root| tree.first_child(root));
        Ok(Self::of(&tree, inner.unwrap_or(Tree::ROOT), ignored))
    }

    fn of(tree: &Tree, node: NodeId, ignored: &[&str]) -> Self {
        let attributes = tree.attributes(node).filter(|(name, _)| !ignored.contains(&name.local));
        let mut attributes: Vec<_> =
            attributes.map(|(name, value)| (name.local.to_owned(), value.to_owned())).collect();
        let mut children: Vec<_> = tree.children(node).map(|child| Self::of(tree, child, ignored)).collect();
        attributes.sort();
        children.sort();
        Self { name: tree.qname(node).to_string(), attributes, value: value(tree, node), children }
    }

    /// Whether this matches `expected`: there, [`ANY`] matches any value, an element with that value any content, and an
    /// element [`MORE`] any further children and attributes.
    pub fn matches(&self, expected: &Self) -> bool {
        let more = expected.children.iter().any(|child| child.name == MORE);
        let has = |(name, wanted): &(String, String)| {
            self.attributes.iter().any(|(known, value)| known == name && (wanted == ANY || value == wanted))
        };
        let attributes = expected.attributes.iter().all(has)
            && (more || self.attributes.len() == expected.attributes.len());
        let content = expected.value == ANY
            || self.value == expected.value && matched(&self.children, &expected.children);
        self.name == expected.name && attributes && content
    }

    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let attributes: String =
            self.attributes.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        // Writing to a string does not fail.
        let _ = write!(text, "{indent}{}{attributes}", self.name);
        if !self.value.is_empty() {
            let _ = write!(text, " = {:?}", self.value);
        }
        text.push('\n');
        for child in &self.children {
            child.write(text, depth + 1);
        }
    }
}

/// Whether each child is expected and none is missing. Both lists are sorted, so the first that is left nearly always
/// matches.
fn matched(children: &[CanonicalXml], expected: &[CanonicalXml]) -> bool {
    let mut left: Vec<_> = children.iter().collect();
    let (more, expected): (Vec<_>, Vec<_>) = expected.iter().partition(|wanted| wanted.name == MORE);
    let all = expected.into_iter().all(|wanted| {
        let found = left.iter().position(|child| child.matches(wanted));
        found.map(|found| left.remove(found)).is_some()
    });
    all && (left.is_empty() || !more.is_empty())
}

/// One node per line, indented: for comparison by eye.
impl std::fmt::Display for CanonicalXml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text, 0);
        f.write_str(text.trim_end())
    }
}

/// Returns the value with its prefixes resolved, as in an identityref.
fn value(tree: &Tree, node: NodeId) -> String {
    let value = tree.value(node).unwrap_or_default();
    let bound = value.split_once(':').and_then(|(prefix, local)| {
        let mut bindings = tree.bindings(node).iter();
        let (_, namespace) = bindings.find(|(known, _)| &**known == prefix)?;
        Some(format!("{{{namespace}}}{local}"))
    });
    bound.unwrap_or_else(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> CanonicalXml {
        CanonicalXml::parse(text, &["message-id"]).unwrap()
    }

    #[test]
    fn xml_that_means_the_same_is_equal() {
        let a = canonical(r#"<a xmlns="urn:a" x="1" message-id="7"><b>p</b> <c/></a>"#);
        let b = canonical(r#"<p:a xmlns:p="urn:a" x="1"><p:c></p:c><p:b>p</p:b></p:a>"#);
        assert_eq!(a, b);
        let a = canonical(r#"<type xmlns="urn:a" xmlns:i="urn:i">i:ethernet</type>"#);
        let b = canonical(r#"<type xmlns="urn:a" xmlns:j="urn:i">j:ethernet</type>"#);
        assert_eq!(a, b);
        for other in [
            r#"<a xmlns="urn:a"><b>p</b><c/></a>"#,
            r#"<a xmlns="urn:a" x="1"><b>q</b><c/></a>"#,
            r#"<a xmlns="urn:a" x="1"><b>p</b></a>"#,
            r#"<a xmlns="urn:b" x="1"><b>p</b><c/></a>"#,
        ] {
            assert_ne!(canonical(r#"<a xmlns="urn:a" x="1"><b>p</b><c/></a>"#), canonical(other));
        }
    }

    #[test]
    fn any_and_more_match_what_they_promise() {
        let actual = canonical(r#"<a xmlns="urn:a" x="1"><b>p</b><c><d/></c></a>"#);
        for (expected, matches) in [
            (r#"<a xmlns="urn:a" x="{any}"><b>{any}</b><c>{any}</c></a>"#, true),
            (r#"<a xmlns="urn:a" x="1">{any}</a>"#, true),
            (r#"<a xmlns="urn:a" x="2">{any}</a>"#, false),
            (r#"<a xmlns="urn:a" x="1"><b>{any}</b></a>"#, false),
            (r#"<a xmlns="urn:a" x="1"><b>{any}</b><more xmlns=""/></a>"#, true),
            (r#"<a xmlns="urn:a" x="1"><z/><more xmlns=""/></a>"#, false),
        ] {
            assert_eq!(actual.matches(&canonical(expected)), matches, "{expected}");
        }
        insta::assert_snapshot!(actual, @r#"
        {urn:a}a x="1"
          {urn:a}b = "p"
          {urn:a}c
            {urn:a}d
        "#);
    }
}
