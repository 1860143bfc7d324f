//! What is written for small modules.

use super::*;

fn written(yang: &str) -> String {
    let mut set = confine_yang::ModuleSet::default();
    set.add("m.yang", yang.as_bytes()).unwrap();
    bindings(&set.compile(), &["m".to_owned()])
}

#[test]
fn each_kind_of_node_has_its_functions() {
    let text = written(
        "module m { yang-version 1.1; namespace urn:m; prefix m; revision 2026-01-01;
           list pair { key 'type no'; leaf type { type enumeration { enum a-b; enum a_b; enum 1g; } }
             leaf no { type int8; } leaf flag { type empty; } leaf-list port { type uint16; }
             anydata any; list loose { config false; leaf x { type string; } } }
           container seen { config false; leaf count { type uint8; } }
           container on { presence 'it is on'; leaf ratio { type decimal64 { fraction-digits 1; } } } }",
    );
    insta::assert_snapshot!(text, @r#"
    //! Written by `confine bindings` from `m@2026-01-01`: do not edit.

    #![allow(clippy::all, dead_code, unreachable_pub, unused_imports)]

    use ::confine_sdk as sdk;

    /// The prefixes of the paths here, for `Service::PREFIXES`.
    pub const PREFIXES: &[(&str, &str)] = &[
        ("m", "urn:m"),
    ];

    /// An entry of the list `/m:pair`.
    #[derive(Clone, Debug)]
    pub struct Pair(sdk::View);

    impl Pair {
        /// Within `view`, which stands at the node above.
        pub fn of(view: &sdk::View, r#type: pair::Type, no: i8) -> Self {
            Self(view.at(sdk::path!("m:pair[type={}][no={}]", r#type, no)))
        }

        /// The place that `view` stands at, which is one of these.
        pub fn at(view: sdk::View) -> Self {
            Self(view)
        }

        /// The place, to go on from by paths.
        pub fn view(&self) -> &sdk::View {
            &self.0
        }

        /// Whether it is there.
        pub fn exists(&self) -> sdk::Result<bool> {
            self.0.exists(".")
        }

        /// Makes it, where it is not there.
        pub fn create(&self) -> sdk::Result<()> {
            self.0.create(".")
        }

        /// Removes it, with all that is in it.
        pub fn remove(&self) -> sdk::Result<()> {
            self.0.remove(".")
        }

        /// The key `type`.
        pub fn r#type(&self) -> sdk::Result<String> {
            self.0.key("type").or_else(|_| self.0.require("type"))
        }

        /// The key `no`.
        pub fn no(&self) -> sdk::Result<String> {
            self.0.key("no").or_else(|_| self.0.require("no"))
        }

        /// The leaf `flag` (`empty`).
        pub fn flag(&self) -> sdk::Result<bool> {
            self.0.exists("flag")
        }

        /// Makes it.
        pub fn create_flag(&self) -> sdk::Result<()> {
            self.0.create("flag")
        }

        /// Removes it.
        pub fn remove_flag(&self) -> sdk::Result<()> {
            self.0.remove("flag")
        }

        /// The entries of `port`.
        pub fn port(&self) -> sdk::Result<Vec<u16>> {
            self.0.values_as("port")
        }

        /// Adds an entry to `port`, where it is not there.
        pub fn add_port(&self, value: u16) -> sdk::Result<()> {
            self.0.set(sdk::path!("port[.={}]", value), value)
        }

        /// Removes an entry of `port`.
        pub fn remove_port(&self, value: u16) -> sdk::Result<()> {
            self.0.remove(sdk::path!("port[.={}]", value))
        }
    }

    /// What is in `/m:pair`.
    pub mod pair {
        use super::sdk;

        /// The values of `type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Type {
            /// `a-b`
            AB,
            /// `a_b`
            AB2,
            /// `1g`
            N1g,
        }

        impl std::fmt::Display for Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::AB => f.write_str("a-b"),
                    Self::AB2 => f.write_str("a_b"),
                    Self::N1g => f.write_str("1g"),
                }
            }
        }

        impl std::str::FromStr for Type {
            type Err = String;

            fn from_str(value: &str) -> Result<Self, String> {
                match value {
                    "a-b" => Ok(Self::AB),
                    "a_b" => Ok(Self::AB2),
                    "1g" => Ok(Self::N1g),
                    _ => Err("it is none of the values of `type`".to_owned()),
                }
            }
        }
    }

    /// The container `/m:on`.
    #[derive(Clone, Debug)]
    pub struct On(sdk::View);

    impl On {
        /// Within `view`, which stands at the node above.
        pub fn of(view: &sdk::View) -> Self {
            Self(view.at("m:on"))
        }

        /// The place that `view` stands at, which is one of these.
        pub fn at(view: sdk::View) -> Self {
            Self(view)
        }

        /// The place, to go on from by paths.
        pub fn view(&self) -> &sdk::View {
            &self.0
        }

        /// Whether it is there.
        pub fn exists(&self) -> sdk::Result<bool> {
            self.0.exists(".")
        }

        /// Makes it, where it is not there.
        pub fn create(&self) -> sdk::Result<()> {
            self.0.create(".")
        }

        /// Removes it, with all that is in it.
        pub fn remove(&self) -> sdk::Result<()> {
            self.0.remove(".")
        }

        /// The leaf `ratio` (`decimal64`).
        pub fn ratio(&self) -> sdk::Result<Option<sdk::Decimal64<1>>> {
            self.0.get_as("ratio")
        }

        /// Sets it.
        pub fn set_ratio(&self, value: sdk::Decimal64<1>) -> sdk::Result<()> {
            self.0.set("ratio", value)
        }

        /// Removes it.
        pub fn remove_ratio(&self) -> sdk::Result<()> {
            self.0.remove("ratio")
        }
    }
    "#);
}

