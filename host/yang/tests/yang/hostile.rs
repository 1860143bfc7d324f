//! Hostile modules: each ends with an error or a schema, at a cost that its size limits.

use crate::common::{problems, set, tree_diagram};
use confine_tree::{QName, Schema as _};
use confine_yang::{Error, ModuleSet, YangLimits};
use proptest::prelude::*;

/// About the bytes of one node.
const NODE: usize = 120;

fn module(body: &str) -> String {
    format!("module m {{ yang-version 1.1; namespace urn:m; prefix m; {body} }}")
}

fn compile(body: &str, limits: YangLimits) -> confine_yang::YangSchema {
    let mut set = ModuleSet::with_limits(limits);
    set.add("m.yang", module(body).as_bytes()).unwrap();
    set.compile()
}

#[test]
fn multiplying_grouping_is_cut_at_the_memory_limit() {
    // Each level has twice the leaves of the one before: 2^24 in all.
    let levels: String = (1..25)
        .map(|n| {
            let below = n - 1;
            format!("grouping g{n} {{ container a {{ uses g{below}; }} container b {{ uses g{below}; }} }} ")
        })
        .collect();
    let body = format!(
        "grouping g0 {{ leaf l {{ type string; }} }} {levels} uses g24; leaf after {{ type string; }}"
    );
    let limits = YangLimits { memory: 10_000 * NODE, ..YangLimits::default() };
    let schema = compile(&body, limits);
    insta::assert_snapshot!(problems(&schema), @"m.yang:1: `uses g3`: bytes of the compiled tree are limited to 1200000");
    assert!(schema.find("/m:a/a/a").is_some());
    let deep = schema.find("/m:a/a/a/a/a/a/a/a/a/a/a/a").unwrap().id();
    assert!(!schema.excludes(deep, QName::new("urn:m", "c")));
}

#[test]
fn multiplying_statements_without_nodes_are_cut() {
    let levels: String =
        (1..50).map(|n| format!("grouping g{n} {{ uses g{0}; uses g{0}; }} ", n - 1)).collect();
    let schema = compile(
        &format!("grouping g0; {levels} uses g49;"),
        YangLimits { memory: 10_000 * NODE, ..YangLimits::default() },
    );
    insta::assert_snapshot!(problems(&schema), @"m.yang:1: `uses g0`: bytes of the compiled tree are limited to 1200000");

    let unions: String = (1..30)
        .map(|n| format!("typedef t{n} {{ type union {{ type t{0}; type t{0}; }} }} ", n - 1))
        .collect();
    let schema = compile(
        &format!("typedef t0 {{ type int8; }} {unions} leaf a {{ type t29; }}"),
        YangLimits::default(),
    );
    assert_eq!(problems(&schema), "");
    assert!(schema.find("/m:a").unwrap().canonical("not a number", &|_| None).is_ok());
    assert_eq!(schema.find("/m:a").unwrap().canonical("01", &|_| None).as_deref(), Ok("1"));

    // Long lists of keys, musts and refinements, used many times.
    let many = |text: &str| (0..5_000).map(|n| text.replace('#', &n.to_string())).collect::<String>();
    let body = format!(
        "grouping g {{ leaf m {{ type string; {} }} list l {{ key '{}'; leaf k1 {{ type string; }} }} }} {} {}",
        many("must '#';"),
        many("k# "),
        many("container c# { uses g; }"),
        many("container r# { uses g { refine m { must '#'; } } }"),
    );
    let schema = compile(&body, YangLimits { memory: 100_000 * NODE, ..YangLimits::default() });
    insta::assert_snapshot!(problems(&schema), @"m.yang:1: `list l`: bytes of the compiled tree are limited to 12000000");
}

