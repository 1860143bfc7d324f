//! What was read, as a tree.

use confine_netconf::Payload;
use confine_tree::{Error, Tree, xml};

/// A tree of what was answered, with the namespaces that were declared around it.
///
/// # Errors
/// Where it cannot be read, or is more than a tree can hold.
pub fn payload_tree(content: &Payload<'_>) -> Result<Tree, Error> {
    let bindings: Vec<_> = content.bindings().iter().collect();
    let mut tree = Tree::new();
    xml::XmlTreeReader::new().scope(&bindings).read(&mut tree, Tree::ROOT, content.as_str())?;
    Ok(tree)
}
