//! The compile worker, which is this same test program started again: so it has a `main` of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the guests are shared by several test programs, each of which uses some"
)]

#[path = "guest/mod.rs"]
mod guest;

use std::{
    env, fs, io,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use confine_sandbox::{
    Cache, Compiler, FileForm, HostSecret, Limits, LoadFault, Runner,
    worker::{self, confinement},
};
use guest::Guest;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).peekable();
    if worker::is_called_for(env::args_os().nth(1).as_deref()) {
        return worker::main(arguments.by_ref().skip(1));
    }
    if let Some(layer) = arguments.next_if(|argument| argument == PROBE).and(arguments.next()) {
        probe(&layer.to_string_lossy(), arguments.map(|argument| argument.to_string_lossy().into_owned()));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let wanted = arguments.find(|argument| !argument.to_string_lossy().starts_with('-'));
    for (name, test) in TESTS {
        if wanted.as_ref().is_none_or(|wanted| name.contains(&*wanted.to_string_lossy())) {
            println!("test {name}");
            runtime.block_on(test());
        }
    }
    ExitCode::SUCCESS
}

type Test = fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

const TESTS: [(&str, Test); 18] = [
    ("without_a_layer_everything_can_be_done", || Box::pin(does_everything())),
    ("limits_keep_files_and_sockets_away", || Box::pin(limits_descriptors())),
    ("landlock_keeps_files_programs_and_ports_away", || Box::pin(lands_and_locks())),
    ("seccomp_keeps_every_other_call_away", || Box::pin(filters_calls())),
    ("a_worker_is_confined_before_it_reads", || Box::pin(confines_itself())),
    ("a_worker_inherits_nothing", || Box::pin(inherits_nothing())),
    ("a_worker_that_takes_too_long_is_killed", || Box::pin(kills())),
    ("a_worker_that_says_too_much_is_not_heard_out", || Box::pin(stops_listening())),
    ("compiled_code_is_limited", || Box::pin(limits_code())),
    ("loaded_code_is_measured_and_limited", || Box::pin(limits_resident_memory())),
    ("too_many_items_are_refused_uncompiled", || Box::pin(limits_items())),
    ("cached_code_is_within_the_limit_too", || Box::pin(limits_cached_code())),
    ("a_worker_compiles_what_this_process_runs", || Box::pin(compiles())),
    ("a_worker_refuses_in_words", || Box::pin(refuses())),
    ("processor_time_is_limited", || Box::pin(limits_time())),
    ("memory_is_limited", || Box::pin(limits_memory())),
    ("time_on_the_wall_is_limited", || Box::pin(limits_wall_clock())),
    ("what_was_compiled_is_cached", || Box::pin(caches())),
];

fn runner(compiler: Compiler) -> Runner {
    Runner::new(&Limits::default(), compiler, HostSecret::known()).unwrap()
}

async fn load(bytes: Arc<[u8]>, limits: &Limits) -> Result<confine_sandbox::Module, LoadFault> {
    runner(Compiler::worker()).load("bench", bytes, limits).await.map_err(|error| error.fault)
}

async fn compiles() {
    let module = load(Guest::new().build(), &Limits::default()).await.unwrap();
    assert_eq!(module.to_string(), "bench 1.0.0");
}

async fn refuses() {
    let fault = load(wat::parse_str("(component)").unwrap().into(), &Limits::default()).await.unwrap_err();
    assert!(matches!(&fault, LoadFault::Refused(words) if words.starts_with("it exports no")), "{fault}");
    let fault = load(b"\0asm\x01\0\0\0".as_slice().into(), &Limits::default()).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Form(FileForm::CoreModule)), "{fault}");
}

/// Little to read and much to compile: nested blocks with a value each that lives to the end.
fn bomb() -> Arc<[u8]> {
    let locals = "(local i64)".repeat(2000);
    let body: String = (0..20_000)
        .map(|n| {
            let (a, b) = (n % 2000, (n * 7 + 1) % 2000);
            format!(
                "(local.set {a} (i64.mul (local.get {a}) (local.get {b})))(br_if 0 (i64.eqz (local.get {b})))"
            )
        })
        .collect();
    let function = format!("(func {locals} (block {body}))");
    Guest::new().fields(&function.repeat(12)).build()
}

