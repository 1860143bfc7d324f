//! Paths with resolved names.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use crate::{
    CONTROLLER, HashMap, PatternStep, QName,
    path::{PathStep, Predicate, QuotedValue},
};

/// An absolute path of qualified names and key values.
///
/// A list step without a key's value matches every value of that key, so a pattern may match many nodes. With
/// the values of all keys it names one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    /// The steps from the top down; empty for the root.
    pub steps: Vec<PatternStep>,
}

/// Why a path cannot be recorded in an instance's `created` list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreatedError {
    /// A value contains both kinds of quotes, and the backend has no way to escape one in a path.
    #[error(
        "`{path}` cannot be recorded as created: the value of `{key}` contains both kinds of quotes, which the controller cannot represent in a path"
    )]
    BothQuotes {
        /// The node.
        path: String,
        /// The key, `.` for a leaf-list entry.
        key: String,
    },
    /// A key has no value, so the path may match several nodes.
    #[error("`{path}` cannot be recorded as created: it has no value for `{key}`")]
    OpenKey {
        /// The node.
        path: String,
        /// The key, `.` for a leaf-list entry.
        key: String,
    },
}

impl CreatedError {
    /// Names the whole path instead of the step.
    fn at(mut self, pattern: &Pattern) -> Self {
        let (Self::BothQuotes { path, .. } | Self::OpenKey { path, .. }) = &mut self;
        *path = pattern.to_string();
        self
    }
}

impl PatternStep {
    /// Returns the step as [`Pattern::created`] writes it, without a slash.
    pub fn created(&self) -> Result<String, CreatedError> {
        let mut created = String::new();
        self.write_created(&mut created)?;
        Ok(created)
    }

    fn write_created(&self, created: &mut String) -> Result<(), CreatedError> {
        created.push_str(&self.local);
        for (name, value) in self.predicates() {
            let error = || (self.to_string(), name.into());
            let value = value.ok_or_else(error).map_err(|(path, key)| CreatedError::OpenKey { path, key })?;
            let quote = quote_of(value, '"')
                .ok_or_else(error)
                .map_err(|(path, key)| CreatedError::BothQuotes { path, key })?;
            created.push('[');
            created.push_str(name);
            created.push('=');
            created.push(quote);
            created.push_str(value);
            created.push(quote);
            created.push(']');
        }
        Ok(())
    }

    /// Creates the step of a parsed path in a namespace, whatever its prefix is.
    pub fn in_namespace(namespace: &str, parsed: PathStep) -> Self {
        let mut step = Self::new(QName::new(namespace, &parsed.name));
        for predicate in parsed.predicates {
            match predicate {
                Predicate::Key { name, value, .. } => step.keys.push((name, value)),
                Predicate::Entry { value } => step.entry = Some(value),
            }
        }
        step
    }

    /// Returns the value of a key in this step.
    pub fn key(&self, local: &str) -> Option<&str> {
        self.keys.iter().find(|(name, _)| &**name == local)?.1.as_deref()
    }

    /// Returns the values of the step's keys if it has keys and each has a value.
    pub fn key_values(&self) -> Option<Vec<&str>> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.iter().map(|(_, value)| value.as_deref()).collect()
    }

    /// Returns the number of values in the step, of keys or of a leaf-list entry.
    pub(crate) fn values(&self) -> usize {
        self.predicates().filter(|(_, value)| value.is_some()).count()
    }

    /// Returns whether this step matches every sibling that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        self.has_name_of(other)
            && self.keys.iter().all(|(name, value)| value.is_none() || value.as_deref() == other.key(name))
            && match &self.entry {
                None | Some(None) => true,
                Some(value) => other.entry.as_ref() == Some(value),
            }
    }

    /// Returns the predicates: the text before the `=`, and the value.
    fn predicates(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let keys = self.keys.iter().map(|(name, value)| (&**name, value.as_deref()));
        keys.chain(self.entry.as_ref().map(|value| (".", value.as_deref())))
    }
}

impl Pattern {
    /// Returns whether this pattern matches every node that `other` matches, or one of its ancestors.
    pub fn covers(&self, other: &Self) -> bool {
        self.steps.len() <= other.steps.len()
            && self.steps.iter().zip(&other.steps).all(|(step, other)| step.covers(other))
    }

