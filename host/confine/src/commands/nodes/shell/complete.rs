//! What a line may go on with: commands, names of the model, keys of entries that are there, and values.

use std::slice;

use confine_backend::Datastore;
use confine_tree::{Pattern, PatternStep, path::QuotedValue};
use confine_yang::SchemaNodeKind;

use super::{ShellState, commands, names, words};
use crate::{
    commands::{
        nodes::{get, place::DataPath, session::ModelDepth},
        plain,
    },
    error::Error,
};

impl ShellState {
    /// What the end of a line may be completed to, and where that begins.
    pub(super) async fn complete(&mut self, line: &str) -> Result<(usize, Vec<String>), Error> {
        let nothing = (line.len(), Vec::new());
        let Some(last) = words::last(line) else { return Ok(nothing) };
        let Ok(before) = words::split(last.before) else { return Ok(nothing) };
        let start = last.before.len();
        let Some((command, given)) = before.split_first() else {
            return Ok((start, beginning(commands::names(), last.word)));
        };
        let shape = commands::shape(command);
        if last.word.starts_with('-') {
            return Ok((start, beginning(shape.options, last.word)));
        }
        let mut given = given.iter().filter(|word| !word.starts_with('-'));
        match (shape.arguments.get(given.clone().count()).map(String::as_str), given.next()) {
            (Some("command"), _) => Ok((start, beginning(commands::names(), last.word))),
            (Some("path"), _) => {
                let (above, partial) = last.word.split_at_checked(last.step).unwrap_or_default();
                let found = self.steps(command, above, partial).await?;
                Ok((start + last.step, found))
            }
            (Some("value"), Some(path)) => Ok((start, beginning(self.values(path).await?, last.word))),
            _ => Ok(nothing),
        }
    }

    /// The steps below a path that begin so.
    async fn steps(&mut self, command: &str, above: &str, partial: &str) -> Result<Vec<String>, Error> {
        let place = self.find(if above.is_empty() { "." } else { above }, None, ModelDepth::Children).await?;
        let pattern = place.pattern();
        let (name, has_predicate) = match partial.split_once('[') {
            Some((name, _)) => (name, true),
            None => (partial, false),
        };
        let mut fitting = names::children(&place, &pattern);
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
            // Of a list that is certain to be meant, the entries.
            let is_certain = fitting.len() == 1 || child.written == name;
            match (child.node.kind(), child.node.keys()) {
                (SchemaNodeKind::List, [first, ..]) if is_certain => {
                    let entries = beginning(entries(self, &place, &pattern, child).await?, partial);
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

    /// The values that have a name and that the leaf at a path may have.
    async fn values(&mut self, path: &str) -> Result<Vec<String>, Error> {
        let place = self.find(path, None, ModelDepth::Node).await?;
        let values = place.node(&place.pattern()).map(|node| node.named_values()).unwrap_or_default();
        Ok(values.iter().map(|value| words::quote(value)).collect())
    }
}

/// The entries of a list that are there, as one writes them.
async fn entries(
    shell: &mut ShellState,
    place: &DataPath,
    above: &Pattern,
    list: &names::ModelChild<'_>,
) -> Result<Vec<String>, Error> {
    let mut pattern = above.clone();
    pattern.steps.push(PatternStep::new(list.name));
    // As deep as the values of the keys.
    let depth = u32::try_from(pattern.steps.len() + 2).ok();
    let found = get::read(&mut shell.session, slice::from_ref(&pattern), Datastore::Candidate, depth).await?;
    let mut overlay = confine_tree::Overlay::new(place.models.clone());
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

/// Those that begin so, and that a terminal shows as they are.
fn beginning(words: Vec<String>, partial: &str) -> Vec<String> {
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

        /// What lines may be completed to: the rest of the line stays as it is.
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
    async fn names_keys_and_values_are_those_of_the_model_and_of_what_is_there() {
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
