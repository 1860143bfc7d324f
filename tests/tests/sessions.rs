//! The daemon against recorded sessions: what it says is what the script expects, compared as XML.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{path::Path, time::Duration};

use confine_backend::Options;
use confine_tests::{
    script::{Backend, Script},
    workshop::examples,
};
use tokio::net::UnixListener;

/// How long one session may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

async fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    let script = Script::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let host = examples().await.unwrap().host;
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("controller.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = tokio::spawn(confine_service::serve(
        host,
        Options::with_host_user(&socket, "root"),
        std::future::pending(),
    ));
    let played = tokio::time::timeout(LIMIT, Backend::new(script).play(listener)).await;
    daemon.abort();
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}"),
        Err(_) => panic!("the daemon did not do what the script waits for"),
    }
}

macro_rules! sessions {
    ($($name:ident: $file:literal,)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            play($file).await;
        }
    )*};
}

sessions! {
    startup: "01-startup.script",
    create: "02-create.script",
    modify_and_delete: "03-modify-delete.script",
    a_failing_module: "04-failing-module.script",
    markup_in_a_message: "04b-markup-in-a-message.script",
    invalid_device_config: "05-invalid-device-config.script",
    dry_run_and_validate: "06-dry-run-and-validate.script",
    force: "07-force.script",
    a_second_daemon: "08-second-daemon.script",
    restart: "15-restart.script",
    a_late_answer: "16-late-answer.script",
}
