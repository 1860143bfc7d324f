//! What can be wrong with XML text.

/// Text that cannot be read into a tree: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the XML cannot be read at line {line}, column {column} (`{excerpt}`): {fault}")]
pub struct XmlError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// The text from that position on.
    pub excerpt: String,
    /// What is wrong.
    pub fault: XmlFault,
}

/// What can be wrong with XML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlFault {
    /// The text is not well-formed XML.
    #[error("{0}")]
    Malformed(String),
    /// A document type declaration.
    #[error("a DOCTYPE is not allowed")]
    Doctype,
    /// A processing instruction, or an XML declaration that is not at the start of the text.
    #[error("a processing instruction is not allowed")]
    Instruction,
    /// An entity that is not one of the five predefined in XML.
    #[error("the entity `&{0};` is not known: only amp, lt, gt, apos and quot are")]
    Entity(String),
    /// A character, or a reference to a character, that XML does not allow.
    #[error("the character `{}` is not allowed in XML", .0.escape_unicode())]
    Character(char),
    /// An invalid name of an element, an attribute or a prefix.
    #[error("`{0}` is not a name")]
    Name(String),
    /// An element in the namespace of the prefix `xml`, which cannot be the default namespace.
    #[error("`{0}` cannot be an element: the prefix `xml` is for attributes")]
    Reserved(String),
    /// A prefix that is not declared.
    #[error("the prefix `{0}` is not bound to a namespace: declare it as in `xmlns:{0}=\"…\"`")]
    UnboundPrefix(String),
    /// A declaration that Namespaces in XML 1.0 forbids.
    #[error(
        "`xmlns:{0}` cannot be declared like this: `xml` and `xmlns` are reserved, and a prefix needs a namespace"
    )]
    Declaration(String),
    /// An attribute that occurs twice.
    #[error("the attribute `{0}` occurs twice")]
    DuplicateAttribute(String),
    /// Text next to elements.
    #[error("text next to elements is not allowed: a node has a value or children")]
    MixedContent,
    /// Text outside any element.
    #[error("text outside of any element is not allowed")]
    OutsideText,
    /// The end of the text inside an element.
    #[error("the text ends before `</{0}>`")]
    Unclosed(String),
    /// Deeper than `XmlLimits::depth`.
    #[error("the elements are nested deeper than {0}")]
    TooDeep(usize),
    /// More than `XmlLimits::nodes`.
    #[error("there are more than {0} elements")]
    TooManyNodes(usize),
    /// More than `XmlLimits::attributes`.
    #[error("the element has more than {0} attributes")]
    TooManyAttributes(usize),
    /// Longer than `XmlLimits::namespace`.
    #[error("a namespace has more than {0} bytes")]
    LongNamespace(usize),
    /// More than `XmlLimits::bindings`.
    #[error("the prefixes in values and their namespaces take more than {0} bytes")]
    TooManyBindings(usize),
}
