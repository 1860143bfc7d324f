//! Checks which substatements a statement has, how many, and their arguments (RFC 7950, sections 7 and 14).
//!
//! The order of the statements of a module, which the RFC also fixes, is not checked: published modules violate it,
//! and nothing depends on it.

use crate::{
    Error,
    keyword::Keyword,
    lexer::{is_date, is_identifier},
    spelling::did_you_mean,
    statement::{ParsedFile, StatementRef},
};
use confine_tree::HashSet;

/// The version of the language that a module is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum YangVersion {
    /// YANG 1 (RFC 6020).
    V1,
    /// YANG 1.1 (RFC 7950).
    V1_1,
}

/// How many substatements of a keyword are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cardinality {
    Optional,
    One,
    Any,
    Some,
}

/// A substatement: its keyword, its cardinality, and the first version that allows it.
type Substatement = (Keyword, Cardinality, YangVersion);

macro_rules! list {
    ($($keyword:ident $count:tt $($since:literal)?),* $(,)?) => {
        &[$((Keyword::$keyword, count!($count), since!($($since)?))),*] as &[Substatement]
    };
}
macro_rules! count {
    (?) => {
        Cardinality::Optional
    };
    (1) => {
        Cardinality::One
    };
    (*) => {
        Cardinality::Any
    };
    (+) => {
        Cardinality::Some
    };
}
macro_rules! since {
    () => {
        YangVersion::V1
    };
    ($since:literal) => {
        YangVersion::V1_1
    };
}

/// The statements that define data nodes.
const DATA: &[Substatement] =
    list![AnyData * 1.1, AnyXml *, Choice *, Container *, Leaf *, LeafList *, List *, Uses *];
/// The statements that define names for their siblings.
const DEFINITIONS: &[Substatement] = list![Grouping *, Typedef *];
/// The statements that document a statement.
const DOCUMENTED: &[Substatement] = list![Description?, Reference?];
/// The substatements of definitions.
const DEFINED: &[Substatement] = list![Description?, Reference?, Status?];
/// The substatements of nodes.
const NODE: &[Substatement] = list![Description ?, Reference ?, Status ?, IfFeature *, When ?];
/// The substatements of restrictions.
const RESTRICTION: &[Substatement] = list![Description?, Reference?, ErrorAppTag?, ErrorMessage?];
/// The actions and notifications of a node.
const OPERATIONS: &[Substatement] = list![Action * 1.1, Notification * 1.1];
/// The substatements of modules and submodules.
const BODY: &[Substatement] = list![
    Augment *, Contact ?, Deviation *, ExtensionDefinition *, Feature *, Identity *, Import *, Include *,
    Notification *, Organization ?, Revision *, Rpc *, YangVersion ?,
];

