//! Command lines, and the help of every command.

use clap::CommandFactory as _;

use super::*;

fn line(words: &str) -> Result<Command, clap::Error> {
    parse(words.split(' ').map(OsString::from))
}

fn serve(words: &str) -> SettingsArgs {
    match line(words) {
        Ok(Command::Serve(options)) => options,
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn command_lines_are_well_formed() {
    Cli::command().debug_assert();
    PythonServerArgs::command().debug_assert();
}

#[test]
fn options_of_the_python_server_are_accepted() {
    let options =
        serve("confine -f /c.xml -m /a -m /b -e x,y.wasm -d -s /s.sock -p /p.pid -P -l o -F -- more -x");
    assert!(options.as_python_server && options.debug && options.log_xml);
    assert_eq!(options.controller_config, Some("/c.xml".into()));
    assert_eq!(options.modules, [PathBuf::from("/a"), "/b".into()]);
    assert_eq!(options.exclude, ["x,y".parse().unwrap()]);
    assert_eq!(options.socket, Some("/s.sock".into()));
    assert_eq!(options.pidfile, Some("/p.pid".into()));
    assert_eq!(options.log_to, Some(LogTarget::Stdout));
}

#[test]
fn python_server_options_are_accepted_in_every_form() {
    let options = serve("confine --configfile /c.xml --modulep /a --sockpath=/s --log s --pp");
    assert_eq!(options.controller_config, Some("/c.xml".into()));
    assert_eq!(options.socket, Some("/s".into()));
    assert_eq!(options.log_to, Some(LogTarget::Syslog));
    let options = serve("confine -dPf/c.xml trailing -s ignored");
    assert!(options.debug && options.socket.is_none());
    assert_eq!(options.controller_config, Some("/c.xml".into()));
    assert_eq!(serve("confine -F").controller_config, None);
}

#[test]
fn command_is_not_an_argument_of_the_python_server() {
    let options = serve("confine serve -f /c.xml -c /x.toml --unmanaged legacy --log warn");
    assert!(!options.as_python_server);
    assert_eq!(options.config, Some("/x.toml".into()));
    assert_eq!(options.log, Some("warn".parse().unwrap()));
}

#[test]
fn invalid_command_line_has_status_2() {
    for words in [
        "confine sreve",
        "confine serve --sockets /x",
        "confine serve -d --log info",
        "confine serve --log inof",
        "confine serve --unmanaged a[b]",
        "confine -f /c.xml --no-such-option",
        "confine -l x",
        "confine -m /",
        "confine",
    ] {
        assert_eq!(line(words).unwrap_err().exit_code(), 2, "{words}");
    }
    for words in ["confine -h", "confine -V", "confine -f /c.xml -h", "confine -F -V", "confine serve --help"]
    {
        assert_eq!(line(words).unwrap_err().exit_code(), 0, "{words}");
    }
}

#[test]
fn unusable_paths_of_options_are_refused() {
    let long = format!("confine status --admin /{}", "x".repeat(107));
    let refused = [
        "confine serve --modules /",
        "confine serve --cache /dev/null",
        "confine serve --pidfile /usr/",
        "confine config --config /usr",
        "confine get --socket .. /services",
        &long,
    ];
    let text = |words: &&str| {
        let text = line(words).unwrap_err().to_string();
        text.lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(refused.iter().map(text).collect::<Vec<_>>().join("\n"), @r"
    error: invalid value '/' for '--modules <DIRECTORY>': `/` is the root of the file system: name a directory below it
    error: invalid value '/dev/null' for '--cache <DIRECTORY>': `/dev/null` is a device or a pipe: write the path of a directory
    error: invalid value '/usr/' for '--pidfile <FILE>': `/usr/` does not end in the name of a file: add the name
    error: invalid value '/usr' for '--config <FILE>': `/usr` is a directory: write the path of a file
    error: invalid value '..' for '--socket <SOCKET>': `..` does not end in the name of a socket: add the name
    error: invalid value '/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' for '--admin <SOCKET>': `/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 108 bytes, more than the 107 that the path of a socket can have: use a shorter path, or a link to the directory
    ");
}

/// The help of a command and of each below it, with the command line that asks for it.
fn helps(mut command: clap::Command, name: &str, is_long: bool) -> Vec<(String, String)> {
    let text = if is_long { command.render_long_help() } else { command.render_help() };
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let below: Vec<_> = below.cloned().collect();
    let below = below.into_iter().flat_map(|below| {
        let name = format!("{name} {}", below.get_name());
        helps(below, &name, is_long)
    });
    std::iter::once((name.to_owned(), text.to_string())).chain(below).collect()
}

/// The examples and rows of tables, which are never wrapped.
fn verbatim_lines() -> Vec<&'static str> {
    let texts = [PROGRAM_HELP, SERVE_HELP, RPC_HELP, GET_HELP, EDIT_HELP, SHELL_HELP, BINDINGS_HELP];
    texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("  ")).collect()
}

/// Whether a line is the next one of a paragraph, and not a heading, an entry of a list or an example.
fn continues(line: &str, next: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_entry = |line: &str| line.trim_start().starts_with(['-', '<', '[']);
    let is_text = !line.trim().is_empty() && !next.trim().is_empty() && !is_entry(next);
    // The text behind a name in a list continues below itself.
    let is_below = |at: usize| line.get(at.saturating_sub(2)..at) == Some("  ") && line.len() > at;
    is_text && (indent(line), indent(next)) == (0, 0) || is_text && indent(next) > 8 && is_below(indent(next))
}

#[test]
fn help_fills_the_terminal_at_every_width() {
    let verbatim = verbatim_lines();
    for (width, is_long) in [60, 80, 100, 150].into_iter().flat_map(|width| [(width, true), (width, false)]) {
        let commands = [Cli::command(), PythonServerArgs::command()];
        let texts = commands
            .into_iter()
            .flat_map(|command| helps(with_paragraphs(command, width.min(100), is_long), "confine", is_long));
        for (name, text) in texts {
            let lines: Vec<&str> = text.lines().filter(|line| !verbatim.contains(line)).collect();
            for line in &lines {
                assert!(line.chars().count() <= width, "{name}: {line:?} is longer than {width}\n{text}");
                assert!(line.matches('`').count() % 2 == 0, "{name}: code is broken at {line:?}\n{text}");
            }
            for pair in lines.windows(2).filter(|pair| continues(pair[0], pair[1])) {
                let word = help::unbreakable(pair[1]).into_iter().next().unwrap_or_default();
                let filled = pair[0].chars().count() + 1 + word.chars().count();
                assert!(
                    filled > width.min(100),
                    "{name}: {:?} has room for {word:?} at {width}\n{text}",
                    pair[0]
                );
            }
        }
    }
}

/// A line of an example can be copied, whatever the width.
#[test]
fn examples_are_not_wrapped() {
    let mut shown = 0;
    for width in [60, 80, 150] {
        for (_, text) in helps(with_paragraphs(Cli::command(), width, true), "confine", true) {
            shown += verbatim_lines().iter().filter(|line| text.lines().any(|other| other == **line)).count();
        }
    }
    assert!(shown >= 3 * verbatim_lines().len(), "{shown}");
    let (short, long) = (line("confine get -h"), line("confine get --help"));
    let has_examples =
        |result: Result<Command, clap::Error>| result.unwrap_err().to_string().contains("\nExamples:\n");
    assert!(!has_examples(short) && has_examples(long) && has_examples(line("confine help get")));
}
