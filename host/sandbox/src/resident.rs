//! What a loaded component keeps in the daemon's memory.
//!
//! Compiled code is only a part of it. The runtime also keeps every export, global, table and instance of a component
//! as a value of its own: an export of eight bytes in a file becomes 140 bytes in memory, and a table of 60 bytes becomes
//! megabytes. What a component keeps is therefore [measured](ResidentMemory) where it does no harm: in a worker, which
//! loads the code once before the daemon does. What already its [`Inventory`] shows to be too much is not even compiled.

use std::{
    fs::File,
    io::{self, Read as _},
};

use wasmparser::Payload;

use crate::{amount::shown_bytes, text::grouped};

/// The items of a component, with all core modules and components inside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inventory {
    exports: u64,
    imports: u64,
    functions: u64,
    globals: u64,
    types: u64,
}

impl Inventory {
    /// Counts the items of a section. A section states how many there are; whether that is true is for the compiler to
    /// check.
    pub(crate) fn add(&mut self, payload: &Payload<'_>) {
        let (counter, count) = match payload {
            Payload::ExportSection(section) => (&mut self.exports, section.count()),
            Payload::ComponentExportSection(section) => (&mut self.exports, section.count()),
            Payload::ImportSection(section) => (&mut self.imports, section.count()),
            Payload::ComponentImportSection(section) => (&mut self.imports, section.count()),
            Payload::FunctionSection(section) => (&mut self.functions, section.count()),
            Payload::GlobalSection(section) => (&mut self.globals, section.count()),
            Payload::TypeSection(section) => (&mut self.types, section.count()),
            _ => return,
        };
        *counter += u64::from(count);
    }

    /// The counts, each with its name and the bytes that one of its items takes in memory at least, as measured.
    fn counts(&self) -> [(u64, &'static str, u64); 5] {
        let Self { exports, imports, functions, globals, types } = *self;
        [
            (exports, "exports", 100),
            (imports, "imports", 20),
            (functions, "functions", 20),
            (globals, "globals", 50),
            (types, "types", 8),
        ]
    }

    /// Checks that the items alone do not take more memory than is allowed.
    pub(crate) fn check(&self, allowed: u64) -> Result<(), String> {
        let least = self.least();
        if least <= allowed {
            return Ok(());
        }
        let counts = self.counts().into_iter().filter(|(count, ..)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, name, _)| format!("{} {name}", grouped(count))).collect();
        Err(format!(
            "it has {}, which take at least {} of the daemon's memory: {} are allowed. Look for generated names, or raise the limit `resident`",
            counts.join(", "),
            shown_bytes(least),
            shown_bytes(allowed)
        ))
    }

    /// Returns how much memory the items take at least.
    pub(crate) fn least(&self) -> u64 {
        self.counts().iter().map(|(count, _, bytes)| count.saturating_mul(*bytes)).sum()
    }
}

/// Measures by how much this process grows. Its files are opened beforehand, because a confined worker cannot open any.
#[derive(Debug)]
pub(crate) struct ResidentMemory {
    before: File,
    after: File,
}

impl ResidentMemory {
    /// The exact one, which recent kernels have, and another one.
    const FILES: [(&'static str, &'static str); 2] =
        [("/proc/self/smaps_rollup", "Anonymous:"), ("/proc/self/status", "RssAnon:")];

    /// Opens what tells the memory of this process.
    pub(crate) fn open() -> io::Result<Self> {
        let open = |file| Ok(Self { before: File::open(file)?, after: File::open(file)? });
        let [(exact, _), (other, _)] = Self::FILES;
        open(exact).or_else(|_: io::Error| open(other))
    }

    /// Returns the result of `work`, and the bytes of anonymous memory that this process has more afterwards.
    pub(crate) fn of<T>(mut self, work: impl FnOnce() -> T) -> io::Result<(T, u64)> {
        let before = Self::read(&mut self.before)?;
        let result = work();
        let after = Self::read(&mut self.after)?;
        Ok((result, after.saturating_sub(before)))
    }

    fn read(file: &mut File) -> io::Result<u64> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let value = |line: &str| {
            let value = Self::FILES.iter().find_map(|(_, key)| line.strip_prefix(key))?;
            value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        };
        let kib = text.lines().find_map(value).ok_or(io::ErrorKind::InvalidData)?;
        Ok(kib.saturating_mul(1 << 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_measured_where_it_is_touched() {
        let memory = ResidentMemory::open().unwrap();
        let (kept, bytes) = memory.of(|| vec![1u8; 64 << 20]).unwrap();
        // Other tests of this process take and free some meanwhile.
        assert!((60 << 20..80 << 20).contains(&bytes), "{bytes}");
        drop(kept);
    }

    #[test]
    fn inventory_names_what_there_is_too_much_of() {
        let inventory = Inventory { exports: 4_950_000, types: 5, ..Inventory::default() };
        assert_eq!(inventory.check(inventory.least()), Ok(()));
        insta::assert_snapshot!(inventory.check(128 << 20).unwrap_err(), @"it has 4,950,000 exports, 5 types, which take at least 472.1 MiB of the daemon's memory: 128 MiB are allowed. Look for generated names, or raise the limit `resident`");
    }
}
