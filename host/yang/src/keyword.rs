//! The statements of YANG by keyword (RFC 7950, section 14).

use std::fmt;

macro_rules! keywords {
    ($($variant:ident $text:literal)*) => {
        /// A statement's keyword.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Keyword {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A statement that a module defines with `extension`: its keyword has a prefix.
            Extension,
        }

        impl Keyword {
            /// The keyword as it is written; `extension use` for a statement that a module defines.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Extension => "extension use",
                }
            }

            /// The keyword that is written like this. Those with a prefix are not looked up.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// All keywords of the language itself.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

keywords! {
    Action "action"
    AnyData "anydata"
    AnyXml "anyxml"
    Argument "argument"
    Augment "augment"
    Base "base"
    BelongsTo "belongs-to"
    Bit "bit"
    Case "case"
    Choice "choice"
    Config "config"
    Contact "contact"
    Container "container"
    Default "default"
    Description "description"
    Deviate "deviate"
    Deviation "deviation"
    Enum "enum"
    ErrorAppTag "error-app-tag"
    ErrorMessage "error-message"
    ExtensionDefinition "extension"
    Feature "feature"
    FractionDigits "fraction-digits"
    Grouping "grouping"
    Identity "identity"
    IfFeature "if-feature"
    Import "import"
    Include "include"
    Input "input"
    Key "key"
    Leaf "leaf"
    LeafList "leaf-list"
    Length "length"
    List "list"
    Mandatory "mandatory"
    MaxElements "max-elements"
    MinElements "min-elements"
    Modifier "modifier"
    Module "module"
    Must "must"
    Namespace "namespace"
    Notification "notification"
    OrderedBy "ordered-by"
    Organization "organization"
    Output "output"
    Path "path"
    Pattern "pattern"
    Position "position"
    Prefix "prefix"
    Presence "presence"
    Range "range"
    Reference "reference"
    Refine "refine"
    RequireInstance "require-instance"
    Revision "revision"
    RevisionDate "revision-date"
    Rpc "rpc"
    Status "status"
    Submodule "submodule"
    Type "type"
    Typedef "typedef"
    Unique "unique"
    Units "units"
    Uses "uses"
    Value "value"
    When "when"
    YangVersion "yang-version"
    YinElement "yin-element"
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_reads_back_as_itself() {
        for &keyword in Keyword::ALL {
            assert_eq!(Keyword::parse(keyword.text()), Some(keyword));
        }
        assert_eq!(Keyword::parse("leaf-lists"), None);
        assert_eq!(Keyword::parse("extension use"), None);
    }
}
