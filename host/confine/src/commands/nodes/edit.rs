//! `confine edit`: changes one node of the candidate.

use confine_tree::Pattern;

use super::{
    candidate::{self, PendingChanges},
    change::NodeChange,
    path::absolute,
    session::{ControllerSession, ModelDepth},
};
use crate::{
    cli::EditArgs,
    commands::{connect::runtime, output::print},
    error::Error,
};

pub(in crate::commands) fn run(request: &EditArgs) -> Result<(), Error> {
    runtime()?.block_on(async {
        let path = absolute(&request.path)?;
        let mut session = ControllerSession::open(&request.controller).await?;
        let value = request.value.as_deref();
        let change = if request.remove { NodeChange::Remove } else { NodeChange::to(value) };
        let target = session.find(&Pattern::default(), &path, change.value(), ModelDepth::Node).await?;
        let mut changes = PendingChanges::default();
        changes.make(&mut session, target, change).await?;
        let Some(differences) = candidate::differences(&mut session).await? else {
            return print(candidate::NOTHING.as_bytes());
        };
        print(differences.as_bytes())?;
        if !request.commit {
            return print(b"These changes are in the candidate: `--commit` commits them.\n");
        }
        print(changes.commit(&mut session).await?.as_bytes())
    })
}
