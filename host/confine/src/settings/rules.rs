//! Access rules for modules in the operator's file, as in `/nacm` (RFC 8341): for controllers that do not use access
//! control.

use std::collections::BTreeMap;

use confine_nacm::{
    AccessOperation, AccessOperations, MODULES_GROUP, Nacm, Rule, RuleAction, RuleList, RuleTarget,
};
use confine_tree::CONTROLLER;
use serde::Deserialize;
use toml::Spanned;

use super::limits::LimitMisfit;

/// The predefined prefix of the controller's own namespace.
const CONTROLLER_PREFIX: &str = "ctrl";

/// The table `nacm`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NacmTable {
    /// The namespaces of the prefixes in paths.
    pub(super) prefixes: BTreeMap<String, String>,
    rule_list: Vec<RuleListTable>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleListTable {
    name: String,
    group: Vec<Spanned<String>>,
    #[serde(default)]
    rule: Vec<RuleTable>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    name: Spanned<String>,
    module_name: Option<String>,
    path: Option<String>,
    #[serde(default)]
    access_operations: Vec<AccessOperation>,
    action: RuleAction,
}

/// The result of two instances that set different values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConflictPolicy {
    /// The commit fails.
    #[default]
    Error,
    /// The instance that runs last wins.
    LastWins,
}

/// The result of a read that the description of a module does not declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UndeclaredReadPolicy {
    /// It is refused.
    #[default]
    Refuse,
    /// It is permitted, and logged once.
    Warn,
}

impl NacmTable {
    /// The rules; none if the file has none. Rules that cannot be resolved are refused: unlike those of the controller,
    /// nothing else reads them.
    pub(crate) fn read(&self) -> Result<Option<Nacm>, LimitMisfit> {
        if self.rule_list.is_empty() {
            return Ok(None);
        }
        let rule_lists = self.rule_list.iter().map(|list| self.rule_list(list)).collect::<Result<_, _>>()?;
        let nacm = Nacm { rule_lists, ..Nacm::default() };
        for list in &self.rule_list {
            for group in &list.group {
                let module = group.get_ref().strip_prefix("module:").unwrap_or_default();
                let (_, problems) = nacm.module_access(module, "");
                if let Some(problem) = problems.first() {
                    let rule = list.rule.iter().find(|rule| *rule.name.get_ref() == problem.rule);
                    let span = rule.map_or(group.span(), |rule| rule.name.span());
                    return Err(LimitMisfit { span, what: problem.message.clone() });
                }
            }
        }
        Ok(Some(nacm))
    }

    fn rule_list(&self, list: &RuleListTable) -> Result<RuleList, LimitMisfit> {
        for group in &list.group {
            let name = group.get_ref();
            if name != MODULES_GROUP && name.strip_prefix("module:").is_none_or(str::is_empty) {
                let what = format!(
                    "`{name}` is not a group of modules: write `module:NAME`, or `{MODULES_GROUP}` for all modules"
                );
                return Err(LimitMisfit { span: group.span(), what });
            }
        }
        Ok(RuleList {
            name: list.name.clone(),
            groups: list.group.iter().map(|group| group.get_ref().clone()).collect(),
            rules: list.rule.iter().map(|rule| self.rule(rule)).collect(),
        })
    }

    fn rule(&self, rule: &RuleTable) -> Rule {
        let own = [(CONTROLLER_PREFIX.to_owned(), CONTROLLER.to_owned())];
        let declared = self.prefixes.iter().map(|(prefix, namespace)| (prefix.clone(), namespace.clone()));
        let target = match &rule.path {
            Some(path) => RuleTarget::Path { path: path.clone(), prefixes: declared.chain(own).collect() },
            None => RuleTarget::Any,
        };
        let operations = rule.access_operations.iter().copied();
        let operations = match rule.access_operations.is_empty() {
            true => AccessOperations::ALL,
            false => operations.fold(AccessOperations::NONE, AccessOperations::with),
        };
        Rule {
            name: rule.name.get_ref().clone(),
            module: rule.module_name.clone().filter(|name| name != "*"),
            target,
            operations,
            action: rule.action,
        }
    }
}

