//! Values and their canonical forms: RFC 7950, section 9.

use crate::common::schema;
use confine_yang::{ValueMismatch, YangSchema};
use proptest::prelude::*;

/// Returns a schema with a leaf `v` of this type, and a module `i` with identities.
fn leaf(of: &str) -> YangSchema {
    let identities = "module i { yang-version 1.1; namespace urn:i; prefix i; identity crypto; identity des { base crypto; }
        identity des3 { base des; } identity other; }";
    let module = format!(
        "module m {{ yang-version 1.1; namespace urn:m; prefix m; import i {{ prefix x; }}
        identity aes {{ base x:crypto; }} identity unrelated;
        container c {{ leaf v {{ {of} }} leaf number {{ type uint8 {{ range 1..4; }} }} }} }}"
    );
    schema(&[identities, &module])
}

fn canonical(schema: &YangSchema, value: &str) -> Result<String, ValueMismatch> {
    let namespace = |prefix: &str| match prefix {
        "" => Some("urn:default".to_owned()),
        "p" => Some("urn:i".to_owned()),
        "q" => Some("urn:m".to_owned()),
        _ => None,
    };
    schema.find("/m:c/v").unwrap().canonical(value, &namespace)
}

/// Checks the canonical forms of texts as values of a type; `None` for texts that are not values.
fn table(of: &str, values: &[(&str, Option<&str>)]) {
    let schema = leaf(of);
    for (value, expected) in values {
        let found = canonical(&schema, value);
        assert_eq!(found.as_deref().ok(), *expected, "`{value}` as {of}: {found:?}");
        if let Ok(canonical) = found {
            assert_eq!(
                self::canonical(&schema, &canonical).as_ref(),
                Ok(&canonical),
                "the canonical form is canonical"
            );
        }
    }
}

#[test]
fn integers() {
    // 9.2.1, 9.2.2, 9.2.5
    table(
        "type int32;",
        &[
            ("0", Some("0")),
            ("-4", Some("-4")),
            ("+4", Some("4")),
            ("00", Some("0")),
            // Hexadecimal and octal are for the defaults of YANG modules.
            ("0xf00f", None),
            ("-0xf", None),
            ("052", Some("52")),
            ("08", Some("8")),
            ("-0", Some("0")),
            ("2147483647", Some("2147483647")),
            ("2147483648", None),
            ("-2147483649", None),
            ("", None),
            ("4.0", None),
            ("four", None),
        ],
    );
    table(
        "type int8 { range '1..4 | 10..20'; }",
        &[("4", Some("4")), ("5", None), ("010", Some("10")), ("20", Some("20"))],
    );
    table(
        "type uint64;",
        &[("18446744073709551615", Some("18446744073709551615")), ("-1", None), ("-0", Some("0"))],
    );
}

#[test]
fn decimal64_values_are_read_and_written() {
    // 9.3.1, 9.3.2, 9.3.5
    table(
        "type decimal64 { fraction-digits 2; range '1 .. 3.14 | 10 | 20..max'; }",
        &[
            ("1", Some("1.0")),
            ("3.14", Some("3.14")),
            ("3.15", None),
            ("+03.10", Some("3.1")),
            ("10.000", Some("10.0")),
            ("10.001", None),
            ("20.5", Some("20.5")),
            ("92233720368547758.07", Some("92233720368547758.07")),
            ("92233720368547758.08", None),
            ("", None),
            (".5", None),
        ],
    );
    table(
        "type decimal64 { fraction-digits 18; }",
        &[("-0.5", Some("-0.5")), ("9.3", None), ("-0", Some("0.0"))],
    );
}

#[test]
fn string_values() {
    // 9.4.4, 9.4.5, 9.4.6: lengths in characters, several patterns, inverted patterns.
    table("type string;", &[("", Some("")), (" as it is\n ", Some(" as it is\n "))]);
    table(
        r#"type string { length "0..4"; pattern "[0-9a-fA-F]*"; }"#,
        &[("", Some("")), ("AB", Some("AB")), ("9A00", Some("9A00")), ("00ABAB", None), ("xx00", None)],
    );
    table("type string { length '2'; }", &[("\u{e5}\u{1f600}", Some("\u{e5}\u{1f600}")), ("\u{e5}", None)]);
    table(
        r"type string { pattern '[a-zA-Z_][a-zA-Z0-9\-_.]*'; pattern '[xX][mM][lL].*' { modifier invert-match; } }",
        &[("enabled", Some("enabled")), ("10-mbit", None), ("xml-element", None), ("aXML", Some("aXML"))],
    );
}