async fn limits_time() {
    let limits = Limits { compile_cpu: Duration::from_secs(1), ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_cpu", .. }), "{fault}");
}

async fn limits_memory() {
    let limits = Limits { compile_memory: 100 << 20, ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_memory", .. }), "{fault}");
}

async fn limits_wall_clock() {
    let limits = Limits { compile_wall_clock: Duration::from_millis(1), ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_wall_clock", .. }), "{fault}");
}

async fn caches() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("cache");
    let compiler = |worker: Compiler| worker.with_cache(Cache::open(&path).unwrap());
    let bytes = Guest::new().build();
    let limits = Limits::default();
    runner(compiler(Compiler::worker())).load("bench", bytes.clone(), &limits).await.unwrap();

    // A program that compiles nothing: what is loaded now comes from the cache.
    let idle = runner(compiler(Compiler::worker_of("/bin/false")));
    idle.load("bench", bytes, &limits).await.unwrap();
    let fault = idle.load("other", bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault.fault, LoadFault::Ended { .. }), "{fault}");
}

/// Ten tables: what is kept of them is in no section of the component.
fn tables() -> Arc<[u8]> {
    guest::with_core_modules(&Guest::new().build(), &guest::large_table(), 10)
}

fn resident(mib: u64) -> Limits {
    Limits { resident: mib << 20, ..Limits::default() }
}

async fn limits_resident_memory() {
    let fault = load(tables(), &resident(64)).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Resident { .. }), "{fault}");
    let text = fault.to_string();
    let (before, after) = text.split_once(" MiB of the daemon's memory").unwrap();
    let measured: f64 = before.strip_prefix("loaded, it takes ").unwrap().parse().unwrap();
    // The image of the code, and the entries of each table.
    assert!((85.0..100.0).contains(&measured), "{text}");
    insta::assert_snapshot!(after, @": 64 MiB are allowed. Look for generated exports, globals, tables and instances, or raise the limit `resident`");
    // Nothing else is against it.
    let half = guest::with_core_modules(&Guest::new().build(), &guest::large_table(), 5);
    let module = load(half, &resident(64)).await.unwrap();
    assert!((40 << 20..64 << 20).contains(&module.resident()), "{}", module.resident());
}

/// In a worker that may not even compile it.
async fn limits_items() {
    let many = guest::with_core_modules(&Guest::new().build(), &guest::memory_exported(300_000), 2);
    let limits = Limits { compile_cpu: Duration::from_secs(1), ..resident(32) };
    let fault = load(many, &limits).await.unwrap_err();
    insta::assert_snapshot!(fault, @"it has 600,017 exports, 25 imports, 7 functions, 4 globals, 11 types, which take at least 57.2 MiB of the daemon's memory: 32 MiB are allowed. Look for generated names, or raise the limit `resident`");
}

async fn limits_cached_code() {
    let home = tempfile::tempdir().unwrap();
    let cached = || runner(Compiler::worker().with_cache(Cache::open(home.path()).unwrap()));
    let module = cached().load("bench", Guest::new().build(), &Limits::default()).await.unwrap();
    let limits = Limits { resident: module.resident() - 1, ..Limits::default() };
    let fault = cached().load("bench", Guest::new().build(), &limits).await.unwrap_err().fault;
    assert!(matches!(fault, LoadFault::Resident { .. }), "{fault}");
}

/// Starts this program again, to try what it should not be able to do.
const PROBE: &str = "probe";

