//! Paths: built from a user's values without a user's value ever becoming part of the syntax.

use std::fmt;

/// A path to a node of the configuration tree, as the contract's type `path` describes it.
///
/// [`path!`](crate::path!) builds one from values; every function that takes a path takes a `&str` too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// This path with the steps of `below` after it. An absolute `below` stands for itself, `.` for
    /// this path.
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

    /// The value that the last step gives to `key`, which is named without a prefix.
    ///
    /// ```
    /// use confine_sdk::prelude::*;
    ///
    /// let user = path!("/devices/device[name={}]/config/oc-sys:system/user[username={}]", "r1", "it's me");
    /// assert_eq!(user.key("username").as_deref(), Some("it's me"));
    /// assert_eq!(user.key("name"), None, "that is a key of another step");
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

    /// The path as text.
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

/// A key's value in the quotes that it lacks; where it has both, in single ones with its own doubled.
#[doc(hidden)]
pub fn quote(value: &dyn fmt::Display) -> String {
    let value = value.to_string();
    match (value.contains('\''), value.contains('"')) {
        (false, _) => format!("'{value}'"),
        (true, false) => format!("\"{value}\""),
        (true, true) => format!("'{}'", value.replace('\'', "''")),
    }
}

/// The value that a quoted text begins with, and what comes after it.
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

/// Builds a [`Path`] from a literal and the values for its `{}`, which it quotes.
///
/// A `{}` stands where a key has its value and nowhere else, so that no value, whatever is in it, can
/// change which node a path means. The literal is checked when the module is compiled.
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
/// path!("/devices/device[name='{}']", device); // the quotes come with the value
/// ```
///
/// ```compile_fail
/// # use confine_sdk::prelude::*;
/// # let device = "r1";
/// path!("/devices/device[name={device}]"); // values come after the literal
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
/// When the compiler evaluates it: where the literal is no path.
#[doc(hidden)]
pub const fn check_pattern(pattern: &str) {
    check(pattern.as_bytes(), &Rules { placeholders: true, prefixes: None });
}

/// Checks the syntax of a path, and that its prefixes are in `prefixes`.
///
/// # Panics
/// When the compiler evaluates it: where it is no path.
pub(crate) const fn check_path(path: &str, prefixes: &[(&str, &str)]) {
    check(path.as_bytes(), &Rules { placeholders: false, prefixes: Some(prefixes) });
}

/// What a checked path may hold.
struct Rules<'a> {
    /// `{}` in place of a key's value.
    placeholders: bool,
    /// The prefixes that are declared; none for any.
    prefixes: Option<&'a [(&'a str, &'a str)]>,
}

// From here on it is a parser that the compiler runs: slice patterns are what a `const fn` has, and a
// panic in it is an error at the place of the path. A message cannot hold a value.

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
            _ => panic!("after a step of a path comes `/` or the path's end"),
        };
    }
}

/// What comes after the step that `text` begins with.
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

/// What comes after the `[prefix:]name` that `text` begins with.
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

/// What comes after the identifier (RFC 7950, section 6.2) that `text` begins with.
#[allow(clippy::panic)]
const fn check_identifier(text: &[u8]) -> &[u8] {
    let [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..] = text else {
        panic!(
            "a step of a path begins with a name; values for `{{}}` stand in predicates, as in `[key={{}}]`"
        );
    };
    let mut rest = rest;
    while let [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// What comes after the value of a key that `text` begins with.
#[allow(clippy::panic)]
const fn check_value<'a>(text: &'a [u8], rules: &Rules<'_>) -> &'a [u8] {
    let (quote, mut rest) = match text {
        [b'{', b'}', rest @ ..] if rules.placeholders => return rest,
        [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        _ => panic!("a key's value is quoted or, in `path!`, `{{}}`, with the value after the literal"),
    };
    loop {
        rest = match rest {
            [first, second, rest @ ..] if *first == quote && *second == quote => rest,
            [first, rest @ ..] if *first == quote => return rest,
            [b'{', b'{', rest @ ..] | [b'}', b'}', rest @ ..] if rules.placeholders => rest,
            [b'{' | b'}', ..] if rules.placeholders => {
                panic!("no quotes around `{{}}`: they come with the value")
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
    panic!("a prefix is not declared in PREFIXES");
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

    /// Values, most of them of what has a meaning in a path.
    const ANY: &str = "([\\[\\]/'\"=.{}&< k]|\\PC){0,12}";

    proptest! {
        #[test]
        fn quoting_and_reading_a_key_are_inverse(other in ANY, value in ANY) {
            let path = crate::path!("/a/b[k={}]/c[x:k={}]", other, value);
            prop_assert_eq!(path.key("k"), Some(value), "{}", path);
        }

        #[test]
        fn no_value_changes_the_steps_of_a_path(value in ANY) {
            let path = crate::path!("/a[k={}]/b", value);
            check_path(path.as_str(), &[]);
            prop_assert_eq!(path.key("k"), None, "{}", path);
        }
    }

    #[test]
    fn quotes_are_those_that_the_value_lacks() {
        assert_eq!(quote(&"plain"), "'plain'");
        assert_eq!(quote(&"7\""), "'7\"'");
        assert_eq!(quote(&"it's"), "\"it's\"");
        assert_eq!(quote(&"it's 7\""), "'it''s 7\"'");
        assert_eq!(quote(&17), "'17'");
    }

    #[test]
    fn a_key_is_one_of_the_last_step() {
        let path = Path::from("/a[k='1']/b[k][n='2']");
        assert_eq!(path.key("n").as_deref(), Some("2"));
        assert_eq!(path.key("k"), None);
        assert_eq!(Path::from("/a[k='1']/b").key("k"), None);
        assert_eq!(Path::from("search[.='a.example']").key(".").as_deref(), Some("a.example"));
        assert_eq!(Path::from("/a[k='1").key("k"), None, "not closed");
    }

    #[test]
    fn joining_respects_what_is_absolute() {
        let base = Path::from("/a");
        assert_eq!(base.join("b[k='/']").as_str(), "/a/b[k='/']");
        assert_eq!(base.join("/c").as_str(), "/c");
        assert_eq!(base.join(".").as_str(), "/a");
        assert_eq!(Path::from("/").join("b").as_str(), "/b");
        assert_eq!(Path::from(".").join("b").as_str(), "b");
        assert_eq!(Path::from(".").join(".").as_str(), ".");
    }

    #[test]
    fn the_check_takes_what_the_contract_describes() {
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
    fn the_check_names_what_is_wrong() {
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
        fails("/a[k='{}']", "no quotes around");
        fails("/a[k='x{b}']", "no quotes around");
        fails("/a[k='b]", "not closed");
        let undeclared = std::panic::catch_unwind(|| check_path("/x:a", &[("y", "urn:y")]));
        assert!(undeclared.is_err());
    }
}
