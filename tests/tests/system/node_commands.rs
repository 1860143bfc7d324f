//! The commands `get`, `edit` and `rpc` against an embedded controller.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::common::{PROGRAM, confine, device_zoo::DeviceZoo, text};

const ETH0: &str = "/devices/device[name='r1']/config/interfaces/interface[name='eth0']";

#[tokio::test(flavor = "multi_thread")]
async fn get_shows_what_is_at_a_path() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(zoo.all(&[
        &["get", &format!("{ETH0}/config/mtu")],
        &["get", "/devices/device/config/if:interfaces/interface[name='eth0']/config/mtu"],
        &["get", "/devices/device/config/zoo/name"],
        &["get", "/devices/device[name='zoo1']/config/zoo/kind"],
    ]), @r#"
    $ get /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>r1</name>
        <config>
          <interfaces xmlns="urn:interfaces">
            <interface>
              <name>eth0</name>
              <config>
                <mtu>1500</mtu>
              </config>
            </interface>
          </interfaces>
        </config>
      </device>
    </devices>
    $ get /devices/device/config/if:interfaces/interface[name='eth0']/config/mtu
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>r1</name>
        <config>
          <interfaces xmlns="urn:interfaces">
            <interface>
              <name>eth0</name>
              <config>
                <mtu>1500</mtu>
              </config>
            </interface>
          </interfaces>
        </config>
      </device>
      <device>
        <name>r2</name>
        <config>
          <interfaces xmlns="urn:interfaces">
            <interface>
              <name>eth0</name>
              <config>
                <mtu>1500</mtu>
              </config>
            </interface>
          </interfaces>
        </config>
      </device>
    </devices>
    $ get /devices/device/config/zoo/name
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>zoo1</name>
        <config>
          <zoo xmlns="urn:zoo">
            <name>a</name>
          </zoo>
        </config>
      </device>
    </devices>
    $ get /devices/device[name='zoo1']/config/zoo/kind
    <devices xmlns="http://clicon.org/controller">
      <device>
        <name>zoo1</name>
        <config>
          <zoo xmlns="urn:zoo">
            <kind xmlns:z="urn:zoo">z:cat</kind>
          </zoo>
        </config>
      </device>
    </devices>
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_writes_each_yang_type_as_json() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(zoo.say(&["get", "--json", "/devices/device[name='zoo1']/config/zoo"]), @r#"
    {
      "clixon-controller:devices": {
        "device": [
          {
            "name": "zoo1",
            "config": {
              "zoo:zoo": {
                "small": -3,
                "large": "18446744073709551615",
                "price": "1.50",
                "open": true,
                "free": [null],
                "kind": "zoo:cat",
                "mixed": false,
                "other": "7b",
                "like": -3,
                "name": [
                  "a"
                ],
                "pair": [
                  {
                    "a": "it's",
                    "b": 1,
                    "text": "says \"hello\""
                  }
                ]
              }
            }
          }
        ]
      }
    }
    "#);
    for path in ["/devices", "/devices/device[name='zoo1']"] {
        assert!(zoo.say(&["get", "--json", path]).contains("\"small\": -3"), "{path}");
    }
    let names = zoo.say(&["get", "/devices/device/name"]);
    assert!(names.contains("<name>r1</name>") && names.contains("<name>zoo1</name>"), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistake_in_a_path_is_reported_with_a_suggestion() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(zoo.all(&[
        &["get", &format!("{ETH0}/config/mtuu")],
        &["get", "/devices/device[name='r11']/config/interfaces"],
        &["get", "/devices/device/config/interfcaes"],
        &["get", "/devices/device[name='r1']/config/fi:interfaces"],
        &["get", "/devices/device[name='r1']/config/interfaces/interface[nam='eth0']"],
        &["get", "/devcies"],
        &["get", "devices/device"],
        &["get", "/devices/device["],
        &["get", "/devices/device[name='r1']/config/interfaces/interface[name='eth9']"],
        &["get", "/devices/device[name='''\"']/name"],
    ]), @r#"
    $ get /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtuu
    error: the model has no `mtuu` below `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config`; did you mean `mtu`?
    [1]
    $ get /devices/device[name='r11']/config/interfaces
    error: there is no device `r11`; did you mean `r1`?
    [1]
    $ get /devices/device/config/interfcaes
    error: the model has no `interfcaes` below `/devices/device[name='r1']/config`; did you mean `interfaces`?
    [1]
    $ get /devices/device[name='r1']/config/fi:interfaces
    error: no YANG module has the prefix or the name `fi`; did you mean `if`?
    [1]
    $ get /devices/device[name='r1']/config/interfaces/interface[nam='eth0']
    error: `nam` is not a key of `/devices/device[name='r1']/config/interfaces/interface`: its keys are `name`
    [1]
    $ get /devcies
    error: the model has no `devcies` below `/`; did you mean `devices`?
    [1]
    $ get devices/device
    error: `devices/device` does not start at the root
    hint: write `/devices/device`
    [1]
    $ get /devices/device[
    error: the path `/devices/device[` cannot be read at character 17: a name is missing here: a step is `name` or `prefix:name`
    [1]
    $ get /devices/device[name='r1']/config/interfaces/interface[name='eth9']
    error: there is nothing at `/devices/device[name='r1']/config/interfaces/interface[name='eth9']`, or nothing that `alice` may read
    [1]
    $ get /devices/device[name='''"']/name
    error: there is no device `'"`
    [1]
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_edit_is_refused_before_anything_is_sent() {
    let zoo = DeviceZoo::open();
    let before = zoo.candidate();
    let mtu = &*format!("{ETH0}/config/mtu");
    insta::assert_snapshot!(zoo.all(&[
        &["edit", mtu, "fast"],
        &["edit", mtu, "-1"],
        &["edit", mtu],
        &["edit", &format!("{ETH0}/config"), "1"],
        &["edit", &format!("{ETH0}/config")],
        &["edit", &format!("{ETH0}/name"), "eth1"],
        &["edit", "--remove", &format!("{ETH0}/name")],
        &["edit", "/devices/device/config/interfaces/interface[name='eth0']/config/mtu", "1"],
        &["edit", "/devices/device[name='r1']/config/interfaces/interface/config/mtu", "1"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/pair[a='x']/text", "1"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/pair[a='x'][b='y']/text", "1"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/seen/count", "1"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/kind", "z:dog"],
        &["edit", "/"],
        &["edit", "--remove", mtu, "1500"],
    ]), @"
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu fast
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu`: `fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu -1
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu`: `-1` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu` is a leaf and needs a value: a number from 0 to 65535 (`uint16`)
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config 1
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config` has children and no value
    hint: name a leaf
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config` is a container without presence, which exists only if it has children: set its children instead
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface[name='eth0']/name eth1
    error: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/name` is a key with the value `eth0` in the path and cannot be set to `eth1`: create another entry
    [1]
    $ edit --remove /devices/device[name='r1']/config/interfaces/interface[name='eth0']/name
    error: cannot remove `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/name`: it is a key
    hint: remove the whole list entry
    [1]
    $ edit /devices/device/config/interfaces/interface[name='eth0']/config/mtu 1
    error: `/devices/device` does not say which entry: write `/devices/device[name='…']`
    [1]
    $ edit /devices/device[name='r1']/config/interfaces/interface/config/mtu 1
    error: `/devices/device[name='r1']/config/interfaces/interface` does not say which entry: write `/devices/device[name='r1']/config/interfaces/interface[name='…']`
    [1]
    $ edit /devices/device[name='zoo1']/config/zoo/pair[a='x']/text 1
    error: `/devices/device[name='zoo1']/config/zoo/pair[a='x']` does not say which entry: write `/devices/device[name='zoo1']/config/zoo/pair[a='x'][b='…']`
    [1]
    $ edit /devices/device[name='zoo1']/config/zoo/pair[a='x'][b='y']/text 1
    error: `/devices/device[name='zoo1']/config/zoo/pair/b`: `y` is not a value of `b`: a number from 0 to 255 (`uint8`)
    [1]
    $ edit /devices/device[name='zoo1']/config/zoo/seen/count 1
    error: cannot edit `/devices/device[name='zoo1']/config/zoo/seen/count`: it is state data, not configuration
    [1]
    $ edit /devices/device[name='zoo1']/config/zoo/kind z:dog
    error: `/devices/device[name='zoo1']/config/zoo/kind`: `z:dog` is not a value of `kind`: an identity derived from `zoo:animal` (`identityref`)
    [1]
    $ edit /
    error: cannot edit the root
    hint: name a node
    [1]
    $ edit --remove /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu 1500
    error: the argument '--remove' cannot be used with '[VALUE]'

    Usage: confine edit --remove --user <USER> --socket <SOCKET> <PATH> [VALUE]

    For more information, try '--help'.
    [2]
    ");
    assert_eq!(zoo.candidate(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_is_shown_and_committed_on_request() {
    let zoo = DeviceZoo::open();
    let mtu = format!("{ETH0}/config/mtu");
    insta::assert_snapshot!(zoo.say(&["edit", &mtu, "016"]), @r#"
       <devices xmlns="http://clicon.org/controller">
          <device>
             <name>r1</name>
             <config>
                <interfaces xmlns="urn:interfaces">
                   <interface>
                      <name>eth0</name>
                      <config>
    -                     <mtu>1500</mtu>
    +                     <mtu>16</mtu>
                      </config>
                   </interface>
                </interfaces>
             </config>
          </device>
       </devices>
    These changes are in the candidate: `--commit` commits them.
    "#);
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>1500</mtu>"));
    assert!(zoo.say(&["get", "--candidate", &mtu]).contains("<mtu>16</mtu>"));
    assert!(zoo.say(&["get", &mtu]).contains("<mtu>1500</mtu>"));

    insta::assert_snapshot!(zoo.say(&["edit", &mtu, "1500"]), @"The candidate is the same as `running`: nothing to commit.");
    zoo.say(&["edit", &mtu, "9000"]);
    insta::assert_snapshot!(zoo.say(&["edit", "--commit", "/devices/device[name='zoo1']/config/zoo/name", "b"]), @r#"
       <devices xmlns="http://clicon.org/controller">
          <device>
             <name>r1</name>
             <config>
                <interfaces xmlns="urn:interfaces">
                   <interface>
                      <name>eth0</name>
                      <config>
    -                     <mtu>1500</mtu>
    +                     <mtu>9000</mtu>
                      </config>
                   </interface>
                </interfaces>
             </config>
          </device>
          <device>
             <name>zoo1</name>
             <config>
                <zoo xmlns="urn:zoo">
    +               <name>b</name>
                </zoo>
             </config>
          </device>
       </devices>
    Committed (transaction 1).
    "#);
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>9000</mtu>"));
    for words in [
        &["edit", "/devices/device[name='zoo1']/config/zoo/closed"][..],
        &["edit", "--remove", "/devices/device[name='zoo1']/config/zoo/name[.='a']"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/pair[a='x'][b='2']"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/small", "-128"],
        &["edit", "/devices/device[name='zoo1']/config/zoo/kind", "zoo:cat"],
        &["edit", "--commit", "--remove", "/devices/device[name='zoo1']/config/zoo/pair[a=\"it's\"][b='1']"],
    ] {
        let said = zoo.say(words);
        assert!(!said.contains("error"), "{said}");
    }
    insta::assert_snapshot!(zoo.controller.device("zoo1").unwrap(), @r#"<zoo xmlns="urn:zoo"><small>-128</small><large>18446744073709551615</large><price>1.50</price><open>true</open><free/><kind xmlns:z="urn:zoo">z:cat</kind><mixed>false</mixed><other>7b</other><like>-3</like><name>b</name><pair><a>x</a><b>2</b></pair><closed/></zoo>"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_commit_leaves_the_edit_in_the_candidate() {
    let zoo = DeviceZoo::open();
    let phase = confine_controller::PushPhase::Validate;
    zoo.controller.refuse_push("r1", phase, "the device is busy").unwrap();
    let said = zoo.say(&["edit", "--commit", &format!("{ETH0}/config/mtu"), "9000"]);
    let (_, end) = said.split_once("error").unwrap();
    insta::assert_snapshot!(end, @"
    : the commit failed: the device is busy
    hint: your change is still in the candidate: fix it, or discard all pending changes with `confine rpc --socket /controller.sock --user alice '<discard-changes/>'`
    [1]
    ");
    assert!(zoo.candidate().contains("<mtu>9000</mtu>"));
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>1500</mtu>"));
}

/// A commit takes the whole candidate, so pending changes of other users decide how it is committed.
#[tokio::test(flavor = "multi_thread")]
async fn pending_changes_of_others_are_committed_too() {
    let zoo = DeviceZoo::open();
    zoo.say(&["edit", &format!("{ETH0}/config/mtu"), "9000"]);
    let edit = ["edit", "--commit", "/devices/device-group[name='attic']/description", "Upstairs"];
    let said = zoo.say(&edit);
    insta::assert_snapshot!(said.lines().last().unwrap(), @"Committed (transaction 1).");
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>9000</mtu>"));
    // Without pending changes of others there is no transaction.
    let alone =
        zoo.say(&["edit", "--commit", "/devices/device-group[name='attic']/description", "Under the roof"]);
    insta::assert_snapshot!(alone.lines().last().unwrap(), @"Committed.");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_controller_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let output =
        confine().args(["get", "/devices", "--socket"]).arg(directory.path().join("x.sock")).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("cannot connect to the controller") && said.contains("confine demo --serve"),
        "{said}"
    );
}

/// Without `--socket`, a command finds the controller where the daemon would.
#[tokio::test(flavor = "multi_thread")]
async fn commands_use_the_controller_of_the_settings() {
    let zoo = DeviceZoo::open();
    let place = zoo.directory.path();
    let xml = format!(
        "<clixon-config><CLICON_SOCK>{}/controller.sock</CLICON_SOCK></clixon-config>",
        place.display()
    );
    fs::write(place.join("controller.xml"), xml).unwrap();
    symlink("controller.sock", place.join("confine-demo.sock")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let ask = |toml: &str, here: &Path| {
        let config = place.join("confine.toml");
        fs::write(&config, toml).unwrap();
        let mut command = confine();
        command.args(["get", "/devices/device/name", "--user", "alice", "--config"]).arg(&config);
        let output = command.current_dir(here).output().unwrap();
        zoo.without_place(&(text(&output.stdout) + &text(&output.stderr)))
    };
    assert!(ask("socket = 'controller.sock'", elsewhere.path()).contains("<name>zoo1</name>"));
    assert!(ask("controller_config = 'controller.xml'", elsewhere.path()).contains("<name>zoo1</name>"));
    insta::assert_snapshot!(ask("socket = 'other.sock'", place), @"
    error: cannot connect to the controller at `/other.sock`
      because: No such file or directory (os error 2)
    hint: name its socket with `--socket`, or with `socket` in confine.toml; `confine demo --serve` keeps a demo controller running
    ");
    let of_a_controller =
        ["/usr/local/var/run/controller/controller.sock", "/usr/local/etc/clixon/controller.xml"];
    if of_a_controller.iter().any(|path| Path::new(path).exists()) {
        eprintln!("skipped: here is a controller, which goes before a demo");
        return;
    }
    assert!(ask("", place).contains("<name>zoo1</name>"));
    assert!(ask("", elsewhere.path()).contains("/usr/local/var/run/controller/controller.sock"));
}

/// A hint names the controller of the command.
#[tokio::test(flavor = "multi_thread")]
async fn commands_proposed_by_hints_can_be_entered() {
    let zoo = DeviceZoo::open();
    zoo.controller.refuse_push("r1", confine_controller::PushPhase::Validate, "the device is busy").unwrap();
    let before = zoo.candidate();
    let said = zoo.say(&["edit", "--commit", &format!("{ETH0}/config/mtu"), "9000"]);
    assert_ne!(zoo.candidate(), before);
    let (_, proposed) = said.split_once("`confine ").unwrap();
    let (proposed, _) = proposed.split_once('`').unwrap();
    let line = format!("\"$0\" {}", proposed.replace("/controller.sock", "\"$1\"/controller.sock"));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &line, PROGRAM]).arg(zoo.directory.path());
    assert!(shell.status().unwrap().success());
    assert_eq!(zoo.candidate(), before);
}

/// With `--wait`, a command waits for the transaction that it begins.
#[tokio::test(flavor = "multi_thread")]
async fn rpc_waits_for_the_end_of_the_transaction() {
    let zoo = DeviceZoo::open();
    let commit = "<controller-commit xmlns='http://clicon.org/controller'><device>*</device><push>COMMIT</push>\
        <actions>CHANGE</actions><source>ds:candidate</source></controller-commit>";
    let mtu = format!("{ETH0}/config/mtu");
    zoo.say(&["edit", &mtu, "9000"]);
    insta::assert_snapshot!(zoo.say(&["rpc", "--wait", commit]), @r#"
    <tid xmlns="http://clicon.org/controller">1</tid>
    transaction 1 succeeded
    "#);
    assert!(zoo.controller.device("r1").unwrap().contains("<mtu>9000</mtu>"));
    zoo.say(&["edit", &mtu, "1500"]);
    zoo.controller.refuse_push("r1", confine_controller::PushPhase::Validate, "the device is busy").unwrap();
    insta::assert_snapshot!(zoo.say(&["rpc", "--wait", commit]), @r#"
    <tid xmlns="http://clicon.org/controller">2</tid>
    error: transaction 2 failed at `r1`: the device is busy
    [1]
    "#);
    let pull = "<config-pull xmlns='http://clicon.org/controller'><device>*</device></config-pull>";
    insta::assert_snapshot!(zoo.say(&["rpc", "--wait", pull]), @r#"
    <tid xmlns="http://clicon.org/controller">3</tid>
    transaction 3 succeeded
    "#);
    // Without a transaction there is nothing to wait for.
    insta::assert_snapshot!(zoo.say(&["rpc", "--wait", "<discard-changes/>"]), @"<ok/>");
}

#[tokio::test(flavor = "multi_thread")]
async fn suggested_names_can_be_entered_as_shown() {
    let same = |module: &str, prefix: &str| {
        format!(
            "module {module} {{ namespace urn:{module}; prefix {prefix}; revision 2026-01-01;
               container interfaces {{ leaf a {{ type string; }} }} }}"
        )
    };
    let zoo = DeviceZoo::with(&[
        ("one.yang", &same("one", "o")),
        ("two.yang", &same("two", "o")),
        ("other.yang", &same("other", "x")),
    ]);
    insta::assert_snapshot!(zoo.all(&[
        &["get", "/devices/device[name='r1']/config/interfaces/a"],
        &["get", "/devices/device[name='r1']/config/o:interfaces/a"],
        &["edit", "/devices/device[name='r1']/config/one:interfaces/a", "1"],
    ]), @r#"
    $ get /devices/device[name='r1']/config/interfaces/a
    error: `interfaces` below `/devices/device[name='r1']/config` could be `if:interfaces`, `one:interfaces`, `x:interfaces` or `two:interfaces`: write the prefix
    [1]
    $ get /devices/device[name='r1']/config/o:interfaces/a
    error: `o` is ambiguous: it is the prefix of `urn:one` and of `urn:two`
    hint: write the name of the module instead, as in `module:name`
    [1]
    $ edit /devices/device[name='r1']/config/one:interfaces/a 1
       <devices xmlns="http://clicon.org/controller">
          <device>
             <name>r1</name>
             <config>
    +            <interfaces xmlns="urn:one">
    +               <a>1</a>
    +            </interfaces>
             </config>
          </device>
       </devices>
    These changes are in the candidate: `--commit` commits them.
    "#);
}