/// Returns the substatements that a statement allows.
fn substatements(keyword: Keyword) -> &'static [&'static [Substatement]] {
    match keyword {
        Keyword::Module => &[BODY, DATA, DEFINITIONS, DOCUMENTED, list![Namespace 1, Prefix 1]],
        Keyword::Submodule => &[BODY, DATA, DEFINITIONS, DOCUMENTED, list![BelongsTo 1]],
        Keyword::Import => &[list![Prefix 1, RevisionDate ?, Description ? 1.1, Reference ? 1.1]],
        Keyword::Include => &[list![RevisionDate ?, Description ? 1.1, Reference ? 1.1]],
        Keyword::BelongsTo => &[list![Prefix 1]],
        Keyword::Revision => &[DOCUMENTED],
        Keyword::Typedef => &[DEFINED, list![Type 1, Units ?, Default ?]],
        Keyword::Type => &[list![
            Base *, Bit *, Enum *, FractionDigits ?, Length ?, Path ?, Pattern *, Range ?, RequireInstance ?, Type *,
        ]],
        Keyword::Container => &[NODE, DATA, DEFINITIONS, OPERATIONS, list![Must *, Presence ?, Config ?]],
        Keyword::Leaf => &[NODE, list![Type 1, Units ?, Must *, Default ?, Config ?, Mandatory ?]],
        Keyword::LeafList => &[
            NODE,
            list![
                Type 1, Units ?, Must *, Default * 1.1, Config ?, MinElements ?, MaxElements ?, OrderedBy ?,
            ],
        ],
        Keyword::List => &[
            NODE,
            DATA,
            DEFINITIONS,
            OPERATIONS,
            list![Must *, Key ?, Unique *, Config ?, MinElements ?, MaxElements ?, OrderedBy ?],
        ],
        Keyword::Choice => &[
            NODE,
            list![
                AnyData * 1.1, AnyXml *, Case *, Choice * 1.1, Container *, Leaf *, LeafList *, List *, Default ?,
                Config ?, Mandatory ?,
            ],
        ],
        Keyword::Case => &[NODE, DATA],
        Keyword::AnyData | Keyword::AnyXml => &[NODE, list![Must *, Config ?, Mandatory ?]],
        Keyword::Grouping => &[DEFINED, DATA, DEFINITIONS, OPERATIONS],
        Keyword::Uses => &[NODE, list![Refine *, Augment *]],
        Keyword::Refine => &[
            DOCUMENTED,
            list![
                IfFeature * 1.1, Must *, Presence ?, Default *, Config ?, Mandatory ?, MinElements ?, MaxElements ?,
            ],
        ],
        Keyword::Augment => &[NODE, DATA, OPERATIONS, list![Case *]],
        Keyword::Rpc | Keyword::Action => &[DEFINED, DEFINITIONS, list![IfFeature *, Input ?, Output ?]],
        Keyword::Input | Keyword::Output => &[DATA, DEFINITIONS, list![Must * 1.1]],
        Keyword::Notification => &[DEFINED, DATA, DEFINITIONS, list![IfFeature *, Must * 1.1]],
        Keyword::Deviation => &[DOCUMENTED, list![Deviate+]],
        Keyword::Deviate => &[list![
            Config ?, Default *, Mandatory ?, MaxElements ?, MinElements ?, Must *, Type ?, Unique *, Units ?,
        ]],
        Keyword::ExtensionDefinition => &[DEFINED, list![Argument?]],
        Keyword::Argument => &[list![YinElement?]],
        Keyword::Feature => &[DEFINED, list![IfFeature *]],
        Keyword::Identity => &[DEFINED, list![Base *, IfFeature * 1.1]],
        Keyword::Must | Keyword::Range | Keyword::Length => &[RESTRICTION],
        Keyword::Pattern => &[RESTRICTION, list![Modifier ? 1.1]],
        Keyword::When => &[DOCUMENTED],
        Keyword::Enum => &[DEFINED, list![Value?, IfFeature * 1.1]],
        Keyword::Bit => &[DEFINED, list![Position?, IfFeature * 1.1]],
        _ => &[],
    }
}

