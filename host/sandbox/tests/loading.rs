//! Files that are no modules.

use crate::{guest::Guest, host};
use confine_sandbox::{Limits, LoadError, LoadFault};

async fn refusal(bytes: &[u8]) -> String {
    let loaded = host::runner().load("bench", bytes.into(), &Limits::default()).await;
    loaded.map(|_| ()).map_err(|error: LoadError| error.to_string()).unwrap_err()
}

#[tokio::test]
async fn non_modules_are_refused_with_the_reason() {
    let whole = Guest::new().build();
    let network = Guest::new().import(
        "wasi:http/instance-network@0.2.3",
        "package wasi:http@0.2.3 {
            interface instance-network { instance-network: func() -> u32; }
        }",
        r#"(import "wasi:http/instance-network@0.2.3" "instance-network" (func (result i32)))"#,
    );
    let mistyped = Guest::new().import(
        "wasi:cli/environment@0.2.3",
        "package wasi:cli@0.2.3 {
            interface environment { initial-cwd: func() -> u32; }
        }",
        r#"(import "wasi:cli/environment@0.2.3" "initial-cwd" (func (result i32)))"#,
    );
    let mut damaged = whole.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8].fill(0xff);
    let texts = [
        refusal(b"").await,
        refusal(b"\x7fELF\x02\x01\x01\0").await,
        refusal(b"(component)").await,
        refusal(&wat::parse_str("(module)").unwrap()).await,
        refusal(&whole[..whole.len() - 100]).await,
        refusal(&network.build()).await,
    ];
    assert_eq!(texts.join("\n"), [
            r#"module `bench` cannot be loaded: the file is empty"#,
            r#"module `bench` cannot be loaded: it is a native program: compile the module for `wasm32-wasip2`"#,
            r#"module `bench` cannot be loaded: it is WebAssembly text: turn it into a binary with `wasm-tools parse`"#,
            r#"module `bench` cannot be loaded: it is a core WebAssembly module and not a component: compile it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component new`"#,
            r#"module `bench` cannot be loaded: it is truncated: copy it under another name, then rename it"#,
            r#"module `bench` cannot be loaded: it needs `wasi:http/instance-network@0.2.3`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start"#,
        ]
        .join("\n"));
    let mistyped = refusal(&mistyped.build()).await;
    assert!(mistyped.contains("does not fit the contract"), "{mistyped}");
    assert!(refusal(&damaged).await.starts_with("module `bench` cannot be loaded: it "));
}

#[tokio::test]
async fn oversized_file_is_not_inspected() {
    let limits = Limits { component: 100, ..Limits::default() };
    let error = host::runner().load("bench", Guest::new().build(), &limits).await.unwrap_err();
    assert!(error.to_string().contains("100 are allowed"), "{error}");
}

#[tokio::test]
async fn resident_memory_is_limited_without_a_worker() {
    let limits = Limits { resident: 4 << 10, ..Limits::default() };
    let error = host::runner().load("bench", Guest::new().build(), &limits).await.unwrap_err();
    assert!(matches!(error.fault, LoadFault::Resident { .. }), "{error}");
}

#[tokio::test]
async fn compiled_code_is_refused_as_module() {
    let engine = wasmtime::Engine::default();
    let compiled = engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
    assert_eq!(
        refusal(&compiled).await,
        r#"module `bench` cannot be loaded: it is compiled code: Confine runs only what it compiled itself, give it the `.wasm` that this was made of"#
    );
}

#[tokio::test]
async fn module_name_is_escaped() {
    let loaded = host::runner().load("a\u{1b}[2J\nb", b"".as_slice().into(), &Limits::default()).await;
    assert_eq!(
        loaded.unwrap_err().to_string(),
        r#"module `a\u{1b}[2J\nb` cannot be loaded: the file is empty"#
    );
}
