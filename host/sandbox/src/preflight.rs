//! Checks a file before compilation: that it is a component, that it was made for this contract, and that it imports
//! only what Confine provides.

use wasmparser::{Encoding, Parser, Payload};

use crate::{FileForm, resident::Inventory, text, wasi};

/// The package of the contract, and its version in this host.
const CONTRACT: &str = "confine:service";
/// Modules of the same `0.x` work.
pub(crate) const VERSION: &str = "0.1.0";
const TRACK: &str = "0.1.";

/// The interface that a module must export.
pub(crate) const HANDLER: &str = "confine:service/handler";
/// The interface that a module may export.
pub(crate) const HOOKS: &str = "confine:service/hooks";
/// The interfaces of the contract that a module may import.
const IMPORTS: [&str; 3] = ["confine:service/types", "confine:service/tree", "confine:service/log"];

/// The maximum number of imports. The contract and WASI have about thirty interfaces, and a component that links
/// several languages may import some in several versions.
const IMPORTED: usize = 150;

/// The maximum number of bytes of a name in a message.
const NAME: usize = 100;
/// The maximum number of names in a message.
const NAMES: usize = 8;

/// Checks the first bytes.
pub(crate) fn form(bytes: &[u8]) -> Result<(), FileForm> {
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const CORE_MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
    match bytes {
        [] => Err(FileForm::Empty),
        _ if bytes.starts_with(&COMPONENT) => Ok(()),
        _ if bytes.starts_with(&CORE_MODULE) => Err(FileForm::CoreModule),
        _ if bytes.starts_with(b"\0asm") && bytes.len() >= 8 => Err(FileForm::Version),
        _ if b"\0asm".starts_with(bytes) || bytes.starts_with(b"\0asm") => Err(FileForm::Truncated),
        _ if bytes.starts_with(b"\x7fELF") => Err(match wasmtime::Engine::detect_precompiled(bytes) {
            Some(_) => FileForm::Compiled,
            None => FileForm::Native,
        }),
        _ if bytes.trim_ascii_start().starts_with(b"(") || bytes.trim_ascii_start().starts_with(b";;") => {
            Err(FileForm::Text)
        }
        _ => Err(FileForm::Unknown),
    }
}

/// Why a component is refused.
pub(crate) type Refusal = String;

/// Checks what the component as a whole imports and exports, and that all that is inside it takes no more than
/// `resident` bytes of memory. The compiler checks the rest. Returns what the component has.
pub(crate) fn contract(bytes: &[u8], resident: u64) -> Result<Inventory, Refusal> {
    let mut names = PreflightNames::default();
    let mut inventory = Inventory::default();
    // Nested components and modules are skipped: the component as a whole must import what they need.
    let mut nested = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| damaged(&error))?;
        inventory.add(&payload);
        match payload {
            Payload::Version { encoding, .. } if nested == 0 && encoding != Encoding::Component => {
                return Err(FileForm::CoreModule.to_string());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nested += 1,
            Payload::End(_) => nested = nested.saturating_sub(1),
            Payload::ComponentImportSection(section) if nested == 0 => {
                for import in section {
                    names.import(import.map_err(|error| damaged(&error))?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if nested == 0 => {
                for export in section {
                    names.export(export.map_err(|error| damaged(&error))?.name.name);
                }
            }
            _ => {}
        }
    }
    names.judge()?;
    inventory.check(resident)?;
    Ok(inventory)
}

/// Returns what the parser reports about a component, safe to show.
pub(crate) fn damaged(error: &wasmparser::BinaryReaderError) -> Refusal {
    if error.message().starts_with("unexpected end") {
        return FileForm::Truncated.to_string();
    }
    format!("it is not a valid component: {}", text::line(&error.to_string(), 4 * NAME))
}

#[derive(Default)]
struct PreflightNames {
    /// Incompatible versions of the contract.
    versions: Vec<String>,
    /// Imports that Confine does not provide.
    missing: Vec<String>,
    handler: bool,
    imports: usize,
}

impl PreflightNames {
    fn import(&mut self, import: &str) {
        self.imports += 1;
        if let Some(version) = version_of(import, &IMPORTS) {
            self.version(version);
        } else if self.imports <= IMPORTED && !wasi::offers(import) {
            self.missing.push(text::line(import, NAME));
        }
    }

    fn export(&mut self, export: &str) {
        if let Some(version) = version_of(export, &[HANDLER, HOOKS]) {
            self.version(version);
            self.handler |= export.starts_with(HANDLER);
        }
    }

    fn version(&mut self, version: &str) {
        if !version.starts_with(TRACK) {
            let version = text::line(version, NAME);
            if !self.versions.contains(&version) {
                self.versions.push(version);
            }
        }
    }

    fn judge(self) -> Result<(), Refusal> {
        if self.imports > IMPORTED {
            return Err(format!(
                "it has {} imports, more than the {IMPORTED} that the contract and WASI could need",
                self.imports
            ));
        }
        if let Some(version) = self.versions.first() {
            return Err(format!(
                "it is made for version {version} of `{CONTRACT}`, and this is {VERSION}: compile it again with the SDK of this Confine"
            ));
        }
        if !self.missing.is_empty() {
            return Err(format!(
                "it needs {}, which Confine does not offer: a module has no network, files or environment. It may import `{CONTRACT}@{VERSION}`, and of WASI 0.2 what language runtimes need to start",
                listed(&self.missing)
            ));
        }
        if !self.handler {
            return Err(format!(
                "it exports no `{HANDLER}@{VERSION}`: it is a component, but not a service module. Compile it against the world `{CONTRACT}/service`"
            ));
        }
        Ok(())
    }
}

/// Returns the version in a name such as `confine:service/tree@0.1.0`, if it is one of these interfaces. Any interface
/// of the contract counts if the version is incompatible, because that version may have other interfaces.
fn version_of<'a>(name: &'a str, interfaces: &[&str]) -> Option<&'a str> {
    let (interface, version) = name.split_once('@')?;
    let package = interface.split_once('/')?.0;
    (interfaces.contains(&interface) || (package == CONTRACT && !version.starts_with(TRACK)))
        .then_some(version)
}

