//! Executes the commands of an instance, as `probe` does, and commands that explore the environment.
//!
//! ```text
//! environment          fails if there is a variable, an argument or a working directory
//! file PATH            fails if the file can be opened
//! connect ADDRESS      connects to an address
//! resolve NAME         resolves a host name
//! shows PATH WORDS     fails if the XML at PATH does not contain the words
//! hides PATH WORDS     fails if it does
//! clocks PATH          sets a leaf to the values of the clocks
//! order PATH           sets a leaf to the order of a hash table, which depends on random numbers
//! ```

#[path = "../../interpreter.rs"]
mod interpreter;

use std::{
    collections::HashSet,
    net::{TcpStream, ToSocketAddrs},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use confine_sdk::prelude::*;

struct Obedient;

impl Service for Obedient {
    const SERVICES: &[&str] = &["h:hostile"];
    const PREFIXES: &[(&str, &str)] = &[
        ("h", "urn:example:hostile"),
        // A second prefix for the same namespace.
        ("again", "urn:example:hostile"),
        ("ctrl", "http://clicon.org/controller"),
        ("nacm", "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"),
        ("sys", "http://openconfig.net/yang/system"),
        ("if", "http://openconfig.net/yang/interfaces"),
    ];
    const WRITES: &[&str] = &["/devices/device/config/sys:system/config"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        for line in view.values("do")? {
            let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match command {
                "environment" => {
                    let (variables, arguments) = (std::env::vars().count(), std::env::args().count());
                    ensure!(variables + arguments == 0, "{variables} variables, {arguments} arguments");
                    // The runtime library returns one of these if there is none.
                    let directory = std::env::current_dir().unwrap_or_default();
                    ensure!(["", "/"].contains(&&*directory.to_string_lossy()), "{}", directory.display());
                }
                "file" => ensure!(std::fs::read(rest).is_err(), "`{rest}` can be read"),
                "connect" => drop(TcpStream::connect(rest)),
                "resolve" => drop((rest, 80).to_socket_addrs()),
                "shows" | "hides" => {
                    let (path, words) = rest.split_once(' ').unwrap_or((rest, ""));
                    let read = view.read_xml(path)?;
                    ensure!(read.contains(words) == (command == "shows"), "`{path}` is {read}");
                }
                "clocks" => {
                    let (began, now) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH));
                    view.set(rest, format!("{now:?} {:?}", began.elapsed()))?;
                }
                "order" => {
                    let names: HashSet<usize> = (0..20).collect();
                    view.set(rest, format!("{names:?}"))?;
                }
                _ => interpreter::obey_line(view, &line)?,
            }
        }
        Ok(())
    }
}

confine_sdk::export!(Obedient);
