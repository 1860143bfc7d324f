//! XML templates.

use std::fmt;

use crate::{Error, Result};

/// Replaces each `{{NAME}}` in an XML text with an escaped value. The result is a `Result<String>` for
/// [`View::edit_xml`](crate::View::edit_xml).
///
/// A name consists of letters, digits, `_` and `-`. A value may be in an element or in an attribute. It is an
/// error if a value is missing, if the template does not use a value, or if a value holds a character that XML
/// does not allow.
///
/// ```
/// use confine_sdk::prelude::*;
///
/// let text = "<user><username>{{NAME}}</username><ssh-key>{{KEY}}</ssh-key></user>";
/// let user = template!(text, NAME = "a & b", KEY = "ssh-ed25519 AAAA")?;
/// assert_eq!(user, "<user><username>a &amp; b</username><ssh-key>ssh-ed25519 AAAA</ssh-key></user>");
///
/// let missing = template!(text, NAME = "a").unwrap_err();
/// assert_eq!(missing.to_string(), "the template needs a value for `{{KEY}}`");
/// # Ok::<(), Error>(())
/// ```
///
/// A larger template is best in a file: `template!(include_str!("user.xml"), NAME = name, KEY = key)`.
#[macro_export]
macro_rules! template {
    ($text:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::__private::render(
            $text,
            &[$((stringify!($name), &$value as &dyn ::core::fmt::Display)),*],
        )
    };
}

/// Implements [`template!`](crate::template!). A `-` in a name, which a Rust identifier cannot hold, is `_` in
/// `values`.
///
/// # Errors
/// Fails if a value is missing or unused, if `{{` has no `}}`, or if a value holds a character that XML does not
/// allow.
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
            return Err(Error::new(format!("the template needs a value for `{{{{{}}}}}`", name.trim())));
        };
        *used = true;
        escape(&value.to_string(), &mut out).map_err(|c| {
            Error::new(format!("the value of `{name}` holds {c:?}, which XML does not allow"))
        })?;
        rest = after;
    }
    out.push_str(rest);
    match values.iter().zip(used).find(|(_, used)| !used) {
        Some(((name, _), _)) => Err(Error::new(format!("the template does not use `{name}`"))),
        None => Ok(out),
    }
}

/// Appends `value`, escaped so that it reads back unchanged from an element and from an attribute.
fn escape(value: &str, out: &mut String) -> Result<(), char> {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // An XML parser converts it to a line feed, unless it is a character reference.
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
    fn template_escapes_values_and_fills_them_once() {
        let filled = template!("<a b=\"{{X}}\">{{X}}{{ Y-Z }}</a>", X = "{{Y_Z}}<'\">\r", Y_Z = 7).unwrap();
        let x = "{{Y_Z}}&lt;&apos;&quot;&gt;&#13;";
        assert_eq!(filled, format!("<a b=\"{x}\">{x}7</a>"));
    }

    #[test]
    fn template_reports_missing_and_unused_values() {
        let message = |result: Result<String>| result.unwrap_err().to_string();
        assert_eq!(message(template!("{{A}}")), "the template needs a value for `{{A}}`");
        assert_eq!(message(template!("", A = 1)), "the template does not use `A`");
        assert_eq!(message(template!("{{A", A = 1)), "the template has a `{{` without `}}`");
        assert_eq!(
            message(template!("{{A}}", A = "\0")),
            "the value of `A` holds '\\0', which XML does not allow"
        );
    }
}
