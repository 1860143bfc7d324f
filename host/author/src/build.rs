//! Compiles service modules that are cargo packages.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use crate::Error;

/// The target that modules are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// Compiles the cargo packages `packages` of the workspace or package in `directory` for
/// `wasm32-wasip2` and returns the file of each, in the same order. Without package names it compiles all of
/// them and returns the files in cargo's order.
///
/// A missing target is installed with rustup. The output of cargo goes to standard error.
pub fn build(directory: &Path, packages: &[&str]) -> Result<Vec<PathBuf>, Error> {
    ensure_target(directory)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(directory);
    // Settings of an outer cargo are for the host's workspace, not for this one.
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
    let built = component_artifacts(&output.stdout);
    if packages.is_empty() {
        return Ok(built.into_iter().map(|(_, file)| file).collect());
    }
    let find = |package: &&str| {
        let file =
            built.iter().find_map(|(target, file)| is_target_of(target, package).then(|| file.clone()));
        file.ok_or_else(|| Error::NoModule { package: (*package).to_owned(), directory: directory.into() })
    };
    packages.iter().map(find).collect()
}

/// Returns the target name and file of each component among cargo's messages, one JSON object per line.
fn component_artifacts(messages: &[u8]) -> Vec<(String, PathBuf)> {
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

/// Whether a library target belongs to a package: cargo replaces each `-` of the name by `_`.
fn is_target_of(target: &str, package: &str) -> bool {
    target.len() == package.len()
        && target.bytes().zip(package.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// Installs the target if it is missing. Only one call runs at a time: of two concurrent installations,
/// rustup lets one fail while the other is incomplete.
fn ensure_target(directory: &Path) -> Result<(), Error> {
    static INSTALLATION: Mutex<()> = Mutex::new(());
    let _guard = INSTALLATION.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn components_are_found_in_the_messages_of_cargo() {
        let messages =
            br#"{"reason":"compiler-artifact","target":{"name":"sdk"},"filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-artifact","target":{"name":"ssh_users"},"filenames":["/t/ssh_users.wasm"]}
not json
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            component_artifacts(messages),
            [("ssh_users".to_owned(), PathBuf::from("/t/ssh_users.wasm"))]
        );
    }

    #[test]
    fn library_target_is_matched_to_its_package() {
        assert!(is_target_of("ssh_users", "ssh-users"));
        assert!(is_target_of("banner", "banner"));
        assert!(!is_target_of("ssh_user", "ssh-users"));
        assert!(!is_target_of("ssh-users", "ssh_users"));
    }
}
