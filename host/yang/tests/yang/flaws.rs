//! Modules with flaws, as vendors publish them: a flaw costs its own statement, and what is known stays certain.

use confine_tree::{QName, Schema as _};
use confine_yang::{ModuleSet, YangLimits, YangSchema};
use proptest::prelude::*;

use crate::common::{problems, set, tree_diagram};

/// A module of version 1.1 with a container, a list, a grouping and a leaf after all else.
fn module(flaw: &str) -> String {
    format!(
        "module m {{ yang-version 1.1; namespace urn:m; prefix m;
          typedef short {{ type string {{ length 1..8; }} }}
          grouping g {{ leaf shared {{ type short; }} }}
          container box {{ uses g; list unit {{ key name; leaf name {{ type string; }} }} }}
          {flaw}
          leaf after {{ type short; }} }}"
    )
}

fn excludes(schema: &YangSchema, path: &str, namespace: &str, local: &str) -> bool {
    schema.excludes(schema.find(path).unwrap().id(), QName::new(namespace, local))
}

fn is_value(schema: &YangSchema, leaf: &str, value: &str) -> bool {
    schema.find(leaf).unwrap().canonical(value, &|_| None).is_ok()
}

/// Flaws that define no node of their own, and what is told of them.
const FLAWS: &[&str] = &[
    // Patterns and other restrictions.
    r#"leaf a { type string { pattern "[0-9]\.[0-9]"; } }"#,
    "leaf a { type string { length 1..4; pattern 'a{1,'; pattern '[0-9.]*'; } }",
    "leaf a { type string { length '4..1'; } }",
    "leaf a { type string { range 1..4; } }",
    "leaf a { type enumeration { enum ' x '; enum y; } }",
    "leaf a { type decimal64 { fraction-digits 19; } }",
    "leaf a { type string { pattern 'x*' { modifier not; } } }",
    "leaf a { type union { type string { length 1..4; } type 'b c'; } }",
    "leaf a { }",
    // Deviations.
    "leaf a { type string; } deviation /m:gone { deviate not-supported; }",
    "leaf a { type string; } deviation /m:a { deviate replaced { config false; } }",
    "leaf a { type string; } deviation /m:a { }",
    "leaf a { type string; } deviation /x:a { deviate not-supported; }",
    // What does not belong there, twice, or with another argument.
    "leaf a { type string; presence x; }",
    "leaf a { type string; description 'a'; description 'b'; }",
    "leaf a { type string; config maybe; }",
    "leaf a { type string; if-feature 'gone and'; }",
    "leaf a { type string; if-feature gone; }",
    "leaf a { type string; } revision today;",
    "leaf a { type string; } import gone;",
    "leaf a { type string; } import gone { prefix x; }",
    "leaf a { type string; description \"\u{7}\"; }",
    "leaf a { type gone; }",
];