/// Checks the syntax of an argument. Returns what is expected. Names are resolved where they are used.
fn check_argument(keyword: Keyword, text: &str) -> Result<(), &'static str> {
    let (is_good, expected) = match keyword {
        Keyword::Action
        | Keyword::AnyData
        | Keyword::AnyXml
        | Keyword::Argument
        | Keyword::BelongsTo
        | Keyword::Bit
        | Keyword::Case
        | Keyword::Choice
        | Keyword::Container
        | Keyword::ExtensionDefinition
        | Keyword::Feature
        | Keyword::Grouping
        | Keyword::Identity
        | Keyword::Import
        | Keyword::Include
        | Keyword::Leaf
        | Keyword::LeafList
        | Keyword::List
        | Keyword::Module
        | Keyword::Notification
        | Keyword::Prefix
        | Keyword::Rpc
        | Keyword::Submodule
        | Keyword::Typedef => {
            (is_identifier(text), "an identifier: a letter or `_`, then letters, digits, `_`, `-` and `.`")
        }
        Keyword::Base | Keyword::Type | Keyword::Uses => {
            (text.splitn(2, ':').all(is_identifier), "a name, with a prefix or without")
        }
        Keyword::Config | Keyword::Mandatory | Keyword::RequireInstance | Keyword::YinElement => {
            (matches!(text, "true" | "false"), "`true` or `false`")
        }
        Keyword::Revision | Keyword::RevisionDate => (is_date(text), "a date such as `2024-12-31`"),
        Keyword::YangVersion => (matches!(text, "1" | "1.1"), "`1` or `1.1`"),
        Keyword::Status => {
            (matches!(text, "current" | "deprecated" | "obsolete"), "`current`, `deprecated` or `obsolete`")
        }
        Keyword::OrderedBy => (matches!(text, "user" | "system"), "`user` or `system`"),
        Keyword::Deviate => (
            matches!(text, "not-supported" | "add" | "replace" | "delete"),
            "`not-supported`, `add`, `replace` or `delete`",
        ),
        Keyword::Modifier => (text == "invert-match", "`invert-match`"),
        Keyword::Value => (text.parse::<i32>().is_ok(), "a number from -2147483648 to 2147483647"),
        Keyword::Position | Keyword::MinElements => {
            (is_number(text) && text.parse::<u32>().is_ok(), "a number from 0 to 4294967295")
        }
        Keyword::MaxElements => (
            text == "unbounded" || is_number(text) && text.parse::<u32>().is_ok_and(|n| n > 0),
            "`unbounded` or a number from 1 to 4294967295",
        ),
        Keyword::FractionDigits => (
            is_number(text) && text.parse::<u8>().is_ok_and(|n| (1..=18).contains(&n)),
            "a number from 1 to 18",
        ),
        Keyword::Enum => (!text.is_empty() && text.trim() == text, "a name without white space around it"),
        Keyword::Namespace => (!text.is_empty(), "a URI"),
        _ => (true, ""),
    };
    if is_good { Ok(()) } else { Err(expected) }
}

/// Returns whether the text is digits without a leading zero.
fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// Checks all statements of a module. What is wrong costs as little as possible: a statement is ignored, and listed in
/// [`ParsedFile::problems`].
///
/// # Errors
/// Fails if the text is not a module, or does not say which: its name, namespace and prefix are needed.
pub(crate) fn check(parsed: &mut ParsedFile) -> Result<YangVersion, Error> {
    let root = parsed.root();
    if !matches!(root.keyword(), Keyword::Module | Keyword::Submodule) {
        return Err(Error::Misplaced {
            position: root.position(),
            parent: "the file itself".into(),
            hint: ": a file has one `module` or `submodule`".to_owned(),
        });
    }
    let version = match root.text(Keyword::YangVersion) {
        Some("1.1") => YangVersion::V1_1,
        _ => YangVersion::V1,
    };
    let mut checker =
        StatementChecker { version, ignored: HashSet::default(), problems: Vec::new(), lacks_nodes: false };
    if version == YangVersion::V1_1 {
        checker.problems.extend(parsed.forbidden_in_1_1.clone());
    }
    // The substatements of an extension are up to the extension.
    let mut skip_until = 0;
    for statement in parsed.all(0) {
        if statement.at().number < skip_until {
            continue;
        }
        if statement.keyword() == Keyword::Extension
            || checker.ignored.contains(&statement.at().number)
            || !checker.check(statement)?
        {
            skip_until = statement.end();
        }
    }
    let StatementChecker { ignored, problems, lacks_nodes, .. } = checker;
    ignored.into_iter().for_each(|number| parsed.ignore(number));
    parsed.problems.extend(problems);
    parsed.lacks_nodes |= lacks_nodes;
    Ok(version)
}

struct StatementChecker {
    version: YangVersion,
    /// The numbers of the statements that are to be ignored.
    ignored: HashSet<u32>,
    problems: Vec<Error>,
    /// Whether a statement is ignored that defines nodes.
    lacks_nodes: bool,
}

