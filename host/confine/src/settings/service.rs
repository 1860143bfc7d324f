//! Which modules serve a list, in the operator's file.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::limits::LimitMisfit;
use crate::names::ModuleName;

/// The table `service.LIST`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceTable {
    modules: Spanned<Vec<Spanned<ModuleName>>>,
}

impl ServiceTable {
    /// Returns the modules that serve the list.
    pub(crate) fn modules(&self) -> Result<BTreeSet<ModuleName>, LimitMisfit> {
        let mut modules = BTreeSet::new();
        for module in self.modules.get_ref() {
            if !modules.insert(module.get_ref().clone()) {
                let what = format!("`{}` is named twice: name each module once", module.get_ref());
                return Err(LimitMisfit { span: module.span(), what });
            }
        }
        match modules.is_empty() {
            true => Err(LimitMisfit {
                span: self.modules.span(),
                what: "no module is named: name those that serve the list, or add the list to `unmanaged`"
                    .into(),
            }),
            false => Ok(modules),
        }
    }
}

/// The table as lines.
pub(crate) fn lines(modules: &BTreeSet<ModuleName>) -> Vec<String> {
    let quoted = |module: &ModuleName| toml::Value::from(module.as_ref()).to_string();
    let modules: Vec<String> = modules.iter().map(quoted).collect();
    vec![format!("modules = [{}]", modules.join(", "))]
}
