//! The settings as text: a file with the same settings.

use std::{fmt, path::PathBuf};

use confine_sandbox::text::line;

use super::{Settings, SourcedValue, limits, quarantine, rules};

/// TOML, with the origin of each setting in a comment. Invalid UTF-8 in paths is replaced.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &PathBuf| string(&*path.to_string_lossy());
        setting(f, "socket", &self.socket, path)?;
        match &self.running {
            Some(running) => setting(f, "running", running, path)?,
            None => writeln!(f, "# running: unknown, so each commit reads the ownership of services again")?,
        }
        list(f, "modules", &self.modules, path)?;
        list(f, "exclude", &self.exclude, string)?;
        list(f, "unmanaged", &self.unmanaged, string)?;
        match &self.user {
            Some(user) => setting(f, "user", user, string)?,
            None => writeln!(f, "# user: the user that Confine runs as")?,
        }
        setting(f, "cache", &self.cache, path)?;
        setting(f, "state", &self.state, path)?;
        let models = &self.models;
        let named = [&models.main, &models.main_file, &models.domains].into_iter().flatten();
        let places: Vec<String> = named.chain(&models.imports).map(path).collect();
        match &places[..] {
            [] => writeln!(f, "# models: those that the controller provides")?,
            places => writeln!(f, "# models: those that the controller provides, and {}", places.join(", "))?,
        }
        match &self.pidfile {
            Some(pidfile) => setting(f, "pidfile", pidfile, path)?,
            None => writeln!(f, "# pidfile: none")?,
        }
        writeln!(f, "\n[log]")?;
        setting(f, "filter", &self.log.filter, |filter| string(&filter.to_string()))?;
        setting(f, "to", &self.log.to, |to| string(&to.to_string()))?;
        setting(f, "format", &self.log.format, |format| string(&format.to_string()))?;
        writeln!(f, "\n[admin]")?;
        setting(f, "socket", &self.admin, path)?;
        match &self.admin_group {
            Some(group) => setting(f, "group", group, string)?,
            None => writeln!(f, "# group: none")?,
        }
        writeln!(f, "\n[metrics]")?;
        match &self.metrics {
            Some(listen) => setting(f, "listen", listen, |listen| string(&listen.to_string()))?,
            None => writeln!(f, "# listen: not served")?,
        }
        writeln!(f, "\n[traces]")?;
        match &self.collector {
            Some(collector) => {
                setting(f, "collector", collector, |collector| string(&collector.to_string()))?
            }
            None => writeln!(f, "# collector: none")?,
        }
        writeln!(f, "\n[limits]")?;
        for line in limits::lines(&self.limits) {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "\n[quarantine]")?;
        for line in quarantine::lines(&self.quarantine) {
            writeln!(f, "{line}")?;
        }
        if let Some(rules) = &self.rules {
            writeln!(f, "\n[nacm]  # {}", comment(rules))?;
            for line in rules::lines(&rules.value) {
                writeln!(f, "{line}")?;
            }
        }
        for module in self.modules_with_settings() {
            if self.last_wins.contains(module) {
                writeln!(f, "\n[module.{}]\nconflicts = \"last-wins\"", string(module))?;
            }
            let Some(limits) = self.module_limits.get(module) else { continue };
            writeln!(f, "\n[module.{}.limits]", string(module))?;
            // The stack is the same for all modules.
            for line in limits::lines(limits).iter().filter(|line| !line.starts_with("stack ")) {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

fn setting<T>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    setting: &SourcedValue<T>,
    show: impl Fn(&T) -> String,
) -> fmt::Result {
    writeln!(f, "{key} = {}  # {}", show(&setting.value), comment(setting))
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    settings: &[SourcedValue<T>],
    show: impl Fn(&T) -> String,
) -> fmt::Result {
    if settings.is_empty() {
        return writeln!(f, "{key} = []");
    }
    writeln!(f, "{key} = [")?;
    for setting in settings {
        writeln!(f, "    {},  # {}", show(&setting.value), comment(setting))?;
    }
    writeln!(f, "]")
}

fn string(text: &(impl AsRef<str> + ?Sized)) -> String {
    toml::Value::from(text.as_ref()).to_string()
}

/// The origin. A path may contain a line break, which would end the comment.
fn comment<T>(setting: &SourcedValue<T>) -> String {
    let origin = setting.origin.to_string();
    line(&origin, origin.len())
}
