//! Writes the original values of what instances change.

use confine_backend::{Datastore, RequestUser};
use confine_view::{CommitDraft, FinishedCommit, edit_of};

use crate::{Error, commit::work::CommitWork};

impl CommitWork<'_> {
    /// Writes what has changed, as the host user: the committing user has no business with it.
    pub(super) async fn write_originals(
        &self,
        finished: &FinishedCommit,
        draft: &CommitDraft,
    ) -> Result<(), Error> {
        for path in draft.too_long_originals() {
            tracing::warn!(
                tid = self.transaction.tid,
                path,
                "what stood here is too long to be kept: it will not be restored"
            );
        }
        for (path, reason) in draft.unrestored_originals() {
            tracing::warn!(
                tid = self.transaction.tid,
                path,
                reason,
                "the original value is not restored: set it by hand if it is needed"
            );
        }
        let edit =
            edit_of(&finished.originals).map_err(|error| Error::Draft(confine_view::Error::from(error)))?;
        let Some(edit) = edit else { return Ok(()) };
        let mut backend = self.backend.lock().await;
        Ok(backend.edit_config(Datastore::Actions, &edit, &RequestUser::Host).await?)
    }
}
