//! References between modules, and the problems of compiling.

use crate::common::{problems, schema, set, tree_diagram};
use confine_tree::{QName, Schema as _};
use confine_yang::{ModuleSet, YangModuleName};

fn module(body: &str) -> String {
    format!("module m {{\n yang-version 1.1;\n namespace urn:m;\n prefix m;\n{body}\n}}")
}

#[test]
fn import_uses_the_requested_revision() {
    let old = "module lib { namespace urn:l; prefix l; revision 2020-01-01; typedef t { type int8; } leaf old { type t; } }";
    let new = "module lib { namespace urn:l; prefix l; revision 2021-01-01; revision 2020-01-01; typedef t { type string; } leaf new { type t; } }";
    for modules in [[old, new], [new, old]] {
        for (import, base) in
            [("", "string"), ("revision-date 2020-01-01;", "int8"), ("revision-date 2021-01-01;", "string")]
        {
            let user = module(&format!("import lib {{ prefix x; {import} }} leaf a {{ type x:t; }}"));
            let schema = schema(&[modules[0], modules[1], &user]);
            assert_eq!(schema.find("/m:a").unwrap().leaf_type().unwrap().base().name(), base, "{import}");
            assert!(
                schema.find("/lib:new").is_some() && schema.find("/lib:old").is_none(),
                "the latest is implemented"
            );
            assert_eq!(schema.module_by_name("lib").unwrap().revision(), Some("2021-01-01"));
        }
    }
}

#[test]
fn missing_modules_are_named() {
    let user = module(
        "import lib { prefix l; revision-date 2020-01-01; } import other { prefix o; } include part;
        leaf good { type string; }
        leaf bad { type l:t; }
        container box { uses o:things; leaf inside { type int8; } }
        augment /o:top { leaf more { type string; } }",
    );
    let mut set = set(&[&user]);
    let named = |name: &str, revision: Option<&str>, is_submodule| YangModuleName {
        name: name.into(),
        revision: revision.map(Box::from),
        is_submodule,
    };
    assert_eq!(
        set.missing(),
        [named("lib", Some("2020-01-01"), false), named("other", None, false), named("part", None, true)]
    );
    set.add(
        "lib.yang",
        b"module lib { namespace urn:l; prefix l; revision 2019-01-01; typedef t { type int8; } }",
    )
    .unwrap();
    assert_eq!(set.missing().len(), 3, "another revision is not the one asked for");
    assert!(
        set.contains("lib", None)
            && set.contains("lib", Some("2019-01-01"))
            && !set.contains("lib", Some("2020-01-01"))
    );

    let schema = set.compile();
    insta::assert_snapshot!(problems(&schema), @"
    0.yang:5: `include part`: there is no submodule `part` among the given modules; statements that refer to it are ignored
    0.yang:5: `import lib`: there is no module `lib` of revision 2020-01-01; revision 2019-01-01 is used
    0.yang:5: `import other`: there is no module `other` among the given modules; statements that refer to it are ignored
    0.yang:8: `uses o:things`: there is no grouping `o:things`: the module of prefix `o` is missing
    0.yang:9: `augment /o:top`: there is no node `o:top`: the module of prefix `o` is missing
    ");
    // The rest is usable, and incomplete nodes are not complete.
    assert!(schema.find("/m:bad").unwrap().leaf_type().is_some());
    assert!(schema.find("/m:box/inside").is_some());
    assert!(!schema.is_complete(schema.find("/m:box").unwrap().id()));
    assert!(!schema.is_complete(schema.root().unwrap()));
}

#[test]
fn submodules_are_part_of_their_module() {
    let main = module("include one; leaf a { type t1; } uses g2;");
    let one = "submodule one { yang-version 1.1; belongs-to m { prefix me; } include two; typedef t1 { type me:t2; }
        augment /me:box { leaf c { type string; } } }";
    let two = "submodule two { yang-version 1.1; belongs-to m { prefix m; } typedef t2 { type int8; }
        grouping g2 { leaf b { type t1; } } container box; }";
    let other = "submodule other { belongs-to another { prefix m; } }";
    let schema = schema(&[two, &main, other, one]);
    assert_eq!(schema.modules().len(), 1);
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m
      +--rw a?     t1
      +--rw b?     t1
      +--rw box
         +--rw c?   string
    ");

    let wrong = set(&[&module("include other;"), other]).compile();
    insta::assert_snapshot!(problems(&wrong), @"0.yang:5: `include other`: there is no submodule `other` of `m`: it belongs to `another`");
}

