//! Completion: commands, names of the model, keys of existing list entries, and values.

use std::slice;

use confine_backend::Datastore;
use confine_tree::{Pattern, PatternStep, path::QuotedValue};
use confine_yang::SchemaNodeKind;

use super::{commands, names, state::ShellState, words};
use crate::{
    commands::{
        nodes::{get, path::DataPath, session::ModelDepth},
        output::plain,
    },
    error::Error,
};

impl ShellState {
    /// The completions of the end of a line, and where in the line they begin.
    pub(super) async fn complete(&mut self, line: &str) -> Result<(usize, Vec<String>), Error> {
        let nothing = (line.len(), Vec::new());
        let Some(last) = words::last(line) else { return Ok(nothing) };
        let Ok(before) = words::split(last.before) else { return Ok(nothing) };
        let start = last.before.len();
        let Some((command, given)) = before.split_first() else {
            return Ok((start, starting_with(commands::names(), last.word)));
        };
        let syntax = commands::syntax(command);
        if last.word.starts_with('-') {
            return Ok((start, starting_with(syntax.options, last.word)));
        }
        let mut given = given.iter().filter(|word| !word.starts_with('-'));
        match (syntax.arguments.get(given.clone().count()).map(String::as_str), given.next()) {
            (Some("command"), _) => Ok((start, starting_with(commands::names(), last.word))),
            (Some("path"), _) => {
                let (above, partial) = last.word.split_at_checked(last.step).unwrap_or_default();
                let found = self.steps(command, above, partial).await?;
                Ok((start + last.step, found))
            }
            (Some("value"), Some(path)) => Ok((start, starting_with(self.values(path).await?, last.word))),
            _ => Ok(nothing),
        }
    }

    /// The completions of a step below a path.
    async fn steps(&mut self, command: &str, above: &str, partial: &str) -> Result<Vec<String>, Error> {
        let target =
            self.find(if above.is_empty() { "." } else { above }, None, ModelDepth::Children).await?;
        let pattern = target.pattern();
        let (name, has_predicate) = match partial.split_once('[') {
            Some((name, _)) => (name, true),
            None => (partial, false),
        };
        let mut fitting = names::children(&target, &pattern);
        fitting.retain(|child| {
            let is_meant = match command {
                "cd" => matches!(child.node.kind(), SchemaNodeKind::Container | SchemaNodeKind::List),
                "set" | "remove" => child.node.is_config(),
                _ => true,
            };
            let is_named =
                if has_predicate { child.written == name } else { child.written.starts_with(name) };
            is_meant && is_named
        });
        let mut found = Vec::new();
        for child in &fitting {
            // If only one list can be meant, its entries.
            let is_certain = fitting.len() == 1 || child.written == name;
            match (child.node.kind(), child.node.keys()) {
                (SchemaNodeKind::List, [first, ..]) if is_certain => {
                    let entries = starting_with(entries(self, &target, &pattern, child).await?, partial);
                    let is_new = entries.is_empty() && !has_predicate;
                    found.extend(is_new.then(|| format!("{}[{first}='", child.written)));
                    found.extend(entries);
                }
                (SchemaNodeKind::Container, _) => found.push(format!("{}/", child.written)),
                _ => found.push(child.written.clone()),
            }
        }
        Ok(found)
    }

    /// The named values of the leaf at a path.
    async fn values(&mut self, path: &str) -> Result<Vec<String>, Error> {
        let target = self.find(path, None, ModelDepth::Node).await?;
        let values = target.node(&target.pattern()).map(|node| node.named_values()).unwrap_or_default();
        Ok(values.iter().map(|value| words::quote(value)).collect())
    }
}

/// The existing entries of a list, as steps of a path.
async fn entries(
    shell: &mut ShellState,
    target: &DataPath,
    above: &Pattern,
    list: &names::ModelChild<'_>,
) -> Result<Vec<String>, Error> {
    let mut pattern = above.clone();
    pattern.steps.push(PatternStep::new(list.name));
    // Down to the values of the keys.
    let depth = u32::try_from(pattern.steps.len() + 2).ok();
    let found = get::read(&mut shell.session, slice::from_ref(&pattern), Datastore::Candidate, depth).await?;
    let mut overlay = confine_tree::Overlay::new(target.models.clone());
    overlay.load(&found, slice::from_ref(&pattern)).map_err(confine_tree::ResolveError::from)?;
    let entries = overlay.find(&pattern);
    let written = |live: confine_tree::LiveNode| {
        let keys: String = overlay
            .step(live.node())
            .keys
            .iter()
            .map(|(key, value)| format!("[{key}={}]", QuotedValue(value.as_deref().unwrap_or_default())))
            .collect();
        format!("{}{keys}/", list.written)
    };
    Ok(entries.into_iter().map(written).collect())
}

/// The words that start with `partial` and that a terminal shows unchanged.
fn starting_with(words: Vec<String>, partial: &str) -> Vec<String> {
    words.into_iter().filter(|word| word.starts_with(partial) && plain(word) == *word).collect()
}

#[cfg(test)]
mod tests {
    use confine_controller::Controller;
    use tokio::net::UnixListener;

    use super::*;
    use crate::cli;

