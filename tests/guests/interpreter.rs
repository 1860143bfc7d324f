//! Executes commands from an instance, so that a test has the commands next to the expected result.
//!
//! ```text
//! set PATH VALUE      the rest of the line is the value
//! create PATH
//! remove PATH
//! stamp PATH          sets the leaf to the module's version
//! xml FRAGMENT        edit-xml
//! expect PATH VALUE   fails if the leaf has another value
//! absent PATH         fails if there is such a node
//! if PATH COMMAND     the command, if there is such a node
//! try COMMAND         the command, and nothing if it fails
//! count N PATH        fails if `find` returns another number of nodes
//! log N MESSAGE       logs the message N times
//! fail MESSAGE        fails
//! panic MESSAGE       traps
//! spin                never ends
//! ```
//!
//! A `~` in a path is a space.

use confine_sdk::prelude::*;

/// Executes every line of a leaf-list of the instance.
#[allow(dead_code, reason = "one module calls `obey_line` itself")]
pub(crate) fn obey(view: &View, lines: &str) -> Result<()> {
    view.values(lines)?.iter().try_for_each(|line| obey_line(view, line))
}

/// Executes one line.
pub(crate) fn obey_line(view: &View, line: &str) -> Result<()> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (path, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let path = path.replace('~', " ");
    match command {
        "set" => view.set(path, value),
        "create" => view.create(path),
        "remove" => view.remove(path),
        "stamp" => view.set(path, env!("CARGO_PKG_VERSION")),
        "xml" => view.edit_xml(rest),
        "expect" => {
            let found = view.get(&path)?;
            ensure!(found.as_deref() == Some(value), "`{path}` is {found:?}, not `{value}`");
            Ok(())
        }
        "absent" => {
            ensure!(!view.exists(&path)?, "`{path}` is there");
            Ok(())
        }
        "if" => {
            if view.exists(&path)? {
                obey_line(view, value)?;
            }
            Ok(())
        }
        "try" => {
            let _ = obey_line(view, rest);
            Ok(())
        }
        "count" => {
            let found = view.list(value.replace('~', " "))?.len();
            ensure!(found.to_string() == path, "`{value}` finds {found}, not {path}");
            Ok(())
        }
        "log" => {
            (0..path.parse().unwrap_or(0)).for_each(|_| info!("{value}"));
            Ok(())
        }
        "fail" => bail!("{rest}"),
        "panic" => panic!("{rest}"),
        "spin" => loop {
            core::hint::spin_loop();
        },
        _ => bail!("`{command}` is no command"),
    }
}