#[test]
fn boolean_and_empty_values() {
    // 9.5, 9.11
    table(
        "type boolean;",
        &[("true", Some("true")), ("false", Some("false")), ("True", None), ("1", None), ("", None)],
    );
    table("type empty;", &[("", Some("")), ("x", None)]);
}

#[test]
fn enumeration_and_bits_values() {
    // 9.6.5, 9.7.5
    table(
        "type enumeration { enum zero; enum one; enum seven { value 7; } enum 'two words'; }",
        &[("zero", Some("zero")), ("two words", Some("two words")), ("7", None), ("Zero", None), ("", None)],
    );
    table(
        "type bits { bit auto-sense { position 1; } bit disable-nagle { position 0; } bit only-10-mb { position 2; } }",
        &[
            ("", Some("")),
            ("auto-sense  disable-nagle", Some("disable-nagle auto-sense")),
            ("\n only-10-mb auto-sense ", Some("auto-sense only-10-mb")),
            ("auto-sense auto-sense", None),
            ("auto", None),
        ],
    );
}

#[test]
fn binary_values() {
    // 9.8.2
    table(
        "type binary { length 0..4; }",
        &[
            ("", Some("")),
            ("TQ==", Some("TQ==")),
            ("TWF u\nZQ==", Some("TWFuZQ==")),
            ("TWFuZTE=", None),
            ("TR==", None),
            ("TQ=", None),
            ("T===", None),
            ("=", None),
            ("TQ==TQ==", None),
            ("T!==", None),
        ],
    );
}

#[test]
fn leafref_takes_values_of_its_target() {
    // 9.9.3
    table("type leafref { path '../number'; }", &[("03", Some("3")), ("5", None)]);
    table("type leafref { path '../nowhere'; }", &[("anything", Some("anything"))]);
}

#[test]
fn identityref_values() {
    // 9.10.3, 9.10.5: the prefix is the document's and is kept.
    table(
        "type identityref { base x:crypto; }",
        &[
            ("p:des", Some("p:des")),
            ("p:des3", Some("p:des3")),
            ("q:aes", Some("q:aes")),
            ("aes", Some("aes")),
            ("des", None),
            ("p:crypto", None),
            ("p:other", None),
            ("q:unrelated", None),
            ("q:des", None),
            ("z:des", None),
            ("", None),
        ],
    );
}

#[test]
fn union_takes_the_first_matching_member() {
    // 9.12.4
    table(
        "type union { type int32 { range '0..10 | 100'; } type string { pattern '[a-z]+'; } type enumeration { enum UNBOUNDED; } }",
        &[
            ("007", Some("7")),
            ("+100", Some("100")),
            ("abc", Some("abc")),
            ("UNBOUNDED", Some("UNBOUNDED")),
            ("11", None),
            ("ABC", None),
        ],
    );
}

#[test]
fn instance_identifier_values() {
    // 9.13.4
    table(
        "type instance-identifier;",
        &[
            ("/ex:system/ex:services/ex:ssh", Some("/ex:system/ex:services/ex:ssh")),
            ("/ex:user[ex:name='fred']", Some("/ex:user[ex:name='fred']")),
            (
                "/ex:server[ex:ip = \"a/]b\"][ex:port='80']/ex:other",
                Some("/ex:server[ex:ip = \"a/]b\"][ex:port='80']/ex:other"),
            ),
            ("/ex:cipher[.='blowfish-cbc']", Some("/ex:cipher[.='blowfish-cbc']")),
            ("/ex:stats/ex:port[3]", Some("/ex:stats/ex:port[3]")),
            ("", None),
            ("ex:system", None),
            ("/ex:user[ex:name='fred'", None),
            ("/ex:user[name]", None),
            ("//a", None),
        ],
    );
}

#[test]
fn derived_type_has_all_inherited_restrictions() {
    // 7.3, 9.4.7
    let text = "module m { yang-version 1.1; namespace urn:m; prefix m;
        typedef hex { type string { length 1..8; pattern '[0-9a-f]*'; } }
        typedef short { type hex { length 2..4; } }
        typedef level { type enumeration { enum low; enum mid; enum high; } }
        container c { leaf v { type short { pattern '[^0].*'; } } leaf level { type level { enum low; enum high; } } } }";
    let schema = schema(&[text]);
    for (value, is_good) in [("1f", true), ("f", false), ("0f", false), ("xy", false), ("12345", false)] {
        assert_eq!(canonical(&schema, value).is_ok(), is_good, "{value}");
    }
    let level = schema.find("/m:c/level").unwrap();
    assert!(level.canonical("high", &|_| None).is_ok() && level.canonical("mid", &|_| None).is_err());
}

