//! Generates the bindings of `confine-sdk` from `wit/`: `cargo run --package confine-sdk-bindings`, after a change of
//! the contract. They are kept in the SDK because generating them needs a parser of WIT and one of Rust, which take
//! longer to compile than everything else that a module needs.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// A world with nothing but the hooks of `service-with-hooks`: the SDK has the rest from the world `service`.
const HOOKS: &str = "package confine:sdk; world hooks { export confine:service/hooks@0.1.0; }";

fn main() -> Result<()> {
    for (file, text) in bindings()? {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src").join(file);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// Returns the files of `confine-sdk` that are generated, relative to its sources, each with its text.
fn bindings() -> Result<[(&'static str, Vec<u8>); 2]> {
    let shared = |interface| {
        let path = format!("crate::bindings::confine::service::{interface}");
        (format!("confine:service/{interface}@0.1.0"), WithOption::Path(path))
    };
    let service = Opts { export_macro_name: Some("export_service".to_owned()), ..options("bindings") };
    let hooks = Opts {
        export_macro_name: Some("export_hooks".to_owned()),
        with: vec![shared("tree"), shared("types")],
        ..options("hooks_bindings")
    };
    Ok([
        ("generated/service.rs", generate(service, "service", None)?),
        ("generated/hooks.rs", generate(hooks, "confine:sdk/hooks", Some(HOOKS))?),
    ])
}

/// Returns the options for bindings in the module `module` of `confine-sdk`.
fn options(module: &str) -> Opts {
    Opts {
        format: true,
        pub_export_macro: true,
        default_bindings_module: Some(format!("confine_sdk::{module}")),
        ..Opts::default()
    }
}

/// Generates the bindings of `world`, which is one of `wit/` or of the package `inline`.
fn generate(options: Opts, world: &str, inline: Option<&str>) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (mut package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit"))?;
    if let Some(source) = inline {
        package = resolve.push_source("inline", source)?;
    }
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, text) = files.iter().next().context("nothing was generated")?;
    Ok(text.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn kept_bindings_are_those_of_the_contract() {
        for (file, text) in bindings().unwrap() {
            let kept = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../src").join(file)).unwrap();
            assert!(
                kept == text,
                "{file} is not what is generated now\nhint: `cargo run --package confine-sdk-bindings`"
            );
        }
    }
}