#[test]
fn flaw_costs_its_own_statement() {
    let mut told = String::new();
    for flaw in FLAWS {
        let schema = set(&[&module(flaw)]).compile();
        told += &problems(&schema);
        told.push('\n');
        assert!(is_value(&schema, "/m:a", "1.2"), "{flaw}");
        assert!(!is_value(&schema, "/m:after", "longer than eight"), "{flaw}");
        for (path, namespace) in
            [("/m:box", "urn:m"), ("/m:box/unit", "urn:m"), ("/", "urn:m"), ("/", "urn:x")]
        {
            assert!(excludes(&schema, path, namespace, "misspelt"), "{flaw}: {path} {namespace}");
        }
        assert!(schema.is_complete(schema.root().unwrap()), "{flaw}");
    }
    insta::assert_snapshot!(told, @r#"
    0.yang:5: expected `\n`, `\t`, `\"` or `\\` in a string in double quotes, found `\.[0-9]`

    0.yang:5: `pattern a{1,`: expected a quantity such as `{2}`, `{2,}` or `{2,5}`

    0.yang:5: `length 4..1`: expected ascending parts such as `1..4 | 8 | 10..max`, all within the length of the type

    0.yang:5: `range 1..4` is not allowed in `type string`: it does not apply to `string`

    0.yang:5: `enum x`: expected a name without white space around it

    0.yang:5: `fraction-digits 19`: expected a number from 1 to 18

    0.yang:5: `modifier not`: expected `invert-match`

    0.yang:5: `type b …`: expected a name, with a prefix or without

    0.yang:5: `leaf a` has 0 `type`, expected exactly one

    0.yang:5: `deviation /m:gone`: there is no node `m:gone`

    0.yang:5: `deviate replaced`: expected `not-supported`, `add`, `replace` or `delete`

    0.yang:5: `deviation /m:a` has 0 `deviate`, expected at least one

    0.yang:5: `deviation /x:a`: there is no node `x:a`: no import binds prefix `x`

    0.yang:5: `presence x` is not allowed in `leaf a`

    0.yang:5: `leaf a` has 2 `description`, expected at most one

    0.yang:5: `config maybe`: expected `true` or `false`

    0.yang:5: `if-feature gone …`: there is no feature `gone` in `m`

    0.yang:5: `if-feature gone`: there is no feature `gone` in `m`

    0.yang:5: `revision today`: expected a date such as `2024-12-31`

    0.yang:5: `import gone` has 0 `prefix`, expected exactly one

    0.yang:5: `import gone`: there is no module `gone` among the given modules; statements that refer to it are ignored

    0.yang:5: expected a character other than a control character, found `\u{7}`

    0.yang:5: `type gone`: there is no typedef `gone` in `m`
    "#);
}

#[test]
fn restrictions_beside_an_unreadable_one_hold() {
    let schema = set(&[&module(FLAWS[1])]).compile();
    assert!(!is_value(&schema, "/m:a", "12345") && !is_value(&schema, "/m:a", "x"));
    let schema = set(&[&module(FLAWS[0])]).compile();
    assert!(
        !is_value(&schema, "/m:a", "1x2"),
        "a backslash that means nothing stands for itself, as in YANG 1"
    );
}

#[test]
fn flaw_that_costs_nodes_leaves_the_rest_certain() {
    let other = "module n { namespace urn:n; prefix n; container top { leaf a { type string; } } }";
    for flaw in [
        "container c { uses gone; leaf in { type string; } }",
        "container c { leaf 1a { type string; } }",
        "container c { leef a; }",
        "import gone { prefix x; } container c { uses x:g; }",
        "include gone; container c;",
        "container c { augment x { leaf a { type string; } } }",
    ] {
        let schema = set(&[&module(flaw), other]).compile();
        assert_ne!(problems(&schema), "", "{flaw}");
        assert!(!excludes(&schema, "/m:c", "urn:m", "a"), "{flaw}");
        assert!(excludes(&schema, "/m:c", "urn:n", "a"), "{flaw}");
        assert!(
            excludes(&schema, "/n:top", "urn:n", "misspelt") && excludes(&schema, "/", "urn:n", "misspelt"),
            "{flaw}"
        );
        assert!(schema.find("/m:after").is_some());
    }
    // A grouping that cannot be built is missing where it is used.
    let user = "module u { namespace urn:u; prefix u; import m { prefix m; } container c { uses m:bad; } container d; }";
    let schema = set(&[&module("grouping bad { uses gone; }"), user]).compile();
    assert!(!excludes(&schema, "/u:c", "urn:u", "a"));
    assert!(excludes(&schema, "/u:d", "urn:u", "a") && excludes(&schema, "/m:box", "urn:m", "a"));
}

#[test]
fn text_that_does_not_name_a_module_is_refused() {
    let mut refused = String::new();
    for text in [
        "module m { prefix m; }",
        "module m { namespace urn:m; }",
        "module 1m { namespace urn:m; prefix m; }",
        "module m { namespace urn:m; prefix '1 m'; }",
        "submodule s { belongs-to m; }",
        "modul m { }",
        "module m { namespace urn:m; prefix m; leaf a { type string; }",
        "<html>",
    ] {
        refused += &format!("{}\n", ModuleSet::default().add("m.yang", text.as_bytes()).unwrap_err());
    }
    insta::assert_snapshot!(refused, @"
    m.yang:1: `module m` has 0 `namespace`, expected exactly one
    m.yang:1: `module m` has 0 `prefix`, expected exactly one
    m.yang:1: `module 1m`: expected an identifier: a letter or `_`, then letters, digits, `_`, `-` and `.`
    m.yang:1: `prefix 1 …`: expected an identifier: a letter or `_`, then letters, digits, `_`, `-` and `.`
    m.yang:1: `belongs-to m` has 0 `prefix`, expected exactly one
    m.yang:1: expected a keyword of YANG, found `modul`
    m.yang:1: `module m`: expected a statement or `}`, found the end of the text
    m.yang:1: expected a keyword, found `<html>`
    ");
}

#[test]
fn bytes_that_are_not_utf_8_cost_their_text() {
    let mut text = module("leaf a { type string; description 'R\u{e9}seau'; }").into_bytes();
    let at = text.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).unwrap();
    text.splice(at..at + 2, [0xe9]);
    let mut set = ModuleSet::default();
    set.add("m.yang", &text).unwrap();
    let schema = set.compile();
    insta::assert_snapshot!(problems(&schema), @"m.yang:5: expected text in UTF-8, found other bytes");
    assert_eq!(schema.find("/m:a").unwrap().description(), Some("R\u{fffd}seau"));
}

/// A module of operations with this many nodes, of each kind.
fn operations(name: &str, nodes: usize) -> String {
    let leaves: String = (0..100).map(|n| format!("leaf l{n} {{ type string; }} ")).collect();
    let some: String = (0..nodes / 400)
        .map(|n| {
            format!(
                "rpc r{n} {{ input {{ uses all; }} output {{ uses all; }} }} notification n{n} {{ uses all; }}
                 container c{n} {{ action a {{ output {{ uses all; }} }} }} "
            )
        })
        .collect();
    format!(
        "module {name} {{ yang-version 1.1; namespace urn:{name}; prefix o; grouping all {{ {leaves} }} {some} }}"
    )
}

#[test]
fn operations_never_cost_configuration() {
    let config =
        "module zz { yang-version 1.1; namespace urn:zz; prefix z; container c { leaf a { type string; } } }";
    let augment = "module za { yang-version 1.1; namespace urn:za; prefix za; import zz { prefix z; }
        augment /z:c { leaf b { type string; } } }";
    let texts = [operations("aa", 1_500_000), config.to_owned(), augment.to_owned()];
    // Memory for about 100,000 nodes, whichever module comes first.
    for order in [[0, 1, 2], [2, 1, 0]] {
        let mut set = ModuleSet::with_limits(YangLimits { memory: 12 << 20, ..YangLimits::default() });
        for number in order {
            set.add(&format!("{number}.yang"), texts[number].as_bytes()).unwrap();
        }
        let schema = set.compile();
        assert!(schema.find("/zz:c/a").is_some() && schema.find("/zz:c/za:b").is_some());
        assert!(schema.find("/aa:c0/a").is_some() && schema.find("/aa:r0/input/l0").is_some());
        assert!(problems(&schema).contains("bytes of the compiled tree are limited to 12582912"));
        // The data is whole.
        for (path, namespace) in [("/zz:c", "urn:zz"), ("/", "urn:zz"), ("/", "urn:aa"), ("/aa:c0", "urn:aa")]
        {
            assert!(excludes(&schema, path, namespace, "misspelt"), "{path}");
        }
    }
    // Without limit, or without operations, nothing is missing.
    assert_eq!(problems(&set(&[&texts[0], config]).compile()), "");
    let mut set = ModuleSet::with_limits(YangLimits { memory: 12 << 20, ..YangLimits::default() });
    texts.iter().for_each(|text| drop(set.add("m.yang", text.as_bytes()).unwrap()));
    let schema = set.compile_data();
    assert_eq!(problems(&schema), "");
    assert!(schema.find("/aa:r0/input/l0").is_none() && schema.find("/aa:r3749").is_some());
}