    /// Returns the number of values of keys and of leaf-list entries in the pattern.
    pub fn values(&self) -> usize {
        self.steps.iter().map(PatternStep::values).sum()
    }

    /// Returns what to read to know all entries of the list that an entry is in: their first key, or the entries of a leaf-list,
    /// which have none. None for the root.
    pub fn list_keys(&self) -> Option<Pattern> {
        let (last, above) = self.steps.split_last()?;
        let key = last.keys.first().map(|(key, _)| PatternStep::new(QName::new(&last.namespace, key)));
        let list = PatternStep::new(last.name());
        Some(Pattern { steps: above.iter().cloned().chain([list]).chain(key).collect() })
    }

    /// Returns the value of the key that the last step names, if it is a key of the previous step.
    pub fn key_value(&self) -> Option<&str> {
        let [.., entry, leaf] = &self.steps[..] else { return None };
        if entry.namespace != leaf.namespace {
            return None;
        }
        entry.key(&leaf.local)
    }

    /// Returns the pattern as an XPath 1.0 expression for a filter, such as
    /// `/ctrl:devices/ctrl:device[ctrl:name='r1']`. Binds its prefixes in `prefixes`.
    ///
    /// An XPath 1.0 predicate cannot hold a value with both kinds of quotes, except by functions that the
    /// controller does not support. A key with such a value gets no predicate, and the expression matches
    /// more than the pattern. The caller must check the reply, as with any filter.
    pub fn xpath(&self, prefixes: &mut PrefixTable) -> String {
        if self.steps.is_empty() {
            return "/".into();
        }
        let mut xpath = String::new();
        for step in &self.steps {
            let prefix = match &*step.namespace {
                "" => Cow::default(),
                namespace => Cow::from(format!("{}:", prefixes.bind(namespace))),
            };
            // Writing to a string does not fail.
            let _ = write!(xpath, "/{prefix}{}", step.local);
            for (name, value) in step.predicates() {
                let Some(literal) = value.and_then(|value| literal(value, '\'')) else { continue };
                let prefix = if name == "." { "" } else { &prefix };
                let _ = write!(xpath, "[{prefix}{name}={literal}]");
            }
        }
        xpath
    }

    /// Returns the pattern as the backend writes it to an instance's `created/path`: without prefixes, and
    /// with values in double quotes, or in single quotes if the value contains a double one.
    pub fn created(&self) -> Result<String, CreatedError> {
        let mut created = String::new();
        for step in &self.steps {
            created.push('/');
            step.write_created(&mut created).map_err(|error| error.at(self))?;
        }
        Ok(created)
    }
}

/// Writes the pattern without prefixes, for messages: `/devices/device[name='r1']`. The result parses as a
/// [`Path`](crate::Path).
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_char('/');
        }
        self.steps.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl fmt::Display for PatternStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local)?;
        self.predicates().try_for_each(|(name, value)| match value {
            Some(value) => write!(f, "[{name}={}]", QuotedValue(value)),
            None => write!(f, "[{name}]"),
        })
    }
}

/// Returns the value as an XPath 1.0 literal, in this quote if the value allows it.
fn literal(value: &str, quote: char) -> Option<String> {
    let quote = quote_of(value, quote)?;
    Some(format!("{quote}{value}{quote}"))
}

/// Returns the quote that encloses a value in XPath 1.0: this one if the value allows it.
fn quote_of(value: &str, quote: char) -> Option<char> {
    let other = if quote == '"' { '\'' } else { '"' };
    [quote, other].into_iter().find(|&quote| !value.contains(quote))
}

/// The namespaces of one message and their prefixes.
#[derive(Clone, Debug, Default)]
pub struct PrefixTable {
    bound: Vec<(Box<str>, Box<str>)>,
    by_namespace: HashMap<Box<str>, usize>,
}