#[test]
fn value_error_names_the_expected_values() {
    let mut messages = String::new();
    for (of, value) in [
        ("type uint16;", "fast"),
        ("type int8 { range '1..4 | 8 | 10..max'; }", "5"),
        ("type uint8;", "300"),
        ("type uint8;", "0x0a"),
        ("type decimal64 { fraction-digits 2; range 0..1; }", "2"),
        ("type string { length 1..8; }", ""),
        ("type string { length '5 | 10..max'; }", "four"),
        ("type string { pattern '[a-z]+'; }", "A\nB"),
        ("type boolean;", "yes"),
        ("type enumeration { enum up; enum down; enum testing; }", "dwn"),
        ("type bits { bit a; bit b; }", "a c"),
        ("type binary;", "?"),
        ("type empty;", "true"),
        ("type identityref { base x:crypto; }", "p:dse"),
        ("type identityref { base x:crypto; }", "des3"),
        ("type identityref { base x:crypto; }", "z:des3"),
        ("type union { type uint8; type enumeration { enum all; } }", "none"),
        ("type instance-identifier;", "x"),
        ("type leafref { path '../number'; }", "9"),
    ] {
        let wrong = canonical(&leaf(of), value).unwrap_err();
        messages += &format!("{wrong}\n  the backend: {}\n", wrong.backend);
    }
    insta::assert_snapshot!(messages, @r"
    `fast` is not a value of `v`: a number from 0 to 65535 (`uint16`)
      the backend: 'fast' is not a number
    `5` is not a value of `v`: a number from 1 to 4, 8 or from 10 to 127 (`int8`)
      the backend: Number 5 out of range: 1 - 4, 8 - 8, 10 - 127
    `300` is not a value of `v`: a number from 0 to 255 (`uint8`)
      the backend: Number 300 out of range: 0 - 255
    `0x0a` is not a value of `v`: a number from 0 to 255 (`uint8`); write `10`
      the backend: '0x0a' is not a number
    `2` is not a value of `v`: a decimal number from 0.0 to 1.0 with at most 2 digits after the decimal point (`decimal64`)
      the backend: Number 2.0 out of range: 0.0 - 1.0
    `` is not a value of `v`: 1 to 8 characters, not 0 (`string`)
      the backend: String length 0 out of range: 1 - 8
    `four` is not a value of `v`: 5 or at least 10 characters, not 4 (`string`)
      the backend: String length 4 out of range: 5 - 5, 10 - 18446744073709551615
    `A\nB` is not a value of `v`: text that matches `[a-z]+` (`string`)
      the backend: regexp match fail: pattern does not match A
    B
    `yes` is not a value of `v`: `true` or `false` (`boolean`)
      the backend: 'yes' is not a boolean value
    `dwn` is not a value of `v`: one of `up`, `down` or `testing` (`enumeration`)
      the backend: 'dwn' does not match enumeration
    `a c` is not a value of `v`: any of `a` or `b`, each once, separated by spaces (`bits`)
      the backend: 'c' does not match enumeration
    `?` is not a value of `v`: bytes in base64 (`binary`)
      the backend: '?' is not base64
    `true` is not a value of `v`: no value: the leaf is present or absent (`empty`)
      the backend: 'true' is not empty
    `p:dse` is not a value of `v`: an identity derived from `i:crypto` (`identityref`); did you mean `des`?
      the backend: Identityref validation failed, p:dse not derived from crypto
    `des3` is not a value of `v`: an identity derived from `i:crypto` (`identityref`); did you mean `des3` in the namespace `urn:i`?
      the backend: Identityref validation failed, des3 not derived from crypto
    `z:des3` is not a value of `v`: an identity derived from `i:crypto` (`identityref`); no module is bound to the prefix `z`
      the backend: Identityref validation failed, z:des3 not derived from crypto
    `none` is not a value of `v`: a number from 0 to 255 (`uint8`); or one of `all` (`enumeration`)
      the backend: 'none' does not match enumeration
    `x` is not a value of `v`: a path to a node, such as `/p:list[p:key='1']/p:leaf` (`instance-identifier`)
      the backend: 'x' is not an instance-identifier
    `9` is not a value of `v`: a number from 1 to 4 (`uint8`)
      the backend: Number 9 out of range: 1 - 4
    ");
}

#[test]
fn long_enumeration_error_suggests_the_nearest() {
    let names: String = (0..40).map(|n| format!("enum name{n};")).collect();
    let schema = leaf(&format!("type enumeration {{ {names} enum ethernet; }}"));
    let wrong = canonical(&schema, "ethernt").unwrap_err();
    insta::assert_snapshot!(wrong, @"`ethernt` is not a value of `v`: one of `name0`, `name1`, `name2`, `name3`, `name4`, `name5`, `name6`, `name7`, `name8`, `name9` or 31 others (`enumeration`); did you mean `ethernet`?");
}

proptest! {
    #[test]
    fn canonical_integers_compare_as_numbers(a in 0_u16..2000, b in 0_u16..2000) {
        let schema = leaf("type uint16;");
        let texts = |n: u16| [n.to_string(), format!("00{n}"), format!("+{n}"), format!("+0{n}")];
        for (a_text, b_text) in texts(a).iter().zip(texts(b).iter().rev()) {
            prop_assert_eq!(canonical(&schema, a_text).unwrap() == canonical(&schema, b_text).unwrap(), a == b);
        }
    }

    #[test]
    fn canonical_form_is_stable_for_any_text(text in "\\PC{0,12}") {
        for of in ["type int8;", "type decimal64 { fraction-digits 3; }", "type binary;", "type bits { bit a; bit b; }",
            "type instance-identifier;", "type identityref { base x:crypto; }", "type string { pattern '\\i\\c*'; }"] {
            let schema = leaf(of);
            if let Ok(once) = canonical(&schema, &text) {
                prop_assert_eq!(canonical(&schema, &once), Ok(once));
            }
        }
    }
}

#[test]
fn value_forms_list_each_union_member() {
    let forms = [
        "type int8 { range '1..4 | 8'; }",
        "type decimal64 { fraction-digits 2; range '0..1.5'; }",
        "type string { length 1..64; pattern '[a-z]*' { modifier invert-match; } pattern '.b'; }",
        "type boolean;",
        "type enumeration { enum up; enum 'half way'; enum down; }",
        "type bits { bit a; bit b; }",
        "type binary { length 4; }",
        "type leafref { path '../number'; }",
        "type leafref { path '../nowhere'; }",
        "type identityref { base x:crypto; }",
        "type empty;",
        "type instance-identifier;",
        "type union { type union { type uint8; type boolean; } type leafref { path '../number'; } type uint8; }",
    ]
    .map(|of| {
        let schema = leaf(of);
        let node = schema.find("/m:c/v").unwrap();
        format!("{}\n  {:?}", node.value_forms().join("\n"), node.named_values())
    });
    insta::assert_snapshot!(forms.join("\n"), @r#"
    a number from 1 to 4 or 8 (`int8`)
      []
    a decimal number from 0.0 to 1.5 with at most 2 digits after the decimal point (`decimal64`)
      []
    text of 1 to 64 characters that does not match `[a-z]*` and matches `.b` (`string`)
      []
    `true` or `false` (`boolean`)
      ["true", "false"]
    one of `up`, `half way` or `down` (`enumeration`)
      ["up", "half way", "down"]
    any of `a` or `b`, each once, separated by spaces (`bits`)
      ["a", "b"]
    bytes in base64 of 4 bytes (`binary`)
      []
    a number from 1 to 4 (`uint8`)
      []
    a value of `../nowhere` (`leafref`)
      []
    an identity: `i:des`, `i:des3` or `m:aes` (`identityref`)
      ["i:des", "i:des3", "m:aes"]
    no value: the leaf is present or absent (`empty`)
      []
    a path to a node, such as `/p:list[p:key='1']/p:leaf` (`instance-identifier`)
      []
    a number from 0 to 255 (`uint8`)
    `true` or `false` (`boolean`)
    a number from 1 to 4 (`uint8`)
      ["true", "false"]
    "#);
}

#[test]
fn secrets_are_known_by_type_and_default_deny() {
    let texts = [
        "module t { namespace urn:t; prefix t; typedef crypt-hash { type string; } typedef mine { type crypt-hash; }
          typedef encryption-algorithm { type string; }
          typedef password-type { type enumeration { enum md5; enum plain; } } typedef crypto-map { type string; } }",
        "module ietf-netconf-acm { namespace urn:nacm; prefix nacm; extension default-deny-all; extension default-deny-write;
          container nacm { nacm:default-deny-all; leaf rule { type string; } } }",
        "module m { namespace urn:m; prefix m; import t { prefix t; } import ietf-netconf-acm { prefix n; }
          grouping g { leaf pin { type t:mine; } }
          container a { uses g; leaf-list old { type union { type uint8; type t:crypt-hash; } } leaf plain { type string; } }
          container vault { n:default-deny-all; leaf inner { type string; } }
          leaf locked { n:default-deny-write; type string; } leaf how { type t:encryption-algorithm; }
          leaf kind { type t:password-type; } leaf map { type t:crypto-map; } }",
    ];
    let schema = crate::common::set(&texts).compile();
    let names: Vec<_> = schema.secret_names().into_iter().collect();
    assert_eq!(names, [("urn:m", "old"), ("urn:m", "pin"), ("urn:m", "vault")]);
}
