//! The keywords of statements (RFC 7950, section 14).

use std::fmt;

macro_rules! keywords {
    ($($variant:ident $text:literal)*) => {
        /// The keyword of a statement.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Keyword {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// The use of an extension: its keyword has a prefix. Also a statement that is ignored.
            Extension,
        }

        impl Keyword {
            /// Returns the keyword as it is written, or `extension use` for the use of an extension.
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Extension => "extension use",
                }
            }

            /// Returns the keyword of this name. Keywords with a prefix are not looked up.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// All keywords of the language itself.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];
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
    fn keywords_round_trip() {
        for &keyword in Keyword::ALL {
            assert_eq!(Keyword::parse(keyword.text()), Some(keyword));
        }
        assert_eq!(Keyword::parse("leaf-lists"), None);
        assert_eq!(Keyword::parse("extension use"), None);
    }
}
