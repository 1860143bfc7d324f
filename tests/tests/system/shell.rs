//! `confine shell` with scripts, against an embedded controller.

use std::{io::Write as _, process::Stdio};

use super::common::{device_zoo::DeviceZoo, text};

/// Returns the output of a script, each line before its output, and the exit status unless it is 0.
fn run(zoo: &DeviceZoo, lines: &[&str]) -> String {
    let mut command = zoo.command(&["shell"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let end = match output.status.code() {
        Some(0) => String::new(),
        code => format!("{code:?}\n"),
    };
    zoo.without_place(&(text(&output.stdout) + &text(&output.stderr) + &end))
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_lists_existing_and_possible_nodes() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(run(&zoo, &[
        "ls", "ls /devices/device", "cd /devices/device[name='r1']/config/interfaces/interface[name='eth0']", "ls", "ls config/",
        "ls -a config", "ls ../interface[name='eth0']/../.././interfaces", "cd /devices/device[name='zoo1']/config/zoo", "ls", "ls -a", "ls pair[a=\"it's\"][b='1']",
        "ls name", "ls small", "cd seen", "ls",
    ]), @r#"
    processes  container
    devices    container
    device[name='r1']    list
    device[name='r2']    list
    device[name='zoo1']  list
    name    leaf       string  eth0
    config  container
    mtu  leaf  uint16  1500
    mtu          leaf  uint16  1500
    description  leaf  string
    interface[name='eth0']  list
    small                  leaf       int8            -3
    large                  leaf       uint64          18446744073709551615
    price                  leaf       decimal64       1.50
    open                   leaf       boolean         true
    free                   leaf       empty
    kind                   leaf       identityref     z:cat
    mixed                  leaf       union           false
    other                  leaf       union           7b
    like                   leaf       leafref (int8)  -3
    name[.='a']            leaf-list  string
    pair[a="it's"][b='1']  list
    small       leaf                int8            -3
    large       leaf                uint64          18446744073709551615
    price       leaf                decimal64       1.50
    open        leaf                boolean         true
    free        leaf                empty
    kind        leaf                identityref     z:cat
    mixed       leaf                union           false
    other       leaf                union           7b
    like        leaf                leafref (int8)  -3
    name        leaf-list           string          1 entry
    pair[a][b]  list                                1 entry
    seen        container                                                 state
    closed      presence container
    a     leaf  string  it's
    b     leaf  uint8   1
    text  leaf  string  says "hello"
    name[.='a']  leaf-list  string
    small  leaf  int8  -3
    Nothing here. `ls -a` shows what the model allows.
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_describes_nodes_from_the_yang_models() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(run(&zoo, &[
        "cd /devices/device[name='zoo1']/config/zoo", "describe", "describe small", "describe price", "describe mixed",
        "describe kind", "describe like", "describe pair", "describe pair/a", "describe closed", "describe seen/count",
        "describe /devices/device[name='r1']/config/interfaces", "describe /devices/device/name", "describe /",
    ]), @"
    /devices/device[name='zoo1']/config/zoo
      kind         container
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/small
      kind         leaf
      type         int8
      value        a number from -128 to 127 (`int8`)
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/price
      kind         leaf
      type         decimal64
      value        a decimal number from -92233720368547758.08 to 92233720368547758.07 with at most 2
                   digits after the decimal point (`decimal64`)
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/mixed
      kind         leaf
      type         union
      value        a number from 0 to 255 (`uint8`)
      or           `true` or `false` (`boolean`)
      or           text (`string`)
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/kind
      kind         leaf
      type         identityref
      value        an identity: `z:cat` (`identityref`)
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/like
      kind         leaf
      type         leafref (int8)
      value        a number from -128 to 127 (`int8`)
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/pair
      kind         list
      keys         a, b
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/pair/a
      kind         leaf
      type         string
      value        text (`string`)
      key          of its list
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/closed
      kind         presence container
      presence     it is closed
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='zoo1']/config/zoo/seen/count
      kind         leaf
      type         uint32
      value        a number from 0 to 4294967295 (`uint32`)
      state        read-only
      module       zoo@2026-01-01, prefix `z`
    /devices/device[name='r1']/config/interfaces
      kind         container
      module       interfaces@2026-01-01, prefix `if`
    /devices/device/name
      kind         leaf
      type         string
      value        text (`string`)
      key          of its list
      module       clixon-controller@2026-06-01, prefix `ctrl`
    error: line 14: `describe /` failed
      because: no YANG model describes `/`
    Some(1)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_script_sets_and_commits() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(run(&zoo, &[
        "# a comment",
        "",
        "cd /devices/device[name='r1']/config/interfaces/interface[name='eth 1']",
        "set config/mtu 016",
        "set config/description 'two",
        "lines, and it''s'",
        "get config --json",
        "cd ../../../..",
        "get device[name='r1']/config/interfaces/interface[name='eth0'] --running",
        "cd /devices/device[name='zoo1']/config/zoo",
        "set small -128",
        "set closed",
        "set name b",
        "remove name[.='a']",
        "remove pair[a=\"it's\"][b='1']",
        "diff",
        "commit",
        "diff",
        "commit",
    ]), @r#"
    {
      "clixon-controller:devices": {
        "device": [
          {
            "name": "r1",
            "config": {
              "interfaces:interfaces": {
                "interface": [
                  {
                    "name": "eth 1",
                    "config": {
                      "mtu": 16,
                      "description": "two\nlines, and it's"
                    }
                  }
                ]
              }
            }
          }
        ]
      }
    }
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
       <devices xmlns="http://clicon.org/controller">
          <device>
             <name>r1</name>
             <config>
                <interfaces xmlns="urn:interfaces">
    +               <interface>
    +                  <name>eth 1</name>
    +                  <config>
    +                     <mtu>16</mtu>
    +                     <description>two
    +               lines, and it's</description>
    +                  </config>
    +               </interface>
                </interfaces>
             </config>
          </device>
          <device>
             <name>zoo1</name>
             <config>
                <zoo xmlns="urn:zoo">
    -               <small>-3</small>
    +               <small>-128</small>
    +               <name>b</name>
    +               <closed/>
    -               <name>a</name>
    -               <pair>
    -                  <a>it's</a>
    -                  <b>1</b>
    -                  <text>says "hello"</text>
    -               </pair>
                </zoo>
             </config>
          </device>
       </devices>
    Committed (transaction 1).
    The candidate is the same as `running`: nothing to commit.
    The candidate is the same as `running`: nothing to commit.
    "#);
    insta::assert_snapshot!(zoo.controller.device("r1").unwrap(), @r#"
    <interfaces xmlns="urn:interfaces"><interface><name>eth 1</name><config><mtu>16</mtu><description>two
    lines, and it's</description></config></interface><interface><name>eth0</name><config><mtu>1500</mtu></config></interface></interfaces>
    "#);
    insta::assert_snapshot!(zoo.controller.device("zoo1").unwrap(), @r#"<zoo xmlns="urn:zoo"><small>-128</small><large>18446744073709551615</large><price>1.50</price><open>true</open><free/><kind xmlns:z="urn:zoo">z:cat</kind><mixed>false</mixed><other>7b</other><like>-3</like><name>b</name><closed/></zoo>"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_script_stops_at_the_first_failing_line() {
    let zoo = DeviceZoo::open();
    let before = zoo.candidate();
    let scripts: &[&[&str]] = &[
        &[
            "cd /devices/device[name='r1']/config/interfaces",
            "",
            "cd interface[name='eth0']/confg",
            "set mtu 1",
        ],
        &["sett a 1"],
        &["set"],
        &["ls --al"],
        &["help sett"],
        &["cd /devices/device[name='r11']"],
        &["cd /devices/device"],
        &["cd devices/device[name='r1']/name"],
        &["cd devices/device[name='r1'"],
        &["ls /devices/device/config"],
        &["describe /devices/devvice"],
        &["get /devices/device[name='zoo1']/config/zoo/pair[a='x'][b='2']"],
        &["set /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu fast"],
        &["set /devices/device[name='zoo1']/config/zoo/kind z:dog"],
        &["remove /"],
        &["set text 'open", "set text closed"],
    ];
    let said: String =
        scripts.iter().map(|lines| format!("$ {}\n{}", lines.join("\n> "), run(&zoo, lines))).collect();
    insta::assert_snapshot!(said, @r#"
    $ cd /devices/device[name='r1']/config/interfaces
    > 
    > cd interface[name='eth0']/confg
    > set mtu 1
    error: line 3: `cd interface[name='eth0']/confg` failed
      because: the model has no `confg` below `/devices/device[name='r1']/config/interfaces/interface[name='eth0']`; did you mean `config`?
    Some(1)
    $ sett a 1
    error: line 1: `sett a 1` failed
      because: there is no command `sett`; did you mean `set`?
    hint: `help` lists the commands
    Some(1)
    $ set
    error: line 1: `set` failed
      because: the following required arguments were not provided: <PATH>
    hint: `help set` shows its syntax
    Some(1)
    $ ls --al
    error: line 1: `ls --al` failed
      because: unexpected argument '--al' found
    hint: `help ls` shows its syntax
    Some(1)
    $ help sett
    error: line 1: `help sett` failed
      because: there is no command `sett`; did you mean `set`?
    hint: `help` lists the commands
    Some(1)
    $ cd /devices/device[name='r11']
    error: line 1: `cd /devices/device[name='r11']` failed
      because: there is no device `r11`; did you mean `r1`?
    Some(1)
    $ cd /devices/device
    error: line 1: `cd /devices/device` failed
      because: `/devices/device` does not say which entry: write `/devices/device[name='…']`
    Some(1)
    $ cd devices/device[name='r1']/name
    error: line 1: `cd devices/device[name='r1']/name` failed
      because: cannot enter `/devices/device[name='r1']/name`, which is a leaf
    hint: `get` shows it
    Some(1)
    $ cd devices/device[name='r1'
    error: line 1: `cd devices/device[name='r1'` failed
      because: the `[` at character 18 is not closed
    hint: put a value with a `[` in it between quotes
    Some(1)
    $ ls /devices/device/config
    error: line 1: `ls /devices/device/config` failed
      because: `/devices/device` does not say which entry: write `/devices/device[name='…']`
    Some(1)
    $ describe /devices/devvice
    error: line 1: `describe /devices/devvice` failed
      because: the model has no `devvice` below `/devices`; did you mean `device`?
    Some(1)
    $ get /devices/device[name='zoo1']/config/zoo/pair[a='x'][b='2']
    error: line 1: `get /devices/device[name='zoo1']/config/zoo/pair[a='x'][b='2']` failed
      because: there is nothing at `/devices/device[name='zoo1']/config/zoo/pair[a='x'][b='2']`, or nothing that `alice` may read
    Some(1)
    $ set /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu fast
    error: line 1: `set /devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu fast` failed
      because: `/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu`: `fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)
    Some(1)
    $ set /devices/device[name='zoo1']/config/zoo/kind z:dog
    error: line 1: `set /devices/device[name='zoo1']/config/zoo/kind z:dog` failed
      because: `/devices/device[name='zoo1']/config/zoo/kind`: `z:dog` is not a value of `kind`: an identity derived from `zoo:animal` (`identityref`)
    Some(1)
    $ remove /
    error: line 1: `remove /` failed
      because: cannot edit the root
    hint: name a node
    Some(1)
    $ set text 'open
    > set text closed
    error: line 1: `set text 'open` failed
      because: the quote ' at character 10 is not closed
    hint: put a value with a quote in it between quotes of the other kind, as in "it's"
    Some(1)
    "#);
    assert_eq!(zoo.candidate(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_reports_uncommitted_changes() {
    let zoo = DeviceZoo::open();
    let mtu = "/devices/device[name='r1']/config/interfaces/interface[name='eth0']/config/mtu";
    let (set, other) = (format!("set {mtu} 9000"), format!("set {mtu} 1400"));
    insta::assert_snapshot!([
        run(&zoo, &[&set]),
        // Other users have pending changes.
        run(&zoo, &["ls /", "discard"]),
        run(&zoo, &[&set, "exit", "this is not read"]),
        run(&zoo, &[&other, "discard", &set, "set mtuu 1"]),
        run(&zoo, &[&other, "commit", "exit"]),
    ].join("--\n"), @"
    error: the changes of the script are in the candidate, and not committed
    hint: end the script with `commit` or `discard`
    Some(1)
    --
    processes  container
    devices    container
    --
    error: the changes of the script are in the candidate, and not committed
    hint: end the script with `commit` or `discard`
    Some(1)
    --
    note: the candidate already had pending changes, which `commit` commits as well: see `diff`
    error: line 4: `set mtuu 1` failed
      because: the model has no `mtuu` below `/`
    hint: the changes before it are still in the candidate; `confine rpc --socket /controller.sock --user alice '<discard-changes/>'` discards all pending changes
    Some(1)
    --
    Committed (transaction 1).
    note: the candidate already had pending changes, which `commit` commits as well: see `diff`
    ");
    zoo.controller.refuse_push("r1", confine_controller::PushPhase::Validate, "the device is busy").unwrap();
    insta::assert_snapshot!(run(&zoo, &[&set, "commit"]), @"
    error: line 2: `commit` failed
      because: the commit failed: the device is busy
    hint: your change is still in the candidate: fix it, or discard all pending changes with `confine rpc --socket /controller.sock --user alice '<discard-changes/>'`
    Some(1)
    ");
    let same = format!("set {mtu} 1400");
    assert_eq!(run(&zoo, &["discard", &same]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn shell_help_lists_the_commands() {
    let zoo = DeviceZoo::open();
    insta::assert_snapshot!(run(&zoo, &["help", "help set", "help ls"]), @r#"
      ls        List the nodes at the current node or a path, with their kind and type
      cd        Change the current node; without a path, to the root
      get       Show the candidate at the current node or a path
      set       Set a leaf; without a value, create a list entry, a presence container or an empty leaf
      remove    Remove a node and everything below it
      describe  Describe a node as its YANG model does
      diff      Show the pending changes: the differences between `running` and the candidate
      commit    Commit the candidate, with all pending changes
      discard   Discard all pending changes
      help      List the commands, or show the syntax of one
      exit      Exit the shell


    A PATH starts at the current node, or with a leading `/` at the root; `..` is the node above. List
    entries are named by their keys, as in `interface[name='eth0']`. Where a name is ambiguous, write
    `prefix:name`, with the prefix or the name of the YANG module.

    Blanks separate words. Text between quotes is one word: 'two words', "it's", or 'it''s' with the
    quote doubled. Predicates of a path need no additional quotes:
    `interface[name='Gigabit Ethernet 0']`. A quote that is open at the end of a line continues on the
    next line. A line that starts with `#` is a comment.

    `set`, `remove` and `discard` change the candidate immediately. All users share the candidate:
    `diff` and `commit` include other people's pending changes.
    Set a leaf; without a value, create a list entry, a presence container or an empty leaf

    Usage: set <PATH> [VALUE]

    Arguments:
      <PATH>   The node
      [VALUE]  The value of a leaf or of a leaf-list entry

    Options:
      -h, --help  Print help
    List the nodes at the current node or a path, with their kind and type

    Usage: ls [OPTIONS] [PATH]

    Arguments:
      [PATH]  The node [default: the current node]

    Options:
      -a, --all   List all nodes of the YANG model, present or not
      -h, --help  Print help
    "#);
}
