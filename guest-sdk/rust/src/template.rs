//! XML with places for values.

use std::fmt;

use crate::{Error, Result};

/// Fills the `{{NAME}}` places of an XML text with values, which it escapes: a `Result<String>` for
/// [`View::edit_xml`](crate::View::edit_xml).
///
/// Names are letters, digits, `_` and `-`. A place without a value, a value without a place, and a
/// character that XML cannot carry are errors. A value may stand in an element or in an attribute.
///
/// ```
/// use confine_sdk::prelude::*;
///
/// let text = "<user><username>{{NAME}}</username><ssh-key>{{KEY}}</ssh-key></user>";
/// let user = template!(text, NAME = "a & b", KEY = "ssh-ed25519 AAAA")?;
/// assert_eq!(user, "<user><username>a &amp; b</username><ssh-key>ssh-ed25519 AAAA</ssh-key></user>");
///
/// let missing = template!(text, NAME = "a").unwrap_err();
/// assert_eq!(missing.to_string(), "the template has a place `{{KEY}}` and no value for it");
/// # Ok::<(), Error>(())
/// ```
///
/// A larger text comes from a file: `template!(include_str!("user.xml"), NAME = name, KEY = key)`.
#[macro_export]
macro_rules! template {
    ($text:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::__private::render(
            $text,
            &[$((stringify!($name), &$value as &dyn ::core::fmt::Display)),*],
        )
    };
}

/// See [`template!`](crate::template!). Takes a name with `-` in it, which is no Rust identifier, as
/// one with `_`.
///
/// # Errors
/// A place without a value, a value without a place, `{{` without `}}`, or a character that XML cannot
/// carry.
#[doc(hidden)]
pub fn render(text: &str, values: &[(&str, &dyn fmt::Display)]) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut used = vec![false; values.len()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            return Err(Error::new("the template has a `{{` without `}}`"));
        };
        let known =
            values.iter().zip(&mut used).find(|((known, _), _)| *known == name.trim().replace('-', "_"));
        let Some(((_, value), used)) = known else {
            return Err(Error::new(format!(
                "the template has a place `{{{{{}}}}}` and no value for it",
                name.trim()
            )));
        };
        *used = true;
        escape(&value.to_string(), &mut out)
            .map_err(|c| Error::new(format!("the value of `{name}` holds {c:?}, which XML cannot carry")))?;
        rest = after;
    }
    out.push_str(rest);
    match values.iter().zip(used).find(|(_, used)| !used) {
        Some(((name, _), _)) => Err(Error::new(format!("the template has no place for `{name}`"))),
        None => Ok(out),
    }
}

/// Appends `value` so that it reads back the same from an element and from an attribute.
fn escape(value: &str, out: &mut String) -> Result<(), char> {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A parser turns it into a line feed, unless it is written as a reference.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            // XML 1.0, section 2.2.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => return Err(c),
            _ => out.push(c),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_not_filled_in_again() {
        let filled = template!("<a b=\"{{X}}\">{{X}}{{ Y-Z }}</a>", X = "{{Y_Z}}<'\">\r", Y_Z = 7).unwrap();
        let x = "{{Y_Z}}&lt;&apos;&quot;&gt;&#13;";
        assert_eq!(filled, format!("<a b=\"{x}\">{x}7</a>"));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let message = |result: Result<String>| result.unwrap_err().to_string();
        assert_eq!(message(template!("{{A}}")), "the template has a place `{{A}}` and no value for it");
        assert_eq!(message(template!("", A = 1)), "the template has no place for `A`");
        assert_eq!(message(template!("{{A", A = 1)), "the template has a `{{` without `}}`");
        assert_eq!(
            message(template!("{{A}}", A = "\0")),
            "the value of `A` holds '\\0', which XML cannot carry"
        );
    }
}
