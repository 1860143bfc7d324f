//! Converts a payload to a tree.

use confine_netconf::Payload;
use confine_tree::{Error, Tree, xml};

/// Converts a payload to a tree, with the namespaces in its scope.
///
/// # Errors
/// Fails if the payload cannot be read or is too large for a tree.
pub fn payload_tree(content: &Payload<'_>) -> Result<Tree, Error> {
    let bindings: Vec<_> = content.bindings().iter().collect();
    let mut tree = Tree::new();
    xml::XmlTreeReader::new().scope(&bindings).read(&mut tree, Tree::ROOT, content.as_str())?;
    Ok(tree)
}