#[test]
fn endless_nesting_is_cut() {
    let chain: String =
        (1..1000).map(|n| format!("grouping g{n} {{ container c {{ uses g{}; }} }} ", n - 1)).collect();
    let schema = compile(&format!("grouping g0; {chain} uses g999;"), YangLimits::default());
    insta::assert_snapshot!(problems(&schema), @"m.yang:1: `uses g967`: nested nodes and groupings are limited to 64");

    let typedefs: String = (1..1000).map(|n| format!("typedef t{n} {{ type t{}; }} ", n - 1)).collect();
    let schema = compile(
        &format!("typedef t0 {{ type int8; }} {typedefs} leaf a {{ type t999; }}"),
        YangLimits::default(),
    );
    insta::assert_snapshot!(problems(&schema), @"m.yang:1: `type t934`: nested typedefs are limited to 64");

    let nested = format!("{}leaf x {{ type string; }}{}", "container c {".repeat(1000), "}".repeat(1000));
    let error = ModuleSet::default().add("m.yang", module(&nested).as_bytes()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 128, .. }), "{error}");

    let condition = "(".repeat(100_000);
    let schema =
        compile(&format!("leaf a {{ if-feature '{condition}'; type string; }}"), YangLimits::default());
    assert_eq!(schema.problems().len(), 1);
}