/// Gives up one layer and tries what a module that took over the compiler would.
fn probe(layer: &str, mut places: impl Iterator<Item = String>) {
    let [directory, port, parent] = [(); 3].map(|()| places.next().unwrap());
    let port: u16 = port.parse().unwrap();
    let parent = rustix::process::Pid::from_raw(parent.parse().unwrap()).unwrap();
    let force = match layer {
        "nothing" => "in force".into(),
        "limits" => {
            confinement::limits(Duration::from_secs(60), 4 << 30).unwrap();
            let at_the_parents_end = rustix::process::parent_process_death_signal().unwrap();
            assert_eq!(at_the_parents_end, Some(rustix::process::Signal::KILL));
            // The other layers would see to it too.
            assert!(rustix::thread::no_new_privs().unwrap());
            "in force".into()
        }
        "landlock" => format!("{:?}", confinement::landlock()),
        "seccomp" => format!("{:?}", confinement::seccomp()),
        other => panic!("{other}"),
    };
    let directory = Path::new(&directory);
    let said = |result: io::Result<()>| match result {
        Ok(()) => "done".into(),
        Err(error) => match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::ACCESS) => "no access".into(),
            Some(rustix::io::Errno::PERM) => "not permitted".into(),
            Some(rustix::io::Errno::MFILE) => "no descriptor".into(),
            _ => error.to_string(),
        },
    };
    let tried = [
        ("read a file", said(fs::File::open(directory.join("file")).map(drop))),
        ("write a file", said(fs::write(directory.join("new"), "x"))),
        ("list a directory", said(fs::read_dir(directory).map(drop))),
        ("connect to a port", said(TcpStream::connect(("127.0.0.1", port)).map(drop))),
        ("connect to a socket", said(UnixStream::connect(directory.join("socket")).map(drop))),
        ("start a program", said(Command::new("/bin/true").status().map(drop))),
        ("signal the parent", said(rustix::process::test_kill_process(parent).map_err(Into::into))),
    ];
    println!("{force}");
    for (what, came) in tried {
        println!("{what}: {came}");
    }
}

/// What a process with this layer says that it could do.
fn probed(layer: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "x").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let _socket = UnixListener::bind(home.path().join("socket")).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args([PROBE, layer])
        .arg(home.path())
        .arg(port.local_addr().unwrap().port().to_string())
        .arg(std::process::id().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{layer}: {} {}", said, String::from_utf8_lossy(&output.stderr));
    said.lines().map(Into::into).collect()
}

/// None, with a word about it, where this kernel has not got the layer.
fn probed_if_there(layer: &str) -> Option<Vec<String>> {
    let said = probed(layer);
    if said[0] == "None" {
        eprintln!("skipped: this kernel has no {layer}, or does not let this process use it");
        return None;
    }
    Some(said)
}

async fn does_everything() {
    assert!(probed("nothing").iter().skip(1).all(|line| line.ends_with(": done")), "{:?}", probed("nothing"));
}

