use confine_tree::Path;

/// A text is a path or an error at a position in it, and a path that is written and read again is the same.
pub fn path(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    for read in [Path::parse, Path::parse_unescaped] {
        match read(text) {
            Ok(path) => assert_eq!(Path::parse(&path.to_string()), Ok(path)),
            Err(error) => assert!(error.position <= text.chars().count() + 1, "{error}"),
        }
    }
}
