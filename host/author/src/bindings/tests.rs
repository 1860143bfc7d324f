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
            self.0.key("type")
        }

        /// The key `no`.
        pub fn no(&self) -> sdk::Result<String> {
            self.0.key("no")
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
        pub fn port(&self) -> sdk::Result<Vec<String>> {
            self.0.values("port")
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
                f.write_str(match self {
                    Self::AB => "a-b",
                    Self::AB2 => "a_b",
                    Self::N1g => "1g",
                })
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
        pub fn ratio(&self) -> sdk::Result<Option<String>> {
            self.0.get("ratio")
        }

        /// Sets it.
        pub fn set_ratio(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
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
    Self::SelfValue => "Self",
    Self::Other => "+",
    Self::Other2 => "++",
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
