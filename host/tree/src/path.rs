//! Paths as modules and users write them.
//!
//! ```text
//! path      = "/" | "." | ["/"] step *("/" step)
//! step      = [prefix ":"] name *predicate
//! predicate = "[" [prefix ":"] name ["=" value] "]" | "[" "." ["=" value] "]"
//! value     = "'" … "'" | '"' … '"'            ; a quote of the same kind inside is doubled
//! ```
//!
//! This is the small part of XPath that names nodes by their position in the tree and list entries by their
//! keys. For the rest of XPath, the parser returns an error that says what to write instead. Prefixes, and
//! the namespaces of steps without one, are resolved later: see [`Pattern`](crate::Pattern).

mod error;
mod parser;

use std::fmt::{self, Write as _};

pub use error::{MAX_PREDICATES, MAX_STEPS, PathError, PathFault};

/// A path to nodes of the tree, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    /// Whether the path begins at the root (`/…`). A relative path begins at a node that the context
    /// provides, such as a service instance.
    pub absolute: bool,
    /// The steps from the top down; empty for `/` and `.`.
    pub steps: Vec<PathStep>,
}

/// One step of a path: the children with this name that match the predicates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathStep {
    /// The prefix of the name, if one was written.
    pub prefix: Option<Box<str>>,
    /// The name without its prefix.
    pub name: Box<str>,
    /// The predicates, all of which must hold.
    pub predicates: Vec<Predicate>,
}

/// A condition on the entries of a list or leaf-list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// Matches list entries by a key: `[name='value']` for one value, `[name]` for any.
    Key {
        /// The prefix of the key, if one was written. A key is always in its list's own namespace.
        prefix: Option<Box<str>>,
        /// The name of the key without its prefix.
        name: Box<str>,
        /// The value; none for any.
        value: Option<String>,
    },
    /// Matches leaf-list entries by value: `[.='value']` for one value, `[.]` for any.
    Entry {
        /// The value; none for any.
        value: Option<String>,
    },
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str(if self.absolute { "/" } else { "." });
        }
        for (index, step) in self.steps.iter().enumerate() {
            if self.absolute || index > 0 {
                f.write_char('/')?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.prefix.as_deref(), &self.name)?;
        self.predicates.iter().try_for_each(|predicate| predicate.fmt(f))
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        let value = match self {
            Self::Key { prefix, name, value } => {
                write_name(f, prefix.as_deref(), name)?;
                value
            }
            Self::Entry { value } => {
                f.write_char('.')?;
                value
            }
        };
        if let Some(value) = value {
            write!(f, "={}", QuotedValue(value))?;
        }
        f.write_char(']')
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, prefix: Option<&str>, name: &str) -> fmt::Result {
    if let Some(prefix) = prefix {
        write!(f, "{prefix}:")?;
    }
    f.write_str(name)
}

/// A value in quotes, as [`Path::parse`] reads it: in single quotes, or in double quotes if that avoids
/// doubling.
#[derive(Clone, Copy, Debug)]
pub struct QuotedValue<'a>(pub &'a str);

