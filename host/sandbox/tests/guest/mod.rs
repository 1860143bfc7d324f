//! Guests for tests: core modules in WebAssembly text, made into components of the contract.

#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::{fmt::Write as _, path::Path, sync::Arc};

use wasm_encoder::{
    ComponentSection as _, ExportKind, ExportSection, InstanceSection, MemorySection, Module, ModuleSection,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What `describe` answers.
pub struct Description<'a> {
    pub services: &'a [&'a str],
    pub version: &'a str,
    pub prefixes: &'a [(&'a str, &'a str)],
    pub reads: &'a [&'a str],
}

pub const BENCH: Description<'static> = Description {
    services: &["b:bench"],
    version: "1.0.0",
    prefixes: &[("b", "http://example.com/bench")],
    reads: &[],
};

/// A guest that succeeds in everything without doing anything, and what is put in its place.
///
/// Text that is put in may use `$ok` and `$error`, the addresses of the results of `apply`; `$name` and
/// `$name.len` of each text; `$scratch`, 4 KiB of memory; the functions `$get`, `$set`, `$find`, `$log`;
/// in `apply`, `$view`.
pub struct Guest {
    description: Description<'static>,
    writes: &'static [&'static str],
    options: Vec<(String, String)>,
    hooks: bool,
    /// What the world has besides the contract, and the packages that it is in.
    imports: String,
    packages: String,
    /// Fields of the core module: imports come first.
    fields: (String, String),
    texts: Vec<(String, String)>,
    error: (String, String, Option<String>),
    pages: u32,
    realloc: String,
    describe: String,
    apply: String,
    pre_commit: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs without an end.
pub const FOREVER: &str = "(loop $forever (br $forever))";
pub const OK: &str = "(global.get $ok)";
pub const ERROR: &str = "(global.get $error)";

const PROGRAM: u32 = 16 << 10;

impl Guest {
    pub fn new() -> Self {
        Self {
            description: BENCH,
            writes: &[],
            options: Vec::new(),
            hooks: false,
            imports: String::new(),
            packages: String::new(),
            fields: Default::default(),
            texts: Vec::new(),
            error: ("operation-failed".into(), "no".into(), None),
            pages: 2,
            realloc: String::new(),
            describe: String::new(),
            apply: OK.into(),
            pre_commit: OK.into(),
        }
    }

    /// The body of `apply`, which leaves the address of its result.
    pub fn apply(mut self, body: &str) -> Self {
        self.apply = body.into();
        self
    }

    /// What `describe` does before it answers.
    pub fn describe(mut self, body: &str) -> Self {
        self.describe = body.into();
        self
    }

    pub fn description(mut self, description: Description<'static>) -> Self {
        self.description = description;
        self
    }

