//! Files that have changed, and what that makes stale.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::inquiry::Inquiry;
use super::queries::Queries;
use crate::language::{Origin, QueryId, Question};
use crate::origin::{Change, Request};

impl Queries {
    /// The queries that read files.
    fn of_files(&self) -> impl Iterator<Item = QueryId> {
        let queries = self.model().queries.iter().enumerate();
        let of_files = queries.filter(|(_, one)| matches!(one.question, Question::Origin(Origin::File(_))));
        of_files.map(|(index, _)| QueryId(index))
    }

    /// What changes from now on; none if nothing that is watched is read.
    pub(super) fn changes(&self) -> Option<Receiver<Change>> {
        self.of_files().next().map(|_| self.origins.changes())
    }

    /// Follows these changes, marking as stale what they concern.
    pub(super) async fn follow_changes(self: &Arc<Self>, changes: Option<Receiver<Change>>) {
        let Some(mut changes) = changes else { return };
        loop {
            match changes.recv().await {
                Ok(Change::File(path)) => {
                    let inquiry = Inquiry::Request(Request::File(path.to_path_buf()));
                    let concerned = self.of_files().filter_map(|id| self.known_cell(id, &inquiry));
                    concerned.for_each(|cell| self.invalidate_cell(&cell));
                }
                Ok(Change::Any) | Err(RecvError::Lagged(_)) => {
                    self.of_files().for_each(|id| self.invalidate(id));
                }
                Err(RecvError::Closed) => return,
            }
        }
    }
}