#[test]
fn operations_can_be_refined_augmented_and_deviated() {
    let texts = [
        "module m { yang-version 1.1; namespace urn:m; prefix m;
          grouping g { container c { action reset { input { leaf a { type string; } leaf b { type string; } } } } }
          uses g {
            refine c/reset/input/a { mandatory true; }
            augment c/reset/output { leaf done { type boolean; } }
          }
          rpc go { input { leaf far { type string; } } }
          notification went { leaf where { type string; } } }",
        "module n { yang-version 1.1; namespace urn:n; prefix n; import m { prefix m; }
          augment /m:go/m:input { container more; }
          augment /m:go/m:input/n:more { leaf x { type string; } }
          augment /m:went { leaf why { type string; } }
          deviation /m:c/m:reset/m:input/m:b { deviate not-supported; }
          deviation /m:go/m:input/m:far { deviate replace { type uint8; } } }",
    ];
    let schema = set(&texts).compile();
    assert_eq!(problems(&schema), "");
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m
      +--rw c
         +---x reset
            +---w input
            |  +---w a    string
            +--ro output
               +--ro done?   boolean

      rpcs:
        +---x go
           +---w input
              +---w far?      uint8
              +---w n:more
                 +---w n:x?   string

      notifications:
        +---n went
           +--ro where?   string
           +--ro n:why?   string
    ");
    assert_eq!(problems(&set(&texts).compile_data()), "");
}