    /// The paths that it declares to write; none means all.
    pub fn writes(mut self, writes: &'static [&'static str]) -> Self {
        self.writes = writes;
        self
    }

    /// An option of its description.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// What `cabi_realloc` does before it allocates.
    pub fn realloc(mut self, body: &str) -> Self {
        self.realloc = body.into();
        self
    }

    /// Exports the hooks too; the body of `pre-commit`.
    pub fn hooks(mut self, pre_commit: &str) -> Self {
        self.hooks = true;
        self.pre_commit = pre_commit.into();
        self
    }

    /// The error that `$error` is.
    pub fn error(mut self, tag: &str, message: &str, path: Option<&str>) -> Self {
        self.error = (tag.into(), message.into(), path.map(Into::into));
        self
    }

    /// A text that the guest may use by this name.
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.texts.push((name.into(), text.into()));
        self
    }

    /// Further fields of the core module.
    pub fn fields(mut self, fields: &str) -> Self {
        self.fields.1 += fields;
        self
    }

    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// An import of the world, the package that it is in (in WIT), and the core module's import of it.
    pub fn import(mut self, interface: &str, package: &str, core: &str) -> Self {
        writeln!(self.imports, "import {interface};").unwrap();
        self.packages += package;
        self.fields.0 += core;
        self
    }

    /// An export of the world, with the package that it is in and what the core module imports for it.
    pub fn export(mut self, interface: &str, package: &str, core: &str) -> Self {
        writeln!(self.imports, "export {interface};").unwrap();
        self.packages += package;
        self.fields.0 += core;
        self
    }

    /// A function of the contract that is not imported by every guest, as the core module imports it.
    pub fn calls(mut self, core: &str) -> Self {
        self.fields.0 += core;
        self
    }

    /// `$timer`, which takes a time and returns a handle; `$block`, which waits for one; `$now`.
    pub fn clock(self) -> Self {
        self.import(
            "wasi:clocks/monotonic-clock@0.2.3",
            "package wasi:clocks@0.2.3 {
                interface monotonic-clock {
                    use wasi:io/poll@0.2.3.{pollable};
                    now: func() -> u64;
                    subscribe-duration: func(when: u64) -> pollable;
                }
            }
            package wasi:io@0.2.3 {
                interface poll { resource pollable { block: func(); } }
            }",
            r#"(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
            (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration"
                (func $timer (param i64) (result i32)))
            (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))"#,
        )
    }

    /// `$random`, which takes a length and an address for the list.
    pub fn random(self) -> Self {
        self.import(
            "wasi:random/random@0.2.3",
            "package wasi:random@0.2.3 {
                interface random { get-random-bytes: func(len: u64) -> list<u8>; }
            }",
            r#"(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))"#,
        )
    }

    /// `$random`, as [`random`](Self::random), and `$seed`, which takes an address for two numbers: of the insecure
    /// interfaces.
    pub fn insecure_random(self) -> Self {
        self.import(
            "wasi:random/insecure@0.2.3;\nimport wasi:random/insecure-seed@0.2.3",
            "package wasi:random@0.2.3 {
                interface insecure { get-insecure-random-bytes: func(len: u64) -> list<u8>; }
                interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
            }",
            r#"(import "wasi:random/insecure@0.2.3" "get-insecure-random-bytes" (func $random (param i64 i32)))
            (import "wasi:random/insecure-seed@0.2.3" "insecure-seed" (func $seed (param i32)))"#,
        )
    }

    /// `$date`, which takes an address for the seconds since 1970, and what is left of one.
    pub fn wall_clock(self) -> Self {
        self.import(
            "wasi:clocks/wall-clock@0.2.3",
            "package wasi:clocks@0.2.3 {
                interface wall-clock {
                    record datetime { seconds: u64, nanoseconds: u32 }
                    now: func() -> datetime;
                }
            }",
            r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func $date (param i32)))"#,
        )
    }

    /// `$tell`, which takes an address and a number of bytes, and logs them as [`told_bytes`] reads them.
    pub fn tells(self) -> Self {
        self.fields(
            "(func $tell (param $at i32) (param $bytes i32) (local $n i32) (local $to i32)
                (local.set $to (i32.add (global.get $scratch) (i32.const 1024)))
                (loop $next
                    (i32.store8 (i32.add (local.get $to) (i32.mul (local.get $n) (i32.const 2)))
                        (i32.add (i32.const 97) (i32.shr_u
                            (i32.load8_u (i32.add (local.get $at) (local.get $n))) (i32.const 4))))
                    (i32.store8 offset=1 (i32.add (local.get $to) (i32.mul (local.get $n) (i32.const 2)))
                        (i32.add (i32.const 97) (i32.and
                            (i32.load8_u (i32.add (local.get $at) (local.get $n))) (i32.const 15))))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $n) (local.get $bytes))))
                (call $log (i32.const 64) (i32.const 0)
                    (local.get $to) (i32.mul (local.get $bytes) (i32.const 2)) (i32.const 64) (i32.const 0)))",
        )
    }

    /// `$stderr`, which returns a handle; `$write`, which takes it, a text and an address for the result;
    /// `$exit`, which takes a status.
    pub fn stdio(self) -> Self {
        self.import(
            "wasi:cli/stderr@0.2.3;\nimport wasi:cli/exit@0.2.3",
            "package wasi:cli@0.2.3 {
                interface stderr {
                    use wasi:io/streams@0.2.3.{output-stream};
                    get-stderr: func() -> output-stream;
                }
                interface exit { exit: func(status: result); }
            }
            package wasi:io@0.2.3 {
                interface error { resource error; }
                interface streams {
                    use error.{error};
                    variant stream-error { last-operation-failed(error), closed }
                    resource output-stream {
                        blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
                    }
                }
            }",
            r#"(import "wasi:cli/stderr@0.2.3" "get-stderr" (func $stderr (result i32)))
            (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
            (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))"#,
        )
    }

    pub fn build(self) -> Arc<[u8]> {
        let mut core = wat::parse_str(self.core()).unwrap();
        let mut resolve = Resolve::default();
        // The package that this is compiled into may be at any depth.
        let mut parents = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let wit = parents.find_map(|parent| Some(parent.join("wit")).filter(|wit| wit.is_dir())).unwrap();
        resolve.push_dir(wit).unwrap();
        let world = if self.hooks { "service-with-hooks" } else { "service" };
        let source = format!(
            "package test:guest;\n{}\nworld guest {{ include confine:service/{world}@0.1.0; {} }}",
            self.packages, self.imports
        );
        let package = resolve.push_str("guest.wit", &source).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
        let mut encoder = ComponentEncoder::default().module(&core).unwrap();
        encoder.encode().unwrap().into()
    }

    fn core(&self) -> String {
        let mut data = Data { base: 64, bytes: Vec::new() };
        let mut globals = String::new();
        let description = data.description(&self.description, self.writes, &self.options);
        let (tag, message, path) = &self.error;
        let error = data.error(tag, message, path.as_deref());
        let ok = data.words(&[0; 8]);
        for (name, text) in &self.texts {
            let (address, length) = data.text(text);
            writeln!(
                globals,
                "(global ${name} i32 (i32.const {address})) (global ${name}.len i32 (i32.const {length}))"
            )
            .unwrap();
        }
        let scratch = data.base + (data.bytes.len() as u32).next_multiple_of(16);
        let heap = (scratch + 4096).max(PROGRAM);
        let pages = self.pages.max(heap.div_ceil(65536) + 1);
        let bytes = data.bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        });
        let call = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (param $view i32) (result i32)";
        let hooks = if self.hooks {
            format!(
                r#"(func (export "confine:service/hooks@0.1.0#pre-commit") {call} {})
                (func (export "confine:service/hooks@0.1.0#post-commit") {call} (global.get $ok))
                (func (export "confine:service/hooks@0.1.0#post-commit-failed") {call} (global.get $ok))"#,
                self.pre_commit
            )
        } else {
            String::new()
        };
        format!(
            r#"(module
            (import "confine:service/tree@0.1.0" "[method]view.get" (func $get (param i32 i32 i32 i32)))
            (import "confine:service/tree@0.1.0" "[method]view.find" (func $find (param i32 i32 i32 i32)))
            (import "confine:service/tree@0.1.0" "[method]view.set"
                (func $set (param i32 i32 i32 i32 i32 i32)))
            (import "confine:service/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32 i32)))
            {imports}
            (memory $memory (export "memory") {pages})
            (global $heap (mut i32) (i32.const {heap}))
            (global $ok i32 (i32.const {ok}))
            (global $error i32 (i32.const {error}))
            (global $scratch i32 (i32.const {scratch}))
            {globals}
            (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
                (local $at i32)
                {realloc}
                (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.set $heap (i32.add (local.get $at) (local.get $size)))
                (block $fits (loop $grow
                    (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
                    (br $grow)))
                (local.get $at))
            (data (i32.const {base}) "{bytes}")
            (func (export "confine:service/handler@0.1.0#describe") (result i32)
                {describe} (i32.const {description}))
            (func $apply (export "confine:service/handler@0.1.0#apply") {call} {apply})
            {hooks}
            {fields})"#,
            imports = self.fields.0,
            realloc = self.realloc,
            base = data.base,
            describe = self.describe,
            apply = self.apply,
            fields = self.fields.1,
        )
    }
}

