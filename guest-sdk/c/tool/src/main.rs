//! The two steps of a C build that a C compiler cannot do:
//!
//! - `bindings WIT DIRECTORY` writes the C bindings of the world `service`;
//! - `component CORE COMPONENT` converts the linked core module to a component.

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["bindings", wit, directory] => bindings(Path::new(wit), Path::new(directory)),
        ["component", core, component] => encode(Path::new(core), Path::new(component)),
        _ => bail!("usage: confine-c bindings WIT DIRECTORY | confine-c component CORE COMPONENT"),
    }
}

fn bindings(wit: &Path, directory: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("service"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(directory)?;
    for (name, content) in files.iter() {
        let file = directory.join(name);
        fs::write(&file, content).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

fn encode(core: &Path, component: &Path) -> Result<()> {
    let module = fs::read(core).with_context(|| format!("cannot read `{}`", core.display()))?;
    // There is no WASI adapter: a module that needs WASI fails here, with the name of the import.
    let bytes = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::write(component, bytes).with_context(|| format!("cannot write `{}`", component.display()))
}
