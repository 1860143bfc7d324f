//! Paths. A user's value never becomes part of the syntax of a path.

use std::fmt;

/// A path to a node of the configuration tree, as the contract's type `path` describes it.
///
/// [`path!`](crate::path!) builds one from values. Every function that takes a path takes a `&str` too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// Returns this path with the steps of `below` appended. An absolute `below` is returned unchanged; for
    /// `.`, this path is.
    ///
    /// ```
    /// use confine_sdk::prelude::*;
    ///
    /// let device = path!("/devices/device[name={}]", "r1");
    /// assert_eq!(device.join("config").as_str(), "/devices/device[name='r1']/config");
    /// assert_eq!(device.join("/services").as_str(), "/services");
    /// ```
    #[must_use]
    pub fn join(&self, below: impl AsRef<str>) -> Self {
        match (self.as_str(), below.as_ref()) {
            (this, ".") => this.into(),
            (".", below) => below.into(),
            (_, below) if below.starts_with('/') => below.into(),
            (this, below) => Self(format!("{}/{below}", this.trim_end_matches('/'))),
        }
    }

    /// Returns the value of `key` (named without a prefix) in the last step.
    ///
    /// ```
    /// use confine_sdk::prelude::*;
    ///
    /// let user = path!("/devices/device[name={}]/config/oc-sys:system/user[username={}]", "r1", "it's me");
    /// assert_eq!(user.key("username").as_deref(), Some("it's me"));
    /// assert_eq!(user.key("name"), None, "`name` is a key of another step");
    /// ```
    pub fn key(&self, key: &str) -> Option<String> {
        let mut found = None;
        let mut rest = self.as_str();
        while let Some((at, delimiter)) = rest.char_indices().find(|(_, c)| matches!(c, '/' | '[')) {
            rest = rest.get(at + 1..)?;
            if delimiter == '/' {
                found = None;
                continue;
            }
            let end = rest.find(['=', ']'])?;
            let (name, after) = rest.split_at(end);
            rest = after;
            if let Some(quoted) = after.strip_prefix('=') {
                let (value, after) = unquote(quoted)?;
                rest = after;
                if name.rsplit(':').next() == Some(key) {
                    found = Some(value);
                }
            }
        }
        found
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

impl From<String> for Path {
    fn from(path: String) -> Self {
        Self(path)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Quotes a key's value with the quote that it does not hold. If it holds both, `'` is used and doubled inside.
#[doc(hidden)]
pub fn quote(value: &dyn fmt::Display) -> String {
    let value = value.to_string();
    match (value.contains('\''), value.contains('"')) {
        (false, _) => format!("'{value}'"),
        (true, false) => format!("\"{value}\""),
        (true, true) => format!("'{}'", value.replace('\'', "''")),
    }
}

/// Reads the quoted value at the start of `text`. Returns the value and the rest of the text.
fn unquote(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut rest = text.get(1..)?;
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once(quote)?;
        value.push_str(part);
        match after.strip_prefix(quote) {
            Some(doubled) => {
                value.push(quote);
                rest = doubled;
            }
            None => return Some((value, after)),
        }
    }
}

/// Builds a [`Path`] from a literal. Each `{}` in it is replaced by a value in quotes.
///
/// A `{}` may be the value of a key, and nothing else, so that no value can change which node the path selects.
/// The compiler checks the literal.
///
/// ```
/// use confine_sdk::prelude::*;
///
/// let (device, name) = ("r1", r#"7" o'clock"#);
/// let user = path!("/devices/device[name={}]/config/oc-sys:system/user[username={}]", device, name);
/// assert_eq!(
///     user.as_str(),
///     r#"/devices/device[name='r1']/config/oc-sys:system/user[username='7" o''clock']"#
/// );
/// ```
///
/// ```compile_fail
/// # use confine_sdk::prelude::*;
/// # let device = "r1";
/// path!("/devices/device[name='{}']", device); // `path!` adds the quotes
/// ```
///
/// ```compile_fail
/// # use confine_sdk::prelude::*;
/// # let device = "r1";
/// path!("/devices/device[name={device}]"); // values follow the literal
/// ```
#[macro_export]
macro_rules! path {
    ($pattern:literal $(, $value:expr)* $(,)?) => {{
        const _: () = $crate::__private::check_pattern($pattern);
        $crate::Path::from(::std::format!($pattern $(, $crate::__private::quote(&$value))*))
    }};
}

/// Checks the syntax of the literal of a [`path!`](crate::path!).
///
/// # Panics
/// Panics during compilation if the literal is not a path.
#[doc(hidden)]
pub const fn check_pattern(pattern: &str) {
    check(pattern.as_bytes(), &Rules { placeholders: true, prefixes: None });
}

/// Checks the syntax of a path, and that its prefixes are in `prefixes`.
///
/// # Panics
/// Panics during compilation if it is not a path.
pub(crate) const fn check_path(path: &str, prefixes: &[(&str, &str)]) {
    check(path.as_bytes(), &Rules { placeholders: false, prefixes: Some(prefixes) });
}

/// What a checked path may contain.
struct Rules<'a> {
    /// Whether `{}` may be the value of a key.
    placeholders: bool,
    /// The declared prefixes; `None` allows any prefix.
    prefixes: Option<&'a [(&'a str, &'a str)]>,
}

// The compiler runs the following parser. A `const fn` has to work with slice patterns, and a panic in it is a
// compiler error at the path. Its message cannot contain a value.

#[allow(clippy::panic)]
const fn check(path: &[u8], rules: &Rules<'_>) {
    let mut rest = match path {
        [b'.'] | [b'/'] => return,
        [b'/', rest @ ..] => rest,
        _ => path,
    };
    loop {
        rest = match check_step(rest, rules) {
            [] => return,
            [b'/', rest @ ..] => rest,
            _ => panic!("expected `/` or the end of the path after a step"),
        };
    }
}

/// Checks the step at the start of `text`. Returns the rest of the text.
#[allow(clippy::panic)]
const fn check_step<'a>(text: &'a [u8], rules: &Rules<'_>) -> &'a [u8] {
    let mut rest = check_name(text, rules);
    while let [b'[', predicate @ ..] = rest {
        rest = match predicate {
            [b'.', rest @ ..] => rest,
            _ => check_name(predicate, rules),
        };
        if let [b'=', value @ ..] = rest {
            rest = check_value(value, rules);
        }
        rest = match rest {
            [b']', rest @ ..] => rest,
            _ => panic!("a predicate is `[key]`, `[key='value']` or, in `path!`, `[key={{}}]`"),
        };
    }
    rest
}

/// Checks the `[prefix:]name` at the start of `text`. Returns the rest of the text.
const fn check_name<'a>(text: &'a [u8], rules: &Rules<'_>) -> &'a [u8] {
    match check_identifier(text) {
        rest @ [b':', name @ ..] => {
            let (prefix, _) = text.split_at(text.len() - rest.len());
            check_prefix(prefix, rules);
            check_identifier(name)
        }
        rest => rest,
    }
}

/// Checks the identifier (RFC 7950, section 6.2) at the start of `text`. Returns the rest of the text.
#[allow(clippy::panic)]
const fn check_identifier(text: &[u8]) -> &[u8] {
    let [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..] = text else {
        panic!(
            "a step of a path begins with a name; a `{{}}` may only be the value of a key, as in `[key={{}}]`"
        );
    };
    let mut rest = rest;
    while let [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Checks the value of a key at the start of `text`. Returns the rest of the text.
#[allow(clippy::panic)]
const fn check_value<'a>(text: &'a [u8], rules: &Rules<'_>) -> &'a [u8] {
    let (quote, mut rest) = match text {
        [b'{', b'}', rest @ ..] if rules.placeholders => return rest,
        [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        _ => panic!("the value of a key is quoted or, in `path!`, `{{}}` with the value after the literal"),
    };
    loop {
        rest = match rest {
            [first, second, rest @ ..] if *first == quote && *second == quote => rest,
            [first, rest @ ..] if *first == quote => return rest,
            [b'{', b'{', rest @ ..] | [b'}', b'}', rest @ ..] if rules.placeholders => rest,
            [b'{' | b'}', ..] if rules.placeholders => {
                panic!("write `{{}}` without quotes: they are added")
            }
            [_, rest @ ..] => rest,
            [] => panic!("a quote is not closed"),
        };
    }
}

#[allow(clippy::panic)]
const fn check_prefix(prefix: &[u8], rules: &Rules<'_>) {
    let Some(mut prefixes) = rules.prefixes else { return };
    if same(prefix, b"ctrl") {
        return;
    }
    while let [(declared, _), rest @ ..] = prefixes {
        if same(prefix, declared.as_bytes()) {
            return;
        }
        prefixes = rest;
    }
    panic!("a path uses a prefix that is not declared in PREFIXES");
}

const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    loop {
        match (a, b) {
            ([], []) => return true,
            ([x, rest_of_a @ ..], [y, rest_of_b @ ..]) if *x == *y => (a, b) = (rest_of_a, rest_of_b),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values, most of them with characters that have a meaning in a path.
    const ANY: &str = "([\\[\\]/'\"=.{}&< k]|\\PC){0,12}";

    proptest! {
        #[test]
        fn key_reads_back_as_quoted(other in ANY, value in ANY) {
            let path = crate::path!("/a/b[k={}]/c[x:k={}]", other, value);
            prop_assert_eq!(path.key("k"), Some(value), "{}", path);
        }

        #[test]
        fn value_does_not_change_the_steps_of_a_path(value in ANY) {
            let path = crate::path!("/a[k={}]/b", value);
            check_path(path.as_str(), &[]);
            prop_assert_eq!(path.key("k"), None, "{}", path);
        }
    }

    #[test]
    fn quote_uses_the_quote_that_the_value_lacks() {
        assert_eq!(quote(&"plain"), "'plain'");
        assert_eq!(quote(&"7\""), "'7\"'");
        assert_eq!(quote(&"it's"), "\"it's\"");
        assert_eq!(quote(&"it's 7\""), "'it''s 7\"'");
        assert_eq!(quote(&17), "'17'");
    }

    #[test]
    fn key_is_read_from_the_last_step() {
        let path = Path::from("/a[k='1']/b[k][n='2']");
        assert_eq!(path.key("n").as_deref(), Some("2"));
        assert_eq!(path.key("k"), None);
        assert_eq!(Path::from("/a[k='1']/b").key("k"), None);
        assert_eq!(Path::from("search[.='a.example']").key(".").as_deref(), Some("a.example"));
        assert_eq!(Path::from("/a[k='1").key("k"), None, "the quote is not closed");
    }

    #[test]
    fn join_keeps_an_absolute_path() {
        let base = Path::from("/a");
        assert_eq!(base.join("b[k='/']").as_str(), "/a/b[k='/']");
        assert_eq!(base.join("/c").as_str(), "/c");
        assert_eq!(base.join(".").as_str(), "/a");
        assert_eq!(Path::from("/").join("b").as_str(), "/b");
        assert_eq!(Path::from(".").join("b").as_str(), "b");
        assert_eq!(Path::from(".").join(".").as_str(), ".");
    }

    #[test]
    fn check_accepts_paths_of_the_contract() {
        const PREFIXES: &[(&str, &str)] = &[("oc-if", "http://openconfig.net/yang/interfaces")];
        for path in [
            ".",
            "/",
            "name",
            "/devices/ctrl:device[name='r1']/config/oc-if:interfaces/interface[name=\"ge-0/0/1\"]/config/mtu",
            "/devices/device[name]",
            "user[name='it''s \"it\"'][id='{']",
            "search[.='a.example']",
        ] {
            check_path(path, PREFIXES);
        }
    }

    #[test]
    fn check_names_the_syntax_error() {
        let fails = |pattern: &'static str, why: &str| {
            let panic = std::panic::catch_unwind(|| check_pattern(pattern)).unwrap_err();
            let message = panic.downcast_ref::<&str>().map(ToString::to_string);
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap();
            assert!(message.contains(why), "{pattern}: {message}");
        };
        fails("", "begins with a name");
        fails("/a/", "begins with a name");
        fails("/a//b", "begins with a name");
        fails("/a/../b", "begins with a name");
        fails("{}/b", "begins with a name");
        fails("/a b", "after a step");
        fails("/a]", "after a step");
        fails("/a/b{}", "after a step");
        fails("/a[k", "a predicate is");
        fails("/a[k=b]", "is quoted");
        fails("/a[k={b}]", "is quoted");
        fails("/a[k='{}']", "without quotes");
        fails("/a[k='x{b}']", "without quotes");
        fails("/a[k='b]", "not closed");
        let undeclared = std::panic::catch_unwind(|| check_path("/x:a", &[("y", "urn:y")]));
        assert!(undeclared.is_err());
    }
}