impl StatementChecker {
    /// Checks a statement, without what is inside its substatements. Returns whether it is to be read.
    fn check(&mut self, statement: StatementRef<'_>) -> Result<bool, Error> {
        if let Err(error) = check_own_argument(statement) {
            if names_module(statement) {
                return Err(error);
            }
            self.problems.push(error);
            self.ignore(statement);
            return Ok(false);
        }
        self.check_substatements(statement)
    }

    /// Ignores a statement, or the one around it that would mean something else without it.
    fn ignore(&mut self, statement: StatementRef<'_>) {
        let mut whole = statement;
        while let Some(parent) = whole.parent() {
            let is_needed = match (parent.keyword(), whole.keyword()) {
                // A type without one of its values would refuse that value.
                (
                    Keyword::Type,
                    Keyword::Base
                    | Keyword::Bit
                    | Keyword::Enum
                    | Keyword::FractionDigits
                    | Keyword::Path
                    | Keyword::Type,
                )
                | (Keyword::Pattern, Keyword::Modifier) => true,
                _ => false,
            };
            if !is_needed {
                break;
            }
            whole = parent;
        }
        let mut data = DATA.iter().map(|(keyword, ..)| *keyword);
        self.lacks_nodes |= data.any(|keyword| keyword == whole.keyword())
            || matches!(
                whole.keyword(),
                Keyword::Augment | Keyword::Case | Keyword::Grouping | Keyword::Include
            );
        self.ignored.insert(whole.at().number);
    }

    fn check_substatements(&mut self, statement: StatementRef<'_>) -> Result<bool, Error> {
        let allowed = || substatements(statement.keyword()).iter().copied().flatten();
        // Lists are short: `module` has the longest, of 27.
        let mut found = [0_usize; 32];
        for child in statement.children() {
            if child.keyword() == Keyword::Extension {
                continue;
            }
            let position = allowed().position(|(keyword, ..)| *keyword == child.keyword());
            let rule = position.and_then(|at| Some((allowed().nth(at)?, found.get_mut(at)?)));
            let Some((&(_, cardinality, since), count)) = rule else {
                let names = allowed().map(|(keyword, ..)| keyword.text());
                let hint = did_you_mean(child.keyword().text(), names);
                self.problems.push(misplaced(child, statement, hint));
                self.ignore(child);
                continue;
            };
            // What it means is clear all the same.
            if since > self.version {
                let hint = " in YANG 1, only in 1.1: add `yang-version 1.1;`".to_owned();
                self.problems.push(misplaced(child, statement, hint));
            }
            *count += 1;
            if *count > 1 && matches!(cardinality, Cardinality::Optional | Cardinality::One) {
                self.ignore(child);
            }
        }
        let mut is_usable = true;
        for (&(keyword, count, _), found) in allowed().zip(found) {
            let (is_good, expected) = match count {
                Cardinality::Optional => (found <= 1, "at most one"),
                Cardinality::One => (found == 1, "exactly one"),
                Cardinality::Any => (true, ""),
                Cardinality::Some => (found >= 1, "at least one"),
            };
            if is_good {
                continue;
            }
            let position = statement.position();
            let error = Error::Cardinality { position, substatement: keyword.text(), found, expected };
            let lacks_name = found == 0 && statement.child(keyword).is_none();
            if lacks_name && names_module(statement) {
                return Err(error);
            }
            self.problems.push(error);
            // A leaf without a type is still a leaf.
            if lacks_name && statement.keyword() == Keyword::Import {
                self.ignore(statement);
                is_usable = false;
            }
        }
        Ok(is_usable)
    }
}

/// Returns whether a statement says which module a file is.
fn names_module(statement: StatementRef<'_>) -> bool {
    let is_outermost = |of: StatementRef<'_>| of.at().number == 0;
    match statement.keyword() {
        Keyword::Module | Keyword::Submodule => is_outermost(statement),
        Keyword::Namespace | Keyword::BelongsTo => statement.parent().is_some_and(is_outermost),
        Keyword::Prefix => statement.parent().is_some_and(|parent| parent.keyword() != Keyword::Import),
        _ => false,
    }
}

