//! `confine bindings`: Rust bindings from YANG.

use confine_backend::modules_from_directories;
use confine_bindings::NodeSelection;

use super::output::{plain, show};
use crate::{cli::BindingsArgs, error::Error};

pub(super) fn run(request: &BindingsArgs) -> Result<(), Error> {
    let set =
        modules_from_directories(&request.yang, &request.modules).map_err(|name| Error::NoYang { name })?;
    let schema = set.compile();
    for name in &request.modules {
        if schema.module_by_name(name).is_none() {
            return Err(Error::UnreadableYang { name: name.clone() });
        }
    }
    for problem in schema.problems() {
        anstream::eprintln!("skipped: {}", plain(&problem.to_string()));
    }
    let selection = match &request.paths[..] {
        [] => NodeSelection::default(),
        paths => NodeSelection::at_paths(&schema, &request.modules, paths)?,
    };
    show(&confine_bindings::generate(&schema, &request.modules, &selection))
}
