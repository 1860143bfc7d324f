//! The last events.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use confine_service::AuditEvent;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// The most events that are kept.
const KEPT: usize = 200;

/// The last events.
#[derive(Debug, Default)]
pub(super) struct RecentEvents(Mutex<VecDeque<AuditEvent>>);

impl RecentEvents {
    /// All of them, the oldest first.
    pub(super) fn all(&self) -> Vec<AuditEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Keeps events until no more can come. Missed events show as gaps in the numbers.
    pub(super) async fn listen(&self, mut events: Receiver<AuditEvent>) {
        loop {
            match events.recv().await {
                Ok(event) => {
                    let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() == KEPT {
                        kept.pop_front();
                    }
                    kept.push_back(event);
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use confine_service::EventKind;
    use tokio::sync::broadcast;

    use super::*;

    #[tokio::test]
    async fn last_events_are_kept() {
        let (sender, receiver) = broadcast::channel(2 * KEPT);
        for number in 1..=KEPT as u64 + 10 {
            let what = EventKind::Retire { module: "x".into() };
            sender.send(AuditEvent { number, at: String::new(), what }).unwrap();
        }
        drop(sender);
        let recent = RecentEvents::default();
        recent.listen(receiver).await;
        let numbers: Vec<_> = recent.all().iter().map(|event| event.number).collect();
        assert_eq!(numbers, (11..=KEPT as u64 + 10).collect::<Vec<_>>());
    }
}