    const MODEL: &str = "module lamps { yang-version 1.1; namespace urn:lamps; prefix l; revision 2026-01-01;
      identity colour; identity red { base colour; }
      container lamps {
        list lamp { key name; leaf name { type string; }
          container light { leaf level { type uint8; } leaf on { type boolean; }
            leaf mode { type union { type enumeration { enum 'slow blink'; enum steady; } type uint8; } }
            leaf colour { type identityref { base colour; } } }
          leaf seen { config false; type uint8; } }
        list lift { key 'a b'; leaf a { type string; } leaf b { type string; } }
        container locks { leaf-list lock { type string; } } } }";
    const DATA: &str = "<lamps xmlns='urn:lamps'><lamp><name>hall</name></lamp>\
      <lamp><name>it's here</name></lamp><lamp><name>x\u{202e}y</name></lamp></lamps>";

    struct Home {
        shell: ShellState,
        _directory: tempfile::TempDir,
    }

    impl Home {
        async fn open() -> Self {
            let builder = Controller::builder().device_model("lamps.yang", MODEL);
            let controller = builder.device("one", DATA).device("two", DATA).build().unwrap();
            let directory = tempfile::tempdir().unwrap();
            let socket = directory.path().join("controller.sock");
            let listener = UnixListener::bind(&socket).unwrap();
            tokio::spawn(async move { controller.serve(listener, std::future::pending()).await });
            let controller = cli::ControllerArgs {
                socket: Some(socket),
                config: None,
                user: Some("alice".parse().unwrap()),
            };
            Self { shell: ShellState::open(&controller).await.unwrap(), _directory: directory }
        }

        /// The completions of each line, after the part that stays.
        async fn completed(&mut self, lines: &[&str]) -> String {
            let mut text = String::new();
            for line in lines {
                let found = match self.shell.complete(line).await {
                    Ok((start, found)) => format!("{}|{}", &line[..start], found.join(" | ")),
                    Err(error) => format!("error: {error}"),
                };
                text += &format!("{line}\n  {found}\n");
            }
            text
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn completions_are_names_keys_and_values() {
        let mut home = Home::open().await;
        insta::assert_snapshot!(home.completed(&[
            "", "d", "help de", "get --", "ls -", "ls /", "cd dev", "cd devices/d", "cd devices/device", "cd devices/device[name='o",
            "cd devices/device[name='one']/config/", "diff ", "get a b", "ls nowhere/", "cd 'dev",
        ]).await, @"
          |ls | cd | get | set | remove | describe | diff | commit | discard | help | exit
        d
          |describe | diff | discard
        help de
          help |describe
        get --
          get |--json | --running
        ls -
          ls |--all
        ls /
          ls /|nacm/ | processes/ | services/ | devices/ | transactions/
        cd dev
          cd |devices/
        cd devices/d
          cd devices/|device-group | device
        cd devices/device
          cd devices/|device-group | device[name='one']/ | device[name='two']/
        cd devices/device[name='o
          cd devices/|device[name='one']/
        cd devices/device[name='one']/config/
          cd devices/device[name='one']/config/|lamps/
        diff 
          diff |
        get a b
          get a b|
        ls nowhere/
          error: the model has no `nowhere` below `/`
        cd 'dev
          cd 'dev|
        ");
        home.shell.run("cd /devices/device[name='one']/config/lamps").await.unwrap();
        insta::assert_snapshot!(home.completed(&[
            "ls ", "ls l", "cd la", "cd lamp[", "cd lamp[name=\"it's h", "cd lif", "cd lift[", "cd lamp[name='hall']/l",
            "set lamp[name='hall']/", "ls lamp[name='hall']/", "cd lamp[name='hall']/", "cd ../", "cd ../../na", "get ../../na",
            "set lamp[name='hall']/light/on ", "set lamp[name='hall']/light/mode ", "set lamp[name='hall']/light/mode 's",
            "set lamp[name='hall']/light/colour l", "set lamp[name='hall']/light/level ", "set locks/lock a ",
        ]).await, @r#"
        ls 
          ls |lamp | lift | locks/
        ls l
          ls |lamp | lift | locks/
        cd la
          cd |lamp[name='hall']/ | lamp[name="it's here"]/
        cd lamp[
          cd |lamp[name='hall']/ | lamp[name="it's here"]/
        cd lamp[name="it's h
          cd |lamp[name="it's here"]/
        cd lif
          cd |lift[a='
        cd lift[
          cd |
        cd lamp[name='hall']/l
          cd lamp[name='hall']/|light/
        set lamp[name='hall']/
          set lamp[name='hall']/|name | light/
        ls lamp[name='hall']/
          ls lamp[name='hall']/|name | light/ | seen
        cd lamp[name='hall']/
          cd lamp[name='hall']/|light/
        cd ../
          cd ../|lamps/
        cd ../../na
          cd ../../|
        get ../../na
          get ../../|name
        set lamp[name='hall']/light/on 
          set lamp[name='hall']/light/on |true | false
        set lamp[name='hall']/light/mode 
          set lamp[name='hall']/light/mode |'slow blink' | steady
        set lamp[name='hall']/light/mode 's
          set lamp[name='hall']/light/mode 's|
        set lamp[name='hall']/light/colour l
          set lamp[name='hall']/light/colour |l:red
        set lamp[name='hall']/light/level 
          set lamp[name='hall']/light/level |
        set locks/lock a 
          set locks/lock a |
        "#);
    }
}