#[test]
fn invalid_module_leaves_the_others_usable() {
    let mut set = set(&[&module("leaf a { type string; }")]);
    let error =
        set.add("broken.yang", b"module broken {\n prefix b;\n leaf a { type string }\n}").unwrap_err();
    assert_eq!(error.to_string(), "broken.yang:3: `leaf a`: expected `;` or `{`, found `}`");
    assert_eq!((&*error.position().file, error.position().line), ("broken.yang", 3));
    let schema = set.compile();
    assert!(schema.find("/m:a").is_some());
    assert!(!schema.is_complete(schema.root().unwrap()), "the broken module might have had nodes");
}

#[test]
fn unknown_node_is_excluded_only_if_its_module_is_known() {
    let known = module("container box { leaf a { type string; } }");
    let other = "module other { namespace urn:o; prefix o; leaf b { type string; } }";
    let excludes = |set: ModuleSet, namespace: &str| {
        let schema = set.compile();
        let inside = schema.find("/m:box").unwrap().id();
        let excludes = |node, local| schema.excludes(node, QName::new(namespace, local));
        assert!(!excludes(inside, "a") || namespace != "urn:m", "an existing node is not excluded");
        (excludes(inside, "x"), excludes(schema.root().unwrap(), "x"))
    };
    // The set is complete.
    assert_eq!(excludes(set(&[&known, other]), "urn:m"), (true, true));
    assert_eq!(excludes(set(&[&known, other]), "urn:o"), (true, true));
    assert_eq!(excludes(set(&[&known, other]), "urn:x"), (true, true));
    // The set lacks modules, which may add to `box`.
    let mut partial = set(&[&known, other]);
    partial.mark_partial();
    assert_eq!(excludes(partial, "urn:m"), (true, true));
    let mut partial = set(&[&known, other]);
    partial.mark_partial();
    assert_eq!(excludes(partial, "urn:x"), (false, false));
    // One module is abridged.
    let mut abridged = set(&[&known, other]);
    abridged.mark_abridged("m");
    assert_eq!(excludes(abridged, "urn:m"), (false, false));
    let mut abridged = set(&[&known, other]);
    abridged.mark_abridged("m");
    assert_eq!(excludes(abridged, "urn:o"), (true, true));
    // A module with a problem may lack nodes of its own only, and only where the problem is.
    let broken = "module broken { namespace urn:b; prefix b; import none { prefix n; }
        augment /n:box { leaf x { type string; } } }";
    assert_eq!(excludes(set(&[&known, broken]), "urn:b"), (true, true));
    let broken = "module broken { namespace urn:b; prefix b; import none { prefix n; } uses n:top; }";
    assert_eq!(excludes(set(&[&known, broken]), "urn:b"), (true, false));
    assert_eq!(excludes(set(&[&known, broken]), "urn:m"), (true, true));
    // A module is missing whose nodes another one adds to: it is there, and may have any.
    let broken = "module broken { namespace urn:b; prefix b; import none { prefix n; } augment /n:box { leaf x { type string; } } }";
    assert_eq!(excludes(set(&[&known, broken]), "urn:none"), (false, false));
}

#[test]
fn modules_are_found_by_name_namespace_and_prefix() {
    let schema = schema(&[&module(""), "module n { namespace urn:n; prefix m; }"]);
    assert_eq!(schema.module_by_name("m").unwrap().namespace(), "urn:m");
    assert_eq!(schema.module("urn:n"), Some("n"));
    assert_eq!(schema.prefixed("m"), ["urn:m", "urn:n"]);
    assert!(schema.module_by_name("x").is_none() && schema.module("m").is_none());
}

