//! Makes very many edits: each line of its instance is a batch.
//!
//! ```text
//! COUNT set PATH VALUE      `#` in the path and in the value is the number of the edit, from 0
//! COUNT create PATH
//! COUNT remove PATH
//! ```
//!
//! With a `-` before the count, the last number comes first.

use confine_sdk::prelude::*;

struct Bulk;

impl Service for Bulk {
    const SERVICES: &[&str] = &["h:hostile"];
    const PREFIXES: &[(&str, &str)] = &[
        ("h", "urn:example:hostile"),
        ("sys", "http://openconfig.net/yang/system"),
        ("if", "http://openconfig.net/yang/interfaces"),
    ];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        for line in view.values("do")? {
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().unwrap_or_default();
            let (count, operation, path, value) = (word(), word(), word(), word());
            let count: isize = count.parse()?;
            let numbers = 0..count.unsigned_abs();
            let numbers: Vec<usize> = if count < 0 { numbers.rev().collect() } else { numbers.collect() };
            let mut batch = view.batch();
            for number in numbers {
                let numbered = |text: &str| text.replace('#', &number.to_string());
                let path = numbered(path);
                match operation {
                    "set" => batch.set(path, numbered(value)),
                    "create" => batch.create(path),
                    "remove" => batch.remove(path),
                    _ => bail!("`{operation}` is no operation"),
                };
            }
            batch.send()?;
        }
        Ok(())
    }
}

confine_sdk::export!(Bulk);
