//! Answers that somebody else asks for and keeps fresh: here they are stale when there is another one, and then only.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::cell::Cell;
use super::inquiry::Inquiry;
use super::link::Connection;
use super::queries::Queries;
use super::reads::{Manner, Reads, Used};
use super::snapshot::Snapshot;
use super::table::Pending;
use crate::ami::Action;
use crate::language::{QueryId, ServerId};

impl Connection {
    /// The questions that have another answer, from now on, if it tells.
    pub(super) fn overtaken(&self) -> Option<Receiver<Action>> {
        self.server.published().map(|published| published.overtaken())
    }
}

impl Queries {
    /// Whether a cell's answer is kept fresh by somebody else.
    pub(super) fn is_published(&self, cell: &Cell) -> bool {
        matches!(cell.inquiry, Inquiry::Action(_))
            && self
                .connection_of(cell.query)
                .is_some_and(|connection| connection.server.published().is_some())
    }

    /// Takes answers for overtaken as there are others, until the server is gone.
    pub(super) async fn follow_published(
        self: &Arc<Self>,
        server: ServerId,
        overtaken: Option<Receiver<Action>>,
    ) {
        let Some(mut overtaken) = overtaken else { return };
        loop {
            match overtaken.recv().await {
                Ok(action) => self.overtake(server, action),
                Err(RecvError::Lagged(_)) => self.queries_of(server).for_each(|id| self.invalidate(id)),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn queries_of(&self, server: ServerId) -> impl Iterator<Item = QueryId> + '_ {
        let queries = self.model().queries.iter().enumerate();
        queries.filter(move |(_, query)| query.server == Some(server)).map(|(index, _)| QueryId(index))
    }

    /// Takes the answers to a question for overtaken, and the records of lists that it is the cheaper one for.
    fn overtake(&self, server: ServerId, action: Action) {
        let inquiry = Inquiry::Action(action);
        for id in self.queries_of(server) {
            let Some(cell) = self.known_cell(id, &inquiry) else { continue };
            self.invalidate_cell(&cell);
            for list in self.queries_of(server) {
                if self.model().query(list).refresh.one == Some(id) {
                    cell.keys.iter().for_each(|key| self.invalidate_record(list, key));
                }
            }
        }
    }

    /// Has those records of a list asked for alone of which something later is known than the list: whoever
    /// publishes asks for a record that an event concerns, and not for the list. The others are waited for.
    pub(super) fn pend_later(
        self: &Arc<Self>,
        one: QueryId,
        list_cell: &Cell,
        list: &Snapshot,
        pending: &mut Pending,
    ) {
        let published = self.connection_of(one).and_then(|connection| connection.server.published());
        let (Some(published), Inquiry::Action(of_list)) = (published, &list_cell.inquiry) else { return };
        let query = self.model().query(one);
        let now = Instant::now();
        let reads = Reads::new(Manner::of_reader());
        for position in 0..list.value.as_list().map_or(0, |records| records.len()) {
            let Some(key) = list.key_at(position).map(Arc::from) else { continue };
            let mut cells = self.cells_about(one, &key);
            if cells.is_empty()
                && let Some(record) = list.record(&key)
            {
                let bindings = self.record_of_list(one, &key, record);
                let inquiry = self.inquiry(query, &bindings, &reads).ok();
                cells
                    .extend(inquiry.map(|inquiry| self.cell(one, inquiry, bindings.keys(&query.parameters))));
            }
            for cell in cells {
                let Inquiry::Action(action) = &cell.inquiry else { continue };
                if published.is_later(action, of_list) {
                    cell.invalidate(now);
                    pending.insert(Arc::clone(&key), now);
                }
            }
        }
    }
}

impl Used {
    /// Adds the actions that were asked for what was used.
    pub fn add_actions(&self, actions: &mut HashSet<Action>) {
        for (cell, _) in &self.cells {
            if let Inquiry::Action(action) = &cell.inquiry {
                actions.insert(action.clone());
            }
        }
        self.tables.iter().for_each(|read| read.table.used().add_actions(actions));
    }
}