impl fmt::Display for QuotedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        match (value.contains('\''), value.contains('"')) {
            (false, _) => write!(f, "'{value}'"),
            (true, false) => write!(f, "\"{value}\""),
            (true, true) => write!(f, "'{}'", value.replace('\'', "''")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = Box<str>> {
        "[a-zA-Z_é][a-zA-Z0-9_.é-]{0,6}".prop_map(Into::into)
    }

    fn value() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[a-z'\"\\]\\[/.= \n\té<&]{0,8}")
    }

    fn predicate() -> impl Strategy<Value = Predicate> {
        prop_oneof![
            3 => (proptest::option::of(name()), name(), value())
                .prop_map(|(prefix, name, value)| Predicate::Key { prefix, name, value }),
            1 => value().prop_map(|value| Predicate::Entry { value }),
        ]
    }

    fn path() -> impl Strategy<Value = Path> {
        let step = (proptest::option::of(name()), name(), proptest::collection::vec(predicate(), 0..3))
            .prop_map(|(prefix, name, predicates)| PathStep { prefix, name, predicates });
        (any::<bool>(), proptest::collection::vec(step, 0..5))
            .prop_map(|(absolute, steps)| Path { absolute, steps })
    }

    proptest! {
        #[test]
        fn path_survives_a_round_trip(path in path()) {
            prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn any_text_is_a_path_or_an_error_with_its_position(text in "[a.:/\\[\\]='\"*@(é0 -]{0,12}") {
            match Path::parse(&text) {
                Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()), Ok(path)),
                Err(error) => prop_assert!(error.position <= text.chars().count() + 1),
            }
        }

        #[test]
        fn unescaped_value_without_its_quote_survives_a_round_trip(value in "[a-z'\\]\\[/ ]{0,8}") {
            let path = Path::parse_unescaped(&format!("/a[b=\"{value}\"][c='x']/d")).unwrap();
            let expected = Predicate::Key { prefix: None, name: "b".into(), value: Some(value) };
            prop_assert_eq!(&path.steps[0].predicates[0], &expected);
        }
    }