fn listed(names: &[String]) -> String {
    let mut listed: Vec<_> = names.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    if names.len() > NAMES {
        listed.push(format!("{} more", names.len() - NAMES));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wat: &str) -> String {
        contract(&wat::parse_str(wat).unwrap(), u64::MAX).map_or_else(|refusal| refusal, |_| "fine".into())
    }

    #[test]
    fn file_form_is_detected_by_first_bytes() {
        for (bytes, form) in [
            (&b""[..], FileForm::Empty),
            (b"\0as", FileForm::Truncated),
            (b"\0asm\x0d\0", FileForm::Truncated),
            (b"\0asm\x01\0\0\0", FileForm::CoreModule),
            (b"\0asm\x0e\0\x01\0", FileForm::Version),
            (b"\x7fELF\x02\x01\x01", FileForm::Native),
            (b"  (component)", FileForm::Text),
            (b";; text", FileForm::Text),
            (b"#!/bin/sh", FileForm::Unknown),
        ] {
            assert_eq!(super::form(bytes), Err(form), "{bytes:?}");
        }
        assert_eq!(super::form(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    #[test]
    fn preflight_refusals_name_the_remedy() {
        let handler = r#"(instance $i) (export "confine:service/handler@0.1.0" (instance $i))"#;
        let import = |name: &str| format!(r#"(component (import "{name}" (instance)) {handler})"#);
        let answers = [
            check("(component)"),
            check(&format!("(component {handler})")),
            check(&import("wasi:cli/exit@0.2.6")),
            check(&import("wasi:http/types@0.2.0")),
            check(&import("wasi:cli/exit@0.3.0")),
            check(&import("env:evil/x")),
            check(&import("confine:service/tree@0.1.7")),
            check(&import("confine:service/tree@0.2.0")),
            check(&import("confine:service/later@1.0.0")),
            check(&import("confine:service/later@0.1.0")),
            check(r#"(component (instance $i) (export "confine:service/handler@0.2.0" (instance $i)))"#),
            // What is inside is its own business.
            check(&format!(
                r#"(component (component (import "wasi:http/types@0.2.0" (instance)))
                    (core module (import "env" "f" (func))) {handler})"#
            )),
        ];
        assert_eq!(answers.join("\n"), [
            r#"it exports no `confine:service/handler@0.1.0`: it is a component, but not a service module. Compile it against the world `confine:service/service`"#,
            r#"fine"#,
            r#"fine"#,
            r#"it needs `wasi:http/types@0.2.0`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start"#,
            r#"it needs `wasi:cli/exit@0.3.0`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start"#,
            r#"it needs `env:evil/x`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start"#,
            r#"fine"#,
            r#"it is made for version 0.2.0 of `confine:service`, and this is 0.1.0: compile it again with the SDK of this Confine"#,
            r#"it is made for version 1.0.0 of `confine:service`, and this is 0.1.0: compile it again with the SDK of this Confine"#,
            r#"it needs `confine:service/later@0.1.0`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start"#,
            r#"it is made for version 0.2.0 of `confine:service`, and this is 0.1.0: compile it again with the SDK of this Confine"#,
            r#"fine"#,
        ]
        .join("\n"));
    }

    #[test]
    fn number_of_imports_is_limited() {
        let refused = |imports: usize| {
            let mut names = PreflightNames { handler: true, ..PreflightNames::default() };
            (0..imports).for_each(|n| names.import(&format!("wasi:cli/exit@0.2.{n}")));
            names.judge().err()
        };
        assert_eq!(refused(IMPORTED), None);
        let told = refused(IMPORTED + 1).unwrap();
        assert_eq!(told, "it has 151 imports, more than the 150 that the contract and WASI could need");
    }

    #[test]
    fn truncated_component_is_reported() {
        let whole = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        for length in 8..whole.len() {
            let refusal = contract(&whole[..length], u64::MAX).unwrap_err();
            // A cut between two sections leaves a component without the rest.
            assert!(
                refusal == FileForm::Truncated.to_string()
                    || refusal.starts_with("it exports no")
                    || refusal.starts_with("it is not a valid component"),
                "{length}: {refusal}"
            );
        }
    }
}
