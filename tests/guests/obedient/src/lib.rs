//! Does what the instance says, as `probe` does, and tries what a program tries that looks around.
//!
//! ```text
//! environment          fails where there is a variable, an argument or a working directory to see
//! file PATH            fails where it can be opened
//! connect ADDRESS      opens a socket
//! resolve NAME         asks for an address
//! shows PATH WORDS     fails where the words are not in what is read there
//! hides PATH WORDS     fails where they are
//! clocks PATH          sets a leaf to what the clocks show
//! order PATH           sets a leaf to the order of a hash table, which random numbers decide
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
        // A second name for the same.
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
                    // The runtime library's own word for none.
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
