//! Creates SSH users with their keys and roles on every device.

use confine_sdk::prelude::*;

struct SshUsers;

impl Service for SshUsers {
    const SERVICES: &[&str] = &["ssh-users:ssh-users"];
    const PREFIXES: &[(&str, &str)] =
        &[("ssh-users", "http://clicon.org/ssh-users"), ("oc-sys", "http://openconfig.net/yang/system")];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-sys:system/aaa/authentication/users/user"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        let devices = view.list("/devices/device")?;
        for user in view.list("username[name]")? {
            let name = user.key("name")?;
            let leaves = [
                ("username", Some(name.clone())),
                ("ssh-key", user.get("ssh-key")?),
                ("role", user.get("role")?),
            ];
            for device in &devices {
                let account = device.at(path!(
                    "config/oc-sys:system/aaa/authentication/users/user[username={}]/config",
                    name
                ));
                for (leaf, value) in &leaves {
                    if let Some(value) = value {
                        account.set(leaf, value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

confine_sdk::export!(SshUsers);
