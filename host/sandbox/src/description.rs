//! The description that a module returns from `describe`.

use std::{fmt, sync::Arc};

use confine_tree::{
    Path, PathError, PathStep, PatternStep, Predicate, PrefixError, PrefixMap, QName, StepParts,
};

use crate::{contract::exports::confine::service::handler, text};

/// What a module is and needs: the checked result of its `describe`.
#[derive(Clone, Debug)]
pub struct Description {
    /// The lists under `/services` that it serves, with the names of their keys if it names them (without values).
    pub services: Vec<PatternStep>,
    /// The version of the module, safe to show.
    pub version: Arc<str>,
    /// The paths that it reads besides its instance. Every prefix is declared.
    pub reads: Vec<Path>,
    /// The paths that it writes; none means all that the host allows. Every prefix is declared.
    pub writes: Vec<Path>,
    /// The namespaces of its prefixes.
    pub prefixes: Arc<PrefixMap>,
    /// The lists whose instances may own objects together with those of this module: the options `shares-with`. The modules
    /// of both must say so.
    pub shares_with: Vec<PatternStep>,
    /// Whether the wall clock shows the commit's time and not always the same: the option `wall-clock`.
    pub commit_time: bool,
    /// Names and values that this host may not know.
    pub options: Vec<(String, String)>,
}

/// An invalid description: which part, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its description is wrong at {at}: {what}")]
pub struct DescriptionError {
    /// The field and its content.
    pub at: String,
    /// What is wrong.
    pub what: String,
}

/// The option that names a service whose instances may own objects together with those of the module.
const SHARES_WITH: &str = "shares-with";
/// The option that names what the wall clock shows.
const WALL_CLOCK: &str = "wall-clock";
/// Its only value: the commit's time.
const COMMIT: &str = "commit";
/// The maximum number of bytes of the version, and of a text in a message.
const TEXT: usize = 100;
/// The maximum number of entries in one list.
const ENTRIES: usize = 1000;
/// The maximum number of bytes of a namespace, which every step of a path has.
const NAMESPACE: usize = 1 << 10;
/// The maximum number of bytes of all paths, with a namespace for each step: every commit resolves them.
const PATHS: usize = 1 << 20;

/// What an allocator keeps for a short text, and rounds up.
const ALLOCATED: usize = 32;

impl Description {
    pub(crate) fn check(raw: handler::Description) -> Result<Self, DescriptionError> {
        for (field, entries) in [
            ("services", raw.services.len()),
            ("reads", raw.reads.len()),
            ("writes", raw.writes.len()),
            ("prefixes", raw.prefixes.len()),
            ("options", raw.options.len()),
        ] {
            if entries > ENTRIES {
                return Err(error(field, "", format!("{entries} entries, {ENTRIES} are allowed")));
            }
        }
        let prefixes = prefixes(raw.prefixes)?;
        let paths = |field, paths: &[String]| -> Result<Vec<_>, _> {
            paths.iter().map(|text| path(field, text, &prefixes)).collect()
        };
        let (reads, writes) = (paths("reads", &raw.reads)?, paths("writes", &raw.writes)?);
        let namespace = prefixes.longest();
        let size = |text: &str, path: &Path| text.len() + path.steps.len() * namespace;
        let texts = raw.reads.iter().chain(&raw.writes);
        let bytes: usize = texts.zip(reads.iter().chain(&writes)).map(|(text, path)| size(text, path)).sum();
        if bytes > PATHS {
            let what =
                format!("they have {bytes} bytes with the namespaces of their steps, {PATHS} are allowed");
            return Err(error("reads` and `writes", "", what));
        }
        let shares_with = raw.options.iter().filter(|(name, _)| name == SHARES_WITH);
        let shares_with = shares_with.map(|(_, list)| service(SHARES_WITH, list, &prefixes));
        let clocks: Vec<_> = raw.options.iter().filter(|(name, _)| name == WALL_CLOCK).collect();
        if let Some((_, unknown)) = clocks.iter().find(|(_, clock)| clock != COMMIT) {
            let what = format!("write `{COMMIT}`, or leave it out for a clock that stands still");
            return Err(error(WALL_CLOCK, unknown, what));
        }
        Ok(Self {
            commit_time: !clocks.is_empty(),
            shares_with: shares_with.collect::<Result<_, _>>()?,
            services: services(&raw.services, &prefixes)?,
            version: version(&raw.version)?,
            reads,
            writes,
            prefixes: Arc::new(prefixes),
            options: raw.options,
        })
    }