impl PrefixTable {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the prefix of a namespace, and binds one if the namespace is new: `ctrl` for the controller's,
    /// `n1`, `n2`, … for others.
    pub fn bind(&mut self, namespace: &str) -> &str {
        let index = match self.by_namespace.get(namespace) {
            Some(&index) => index,
            None => {
                let index = self.bound.len();
                let prefix = match namespace {
                    CONTROLLER => "ctrl".into(),
                    _ => format!("n{}", index + 1).into(),
                };
                self.bound.push((prefix, namespace.into()));
                self.by_namespace.insert(namespace.into(), index);
                index
            }
        };
        self.bound.get(index).map_or("", |(prefix, _)| prefix)
    }

    /// Returns the prefixes and namespaces that the message must declare, in the order in which they were
    /// bound.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bound.iter().map(|(prefix, namespace)| (&**prefix, &**namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Path;

    const BENCH: &str = "http://example.com/bench";

    /// Resolves a path in which `o:` stands for a namespace other than the controller's.
    fn pattern(path: &str) -> Pattern {
        let steps = Path::parse(path).unwrap().steps.into_iter().map(|step| {
            let namespace = if step.prefix.is_some() { BENCH } else { CONTROLLER };
            PatternStep::in_namespace(namespace, step)
        });
        Pattern { steps: steps.collect() }
    }

    #[test]
    fn pattern_covers_descendants_and_narrower_patterns() {
        for (wide, narrow) in [
            ("/", "/devices"),
            ("/devices", "/devices/device[name='r1']"),
            ("/devices/device", "/devices/device[name='r1']"),
            ("/devices/device[name]", "/devices/device"),
            ("/devices/device[name='r1']", "/devices/device[name='r1']/config"),
            ("/l[b='2'][a='1']", "/l[a='1'][b='2']"),
            ("/l[a='1']", "/l[a='1'][b='2']"),
            ("/s", "/s[.='x']"),
            ("/s[.]", "/s[.='x']"),
            ("/s[.='x']", "/s[.='x']"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (a, b) in [
            ("/devices/device[name='r1']", "/devices/device"),
            ("/devices/device[name='r1']", "/devices/device[name]"),
            ("/devices/device[name='r1']", "/devices/device[name='r2']"),
            ("/devices/device", "/devices"),
            ("/services/o:bench", "/services/bench"),
            ("/s[.='x']", "/s[.='y']"),
            ("/s[.='x']", "/s"),
        ] {
            assert!(!pattern(a).covers(&pattern(b)), "{a} {b}");
        }
    }

    #[test]
    fn pattern_quotes_values_by_output_form() {
        let mut prefixes = PrefixTable::new();
        let mut forms = |path: &str| {
            let pattern = pattern(path);
            let created = pattern.created().unwrap_or_else(|error| error.to_string());
            format!("{pattern}\n{}\n{created}\n", pattern.xpath(&mut prefixes))
        };
        let forms = [
            forms("/services/o:bench[service-name='s1']/o:description"),
            forms("/devices/device[name='it''s']"),
            forms("/devices/device[name='a\"b']"),
            forms("/devices/device[name='''\"']/config"),
            forms("/devices/device[name]/search[.='a.se']"),
            forms("/"),
        ];
        insta::assert_snapshot!(forms.join("\n"), @r#"
        /services/bench[service-name='s1']/description
        /ctrl:services/n2:bench[n2:service-name='s1']/n2:description
        /services/bench[service-name="s1"]/description

        /devices/device[name="it's"]
        /ctrl:devices/ctrl:device[ctrl:name="it's"]
        /devices/device[name="it's"]

        /devices/device[name='a"b']
        /ctrl:devices/ctrl:device[ctrl:name='a"b']
        /devices/device[name='a"b']

        /devices/device[name='''"']/config
        /ctrl:devices/ctrl:device/ctrl:config
        `/devices/device[name='''"']/config` cannot be recorded as created: the value of `name` contains both kinds of quotes, which the controller cannot represent in a path

        /devices/device[name]/search[.='a.se']
        /ctrl:devices/ctrl:device/ctrl:search[.='a.se']
        `/devices/device[name]/search[.='a.se']` cannot be recorded as created: it has no value for `name`

        /
        /
        "#);
        assert_eq!(prefixes.iter().collect::<Vec<_>>(), [("ctrl", CONTROLLER), ("n2", BENCH)]);
    }
}