    #[test]
    fn path_accepts_the_documented_forms() {
        let text = "/devices/device[name='r1']/config/oc-if:interfaces/interface[name='ge-0/0/1']/config/mtu";
        let path = Path::parse(text).unwrap();
        assert!(path.absolute);
        assert_eq!(path.steps.len(), 7);
        assert_eq!(path.steps[3].prefix.as_deref(), Some("oc-if"));
        assert_eq!(path.to_string(), text);

        for (text, written) in [
            (".", "."),
            ("/", "/"),
            ("device", "device"),
            ("a[b]", "a[b]"),
            ("search[.='a.example']", "search[.='a.example']"),
            ("a[ p:b = \"x\" ]", "a[p:b='x']"),
            ("a[b='it''s \"it\"']", "a[b='it''s \"it\"']"),
            ("a[b=\"it's\"]", "a[b=\"it's\"]"),
            ("a[b='']", "a[b='']"),
            ("a[b='''']", "a[b=\"'\"]"),
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn path_of_the_backend_is_parsed() {
        for (text, value) in [
            ("bench[service-name='o'x']", "o'x"),
            ("bench[service-name='a b']", "a b"),
            ("/a/bench[service-name=\"o\"x\"]/b", "o\"x"),
            ("bench[service-name='it''s']", "it''s"),
            ("bench[service-name='a]b[c']", "a]b[c"),
        ] {
            let path = Path::parse_unescaped(text).unwrap();
            let predicates: Vec<_> = path.steps.iter().flat_map(|step| &step.predicates).collect();
            let expected =
                Predicate::Key { prefix: None, name: "service-name".into(), value: Some(value.into()) };
            assert_eq!(predicates, [&expected]);
        }
    }

    #[test]
    fn refused_path_error_says_what_to_write() {
        let refusals: Vec<_> = [
            "",
            "/a/../b",
            "./a",
            "/a//b",
            "//a",
            "/a/",
            "/a/*",
            "/p:*",
            "/a/@b",
            "/a/text()",
            "/child::a",
            "/a[1]",
            "/a[last()]",
            "/a[position()=1]",
            "/a[b=r1]",
            "/a[b='r1",
            "/a[b='r1'",
            "/a[b!='r1']",
            "/a[b='1' and c='2']",
            "/a[b/c='1']",
            "/a[.='x'][..='y']",
            "/a|/b",
            "/a b",
            "/a{ns}b",
            "/0a",
            "/p:",
            "/a[b='x\u{0}']",
            "/a]",
            "/a[b]c",
        ]
        .iter()
        .map(|text| Path::parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r"
        the path `` cannot be read at character 0: it is empty; write `.` for the instance itself and `/` for the root
        the path `/a/../b` cannot be read at character 4: `..` is not supported: write the path from the root or from the instance downwards
        the path `./a` cannot be read at character 1: `.` stands alone, for the instance itself: leave it out of a longer path
        the path `/a//b` cannot be read at character 4: a step is missing here: `//` and a trailing `/` are not supported, name every step
        the path `//a` cannot be read at character 2: a step is missing here: `//` and a trailing `/` are not supported, name every step
        the path `/a/` cannot be read at character 4: a step is missing here: `//` and a trailing `/` are not supported, name every step
        the path `/a/*` cannot be read at character 4: `*` is not supported: name the step, and leave out its keys to match every entry
        the path `/p:*` cannot be read at character 4: `*` is not supported: name the step, and leave out its keys to match every entry
        the path `/a/@b` cannot be read at character 4: attributes are not nodes of the configuration: name an element
        the path `/a/text()` cannot be read at character 8: functions are not supported: name nodes, and list entries by their keys, as in `list[key='value']`
        the path `/child::a` cannot be read at character 7: axes are not supported: each step is the name of a child
        the path `/a[1]` cannot be read at character 4: positions are not supported: name the list entry by its keys, as in `list[key='value']`
        the path `/a[last()]` cannot be read at character 8: functions are not supported: name nodes, and list entries by their keys, as in `list[key='value']`
        the path `/a[position()=1]` cannot be read at character 12: functions are not supported: name nodes, and list entries by their keys, as in `list[key='value']`
        the path `/a[b=r1]` cannot be read at character 6: the value needs quotes, as in `[key='value']`
        the path `/a[b='r1` cannot be read at character 6: the quote that opens here is not closed: inside a value, double the quote that encloses it
        the path `/a[b='r1'` cannot be read at character 10: `]` is missing here
        the path `/a[b!='r1']` cannot be read at character 5: a predicate holds one condition, `[key='value']`: for several keys write several predicates, as in `[a='1'][b='2']`
        the path `/a[b='1' and c='2']` cannot be read at character 10: a predicate holds one condition, `[key='value']`: for several keys write several predicates, as in `[a='1'][b='2']`
        the path `/a[b/c='1']` cannot be read at character 5: a predicate holds one condition, `[key='value']`: for several keys write several predicates, as in `[a='1'][b='2']`
        the path `/a[.='x'][..='y']` cannot be read at character 11: `..` is not supported: write the path from the root or from the instance downwards
        the path `/a|/b` cannot be read at character 3: `|` is not supported: write each path separately
        the path `/a b` cannot be read at character 3: ` b` is unexpected here: a step is followed by `/`, `[` or the end of the path
        the path `/a{ns}b` cannot be read at character 3: `{ns` is unexpected here: a step is followed by `/`, `[` or the end of the path
        the path `/0a` cannot be read at character 2: `0a` does not begin a name: a step is `name` or `prefix:name`
        the path `/p:` cannot be read at character 4: a name is missing here: a step is `name` or `prefix:name`
        the path `/a[b='x·']` cannot be read at character 6: a value cannot hold the character `\u{0}`, which XML cannot carry
        the path `/a]` cannot be read at character 3: `]` is unexpected here: a step is followed by `/`, `[` or the end of the path
        the path `/a[b]c` cannot be read at character 6: `c` is unexpected here: a step is followed by `/`, `[` or the end of the path
        ");
    }

    #[test]
    fn path_length_is_bounded_by_steps_and_predicates() {
        assert!(Path::parse(&"/a".repeat(MAX_STEPS)).is_ok());
        let error = Path::parse(&"/a".repeat(MAX_STEPS + 1)).unwrap_err();
        insta::assert_snapshot!(error, @"the path `…a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a` cannot be read at character 514: it has more than 256 steps");
        assert!(Path::parse(&format!("a{}", "[b]".repeat(MAX_PREDICATES))).is_ok());
        let error = Path::parse(&format!("a{}", "[b]".repeat(MAX_PREDICATES + 1))).unwrap_err();
        insta::assert_snapshot!(error, @"the path `…][b][b][b][b][b][b][b][b][b][b][b][b][b][b]` cannot be read at character 194: the step has more than 64 predicates");
    }
}