    /// Returns about how many bytes of memory it takes.
    pub(crate) fn resident(&self) -> u64 {
        let paths = self.reads.iter().chain(&self.writes);
        let steps: usize = paths.flat_map(|path| &path.steps).map(step_size).sum();
        let lists: usize = self.services.iter().chain(&self.shares_with).map(list_size).sum();
        let pairs = self.options.iter().map(|(name, value)| (name.len(), value.len()));
        let prefixes = self.prefixes.prefixes().into_iter();
        let namespace = |prefix: &str| self.prefixes.namespace(prefix).map_or(0, str::len);
        let pairs = pairs.chain(prefixes.map(|prefix| (prefix.len(), namespace(prefix))));
        let pairs: usize = pairs.map(|(name, value)| 2 * ALLOCATED + name + value).sum();
        (steps + lists + pairs) as u64
    }

    /// Returns whether the module serves this list under `/services`.
    pub fn serves(&self, list: QName<'_>) -> bool {
        self.services.iter().any(|service| service.name() == list)
    }
}

/// Returns about how many bytes of memory a step takes.
fn step_size(step: &PathStep) -> usize {
    let predicate = |predicate: &Predicate| {
        let (name, value) = match predicate {
            Predicate::Key { name, value, .. } => (name.len(), value),
            Predicate::Entry { value } => (0, value),
        };
        size_of::<Predicate>() + 2 * ALLOCATED + name + value.as_ref().map_or(0, String::len)
    };
    let predicates: usize = step.predicates.iter().map(predicate).sum();
    size_of::<PathStep>() + ALLOCATED + step.name.len() + predicates
}

/// Returns about how many bytes of memory the name of a list takes, with those of its keys.
fn list_size(list: &PatternStep) -> usize {
    let keys: usize = list
        .keys
        .iter()
        .map(|(key, _)| size_of::<(Box<str>, Option<String>)>() + ALLOCATED + key.len())
        .sum();
    size_of::<StepParts>() + 2 * ALLOCATED + list.namespace.len() + list.local.len() + keys
}

fn error(field: &str, text: &str, what: impl fmt::Display) -> DescriptionError {
    let at = match text {
        "" => format!("`{field}`"),
        _ => format!("`{field}`, `{}`", text::line(text, TEXT)),
    };
    DescriptionError { at, what: text::line(&what.to_string(), 4 * TEXT) }
}

fn version(raw: &str) -> Result<Arc<str>, DescriptionError> {
    if raw.is_empty() || raw.len() > TEXT || raw.contains(char::is_whitespace) {
        let what = format!("write one word of at most {TEXT} bytes, such as `1.0.0`");
        return Err(error("version", raw, what));
    }
    Ok(text::line(raw, TEXT).into())
}

fn prefixes(raw: Vec<(String, String)>) -> Result<PrefixMap, DescriptionError> {
    for (prefix, namespace) in &raw {
        if Path::parse(prefix).map_or(true, |path| {
            !matches!(&path.steps[..], [PathStep { prefix: None, predicates, .. }] if predicates.is_empty())
        }) {
            return Err(error("prefixes", prefix, "it is not a valid prefix: write one such as `oc-if`"));
        }
        if namespace.is_empty() {
            return Err(error(
                "prefixes",
                prefix,
                "it has an empty namespace: write that of the YANG module",
            ));
        }
    }
    let longest = raw.iter().find(|(_, namespace)| namespace.len() > NAMESPACE);
    if let Some((prefix, _)) = longest {
        return Err(error("prefixes", prefix, format!("its namespace has more than {NAMESPACE} bytes")));
    }
    PrefixMap::new(raw).map_err(|fault: PrefixError| error("prefixes", &fault.prefix, &fault))
}

fn path(field: &str, raw: &str, prefixes: &PrefixMap) -> Result<Path, DescriptionError> {
    let path = Path::parse(raw).map_err(|fault: PathError| error(field, raw, fault))?;
    for step in &path.steps {
        let keys = step.predicates.iter().filter_map(|predicate| match predicate {
            Predicate::Key { prefix, .. } => prefix.as_deref(),
            Predicate::Entry { .. } => None,
        });
        for prefix in step.prefix.as_deref().into_iter().chain(keys) {
            namespace(field, raw, prefix, prefixes)?;
        }
    }
    Ok(path)
}

