//! The limits of paths, and why a path is refused.

/// The maximum number of steps of a path. No known YANG module comes near it.
pub const MAX_STEPS: usize = 256;
/// The maximum number of predicates of one step, and so of keys of a list.
pub const MAX_PREDICATES: usize = 64;

/// A path that cannot be parsed, with the position and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path `{path}` cannot be read at character {position}: {fault}")]
pub struct PathError {
    /// The path; of a long one, an excerpt around the fault.
    pub path: String,
    /// The position of the wrong character, counted from 1; one past the last character if something is
    /// missing; 0 for an empty path.
    pub position: usize,
    /// What is wrong there.
    pub fault: PathFault,
}

/// What can be wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// An empty path.
    #[error("it is empty; write `.` for the instance itself and `/` for the root")]
    Empty,
    /// `..`
    #[error("`..` is not supported: write the path from the root or from the instance downwards")]
    Parent,
    /// `.` as one step of several.
    #[error("`.` stands alone, for the instance itself: leave it out of a longer path")]
    Itself,
    /// `//`, or a slash at the end.
    #[error("a step is missing here: `//` and a trailing `/` are not supported, name every step")]
    EmptyStep,
    /// `*`
    #[error("`*` is not supported: name the step, and leave out its keys to match every entry")]
    Wildcard,
    /// `@name`
    #[error("attributes are not nodes of the configuration: name an element")]
    Attribute,
    /// `name(…)`
    #[error(
        "functions are not supported: name nodes, and list entries by their keys, as in `list[key='value']`"
    )]
    Function,
    /// `axis::`
    #[error("axes are not supported: each step is the name of a child")]
    Axis,
    /// `|`
    #[error("`|` is not supported: write each path separately")]
    Union,
    /// `[1]`
    #[error("positions are not supported: name the list entry by its keys, as in `list[key='value']`")]
    Position,
    /// An operator other than `=`, or a second condition in one predicate.
    #[error(
        "a predicate holds one condition, `[key='value']`: for several keys write several predicates, as in `[a='1'][b='2']`"
    )]
    Condition,
    /// `[key=value]`
    #[error("the value needs quotes, as in `[key='value']`")]
    Unquoted,
    /// A quote that is not closed.
    #[error("the quote that opens here is not closed: inside a value, double the quote that encloses it")]
    OpenQuote,
    /// A `[` that is not closed.
    #[error("`]` is missing here")]
    OpenPredicate,
    /// Other text where `/` or `[` is expected.
    #[error("`{0}` is unexpected here: a step is followed by `/`, `[` or the end of the path")]
    AfterStep(String),
    /// Other text where a name is expected.
    #[error("`{0}` does not begin a name: a step is `name` or `prefix:name`")]
    NotAName(String),
    /// A missing name.
    #[error("a name is missing here: a step is `name` or `prefix:name`")]
    NoName,
    /// A character that cannot be in a value.
    #[error("a value cannot hold the character `{}`, which XML cannot carry", .0.escape_unicode())]
    Character(char),
    /// More than [`MAX_STEPS`].
    #[error("it has more than {MAX_STEPS} steps")]
    TooManySteps,
    /// More than [`MAX_PREDICATES`].
    #[error("the step has more than {MAX_PREDICATES} predicates")]
    TooManyPredicates,
}
