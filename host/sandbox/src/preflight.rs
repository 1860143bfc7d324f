//! What is checked of a file before it is compiled: that it is a component at all, that it was made for
//! this contract, and that it needs nothing that Confine does not offer.

use wasmparser::{Encoding, Parser, Payload};

use crate::{FileForm, text, wasi};

/// The package of the contract, and the version that this host speaks.
const CONTRACT: &str = "confine:service";
/// Modules of the same `0.x` work.
pub(crate) const VERSION: &str = "0.1.0";
const TRACK: &str = "0.1.";

/// What a module must export.
pub(crate) const HANDLER: &str = "confine:service/handler";
/// What it may export.
pub(crate) const HOOKS: &str = "confine:service/hooks";
/// What it may import.
const IMPORTS: [&str; 3] = ["confine:service/types", "confine:service/tree", "confine:service/log"];

/// The most imports. Those of the contract and of WASI that there are come to about thirty, and a component
/// that links several languages may name some of them in several versions.
const IMPORTED: usize = 150;

/// Bytes of a name in a message.
const NAME: usize = 100;
/// Names in a message.
const NAMES: usize = 8;

/// Looks at the first bytes only.
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

/// Why a component is refused, in words.
pub(crate) type Refusal = String;

/// Looks at what the component as a whole imports and exports. Whether it is valid otherwise is the
/// compiler's to say.
pub(crate) fn contract(bytes: &[u8]) -> Result<(), Refusal> {
    let mut names = PreflightNames::default();
    // What lies inside of nested components and modules is skipped: the component as a whole answers
    // for what it imports.
    let mut nested = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| damaged(&error))?;
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
    names.judge()
}

/// What the parser or the compiler says of a component, safe to show.
pub(crate) fn damaged(error: &wasmparser::BinaryReaderError) -> Refusal {
    if error.message().starts_with("unexpected end") {
        return FileForm::Truncated.to_string();
    }
    format!("it is not a valid component: {}", text::line(&error.to_string(), 4 * NAME))
}

#[derive(Default)]
struct PreflightNames {
    /// Versions of the contract that are not this one.
    versions: Vec<String>,
    /// Imports that are not offered.
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
                "it has {} imports, {IMPORTED} are the most: there are not so many interfaces",
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

/// The version in a name such as `confine:service/tree@0.1.0`, if it is one of these interfaces; any
/// interface of the contract counts where the version is another, since it may have others then.
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
        contract(&wat::parse_str(wat).unwrap()).map_or_else(|refusal| refusal, |()| "fine".into())
    }

    #[test]
    fn forms_are_told_by_their_first_bytes() {
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
    fn what_is_refused_says_what_to_do() {
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
    fn a_component_has_no_more_imports_than_there_are_interfaces() {
        let refused = |imports: usize| {
            let mut names = PreflightNames { handler: true, ..PreflightNames::default() };
            (0..imports).for_each(|n| names.import(&format!("wasi:cli/exit@0.2.{n}")));
            names.judge().err()
        };
        assert_eq!(refused(IMPORTED), None);
        let told = refused(IMPORTED + 1).unwrap();
        assert_eq!(told, "it has 151 imports, 150 are the most: there are not so many interfaces");
    }

    #[test]
    fn a_component_cut_short_is_told() {
        let whole = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        for length in 8..whole.len() {
            let refusal = contract(&whole[..length]).unwrap_err();
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
