//! Compiling service modules that are cargo packages.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use crate::Error;

/// What modules are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// Compiles the cargo packages `packages` of the workspace or package in `directory` for
/// [`TARGET`] and returns the file of each, in the same order. No package named means all of them, in
/// cargo's order.
///
/// The target is installed with rustup where it is missing. What cargo says goes to standard error.
pub fn build(directory: &Path, packages: &[&str]) -> Result<Vec<PathBuf>, Error> {
    ensure_target(directory)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(directory);
    // What the cargo that runs us has set is meant for the host's workspace, not for this one.
    for name in ["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Spawn { program: "cargo".into(), source })?;
    if !output.status.success() {
        return Err(Error::Build { directory: directory.into() });
    }
    let built = artifacts(&output.stdout);
    if packages.is_empty() {
        return Ok(built.into_iter().map(|(_, file)| file).collect());
    }
    let find = |package: &&str| {
        let file = built.iter().find_map(|(target, file)| same_name(target, package).then(|| file.clone()));
        file.ok_or_else(|| Error::NoModule { package: (*package).to_owned(), directory: directory.into() })
    };
    packages.iter().map(find).collect()
}

/// The name and file of each component among cargo's messages, a JSON object a line.
fn artifacts(messages: &[u8]) -> Vec<(String, PathBuf)> {
    let lines = messages.split(|&byte| byte == b'\n');
    let parsed = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let mut files = Vec::new();
    for message in
        parsed.filter(|message| message.get("reason").is_some_and(|reason| reason == "compiler-artifact"))
    {
        let target = message.pointer("/target/name").and_then(|name| name.as_str()).unwrap_or_default();
        let wasm = message
            .get("filenames")
            .and_then(|files| files.as_array())
            .into_iter()
            .flatten()
            .filter_map(|file| file.as_str())
            .map(Path::new);
        for file in wasm.filter(|file| file.extension() == Some(OsStr::new("wasm"))) {
            files.push((target.to_owned(), file.to_path_buf()));
        }
    }
    files
}

/// Cargo names a library target with `_` where its package has `-`.
fn same_name(target: &str, package: &str) -> bool {
    target.len() == package.len()
        && target.bytes().zip(package.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// One at a time: of two that install it at once, rustup lets one fail, and both find half of it.
fn ensure_target(directory: &Path) -> Result<(), Error> {
    static ENSURING: Mutex<()> = Mutex::new(());
    let _ensuring = ENSURING.lock().unwrap_or_else(PoisonError::into_inner);
    let rustc = Command::new("rustc")
        .current_dir(directory)
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output()
        .map_err(|source| Error::Spawn { program: "rustc".into(), source })?;
    let library = String::from_utf8_lossy(&rustc.stdout);
    if rustc.status.success() && Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    tracing::info!(target = TARGET, "installing the compilation target with rustup");
    let installed = Command::new("rustup")
        .current_dir(directory)
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status();
    match installed {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(Error::NoTarget),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_are_read_from_what_cargo_says() {
        let messages =
            br#"{"reason":"compiler-artifact","target":{"name":"sdk"},"filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-artifact","target":{"name":"ssh_users"},"filenames":["/t/ssh_users.wasm"]}
not json
{"reason":"build-finished","success":true}
"#;
        assert_eq!(artifacts(messages), [("ssh_users".to_owned(), PathBuf::from("/t/ssh_users.wasm"))]);
    }

    #[test]
    fn a_package_is_found_by_the_name_of_its_library() {
        assert!(same_name("ssh_users", "ssh-users"));
        assert!(same_name("banner", "banner"));
        assert!(!same_name("ssh_user", "ssh-users"));
        assert!(!same_name("ssh-users", "ssh_users"));
    }
}