#[test]
fn configuration_beyond_the_limit_is_missing_where_it_was_cut() {
    let many = |name: &str, count: usize| {
        let leaves: String = (0..count).map(|n| format!("leaf l{n} {{ type string; }} ")).collect();
        format!("module {name} {{ namespace urn:{name}; prefix {name}; container top {{ {leaves} }} }}")
    };
    let augment = "module z { namespace urn:z; prefix z; import a { prefix a; } augment /a:top { leaf b { type string; } } }";
    let mut set = ModuleSet::with_limits(YangLimits { memory: 12_000, ..YangLimits::default() });
    for text in [many("a", 20), many("b", 2_000), many("c", 20), augment.to_owned()] {
        set.add("m.yang", text.as_bytes()).unwrap();
    }
    let schema = set.compile();
    assert!(excludes(&schema, "/a:top", "urn:a", "misspelt") && excludes(&schema, "/", "urn:a", "misspelt"));
    assert!(!excludes(&schema, "/b:top", "urn:b", "l1999"));
    assert!(!excludes(&schema, "/", "urn:c", "top"));
    assert!(!excludes(&schema, "/a:top", "urn:z", "b"));
}

proptest! {
    #[test]
    fn module_with_flaws_has_the_nodes_of_the_module_without(
        flaws in proptest::collection::vec((0..12_usize, proptest::sample::select(vec![
            "mandatory perhaps;", "config maybe;", "must;", "yang-version 3;", "enum a;", "fraction-digits 1;",
            "deviation /m:gone { deviate add { units a; } }", "status new;", "default a; default b; default c;",
            "leef a;", "description \"\\.\";", "reference '\u{1}';", "typedef t { type string { pattern '('; } }",
            "leaf 1 { type string; }", "uses gone;", "input { leaf a { type string; } }", "m:ext { leaf; }",
        ])), 1..6),
    ) {
        let nodes = |statements: [&str; 12]| {
            let mut places = statements.map(str::to_owned).to_vec();
            for (at, flaw) in &flaws {
                if statements[0].is_empty() {
                    places[*at] += flaw;
                }
            }
            let p = &places;
            let text = format!(
                "module m {{ namespace urn:m; prefix m; {} container a {{ {} leaf b {{ {} type string; {} }} {} list c {{ {}
                 key k; {} leaf k {{ type string; }} {} }} }} {} choice d {{ {} case e {{ {} leaf f {{ type int8; }} }} }} {} }}",
                p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11]
            );
            tree_diagram(&set(&[&text]).compile(), "m")
        };
        prop_assert_eq!(nodes([""; 12]), nodes([" "; 12]));
    }
}
