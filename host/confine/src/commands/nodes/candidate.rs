//! The candidate as a whole: what is different in it, and committing it.

use std::fmt::Write as _;

use confine_backend::{Actions, Commit, Datastore, Diff, Events, Identity, Outcome, Push, Stream};

use super::session::Session;
use crate::{commands::plain, error::Error};

/// What is said where nothing is different.
pub(super) const NOTHING: &str = "The candidate is what `running` is: there is nothing to commit.\n";

/// What is different in the candidate, as the controller prints it; none where nothing is.
pub(super) async fn differences(session: &mut Session) -> Result<Option<String>, Error> {
    let differences = Diff::Datastores(Datastore::Running, Datastore::Candidate);
    let differences = session.backend().datastore_diff(differences, &Identity::Host).await?;
    Ok((!differences.is_empty()).then(|| shown(&differences)))
}

/// Commits all of it, and says so. What a service or a device has to do with (`is_managed`) is committed by
/// the controller, which runs the services and writes to the devices.
pub(super) async fn commit(session: &mut Session, is_managed: bool) -> Result<String, Error> {
    let who = &Identity::Host;
    let refused = |error| Error::NotCommitted { source: Some(error), reason: String::new() };
    if !is_managed {
        session.backend().commit(who).await.map_err(refused)?;
        return Ok("It is committed.\n".to_owned());
    }
    let mut events = Events::subscribe(session.options(), &[Stream::ControllerTransaction]).await?;
    let commit =
        Commit { device: "*", push: Push::Commit, actions: Actions::Change, source: Datastore::Candidate };
    let tid = session.backend().controller_commit(commit, who).await.map_err(refused)?;
    let over = events.completed(tid).await?;
    if over.result == Outcome::Success {
        return Ok(format!("It is committed, in transaction {tid}.\n"));
    }
    Err(Error::NotCommitted { source: None, reason: over.reason.unwrap_or_default() })
}

/// What goes and what comes in colours.
fn shown(differences: &[String]) -> String {
    use anstyle::{AnsiColor, Style};

    let (added, removed) = (
        Style::new().fg_color(Some(AnsiColor::Green.into())),
        Style::new().fg_color(Some(AnsiColor::Red.into())),
    );
    let mut text = String::new();
    for line in differences.iter().flat_map(|difference| difference.lines()) {
        let line = plain(line);
        // Writing to a string does not fail.
        let _ = match line.as_bytes().first() {
            Some(b'+') => writeln!(text, "{added}{line}{added:#}"),
            Some(b'-') => writeln!(text, "{removed}{line}{removed:#}"),
            _ => writeln!(text, "{line}"),
        };
    }
    text
}