/// Initial memory, laid out as the canonical ABI has it.
struct Data {
    base: u32,
    bytes: Vec<u8>,
}

impl Data {
    fn text(&mut self, text: &str) -> (u32, u32) {
        let address = self.base + self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        (address, text.len() as u32)
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let address = self.base + self.bytes.len() as u32;
        self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        address
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> (u32, u32) {
        let words: Vec<_> = texts
            .into_iter()
            .flat_map(|text| {
                let (address, length) = self.text(text);
                [address, length]
            })
            .collect();
        (self.words(&words), words.len() as u32 / 2)
    }

    fn description(
        &mut self,
        description: &Description<'_>,
        writes: &[&str],
        options: &[(String, String)],
    ) -> u32 {
        let services = self.texts(description.services.iter().copied());
        let version = self.text(description.version);
        let prefixes = self.texts(description.prefixes.iter().flat_map(|&(prefix, name)| [prefix, name]));
        let reads = self.texts(description.reads.iter().copied());
        let options = self.texts(options.iter().flat_map(|(name, value)| [&**name, value]));
        let writes = self.texts(writes.iter().copied());
        let pairs = |(address, texts): (u32, u32)| (address, texts / 2);
        let fields = [services, version, reads, writes, pairs(prefixes), pairs(options)];
        self.words(&fields.map(|(address, length)| [address, length]).concat())
    }

    fn error(&mut self, tag: &str, message: &str, path: Option<&str>) -> u32 {
        let (tag, message) = (self.text(tag), self.text(message));
        let (some, path) = (u32::from(path.is_some()), self.text(path.unwrap_or_default()));
        self.words(&[1, tag.0, tag.1, message.0, message.1, some, path.0, path.1])
    }
}

/// Reads what `$tell` logs: two letters for each byte, from `a` for 0 to `p` for 15.
pub fn told_bytes(line: &str) -> Vec<u8> {
    let (pairs, _) = line.as_bytes().as_chunks::<2>();
    pairs.iter().map(|[high, low]| (high - b'a') << 4 | (low - b'a')).collect()
}

/// Returns a core module that exports its memory under this many names.
pub fn memory_exported(names: u32) -> Module {
    let mut memories = MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    for name in 0..names {
        exports.export(&format!("{name:x}"), ExportKind::Memory, 0);
    }
    let mut module = Module::new();
    module.section(&memories).section(&exports);
    module
}

/// Returns a core module of a few bytes with a table of megabytes, the last entry of which is initialised.
pub fn large_table() -> Module {
    let text = "(module (table 1048576 funcref) (func $f) (elem (i32.const 1048575) func $f))";
    let bytes = wat::parse_str(text).unwrap();
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        if let Some((id, range)) = payload.unwrap().as_section() {
            module.section(&wasm_encoder::RawSection { id, data: &bytes[range] });
        }
    }
    module
}

/// Returns a component with this many copies and instances of a core module besides what it has.
pub fn with_core_modules(component: &[u8], module: &Module, count: u32) -> Arc<[u8]> {
    let mut bytes = component.to_vec();
    let (mut modules, mut depth) = (0, 0u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => {
                modules += u32::from(depth == 0);
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let mut instances = InstanceSection::new();
    for copy in 0..count {
        ModuleSection(module).append_to_component(&mut bytes);
        instances.instantiate::<_, &str>(modules + copy, []);
    }
    instances.append_to_component(&mut bytes);
    bytes.into()
}
