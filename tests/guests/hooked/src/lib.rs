//! A module of the service `probe` that creates nothing. Its hooks execute the lines of the leaf-list `also` of
//! the instance: `HOOK COMMAND …`, where HOOK is `pre`, `post` or `failed`.
//!
//! ```text
//! HOOK say PATH           fails with the transaction, the user, the result and the value at PATH
//! HOOK set PATH VALUE     tries to write
//! HOOK spin               never ends
//! ```

use confine_sdk::prelude::*;

struct Hooked;

impl Service for Hooked {
    const SERVICES: &[&str] = &["p:probe"];
    const PREFIXES: &[(&str, &str)] =
        &[("p", "urn:example:probe"), ("oc-sys", "http://openconfig.net/yang/system")];
    const READS: &[&str] = &["/devices/device/config/oc-sys:system/config"];
    const WRITES: &[&str] = &["/devices/device/config/oc-sys:system/config/login-banner"];

    fn apply(_commit: &Commit, _instance: &Instance, _view: &View) -> Result<()> {
        Ok(())
    }
}

impl Hooks for Hooked {
    fn pre_commit(commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        obey("pre", commit, view)
    }

    fn post_commit(commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        obey("post", commit, view)
    }

    fn post_commit_failed(commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        obey("failed", commit, view)
    }
}

fn obey(hook: &str, commit: &Commit, view: &View) -> Result<()> {
    for line in view.values("also")? {
        let mut words = line.splitn(4, ' ');
        if words.next() != Some(hook) {
            continue;
        }
        let (command, path, value) = (words.next(), words.next(), words.next());
        match (command, path.unwrap_or_default()) {
            (Some("say"), path) => {
                let option = |name| commit.option(name).unwrap_or("-");
                bail!(
                    "{} {} dry-run={} result={} running={} reason={} found={}",
                    commit.transaction,
                    commit.user,
                    commit.dry_run,
                    option("result"),
                    option("running"),
                    option("reason"),
                    view.get(path)?.as_deref().unwrap_or("-")
                )
            }
            (Some("set"), path) => view.set(path, value.unwrap_or_default())?,
            (Some("spin"), _) => loop {
                core::hint::spin_loop();
            },
            _ => bail!("`{line}` is no command"),
        }
    }
    Ok(())
}

confine_sdk::export!(Hooked with hooks);