fn namespace<'a>(
    field: &str,
    raw: &str,
    prefix: &str,
    prefixes: &'a PrefixMap,
) -> Result<&'a str, DescriptionError> {
    prefixes.namespace(prefix).ok_or_else(|| {
        error(field, raw, format!("the prefix `{prefix}` is not declared: add it to `prefixes`"))
    })
}

fn services(raw: &[String], prefixes: &PrefixMap) -> Result<Vec<PatternStep>, DescriptionError> {
    if raw.is_empty() {
        let what =
            "it names no list under `/services`: name the one that the module serves, as `prefix:name`";
        return Err(error("services", "", what));
    }
    let mut services: Vec<PatternStep> = Vec::new();
    for text in raw {
        let service = service("services", text, prefixes)?;
        if services.iter().any(|other| other.name() == service.name()) {
            return Err(error("services", text, "it is named twice"));
        }
        services.push(service);
    }
    Ok(services)
}

fn service(field: &str, raw: &str, prefixes: &PrefixMap) -> Result<PatternStep, DescriptionError> {
    let wrong =
        || error(field, raw, "write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`");
    let path = Path::parse(raw).map_err(|fault| error(field, raw, fault))?;
    let [PathStep { prefix: Some(prefix), name, predicates }] = &path.steps[..] else { return Err(wrong()) };
    if path.absolute {
        return Err(wrong());
    }
    let mut service = PatternStep::new(QName::new(namespace(field, raw, prefix, prefixes)?, name));
    for predicate in predicates {
        match predicate {
            Predicate::Key { prefix: None, name, value: None } => service.keys.push((name.clone(), None)),
            Predicate::Key { .. } | Predicate::Entry { .. } => return Err(wrong()),
        }
    }
    Ok(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> handler::Description {
        handler::Description {
            services: vec!["b:bench".into()],
            version: "1.0.0".into(),
            reads: vec!["/devices/device".into()],
            writes: vec![],
            prefixes: vec![("b".into(), "http://example.com/bench".into())],
            options: vec![],
        }
    }

    #[test]
    fn shares_with_names_lists() {
        let shares = |list: &str| {
            Description::check(handler::Description {
                options: vec![("unknown".into(), "x".into()), ("shares-with".into(), list.into())],
                ..raw()
            })
        };
        let shared = shares("b:other").unwrap().shares_with;
        assert_eq!(shared[0].name(), QName::new("http://example.com/bench", "other"));
        let refused = ["other", "x:other", "b:other/x"].map(|list| shares(list).unwrap_err().to_string());
        insta::assert_snapshot!(refused.join("\n"), @r"
        its description is wrong at `shares-with`, `other`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`
        its description is wrong at `shares-with`, `x:other`: the prefix `x` is not declared: add it to `prefixes`
        its description is wrong at `shares-with`, `b:other/x`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`
        ");
    }

    #[test]
    fn wall_clock_is_that_of_the_commit_or_fixed() {
        let check = |clocks: &[&str]| {
            let options = clocks.iter().map(|clock| ("wall-clock".to_owned(), (*clock).to_owned())).collect();
            Description::check(handler::Description { options, ..raw() })
        };
        let [fixed, commit] = [&[][..], &["commit"]].map(|clocks| check(clocks).unwrap().commit_time);
        assert_eq!((fixed, commit), (false, true));
        let refused = [&["host"][..], &["commit", "Commit"], &[""]]
            .map(|clocks| check(clocks).unwrap_err().to_string());
        insta::assert_snapshot!(refused.join("\n"), @r"
        its description is wrong at `wall-clock`, `host`: write `commit`, or leave it out for a clock that stands still
        its description is wrong at `wall-clock`, `Commit`: write `commit`, or leave it out for a clock that stands still
        its description is wrong at `wall-clock`: write `commit`, or leave it out for a clock that stands still
        ");
    }

    #[test]
    fn description_is_resolved() {
        let description = Description::check(handler::Description {
            services: vec!["b:bench".into(), "b:link[a][b]".into()],
            ..raw()
        })
        .unwrap();
        assert!(description.serves(QName::new("http://example.com/bench", "bench")));
        assert!(!description.serves(QName::new("http://example.com/other", "bench")));
        let keys: Vec<_> = description.services[1].keys.iter().map(|(name, _)| &**name).collect();
        assert_eq!(keys, ["a", "b"]);
    }

    #[test]
    fn invalid_description_names_field_and_remedy() {
        let strings = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let pair = |prefix: &str, namespace: &str| (prefix.to_owned(), namespace.to_owned());
        let answers: Vec<_> = [
            handler::Description { services: vec![], ..raw() },
            handler::Description { services: strings(&["bench"]), ..raw() },
            handler::Description { services: strings(&["/b:bench"]), ..raw() },
            handler::Description { services: strings(&["b:bench/x"]), ..raw() },
            handler::Description { services: strings(&["c:bench"]), ..raw() },
            handler::Description { services: strings(&["b:bench[a='1']"]), ..raw() },
            handler::Description { services: strings(&["b:bench", "b:bench"]), ..raw() },
            handler::Description { version: "".into(), ..raw() },
            handler::Description { version: "1 2".into(), ..raw() },
            handler::Description { reads: strings(&["/devices/../x"]), ..raw() },
            handler::Description { writes: strings(&["/devices/oc:x"]), ..raw() },
            handler::Description { writes: strings(&["/devices/x[oc:k='1']"]), ..raw() },
            handler::Description { reads: vec!["/a".into(); 1001], ..raw() },
            handler::Description { prefixes: vec![pair("ctrl", "urn:evil")], ..raw() },
            handler::Description { prefixes: vec![pair("b", "urn:1"), pair("b", "urn:2")], ..raw() },
            handler::Description { prefixes: vec![pair("a:b", "urn:1")], ..raw() },
            handler::Description { prefixes: vec![pair("b", "")], ..raw() },
            handler::Description { prefixes: vec![pair("b", &"n".repeat(1025))], ..raw() },
            handler::Description {
                prefixes: vec![pair("b", &"n".repeat(1024))],
                reads: vec!["/b:a/b".repeat(2); 1000],
                ..raw()
            },
        ]
        .into_iter()
        .map(|raw| Description::check(raw).unwrap_err().to_string())
        .collect();
        assert_eq!(answers.join("\n"), [
            r#"its description is wrong at `services`: it names no list under `/services`: name the one that the module serves, as `prefix:name`"#,
            r#"its description is wrong at `services`, `bench`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`"#,
            r#"its description is wrong at `services`, `/b:bench`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`"#,
            r#"its description is wrong at `services`, `b:bench/x`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`"#,
            r#"its description is wrong at `services`, `c:bench`: the prefix `c` is not declared: add it to `prefixes`"#,
            r#"its description is wrong at `services`, `b:bench[a='1']`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`"#,
            r#"its description is wrong at `services`, `b:bench`: it is named twice"#,
            r#"its description is wrong at `version`: write one word of at most 100 bytes, such as `1.0.0`"#,
            r#"its description is wrong at `version`, `1 2`: write one word of at most 100 bytes, such as `1.0.0`"#,
            r#"its description is wrong at `reads`, `/devices/../x`: the path `/devices/../x` cannot be read at character 10: `..` is not supported: write the path from the root or from the instance downwards"#,
            r#"its description is wrong at `writes`, `/devices/oc:x`: the prefix `oc` is not declared: add it to `prefixes`"#,
            r#"its description is wrong at `writes`, `/devices/x[oc:k='1']`: the prefix `oc` is not declared: add it to `prefixes`"#,
            r#"its description is wrong at `reads`: 1001 entries, 1000 are allowed"#,
            r#"its description is wrong at `prefixes`, `ctrl`: prefix `ctrl` is declared for `http://clicon.org/controller` and for `urn:evil`: give one of them another prefix"#,
            r#"its description is wrong at `prefixes`, `b`: prefix `b` is declared for `urn:1` and for `urn:2`: give one of them another prefix"#,
            r#"its description is wrong at `prefixes`, `a:b`: it is not a valid prefix: write one such as `oc-if`"#,
            r#"its description is wrong at `prefixes`, `b`: it has an empty namespace: write that of the YANG module"#,
            r#"its description is wrong at `prefixes`, `b`: its namespace has more than 1024 bytes"#,
            r#"its description is wrong at `reads` and `writes`: they have 4108000 bytes with the namespaces of their steps, 1048576 are allowed"#,
        ]
        .join("\n"));
        let evil = Description::check(handler::Description { services: strings(&["\u{1b}[31m"]), ..raw() });
        assert!(!evil.unwrap_err().to_string().contains(char::is_control));
    }
}