#[test]
fn circular_definitions_are_reported() {
    let circle: String = (0..20)
        .map(|n| {
            format!(
                "identity i{n} {{ base i{}; }} feature f{n} {{ if-feature f{}; }} ",
                (n + 1) % 20,
                (n + 1) % 20
            )
        })
        .collect();
    let schema = compile(
        &format!(
            "{circle} leaf a {{ type identityref {{ base i0; }} }} leaf b {{ if-feature f0; type string; }}"
        ),
        YangLimits::default(),
    );
    assert_eq!(problems(&schema), "");
    assert!(schema.find("/m:a").unwrap().canonical("i10", &|_| Some("urn:m".to_owned())).is_ok());
    assert!(schema.find("/m:b").is_none());

    let submodules = [
        "submodule a { belongs-to m { prefix m; } include b; }",
        "submodule b { belongs-to m { prefix m; } include a; }",
    ];
    let schema = set(&[&module("include a; include b;"), submodules[0], submodules[1]]).compile();
    assert_eq!(problems(&schema), "");

    let keys = compile(
        "list l { key 'a a b'; leaf a { type string; } leaf b { type string; } leaf c { type string; } }",
        YangLimits::default(),
    );
    let names: Vec<String> =
        keys.find("/m:l").unwrap().children().map(|node| node.name().to_owned()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn problems_are_kept_up_to_the_limit() {
    let body: String = (0..5000).map(|n| format!("leaf a{n} {{ type t{n}; }} ")).collect();
    let schema = compile(&body, YangLimits::default());
    assert_eq!(schema.problems().len(), YangLimits::default().problems);
    assert!(schema.find("/m:a4999").is_some());
}

#[test]
fn long_value_is_not_compared_with_an_expensive_pattern() {
    let schema = compile(
        "leaf a { type string { pattern '([a-z][0-9]){1,2000}'; } } leaf b { type string { pattern '[a-z]*'; } } \
         leaf c { type union { type string { pattern '[a-z]*'; } type uint8; } } leaf d { type string; } \
         leaf e { type union { type uint8; type boolean; type empty; } }",
        YangLimits::default(),
    );
    assert_eq!(problems(&schema), "");
    let check = |leaf: &str, value: &str| {
        schema.find(leaf).unwrap().canonical(value, &|_| None).map_err(|error| error.to_string())
    };
    assert!(check("/m:a", &"a1".repeat(500)).is_ok());
    assert!(check("/m:b", &"b".repeat(100_000)).is_ok());
    let long = "x".repeat(7 << 20);
    assert!(check("/m:d", &long).is_ok());
    let refused = |leaf: &str| check(leaf, &long).unwrap_err().replace(&"x".repeat(80), "");
    insta::assert_snapshot!(["/m:a", "/m:b", "/m:c", "/m:e"].map(refused).join("\n"), @r"
    `…` is not a value of `a`: shorter text: 7340032 bytes take too long to compare with `([a-z][0-9]){1,2000}` (`string`)
    `…` is not a value of `b`: shorter text: 7340032 bytes take too long to compare with `[a-z]*` (`string`)
    `…` is not a value of `c`: shorter text: 7340032 bytes take too long to compare with `[a-z]*` (`string`); or a number from 0 to 255 (`uint8`)
    `…` is not a value of `e`: a number from 0 to 255 (`uint8`); or `true` or `false` (`boolean`); or no value: the leaf is present or absent (`empty`)
    ");
    // Nothing repeats the whole value.
    let mismatch = schema.find("/m:e").unwrap().canonical(&long, &|_| None).unwrap_err();
    assert!(mismatch.backend.len() < 2_000);
}

#[test]
fn pattern_too_large_to_compile_permits_values() {
    let schema = compile(
        "leaf huge { type string { pattern '((a{0,1000}){0,1000}){0,1000}'; } } leaf slow { type string { pattern '(a*)*b'; } }",
        YangLimits::default(),
    );
    assert_eq!(problems(&schema), "");
    assert!(schema.find("/m:huge").unwrap().canonical("anything", &|_| None).is_ok());
    assert!(schema.find("/m:slow").unwrap().canonical(&"a".repeat(100_000), &|_| None).is_err());
}

#[test]
fn compile_time_is_linear_in_module_size() {
    // Twenty thousand of everything in one scope: quadratic work would not end.
    let count = 20_000;
    let mut body = String::from("container top; ");
    for n in 0..count {
        body += &format!(
            "typedef t{n} {{ type int8; }} identity i{n}; grouping g{n} {{ leaf g{n} {{ type t{n}; }} }} uses g{n}; augment /top {{ leaf a{n} {{ type string; }} }} "
        );
    }
    let keys: String = (0..count).map(|n| format!("k{n} ")).collect();
    let leaves: String = (0..count).rev().map(|n| format!("leaf k{n} {{ type string; }} ")).collect();
    body += &format!("list l {{ key '{keys}'; {leaves} }}");
    let schema = compile(&body, YangLimits::default());
    assert_eq!(problems(&schema), "");
    assert_eq!(schema.find("/m:top").unwrap().children().count(), count);
    assert_eq!(schema.find("/m:l").unwrap().children().next().unwrap().name(), "k0");
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "module m {",
        "}",
        "{",
        ";",
        "namespace urn:m;",
        "prefix m;",
        "leaf a {",
        "type string;",
        "type m:t {",
        "container c {",
        "uses g;",
        "grouping g {",
        "augment \"/c/a\" {",
        "list l { key a;",
        "choice x {",
        "case y {",
        "typedef t {",
        "pattern '[a-z-[b]]';",
        "range \"1..2|max\";",
        "import n { prefix n; }",
        "identity i { base i; }",
        "rpc r {",
        "input {",
        "deviation /m:c { deviate not-supported; }",
        "if-feature \"a and (b\";",
        "feature a;",
        "'",
        "\"",
        "/*",
        "//",
        "+",
        "\\",
        "m:ext x;",
        "refine a/b { config false; }",
        "\u{e9}",
        "\u{0}",
        "1.1",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_text_is_a_module_or_an_error(words in proptest::collection::vec(word(), 0..40), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let limits = YangLimits { memory: 1_000 * NODE, ..YangLimits::default() };
        let mut set = ModuleSet::with_limits(limits);
        let body = words.join(" ");
        let closing = "}".repeat(body.matches('{').count().saturating_sub(body.matches('}').count()));
        let _ = set.add("words", format!("module m {{ namespace urn:m; prefix m; {body} {closing} }}").as_bytes());
        let _ = set.add("open", body.as_bytes());
        let _ = set.add("bytes", &bytes);
        let schema = set.compile();
        for module in schema.modules() {
            prop_assert!(!tree_diagram(&schema, module.name()).is_empty());
        }
    }
}