#[test]
fn compile_problems_name_the_statement() {
    let mut all = String::new();
    for body in [
        "leaf a { type strng; }",
        "leaf a { type s:string; }",
        "typedef short { type string; } leaf a { type shrt; }",
        "container a { uses nothing; }",
        "leaf a { type string; } leaf a { type int8; }",
        "leaf a { type uint8 { range 0..300; } }",
        "leaf a { type uint8 { length 1; } }",
        "leaf a { type string { pattern '('; } }",
        "leaf a { type enumeration; }",
        "leaf a { type enumeration { enum x; enum x; } }",
        "leaf a { type enumeration { enum x { value 2147483647; } enum y; } }",
        "typedef e { type enumeration { enum x; } } leaf a { type e { enum y; } }",
        "leaf a { type decimal64; }",
        "leaf a { type identityref { base nothing; } }",
        "typedef a { type b; } typedef b { type a; } leaf c { type a; }",
        "grouping a { container b { uses a; } } uses a;",
        "grouping a { leaf address { type string; } } uses a { refine adress { default 1; } }",
        "augment /m:a { leaf b { type string; } }",
        "leaf a { type string; } augment /a { leaf b { type string; } }",
        "deviation /m:a { deviate not-supported; }",
        "leaf a { if-feature nothing; type string; }",
        "feature f; leaf a { if-feature 'f and'; type string; }",
        "typedef a { type string; } typedef a { type int8; }",
    ] {
        let schema = set(&[&module(body)]).compile();
        assert!(!schema.problems().is_empty(), "{body}");
        all += &problems(&schema);
    }
    insta::assert_snapshot!(all, @"
    0.yang:5: `type strng`: there is no typedef `strng` in `m`; did you mean `string`?
    0.yang:5: `type s:string`: there is no typedef `s:string`: no import binds prefix `s`
    0.yang:5: `type shrt`: there is no typedef `shrt` in `m`; did you mean `short`?
    0.yang:5: `uses nothing`: there is no grouping `nothing` in `m`
    0.yang:5: `leaf a`: node `a` is already defined
    0.yang:5: `range 0..300`: expected ascending parts such as `1..4 | 8 | 10..max`, all within the range of the type
    0.yang:5: `length 1` is not allowed in `type uint8`: it does not apply to `uint8`
    0.yang:5: `pattern (`: expected a `)` for each `(`
    0.yang:5: `type enumeration` has 0 `enum`, expected at least one
    0.yang:5: `enum x`: enum `x` is already defined
    0.yang:5: `enum y`: expected a value from -2147483648 to 2147483647
    0.yang:5: `enum y`: expected a name of the restricted type, with its number
    0.yang:5: `type decimal64` has 0 `fraction-digits`, expected exactly one
    0.yang:5: `base nothing`: there is no identity `nothing` in `m`
    0.yang:5: `type b`: typedef `b` refers to itself
    0.yang:5: `uses a`: grouping `a` refers to itself
    0.yang:5: `refine adress`: there is no node `adress`; did you mean `address`?
    0.yang:5: `augment /m:a`: there is no node `m:a`
    0.yang:5: `augment /a`: expected a path to a node that can have children
    0.yang:5: `deviation /m:a`: there is no node `m:a`
    0.yang:5: `if-feature nothing`: there is no feature `nothing` in `m`
    0.yang:5: `if-feature f …`: expected features joined by `and`, `or`, `not` and parentheses
    0.yang:5: `typedef a`: typedef `a` is already defined
    ");
}

#[test]
fn module_set_keeps_the_first_of_equal_revisions() {
    let mut set = ModuleSet::default();
    let first = set
        .add("first", b"module m { namespace urn:m; prefix m; revision 2020-01-01; leaf a { type int8; } }")
        .unwrap();
    let second = set
        .add("second", b"module m { namespace urn:m; prefix m; revision 2020-01-01; leaf b { type int8; } }")
        .unwrap();
    assert_eq!(first, second);
    let schema = set.compile();
    assert!(schema.find("/m:a").is_some() && schema.find("/m:b").is_none());
}
