//! The settings as text: a file with the same settings.

use std::{fmt, path::Path};

use clap::ValueEnum;
use confine_sandbox::text::line;

use super::{Settings, SourcedValue, limits, quarantine, rules};

/// TOML, with the origin of each setting in a comment. Invalid UTF-8 in paths is replaced.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Settings {
    fn lines(&self) -> Vec<String> {
        const NO_RUNNING: &str = "unknown, so each commit reads the ownership of services again";
        let models = &self.models;
        let named = [&models.main, &models.main_file, &models.domains].into_iter().flatten();
        let models: String = named.chain(&models.imports).map(|place| format!(", {}", path(place))).collect();
        let models = models.strip_prefix(',').map(|places| format!(", and{places}")).unwrap_or_default();
        let mut lines = vec![
            setting("socket", &self.socket, path),
            optional("running", &self.running, path, NO_RUNNING),
            list("modules", &self.modules, path),
            list("exclude", &self.exclude, text),
            list("unmanaged", &self.unmanaged, text),
            optional("user", &self.user, text, "the user that Confine runs as"),
            setting("cache", &self.cache, path),
            setting("state", &self.state, path),
            format!("# models: those that the controller provides{models}"),
            optional("pidfile", &self.pidfile, path, "none"),
            "\n[log]".to_owned(),
            setting("filter", &self.log.filter, text),
            setting("to", &self.log.to, argument),
            setting("format", &self.log.format, argument),
            "\n[admin]".to_owned(),
            setting("socket", &self.admin, path),
            optional("group", &self.admin_group, text, "none"),
            "\n[metrics]".to_owned(),
            optional("listen", &self.metrics, text, "not served"),
            "\n[traces]".to_owned(),
            optional("collector", &self.collector, text, "none"),
            "\n[limits]".to_owned(),
        ];
        lines.extend(limits::lines(&self.limits));
        lines.push(limits::total_line(self.total_resident));
        lines.push("\n[quarantine]".to_owned());
        lines.extend(quarantine::lines(&self.quarantine));
        if let Some(rules) = &self.rules {
            lines.push(format!("\n[nacm]  # {}", comment(rules)));
        }
        lines.extend(rules::lines(self.rules.as_ref().map(|rules| &rules.value), &self.rule_prefixes));
        for (list, service) in &self.services {
            lines.push(format!("\n[service.{}]", text(list)));
            lines.extend(service.lines());
        }
        for module in self.modules_with_settings() {
            let name = text(module);
            let policies = [
                (&self.last_wins, "conflicts = \"last-wins\""),
                (&self.undeclared_reads, "undeclared_reads = \"warn\""),
            ];
            let policies: Vec<&str> =
                policies.into_iter().filter(|(of, _)| of.contains(module)).map(|(_, line)| line).collect();
            if !policies.is_empty() {
                lines.push(format!("\n[module.{name}]"));
                lines.extend(policies.into_iter().map(str::to_owned));
            }
            let Some(limits) = self.module_limits.get(module) else { continue };
            lines.push(format!("\n[module.{name}.limits]"));
            // The stack is the same for all modules.
            lines.extend(limits::lines(limits).into_iter().filter(|line| !line.starts_with("stack ")));
        }
        lines
    }
}

fn setting<T>(key: &str, setting: &SourcedValue<T>, show: impl Fn(&T) -> String) -> String {
    format!("{key} = {}  # {}", show(&setting.value), comment(setting))
}

fn optional<T>(
    key: &str,
    found: &Option<SourcedValue<T>>,
    show: impl Fn(&T) -> String,
    absent: &str,
) -> String {
    found.as_ref().map_or_else(|| format!("# {key}: {absent}"), |found| setting(key, found, show))
}

fn list<T>(key: &str, settings: &[SourcedValue<T>], show: impl Fn(&T) -> String) -> String {
    if settings.is_empty() {
        return format!("{key} = []");
    }
    let line = |setting: &SourcedValue<T>| format!("    {},  # {}\n", show(&setting.value), comment(setting));
    format!("{key} = [\n{}]", settings.iter().map(line).collect::<String>())
}

fn path(path: &impl AsRef<Path>) -> String {
    text(&path.as_ref().to_string_lossy())
}

/// A value as the command line names it.
fn argument(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| text(&value.get_name())).unwrap_or_default()
}

fn text(value: &impl fmt::Display) -> String {
    toml::Value::from(value.to_string()).to_string()
}

/// The origin. A path may contain a line break, which would end the comment.
fn comment<T>(setting: &SourcedValue<T>) -> String {
    let origin = setting.origin.to_string();
    line(&origin, origin.len())
}
