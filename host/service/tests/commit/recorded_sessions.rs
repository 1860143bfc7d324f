//! The daemon against recorded sessions: its requests match the script, compared as XML.

use confine_test_support::{guests::examples, replay::replay, repository};

async fn play(name: &str) {
    let path = repository().join("tests/scripts").join(name);
    let script = std::fs::read_to_string(path).unwrap();
    replay(&script, examples().await.unwrap().host).await.unwrap();
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
