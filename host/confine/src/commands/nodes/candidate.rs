//! The candidate as a whole: its differences from `running`, the changes of this command, and the commit.

use std::fmt::Write as _;

use confine_backend::{
    ActionsMode, ControllerCommit, Datastore, DatastoreDiff, EventReceiver, EventStream, PushMode,
    RequestUser, TransactionOutcome,
};

use super::{
    change::{self, NodeChange},
    path::{DataPath, is_managed},
    session::ControllerSession,
};
use crate::{commands::output::plain, error::Error};

/// Printed where nothing differs.
pub(super) const NOTHING: &str = "The candidate is the same as `running`: nothing to commit.\n";

/// The differences between `running` and the candidate, as the controller prints them; none if there are none.
pub(super) async fn differences(session: &mut ControllerSession) -> Result<Option<String>, Error> {
    let differences = DatastoreDiff::Datastores(Datastore::Running, Datastore::Candidate);
    let differences = session.backend().datastore_diff(differences, &RequestUser::Host).await?;
    Ok((!differences.is_empty()).then(|| coloured(&differences)))
}

/// What a commit has to know of the changes made here that are neither committed nor discarded. All users share the
/// candidate: a commit includes other people's pending changes.
#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// A change was made.
    has_set: bool,
    /// A change, made here or by others, may be to a service or a device.
    is_managed: bool,
}

impl PendingChanges {
    /// Whether a change was made.
    pub(super) fn has_set(&self) -> bool {
        self.has_set
    }

    /// Makes a change in the candidate. Returns, for the first change, whether the candidate already had pending
    /// changes.
    pub(super) async fn make(
        &mut self,
        session: &mut ControllerSession,
        target: DataPath,
        change: NodeChange<'_>,
    ) -> Result<bool, Error> {
        let is_managed = is_managed(&target.pattern());
        let is_shared = !self.has_set && differences(session).await?.is_some();
        change::send(session, target, change).await?;
        self.has_set = true;
        // Other people's changes may be managed.
        self.is_managed |= is_managed || is_shared;
        Ok(is_shared)
    }

    /// Whether changes made here may still be in the candidate.
    pub(super) async fn are_there(&self, session: &mut ControllerSession) -> Result<bool, Error> {
        Ok(self.has_set && differences(session).await?.is_some())
    }

    /// Commits the candidate, and returns the result as text.
    pub(super) async fn commit(&mut self, session: &mut ControllerSession) -> Result<String, Error> {
        let result = match differences(session).await? {
            None => NOTHING.to_owned(),
            Some(_) => commit(session, self.is_managed || !self.has_set).await?,
        };
        *self = Self::default();
        Ok(result)
    }

    /// Discards all pending changes.
    pub(super) async fn discard(&mut self, session: &mut ControllerSession) -> Result<(), Error> {
        session.backend().discard_changes(&RequestUser::Host).await?;
        *self = Self::default();
        Ok(())
    }
}

/// Commits the candidate, and returns the result as text. Changes to services or devices (`is_managed`) need the
/// commit of the controller, which runs the services and writes to the devices.
async fn commit(session: &mut ControllerSession, is_managed: bool) -> Result<String, Error> {
    let who = &RequestUser::Host;
    let discard = session.discard_command().to_owned();
    let refused = |source, reason| Error::NotCommitted { source, reason, discard };
    if !is_managed {
        let committed = session.backend().commit(who).await;
        committed.map_err(|error| refused(Some(error), String::new()))?;
        return Ok("Committed.\n".to_owned());
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
        TransactionOutcome::Success => Ok(format!("Committed (transaction {tid}).\n")),
        _ => Err(refused(None, over.reason.unwrap_or_default())),
    }
}

/// Differences with removed and added lines in colours.
fn coloured(differences: &[String]) -> String {
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
