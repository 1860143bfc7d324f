//! Why a module is held.

use confine_sandbox::text::line;

use crate::modules::claims::quoted;

/// The most that is shown of the name of a list, in bytes: a module chooses it.
const SHOWN: usize = 100;

/// Why a module is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HoldReason {
    /// Others serve a list that it claims.
    Served { list: String, by: Vec<String> },
    /// Others claim a list too that nobody serves.
    Contested { list: String, with: Vec<String> },
    /// The settings give a list that it claims to others.
    Assigned { list: String, to: Vec<String> },
    /// It is the file of a module that had another name, and the settings name one of the two.
    Renamed { from: String, named: String },
    /// All modules together would serve too many lists.
    TooManyLists,
}

impl HoldReason {
    /// Returns the reason, with a hint.
    pub(crate) fn text(&self, module: &str) -> String {
        let names = |names: &[String]| quoted(names.iter().map(String::as_str));
        let list = |name: &str| line(name, SHOWN);
        match self {
            Self::Served { list: name, by } => format!(
                "it claims the list `{list}`, which {} {}\n\
                 hint: replace or remove its file, or run `confine modules approve {module}` to let it serve too",
                names(by),
                if by.len() == 1 { "serves" } else { "serve" },
                list = list(name),
            ),
            Self::Contested { list: name, with } => format!(
                "it claims the list `{list}`, and so {} {}\n\
                 hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.{list}]` in confine.toml",
                if with.len() == 1 { "does" } else { "do" },
                names(with),
                list = list(name),
            ),
            Self::Assigned { list: name, to } => format!(
                "it claims the list `{list}`, which `[service.{list}]` in confine.toml gives to {}\n\
                 hint: remove its file, or add `{module}` to `modules` there",
                names(to),
                list = list(name),
            ),
            Self::Renamed { from, named } => format!(
                "its file was `{from}` before, and confine.toml names `{named}`\n\
                 hint: change the name in confine.toml or rename the file back; then restart Confine, or run `confine modules approve {module}`"
            ),
            Self::TooManyLists => "all modules together would serve too many lists\n\
                 hint: remove modules that are not needed"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_names_the_way_out() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let list = || "x".to_owned();
        let reasons = [
            HoldReason::Served { list: list(), by: names(&["a"]) },
            HoldReason::Served { list: list(), by: names(&["a", "b"]) },
            HoldReason::Contested { list: list(), with: names(&["a"]) },
            HoldReason::Contested { list: list(), with: names(&["a", "b"]) },
            HoldReason::Assigned { list: list(), to: names(&["a", "b"]) },
            HoldReason::Renamed { from: "a".into(), named: "new".into() },
            HoldReason::TooManyLists,
        ];
        insta::assert_snapshot!(reasons.map(|reason| reason.text("new")).join("\n"), @r"
        it claims the list `x`, which `a` serves
        hint: replace or remove its file, or run `confine modules approve new` to let it serve too
        it claims the list `x`, which `a` and `b` serve
        hint: replace or remove its file, or run `confine modules approve new` to let it serve too
        it claims the list `x`, and so does `a`
        hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.x]` in confine.toml
        it claims the list `x`, and so do `a` and `b`
        hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.x]` in confine.toml
        it claims the list `x`, which `[service.x]` in confine.toml gives to `a` and `b`
        hint: remove its file, or add `new` to `modules` there
        its file was `a` before, and confine.toml names `new`
        hint: change the name in confine.toml or rename the file back; then restart Confine, or run `confine modules approve new`
        all modules together would serve too many lists
        hint: remove modules that are not needed
        ");
    }
}
