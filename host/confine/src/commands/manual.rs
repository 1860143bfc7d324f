//! `confine man`: the manual pages.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::output::print;
use crate::{cli::Cli, error::Error};

pub(super) fn run(directory: Option<&Path>) -> Result<(), Error> {
    let Some(directory) = directory else {
        return print(&page(&Man::new(Cli::command())).map_err(Error::Output)?);
    };
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let failed = |source| Error::Manual { directory: directory.into(), source };
    write_pages(command, directory).map_err(failed)
}

/// Writes the page of a command, and those of the commands below it.
fn write_pages(command: Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below.clone(), directory)?;
    }
    let manual = Man::new(command);
    fs::write(directory.join(manual.get_filename()), page(&manual)?)
}

/// A page, whose examples and tables are not filled.
fn page(manual: &Man) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    manual.render(&mut page)?;
    let mut text = String::new();
    let mut is_verbatim = false;
    for line in String::from_utf8_lossy(&page).lines() {
        if line.starts_with("  ") != is_verbatim {
            is_verbatim = !is_verbatim;
            text += if is_verbatim { ".nf\n" } else { ".fi\n" };
        }
        text += if line == ".SH EXTRA" { ".SH NOTES" } else { line };
        text.push('\n');
    }
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_examples_that_are_not_filled() {
        let directory = tempfile::tempdir().unwrap();
        run(Some(directory.path())).unwrap();
        for name in ["confine.1", "confine-serve.1", "confine-modules-release.1"] {
            assert!(directory.path().join(name).exists(), "{name}");
        }
        let get = fs::read_to_string(directory.path().join("confine-get.1")).unwrap();
        assert!(get.contains("\nExamples:\n\n.nf\n  confine get "), "{get}");
        assert!(get.contains("/services\n.fi\n\nExits with 1 "), "{get}");
    }
}
