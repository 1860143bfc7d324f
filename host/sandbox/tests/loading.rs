//! Files that are no modules.

use std::sync::Arc;

use crate::{
    guest::{BENCH, Description, Guest},
    host,
};
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

/// What a module says of itself is kept as long as the module, besides its code.
#[tokio::test]
async fn description_takes_memory_too() {
    const BYTES: usize = 1 << 20;
    let load = async |bytes: &Arc<[u8]>, limits: &Limits| {
        host::runner().load("bench", bytes.clone(), limits).await.map(|module| module.resident())
    };
    let small = load(&Guest::new().build(), &Limits::default()).await.unwrap();
    let namespace: &str = "n".repeat(1000).leak();
    let prefixes: Vec<(&str, &str)> =
        (0..1000).map(|n| (&*format!("p{n}{}", "p".repeat(100)).leak(), namespace)).collect();
    let prefixes = [("b", namespace)].into_iter().chain(prefixes).take(1000).collect::<Vec<_>>();
    let path: &str = format!("/devices/device/config{}", "/a[k]".repeat(200)).leak();
    let large = [
        Guest::new().option("x", &"x".repeat(BYTES)),
        Guest::new().writes(vec![path; 150].leak()),
        Guest::new().description(Description { prefixes: prefixes.leak(), ..BENCH }),
    ];
    for (number, guest) in large.into_iter().enumerate() {
        let bytes = guest.build();
        let all = load(&bytes, &Limits::default()).await.unwrap();
        assert!(all >= small + 2 * BYTES as u64, "{number}: {all} bytes, {small} without");
        let too_little = Limits { resident: all - BYTES as u64 / 2, ..Limits::default() };
        let error = load(&bytes, &too_little).await.unwrap_err();
        assert!(matches!(error.fault, LoadFault::Resident { .. }), "{number}: {error}");
    }
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