async fn limits_descriptors() {
    let said = probed("limits");
    // Whether a process may be started depends on the user: root may.
    insta::assert_snapshot!(said[..6].join("\n"), @r"
    in force
    read a file: no descriptor
    write a file: no descriptor
    list a directory: no descriptor
    connect to a port: no descriptor
    connect to a socket: no descriptor
    ");
}

async fn lands_and_locks() {
    let Some(said) = probed_if_there("landlock") else { return };
    if said[0] != "Whole" {
        eprintln!("skipped in part: this kernel knows only some of Landlock: {said:?}");
        assert!(said[1..4].iter().all(|line| line.ends_with(": no access")), "{said:?}");
        return;
    }
    // A socket by a path is seccomp's to keep away.
    insta::assert_snapshot!(said.join("\n"), @r"
    Whole
    read a file: no access
    write a file: no access
    list a directory: no access
    connect to a port: no access
    connect to a socket: done
    start a program: no access
    signal the parent: not permitted
    ");
}

async fn filters_calls() {
    let Some(said) = probed_if_there("seccomp") else { return };
    insta::assert_snapshot!(said.join("\n"), @r"
    Whole
    read a file: not permitted
    write a file: not permitted
    list a directory: not permitted
    connect to a port: not permitted
    connect to a socket: not permitted
    start a program: not permitted
    signal the parent: not permitted
    ");
}

/// Looks at a worker that has not been given anything to read yet, through the kernel's eyes.
async fn confines_itself() {
    let expected = [("landlock", 3), ("seccomp", 1)].map(|(layer, weight)| match &*probed(layer)[0] {
        "Whole" => 2 * weight,
        "Partly" => weight,
        _ => 0,
    });
    // A worker inherits this one's limit, which may be none at all.
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    let core = rustix::process::Rlimit { current: core.maximum, ..core };
    rustix::process::setrlimit(rustix::process::Resource::Core, core).unwrap();
    let mut worker = Command::new(env::current_exe().unwrap())
        .args([worker::COMMAND, "60", &(4u64 << 30).to_string(), "524288", "134217728", "1024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", worker.id())).unwrap();
    let began = Instant::now();
    // The last of its steps is that of seccomp, or before it that of memory.
    let is_confined = || {
        of("limits").lines().any(|line| line.starts_with("Max address space") && line.contains("4294967296"))
            && (expected[1] == 0 || of("status").contains("Seccomp:\t2"))
    };
    while !is_confined() {
        assert!(began.elapsed() < Duration::from_secs(60), "{}{}", of("limits"), of("status"));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(of("status").contains("NoNewPrivs:\t1"), "{}", of("status"));
    for (limit, most) in [
        ("Max cpu time", "60"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max processes", "0"),
        ("Max open files", "0"),
    ] {
        let line = of("limits").lines().find(|line| line.starts_with(limit)).unwrap().to_owned();
        assert_eq!(line[limit.len()..].split_whitespace().next(), Some(most), "{line}");
    }
    worker.stdin.take().unwrap().write_all(&Guest::new().build()).unwrap();
    let mut answer = Vec::new();
    worker.stdout.take().unwrap().read_to_end(&mut answer).unwrap();
    assert!(worker.wait().unwrap().success());
    assert_eq!(answer[..2], [b'0' + expected[0] + expected[1], b'+']);
}

/// A program that does this in the place of a worker.
fn script(directory: &Path, lines: &str) -> Compiler {
    let file = directory.join("worker");
    fs::write(directory.join("worker.new"), format!("#!/bin/sh\n{lines}\n")).unwrap();
    // By another process: what this one has open for writing cannot be run.
    let made = Command::new("install").arg("-m700").arg(directory.join("worker.new")).arg(&file).status();
    assert!(made.unwrap().success());
    Compiler::worker_of(file)
}

async fn inherits_nothing() {
    let home = tempfile::tempdir().unwrap();
    let here = home.path().display();
    let look = format!(
        "cat /proc/$$/environ > {here}/environ; pwd > {here}/directory; readlink /proc/$$/fd/2 > {here}/errors"
    );
    let compiler = script(home.path(), &look);
    runner(compiler).load("bench", Guest::new().build(), &Limits::default()).await.unwrap_err();
    let found =
        ["environ", "directory", "errors"].map(|name| fs::read_to_string(home.path().join(name)).unwrap());
    // Only what the allocator of the program needs.
    assert_eq!(found, ["MIMALLOC_DISALLOW_ARENA_ALLOC=1\0", "/\n", "/dev/null\n"]);
}

async fn kills() {
    let home = tempfile::tempdir().unwrap();
    let number = home.path().join("number");
    let compiler = script(home.path(), &format!("echo $$ > {}; exec sleep 3600", number.display()));
    let runner = runner(compiler);
    let mut wall_clock = Duration::from_secs(1);
    let worker = loop {
        let limits = Limits { compile_wall_clock: wall_clock, ..Limits::default() };
        let load = runner.load("bench", Guest::new().build(), &limits);
        // It would be an hour otherwise.
        tokio::time::timeout(Duration::from_secs(120), load).await.unwrap().unwrap_err();
        // On a busy machine it may not have come so far.
        match fs::read_to_string(&number) {
            Ok(number) if number.ends_with('\n') => break number.trim().to_owned(),
            _ => wall_clock *= 2,
        }
    };
    let began = Instant::now();
    let lives =
        || fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(began.elapsed() < Duration::from_secs(60), "{worker} is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn stops_listening() {
    let home = tempfile::tempdir().unwrap();
    let compiler = script(home.path(), "while printf %01000d 0; do sleep 0.1; done");
    let limits =
        Limits { compiled: 4 << 10, compile_wall_clock: Duration::from_secs(120), ..Limits::default() };
    let fault = runner(compiler).load("bench", Guest::new().build(), &limits).await.unwrap_err().fault;
    assert!(matches!(fault, LoadFault::Code { .. }), "{fault}");
}

async fn limits_code() {
    let limits = Limits { compiled: 4 << 10, ..Limits::default() };
    let fault = load(Guest::new().build(), &limits).await.unwrap_err();
    insta::assert_snapshot!(fault, @"it compiles to more code than a module may have: 4 KiB are allowed. Look for generated functions of extreme size, or raise the limit `compiled`");
}
