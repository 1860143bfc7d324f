//! The candidate as a whole: what is different in it, what was set in it, and committing it.

use std::fmt::Write as _;

use confine_backend::{
    ActionsMode, ControllerCommit, Datastore, DatastoreDiff, EventReceiver, EventStream, PushMode,
    RequestUser, TransactionOutcome,
};

use super::{
    edit::{self, NodeChange},
    place::{DataPath, is_managed},
    session::ControllerSession,
};
use crate::{commands::plain, error::Error};

/// What is said where nothing is different.
pub(super) const NOTHING: &str = "The candidate is what `running` is: there is nothing to commit.\n";

/// What is different in the candidate, as the controller prints it; none where nothing is.
pub(super) async fn differences(session: &mut ControllerSession) -> Result<Option<String>, Error> {
    let differences = DatastoreDiff::Datastores(Datastore::Running, Datastore::Candidate);
    let differences = session.backend().datastore_diff(differences, &RequestUser::Host).await?;
    Ok((!differences.is_empty()).then(|| shown(&differences)))
}

/// What was set here and is neither committed nor discarded, as far as a commit has to know of it. The candidate
/// is everybody's: a commit is of all that is in it, and so more may be in it than was set here.
#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// Something was set.
    has_set: bool,
    /// What was set, or what was there before, is or may be something that a commit by the controller is for.
    is_managed: bool,
}

impl PendingChanges {
    /// Whether something was set.
    pub(super) fn has_set(&self) -> bool {
        self.has_set
    }

    /// Makes a change in the candidate. Before the first one, it is looked for what others have left there;
    /// whether there is something.
    pub(super) async fn make(
        &mut self,
        session: &mut ControllerSession,
        place: DataPath,
        change: NodeChange<'_>,
    ) -> Result<bool, Error> {
        let is_managed = is_managed(&place.pattern());
        let is_shared = !self.has_set && differences(session).await?.is_some();
        edit::send(session, place, change).await?;
        self.has_set = true;
        // What others have set may be managed.
        self.is_managed |= is_managed || is_shared;
        Ok(is_shared)
    }

    /// Whether something that was set may still be in the candidate.
    pub(super) async fn are_there(&self, session: &mut ControllerSession) -> Result<bool, Error> {
        Ok(self.has_set && differences(session).await?.is_some())
    }

    /// Commits all of the candidate, and says what came of it.
    pub(super) async fn commit(&mut self, session: &mut ControllerSession) -> Result<String, Error> {
        let said = match differences(session).await? {
            None => NOTHING.to_owned(),
            Some(_) => commit(session, self.is_managed || !self.has_set).await?,
        };
        *self = Self::default();
        Ok(said)
    }

    /// Makes the candidate what `running` is.
    pub(super) async fn discard(&mut self, session: &mut ControllerSession) -> Result<(), Error> {
        session.backend().discard_changes(&RequestUser::Host).await?;
        *self = Self::default();
        Ok(())
    }
}

/// Commits all of it, and says so. What a service or a device has to do with (`is_managed`) is committed by
/// the controller, which runs the services and writes to the devices.
async fn commit(session: &mut ControllerSession, is_managed: bool) -> Result<String, Error> {
    let who = &RequestUser::Host;
    let discard = session.discarding().to_owned();
    let refused = |source, reason| Error::NotCommitted { source, reason, discard };
    if !is_managed {
        let committed = session.backend().commit(who).await;
        committed.map_err(|error| refused(Some(error), String::new()))?;
        return Ok("It is committed.\n".to_owned());
    }
    let mut events =
        EventReceiver::subscribe(session.options(), &[EventStream::ControllerTransaction]).await?;
    let commit = ControllerCommit {
        device: "*",
        push: PushMode::Commit,
        actions: ActionsMode::Change,
        source: Datastore::Candidate,
    };
    let tid = match session.backend().controller_commit(commit, who).await {
        Ok(tid) => tid,
        Err(error) => return Err(refused(Some(error), String::new())),
    };
    let over = events.wait_for_transaction(tid).await?;
    match over.result {
        TransactionOutcome::Success => Ok(format!("It is committed, in transaction {tid}.\n")),
        _ => Err(refused(None, over.reason.unwrap_or_default())),
    }
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
