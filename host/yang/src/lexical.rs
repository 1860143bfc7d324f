//! The lexical forms of `binary` and `instance-identifier`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::lexer::is_identifier;

/// Removes the white space of base64 (section 9.8.2, RFC 4648 section 4). Returns the text and the number of bytes
/// it encodes.
pub(crate) fn base64(value: &str) -> Option<(String, usize)> {
    let compact: String = value.split_whitespace().collect();
    // The bits after the last byte must be zero, so that each value has one form.
    let bytes = STANDARD.decode(&compact).ok()?;
    Some((compact, bytes.len()))
}

/// Returns whether the text is an instance-identifier (section 9.13): steps with names, and predicates with keys,
/// values or positions.
pub(crate) fn is_instance_identifier(value: &str) -> bool {
    let mut rest = value.trim();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let Some(step) = rest.strip_prefix('/') else { return false };
        let end = step.find(['/', '[']).unwrap_or(step.len());
        let (name, after) = step.split_at(end);
        if !is_node_name(name.trim()) {
            return false;
        }
        rest = after;
        while let Some(predicate) = rest.strip_prefix('[') {
            let Some(after) = predicate_end(predicate) else { return false };
            rest = after.trim_start();
        }
    }
    true
}

fn is_node_name(name: &str) -> bool {
    name.splitn(2, ':').all(is_identifier)
}

/// Returns the text after a predicate: `1]`, `.='v']` or `p:key='v']`.
fn predicate_end(predicate: &str) -> Option<&str> {
    let predicate = predicate.trim_start();
    let digits = predicate.trim_start_matches(|c: char| c.is_ascii_digit());
    if digits.len() < predicate.len() {
        return digits.trim_start().strip_prefix(']');
    }
    let (name, value) = predicate.split_once('=')?;
    let name = name.trim_end();
    if name != "." && !is_node_name(name) {
        return None;
    }
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (_, after) = value.get(1..)?.split_once(quote)?;
    after.trim_start().strip_prefix(']')
}