/// The rules as lines of the table.
pub(crate) fn lines(nacm: Option<&Nacm>, prefixes: &BTreeMap<String, String>) -> Vec<String> {
    let string = |text: &str| toml::Value::from(text).to_string();
    let mut lines = Vec::new();
    if !prefixes.is_empty() {
        lines.push("[nacm.prefixes]".to_owned());
        lines.extend(prefixes.iter().map(|(prefix, of)| format!("{} = {}", string(prefix), string(of))));
    }
    for list in nacm.iter().flat_map(|nacm| &nacm.rule_lists) {
        let groups: Vec<String> = list.groups.iter().map(|group| string(group)).collect();
        lines.push("[[nacm.rule_list]]".to_owned());
        lines.push(format!("name = {}", string(&list.name)));
        lines.push(format!("group = [{}]", groups.join(", ")));
        for rule in &list.rules {
            lines.push("[[nacm.rule_list.rule]]".to_owned());
            lines.push(format!("name = {}", string(&rule.name)));
            lines.extend(rule.module.iter().map(|name| format!("module_name = {}", string(name))));
            if let RuleTarget::Path { path, .. } = &rule.target {
                lines.push(format!("path = {}", string(path)));
            }
            if rule.operations != AccessOperations::ALL {
                let all = AccessOperation::DATA.into_iter();
                let named = all.filter(|&operation| rule.operations.contains(operation));
                let named: Vec<String> = named.map(|operation| string(operation.name())).collect();
                lines.push(format!("access_operations = [{}]", named.join(", ")));
            }
            let action = if rule.action == RuleAction::Permit { "permit" } else { "deny" };
            lines.push(format!("action = {}", string(action)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct RulesFile {
        #[serde(default)]
        nacm: NacmTable,
    }

    fn read_prefixes(text: &str) -> BTreeMap<String, String> {
        toml::from_str::<RulesFile>(text).unwrap().nacm.prefixes
    }

    fn read(text: &str) -> Result<Option<Nacm>, String> {
        let file: RulesFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        file.nacm.read().map_err(|misfit| format!("{}: {}", &text[misfit.span], misfit.what))
    }

    const RULES: &str = r#"[nacm.prefixes]
"oc-sys" = "http://openconfig.net/yang/system"
[[nacm.rule_list]]
name = "banners"
group = ["module:banner", "module:motd"]
[[nacm.rule_list.rule]]
name = "hostnames"
module_name = "openconfig-system"
path = "/ctrl:devices/ctrl:device/ctrl:config/oc-sys:system/oc-sys:config/oc-sys:hostname"
access_operations = ["create", "update", "delete"]
action = "deny"
[[nacm.rule_list.rule]]
name = "rest"
action = "permit"
[[nacm.rule_list]]
name = "others"
group = ["modules"]
[[nacm.rule_list.rule]]
name = "nothing"
action = "deny""#;

    #[test]
    fn rules_are_shown_as_written() {
        assert_eq!(read("").unwrap(), None);
        let nacm = read(RULES).unwrap().unwrap();
        let prefixes = read_prefixes(RULES);
        assert_eq!(lines(Some(&nacm), &prefixes).join("\n"), RULES);
        assert_eq!(nacm.rule_lists[0].rules[1].operations, AccessOperations::ALL);
        let (access, _) = nacm.module_access("banner", "alice");
        assert_eq!(access.len(), 3);
    }

    #[test]
    fn invalid_rule_is_refused_with_its_position() {
        let list =
            "[[nacm.rule_list]]\nname = 'l'\ngroup = ['modules']\n[[nacm.rule_list.rule]]\nname = 'r'\n";
        let texts = [
            "[[nacm.rule_list]]\nname = 'l'\ngroup = ['admin']\n".to_owned(),
            "[[nacm.rule_list]]\nname = 'l'\ngroup = ['module:']\n".to_owned(),
            format!("{list}action = 'allow'"),
            format!("{list}action = 'deny'\naccess_operations = ['exec']"),
            format!("{list}action = 'deny'\npath = '/ctrl:devices/x:y'"),
            format!("{list}action = 'permit'\npath = 'devices'"),
            format!("{list}action = 'permit'\nrpc_name = 'get'"),
        ];
        let texts: Vec<_> = texts.iter().map(|text| read(text).unwrap_err()).collect();
        insta::assert_snapshot!(texts.join("\n"), @"
        'admin': `admin` is not a group of modules: write `module:NAME`, or `modules` for all modules
        'module:': `module:` is not a group of modules: write `module:NAME`, or `modules` for all modules
        unknown variant `allow`, expected `permit` or `deny`
        unknown variant `exec`, expected one of `create`, `read`, `update`, `delete`
        'r': the prefix `x` in its path `/ctrl:devices/x:y` is neither declared nor that of a known YANG module: it denies all nodes it may match
        'r': its path `devices` does not begin with `/`: it permits nothing
        unknown field `rpc_name`, expected one of `name`, `module_name`, `path`, `access_operations`, `action`
        ");
    }
}
