//! Which modules serve a list, and which lists share objects with it, in the operator's file.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;
use toml::Spanned;

use super::limits::LimitMisfit;
use crate::names::{ListName, ModuleName};

/// Names in the file, each with its place.
type WrittenNames<T> = Spanned<Vec<Spanned<T>>>;

/// The table `service.LIST`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServiceTable {
    modules: Option<WrittenNames<ModuleName>>,
    shares_with: Option<WrittenNames<ListName>>,
}

/// What the operator says about a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceSettings {
    /// The modules that serve it; `None` if the operator does not name them.
    pub(crate) modules: Option<BTreeSet<ModuleName>>,
    /// The lists whose instances may own objects together with its own.
    pub(crate) shares_with: BTreeSet<ListName>,
}

impl ServiceSettings {
    /// Reads the table of a list.
    pub(crate) fn read(list: &ListName, table: &Spanned<ServiceTable>) -> Result<Self, LimitMisfit> {
        const NO_MODULE: &str =
            "no module is named: name those that serve the list, or add the list to `unmanaged`";
        const NO_LIST: &str =
            "no list is named: name those that may own objects together with it, or remove the key";
        let ServiceTable { modules, shares_with } = table.get_ref();
        if modules.is_none() && shares_with.is_none() {
            let what = "the table is empty: name the modules that serve the list as `modules`, or lists that may own objects together with it as `shares_with`";
            return Err(LimitMisfit { span: table.span(), what: what.into() });
        }
        if let Some(itself) =
            shares_with.iter().flat_map(Spanned::get_ref).find(|other| other.get_ref() == list)
        {
            let what = format!(
                "`{list}` is the list itself, whose instances share objects anyway: name other lists"
            );
            return Err(LimitMisfit { span: itself.span(), what });
        }
        let modules = modules.as_ref().map(|modules| names(modules, "module", NO_MODULE)).transpose()?;
        let shares_with = shares_with.as_ref().map(|lists| names(lists, "list", NO_LIST)).transpose()?;
        Ok(Self { modules, shares_with: shares_with.unwrap_or_default() })
    }

    /// The table as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let modules = self.modules.as_ref().map(|modules| line("modules", modules));
        let shares_with =
            Some(&self.shares_with).filter(|lists| !lists.is_empty()).map(|lists| line("shares_with", lists));
        modules.into_iter().chain(shares_with).collect()
    }
}

/// Returns the names in a list that is not empty and has no name twice.
fn names<T: Clone + Ord + fmt::Display>(
    written: &WrittenNames<T>,
    kind: &str,
    none: &str,
) -> Result<BTreeSet<T>, LimitMisfit> {
    let mut names = BTreeSet::new();
    for name in written.get_ref() {
        if !names.insert(name.get_ref().clone()) {
            let what = format!("`{}` is named twice: name each {kind} once", name.get_ref());
            return Err(LimitMisfit { span: name.span(), what });
        }
    }
    match names.is_empty() {
        true => Err(LimitMisfit { span: written.span(), what: none.into() }),
        false => Ok(names),
    }
}

fn line<T: AsRef<str>>(key: &str, names: &BTreeSet<T>) -> String {
    let quoted = |name: &T| toml::Value::from(name.as_ref()).to_string();
    let names: Vec<String> = names.iter().map(quoted).collect();
    format!("{key} = [{}]", names.join(", "))
}