fn check_own_argument(statement: StatementRef<'_>) -> Result<(), Error> {
    let takes_none = matches!(statement.keyword(), Keyword::Input | Keyword::Output);
    let checked = match statement.argument_if_any() {
        Some(_) if takes_none => Err("no argument"),
        None if !takes_none => Err("an argument"),
        Some(text) => check_argument(statement.keyword(), text),
        None => Ok(()),
    };
    checked
        .map_err(|expected| Error::Argument { position: statement.position(), expected: expected.to_owned() })
}

fn misplaced(statement: StatementRef<'_>, parent: StatementRef<'_>, hint: String) -> Error {
    Error::Misplaced { position: statement.position(), parent: parent.title().into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::YangLimits;

    fn check_text(text: &str) -> Result<YangVersion, String> {
        let text = format!("module m {{ namespace urn:m; prefix m; {text} }}");
        let mut parsed = ParsedFile::read("m.yang", text.as_bytes(), &YangLimits::default()).unwrap();
        let version = check(&mut parsed).map_err(|error| error.to_string())?;
        match parsed.problems.first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(version),
        }
    }

    #[test]
    fn substatement_lists_are_short_and_unique() {
        for &keyword in Keyword::ALL {
            let all: Vec<_> = substatements(keyword).iter().copied().flatten().map(|(k, ..)| k).collect();
            assert!(all.len() <= 32, "{keyword} has {}", all.len());
            let unique: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(unique.len(), all.len(), "{keyword}");
        }
    }

    #[test]
    fn yang_version_decides_what_is_allowed() {
        assert_eq!(check_text("leaf a { type string; }"), Ok(YangVersion::V1));
        assert_eq!(check_text("yang-version 1.1; anydata a; x:y { z:a { leaf; } }"), Ok(YangVersion::V1_1));
    }

    #[test]
    fn misplaced_statement_error_suggests_a_keyword() {
        let mut errors = String::new();
        for text in [
            "anydata a;",
            "yang-version 1.1; contact \"\\d\";",
            "leaf a;",
            "leaf a { type string; type string; }",
            "leaf a { type string; presence x; }",
            "container a { leaf b; }",
            "list a { keys b; }".replace("keys", "units").as_str(),
            "leaf 1a { type string; }",
            "leaf { type string; }",
            "rpc a { input b { } }",
            "leaf a { type string; config maybe; }",
            "revision 2020-1-1;",
            "deviation /a;",
            "leaf-list a { type string; max-elements 0; }",
            "leaf a { type decimal64 { fraction-digits 19; } }",
            "yang-version 2;",
        ] {
            errors += &check_text(text).unwrap_err();
            errors.push('\n');
        }
        insta::assert_snapshot!(errors, @r#"
        m.yang:1: `anydata a` is not allowed in `module m` in YANG 1, only in 1.1: add `yang-version 1.1;`
        m.yang:1: expected `\n`, `\t`, `\"` or `\\` in a string in double quotes, found `\d`
        m.yang:1: `leaf a` has 0 `type`, expected exactly one
        m.yang:1: `leaf a` has 2 `type`, expected exactly one
        m.yang:1: `presence x` is not allowed in `leaf a`
        m.yang:1: `leaf b` has 0 `type`, expected exactly one
        m.yang:1: `units b` is not allowed in `list a`
        m.yang:1: `leaf 1a`: expected an identifier: a letter or `_`, then letters, digits, `_`, `-` and `.`
        m.yang:1: `leaf`: expected an argument
        m.yang:1: `input b`: expected no argument
        m.yang:1: `config maybe`: expected `true` or `false`
        m.yang:1: `revision 2020-1-1`: expected a date such as `2024-12-31`
        m.yang:1: `deviation /a` has 0 `deviate`, expected at least one
        m.yang:1: `max-elements 0`: expected `unbounded` or a number from 1 to 4294967295
        m.yang:1: `fraction-digits 19`: expected a number from 1 to 18
        m.yang:1: `yang-version 2`: expected `1` or `1.1`
        "#);
    }
}