#[test]
fn names_that_are_one_in_rust_or_mean_something_there_are_told_apart() {
    let text = written(
        "module m { yang-version 1.1; namespace urn:m; prefix m;
           container top { leaf self { type string; } leaf a-b { type string; } leaf a.b { type string; }
             leaf set-a-b { type string; } leaf remove { type string; } leaf fn { type string; }
             container result { leaf x { type string; } } container std { leaf x { type string; } }
             leaf kind { type enumeration { enum Self; enum '+'; enum '++'; } } } }",
    );
    let told = text.lines().map(str::trim).filter(|line| {
        ["pub fn", "pub struct", "pub mod", "Self", "Other"].iter().any(|begin| line.starts_with(begin))
            && !line.contains("sdk::View")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    Self(view.at("m:top"))
    Self(view)
    pub fn exists(&self) -> sdk::Result<bool> {
    pub fn remove(&self) -> sdk::Result<()> {
    pub fn self_(&self) -> sdk::Result<Option<String>> {
    pub fn set_self(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_self(&self) -> sdk::Result<()> {
    pub fn a_b(&self) -> sdk::Result<Option<String>> {
    pub fn set_a_b(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_a_b(&self) -> sdk::Result<()> {
    pub fn a_b_(&self) -> sdk::Result<Option<String>> {
    pub fn set_a_b_(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_a_b_(&self) -> sdk::Result<()> {
    pub fn set_a_b__(&self) -> sdk::Result<Option<String>> {
    pub fn set_set_a_b__(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_set_a_b__(&self) -> sdk::Result<()> {
    pub fn remove_(&self) -> sdk::Result<Option<String>> {
    pub fn set_remove_(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_remove_(&self) -> sdk::Result<()> {
    pub fn r#fn(&self) -> sdk::Result<Option<String>> {
    pub fn set_fn(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_fn(&self) -> sdk::Result<()> {
    pub fn result(&self) -> top::Result2 {
    pub fn std(&self) -> top::Std {
    pub fn kind(&self) -> sdk::Result<Option<top::Kind>> {
    pub fn set_kind(&self, value: top::Kind) -> sdk::Result<()> {
    pub fn remove_kind(&self) -> sdk::Result<()> {
    pub mod top {
    SelfValue,
    Other,
    Other2,
    Self::SelfValue => f.write_str("Self"),
    Self::Other => f.write_str("+"),
    Self::Other2 => f.write_str("++"),
    Self(view)
    pub fn exists(&self) -> sdk::Result<bool> {
    pub fn remove(&self) -> sdk::Result<()> {
    pub fn x(&self) -> sdk::Result<Option<String>> {
    pub fn set_x(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_x(&self) -> sdk::Result<()> {
    Self(view)
    pub fn exists(&self) -> sdk::Result<bool> {
    pub fn remove(&self) -> sdk::Result<()> {
    pub fn x(&self) -> sdk::Result<Option<String>> {
    pub fn set_x(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_x(&self) -> sdk::Result<()> {
    "#);
}

/// The lines that begin so.
fn lines(text: &str, beginnings: &[&str]) -> String {
    let told = text.lines().map(str::trim);
    let told = told.filter(|line| beginnings.iter().any(|begin| line.starts_with(begin)));
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn values_have_the_types_that_fit() {
    let text = written(
        "module m { yang-version 1.1; namespace urn:m; prefix m;
           identity shape; identity round { base shape; } identity unknown { base shape; }
           container top {
             leaf ratio { type decimal64 { fraction-digits 2; } }
             leaf shape { type identityref { base shape; } }
             leaf-list shapes { type identityref { base shape; } }
             leaf-list level { type uint8; }
             leaf mtu { type union { type uint16; type enumeration { enum auto; enum jumbo-frames; } } }
             leaf any { type union { type boolean; type union { type identityref { base shape; } type string; } } }
             leaf shape-or-on { type union { type identityref { base shape; } type boolean; } }
             leaf two { type union { type enumeration { enum a; } type enumeration { enum b; enum a; } } }
             leaf two-numbers { type union { type uint8; type int64; } }
             leaf text-first { type union { type string { pattern '[0-9]+'; } type uint8; } }
             leaf number-named { type union { type uint8; type enumeration { enum 1g; } } }
             leaf address { type union { type string { length 1; } type string { length 2; } } }
           } }",
    );
    insta::assert_snapshot!(lines(&text, &["pub fn", "/// -", "pub enum", "pub mod", "use super"]), @"
    pub fn of(view: &sdk::View) -> Self {
    pub fn at(view: sdk::View) -> Self {
    pub fn view(&self) -> &sdk::View {
    pub fn exists(&self) -> sdk::Result<bool> {
    pub fn remove(&self) -> sdk::Result<()> {
    pub fn ratio(&self) -> sdk::Result<Option<sdk::Decimal64<2>>> {
    pub fn set_ratio(&self, value: sdk::Decimal64<2>) -> sdk::Result<()> {
    pub fn remove_ratio(&self) -> sdk::Result<()> {
    pub fn shape(&self) -> sdk::Result<Option<identities::Shape>> {
    pub fn set_shape(&self, value: identities::Shape) -> sdk::Result<()> {
    pub fn remove_shape(&self) -> sdk::Result<()> {
    pub fn shapes(&self) -> sdk::Result<Vec<identities::Shape>> {
    pub fn add_shapes(&self, value: identities::Shape) -> sdk::Result<()> {
    pub fn remove_shapes(&self, value: identities::Shape) -> sdk::Result<()> {
    pub fn level(&self) -> sdk::Result<Vec<u8>> {
    pub fn add_level(&self, value: u8) -> sdk::Result<()> {
    pub fn remove_level(&self, value: u8) -> sdk::Result<()> {
    pub fn mtu(&self) -> sdk::Result<Option<top::Mtu>> {
    pub fn set_mtu(&self, value: top::Mtu) -> sdk::Result<()> {
    pub fn remove_mtu(&self) -> sdk::Result<()> {
    pub fn any(&self) -> sdk::Result<Option<top::Any>> {
    pub fn set_any(&self, value: top::Any) -> sdk::Result<()> {
    pub fn remove_any(&self) -> sdk::Result<()> {
    pub fn shape_or_on(&self) -> sdk::Result<Option<top::ShapeOrOn>> {
    pub fn set_shape_or_on(&self, value: top::ShapeOrOn) -> sdk::Result<()> {
    pub fn remove_shape_or_on(&self) -> sdk::Result<()> {
    pub fn two(&self) -> sdk::Result<Option<top::Two>> {
    pub fn set_two(&self, value: top::Two) -> sdk::Result<()> {
    pub fn remove_two(&self) -> sdk::Result<()> {
    /// - a number from 0 to 255 (`uint8`)
    /// - a number from -9223372036854775808 to 9223372036854775807 (`int64`)
    pub fn two_numbers(&self) -> sdk::Result<Option<String>> {
    pub fn set_two_numbers(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_two_numbers(&self) -> sdk::Result<()> {
    /// - text that matches `[0-9]+` (`string`)
    /// - a number from 0 to 255 (`uint8`)
    pub fn text_first(&self) -> sdk::Result<Option<String>> {
    pub fn set_text_first(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_text_first(&self) -> sdk::Result<()> {
    /// - a number from 0 to 255 (`uint8`)
    /// - one of `1g` (`enumeration`)
    pub fn number_named(&self) -> sdk::Result<Option<String>> {
    pub fn set_number_named(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_number_named(&self) -> sdk::Result<()> {
    /// - text of 1 characters (`string`)
    /// - text of 2 characters (`string`)
    pub fn address(&self) -> sdk::Result<Option<String>> {
    pub fn set_address(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
    pub fn remove_address(&self) -> sdk::Result<()> {
    pub mod top {
    use super::{identities, sdk};
    pub enum Mtu {
    pub enum Any {
    pub enum ShapeOrOn {
    pub enum Two {
    pub mod identities {
    pub enum Shape {
    pub fn known(value: &str) -> Option<Self> {
    pub fn of(value: &str) -> Self {
    ");
    let (_, enums) = text.split_once("/// The values of `mtu`.").unwrap();
    insta::assert_snapshot!(enums.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n"), @r#"
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum Mtu {
        /// `auto`
        Auto,
        /// `jumbo-frames`
        JumboFrames,
        /// A number.
        Number(u16),
    }

    impl std::fmt::Display for Mtu {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Auto => f.write_str("auto"),
                Self::JumboFrames => f.write_str("jumbo-frames"),
                Self::Number(value) => std::fmt::Display::fmt(value, f),
            }
        }
    }

    impl std::str::FromStr for Mtu {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            if value == "auto" {
                return Ok(Self::Auto);
            }
            if value == "jumbo-frames" {
                return Ok(Self::JumboFrames);
            }
            if let Ok(known) = value.parse::<u16>() {
                return Ok(Self::Number(known));
            }
            Err("it is none of the values of `mtu`".to_owned())
        }
    }

    impl From<u16> for Mtu {
        fn from(value: u16) -> Self {
            Self::Number(value)
        }
    }

    /// The values of `any`.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum Any {
        /// `true` or `false`.
        Boolean(bool),
        /// An identity.
        Identity(identities::Shape),
        /// Any other text.
        Text(String),
    }

    impl std::fmt::Display for Any {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Boolean(value) => std::fmt::Display::fmt(value, f),
                Self::Identity(value) => std::fmt::Display::fmt(value, f),
                Self::Text(value) => std::fmt::Display::fmt(value, f),
            }
        }
    }

    impl std::str::FromStr for Any {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            if let Ok(known) = value.parse::<bool>() {
                return Ok(Self::Boolean(known));
            }
            if let Some(known) = identities::Shape::known(value) {
                return Ok(Self::Identity(known));
            }
            Ok(Self::Text(value.to_owned()))
        }
    }

    impl From<bool> for Any {
        fn from(value: bool) -> Self {
            Self::Boolean(value)
        }
    }

    impl From<identities::Shape> for Any {
        fn from(value: identities::Shape) -> Self {
            Self::Identity(value)
        }
    }

    impl From<String> for Any {
        fn from(value: String) -> Self {
            Self::Text(value)
        }
    }

    /// The values of `shape-or-on`.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum ShapeOrOn {
        /// `true` or `false`.
        Boolean(bool),
        /// An identity.
        Identity(identities::Shape),
    }

    impl std::fmt::Display for ShapeOrOn {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Boolean(value) => std::fmt::Display::fmt(value, f),
                Self::Identity(value) => std::fmt::Display::fmt(value, f),
            }
        }
    }

    impl std::str::FromStr for ShapeOrOn {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            if let Ok(known) = value.parse::<bool>() {
                return Ok(Self::Boolean(known));
            }
            Ok(Self::Identity(identities::Shape::of(value)))
        }
    }

    impl From<bool> for ShapeOrOn {
        fn from(value: bool) -> Self {
            Self::Boolean(value)
        }
    }

    impl From<identities::Shape> for ShapeOrOn {
        fn from(value: identities::Shape) -> Self {
            Self::Identity(value)
        }
    }

    /// The values of `two`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Two {
        /// `a`
        A,
        /// `b`
        B,
    }

    impl std::fmt::Display for Two {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::A => f.write_str("a"),
                Self::B => f.write_str("b"),
            }
        }
    }

    impl std::str::FromStr for Two {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            match value {
                "a" => Ok(Self::A),
                "b" => Ok(Self::B),
                _ => Err("it is none of the values of `two`".to_owned()),
            }
        }
    }
    }

    /// The identities that values may be.
    pub mod identities {
        /// The identities derived from `m:shape`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Shape {
            /// `m:round`
            Round,
            /// `m:unknown`
            Unknown2,
            /// One that was not known when this was written, with a prefix of `Service::PREFIXES`.
            Unknown(String),
        }

        impl Shape {
            /// The one that is written so, if it is known.
            pub fn known(value: &str) -> Option<Self> {
                Some(match value {
                    "m:round" => Self::Round,
                    "m:unknown" => Self::Unknown2,
                    _ => return None,
                })
            }

            /// The one that is written so.
            pub fn of(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))
            }
        }

        impl std::fmt::Display for Shape {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Round => f.write_str("m:round"),
                    Self::Unknown2 => f.write_str("m:unknown"),
                    Self::Unknown(value) => f.write_str(value),
                }
            }
        }

        impl std::str::FromStr for Shape {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, std::convert::Infallible> {
                Ok(Self::of(value))
            }
        }
    }
    "#);
}

#[test]
fn what_modules_call_the_same_is_told_apart_by_their_prefixes() {
    let mut set = confine_yang::ModuleSet::default();
    set.add(
        "a.yang",
        b"module a { namespace urn:a; prefix ietf-if; container interfaces { leaf x { type string; } } }",
    )
    .unwrap();
    set.add(
        "b.yang",
        b"module b { namespace urn:b; prefix oc-if; import a { prefix a; }
            container interfaces { leaf x { type string; } } container other { leaf x { type string; } }
            augment '/a:interfaces' { leaf x { type string; } } }",
    )
    .unwrap();
    let text = bindings(&set.compile(), &["a".to_owned(), "b".to_owned()]);
    insta::assert_snapshot!(lines(&text, &["pub struct", "pub fn x", "pub fn oc", "Self(view.at"]), @r#"
    pub struct IetfIfInterfaces(sdk::View);
    Self(view.at("ietf-if:interfaces"))
    pub fn x(&self) -> sdk::Result<Option<String>> {
    pub fn oc_if_x(&self) -> sdk::Result<Option<String>> {
    pub struct OcIfInterfaces(sdk::View);
    Self(view.at("oc-if:interfaces"))
    pub fn x(&self) -> sdk::Result<Option<String>> {
    pub struct Other(sdk::View);
    Self(view.at("oc-if:other"))
    pub fn x(&self) -> sdk::Result<Option<String>> {
    "#);
}
