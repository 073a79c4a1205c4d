//! Keeping fresh what somebody keeps: the questions that events make necessary, and what follows
//! from their answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::agenda::{Agenda, Marked};
use super::asking::Urgency;
use super::cell::{Cell, FAILURE_LIVES};
use super::dependents::Dependent;
use super::inquiry::Inquiry;
use super::link::Connection;
use super::queries::Queries;
use super::reads::{Manner, Reads, Unready};
use super::table::Table;
use crate::language::{QueryId, ServerId};

/// In a storm, what comes within that time is looked at together.
pub const DEBOUNCE: Duration = Duration::from_millis(5);

/// It is a storm when there was something to look at so often within that time. Otherwise an event is
/// looked at at once.
const STORM: usize = 8;

/// How often in a row tables are computed before those who keep things are told.
const ROUNDS: usize = 32;

/// What is to be looked at again by those who keep it.
#[derive(Debug)]
pub enum Outdated {
    /// These, by the numbers they were given.
    Some(Vec<u32>),
    /// All: the connection was lost, or is another, or stale data has become too old.
    All,
}

/// Who looks at what is kept. If he says that there is more to look at, he is called again soon.
pub type Keeper = Box<dyn Fn(Outdated) -> bool + Send + Sync>;

/// What was taken from the agenda. Whoever looked at it may be ended on the way, when a successor follows:
/// then it is the successor's.
struct Taken<'a> {
    agenda: &'a Agenda,
    kept: Vec<u32>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.kept.is_empty() {
            self.agenda.add(self.kept.drain(..).map(Dependent::Kept));
        }
    }
}

impl Queries {
    /// Follows the servers' events and connections, and changes of files, and keeps fresh what `keeper` keeps,
    /// until the servers are gone. To be run as a task of its own; no event is missed from this call on.
    pub fn follow(self: Arc<Self>, keeper: Keeper) -> impl Future<Output = ()> + Send + use<> {
        let events: Vec<_> = self.connections.iter().map(|connection| connection.server.events()).collect();
        let overtaken: Vec<_> = self.connections.iter().map(|connection| connection.overtaken()).collect();
        let changes = self.changes();
        async move {
            let keeper = Arc::new(keeper);
            // ends with this
            let mut following = JoinSet::new();
            for (server, (events, overtaken)) in events.into_iter().zip(overtaken).enumerate() {
                let (queries, keeper, server) = (Arc::clone(&self), Arc::clone(&keeper), ServerId(server));
                following.spawn(async move {
                    tokio::join!(
                        queries.follow_events(server, events),
                        queries.follow_published(server, overtaken),
                        queries.follow_link(server, &keeper)
                    )
                });
            }
            tokio::join!(self.follow_changes(changes), self.refresh(&keeper));
        }
    }

    /// Whether all that was marked has been looked at, and nothing is being asked.
    pub fn is_settled(&self) -> bool {
        let is_still = |index| {
            let id = QueryId(index);
            !self.table(id).is_asking() && !self.cells(id).iter().any(|cell| cell.is_refreshing())
        };
        let mut connections = self.connections.iter();
        let is_idle = |one: &Connection| one.asking.is_idle() && one.beside.is_idle();
        connections.all(|one| one.early.load(Ordering::Relaxed) == 0 && is_idle(one))
            && self.agenda.is_empty()
            && self.beside.is_idle()
            && (0..self.model().queries.len()).all(is_still)
    }

    async fn refresh(self: &Arc<Self>, keeper: &Keeper) {
        let mut looked: VecDeque<Instant> = VecDeque::with_capacity(STORM);
        loop {
            self.agenda.wait().await;
            if looked.len() == STORM && looked.pop_front().is_some_and(|first| first.elapsed() < DEBOUNCE) {
                tokio::time::sleep(DEBOUNCE).await;
            }
            looked.push_back(Instant::now());
            let mut outdated = Taken { agenda: &self.agenda, kept: Vec::new() };
            // a table can make others be looked at again, and these others yet
            for _ in 0..ROUNDS {
                let Marked { tables, kept, cells, again: _ } = self.agenda.take();
                outdated.kept.extend(kept);
                if tables.is_empty() && cells.is_empty() {
                    break;
                }
                cells.into_values().for_each(|cell| self.ask_in_background(cell));
                tables.into_iter().for_each(|table| self.refresh_table(table));
            }
            // questions first: they are under way while this renders
            tokio::task::yield_now().await;
            self.look_again(keeper, Outdated::Some(std::mem::take(&mut outdated.kept)));
        }
    }

    fn look_again(&self, keeper: &Keeper, outdated: Outdated) {
        if keeper(outdated) {
            self.agenda.ring();
        }
    }

    /// Asks a question again if something that is kept depends on it; not at once, if it was just
    /// asked and took long.
    fn ask_in_background(self: &Arc<Self>, cell: Arc<Cell>) {
        if !self.any_live(&cell.dependents()) || !cell.begin_refresh() {
            return;
        }
        let queries = Arc::clone(self);
        let begun = Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(cell.rest()).await;
            let turn = match (&cell.inquiry, queries.connection_of(cell.query)) {
                (Inquiry::Request(_), _) => queries.beside_of(cell.query).turn().await,
                (Inquiry::Action(_), Some(connection)) => connection.asking.turn().await,
                (Inquiry::Action(_), None) => None,
            };
            // another query may have asked the same meanwhile
            if cell.asked().is_none_or(|asked| asked < begun) {
                queries.ask_all(vec![Arc::clone(&cell)], Urgency::Background).await;
            }
            drop(turn);
            let conditions = queries.conditions(&cell, Manner { eager: true, ..Manner::of_reader() });
            let failed = cell.standing(&conditions).error;
            if failed.is_some_and(|error| !error.means_cannot_answer()) {
                // after a lost connection all is asked anyway
                tokio::time::sleep(FAILURE_LIVES).await;
            }
            // without a connection: with the next one all is asked anyway
            let is_reachable = queries.conditions(&cell, Manner::of_reader()).session.is_some();
            if cell.end_refresh() && is_reachable {
                queries.plan(&cell);
            }
        });
    }

    /// Asks these questions, and has their answers looked at by whoever lacked them. To be called on the
    /// runtime.
    pub fn ask_and_mark(self: &Arc<Self>, questions: Vec<Arc<Cell>>, dependent: Option<Dependent>) {
        let queries = Arc::clone(self);
        tokio::spawn(async move {
            queries.ask_all(questions, Urgency::Background).await;
            queries.mark(dependent);
        });
    }

    /// Asks for a table's records that events concerned, and computes it again with what is here.
    fn refresh_table(self: &Arc<Self>, id: QueryId) {
        let table = self.table(id);
        if !table.is_live(self) {
            return;
        }
        let mut asks = table.is_asking();
        if !asks {
            let questions = self.pending_questions(table);
            asks = !questions.is_empty();
            if asks {
                self.ask_for_records(table, questions);
            }
        }
        let reads = Reads::new(Manner::of_reader());
        if let Err(Unready::Wanted) = self.tabled(id, &reads) {
            reads.wanted().iter().for_each(|cell| self.plan(cell));
        }
        // their questions have failed just now; those of events that come meanwhile do not wait for that
        if !asks && !table.state().pending.is_empty() && table.begin_rest() {
            let (queries, table) = (Arc::clone(self), Arc::clone(table));
            tokio::spawn(async move {
                tokio::time::sleep(FAILURE_LIVES).await;
                table.end_rest();
                queries.mark([Dependent::Table(table.query())]);
            });
        }
    }

    /// Asks for records of a table, and marks it when they are here.
    fn ask_for_records(self: &Arc<Self>, table: &Arc<Table>, questions: Vec<Arc<Cell>>) {
        table.set_asking(true);
        let (queries, table) = (Arc::clone(self), Arc::clone(table));
        tokio::spawn(async move {
            queries.ask_all(questions, Urgency::Background).await;
            table.set_asking(false);
            queries.mark([Dependent::Table(table.query())]);
        });
    }

    /// Looks after a connection: what is kept from before is asked for again with a new one, and
    /// becomes too old without one.
    async fn follow_link(self: &Arc<Self>, server: ServerId, keeper: &Keeper) {
        let connection = &self.connections[server.0];
        loop {
            let link = connection.link_now();
            let again = link.epoch > 1;
            if again && link.session.is_some() {
                for (index, query) in self.model().queries.iter().enumerate() {
                    let asks = query.server == Some(server) && query.question.is_of_server();
                    if asks && query.parameters.is_empty() {
                        self.cells(QueryId(index)).iter().for_each(|cell| self.plan(cell));
                    }
                }
            }
            if let Some(list) = self.model().list_of_servers() {
                self.mark([Dependent::Table(list)]);
            }
            if again {
                self.look_again(keeper, Outdated::All);
            }
            let changed = connection.session_changes(link.session);
            match link.down_since() {
                Some(lost) => tokio::select! {
                    () = changed => {}
                    () = self.tell_when_too_old(lost, keeper) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Without a connection: at each age at which some answers are not shown any more.
    async fn tell_when_too_old(&self, lost: Instant, keeper: &Keeper) {
        let mut ages: Vec<Duration> = self.model().queries.iter().map(|query| query.max_stale).collect();
        ages.sort_unstable();
        ages.dedup();
        for age in ages {
            tokio::time::sleep(age.saturating_sub(lost.elapsed())).await;
            self.look_again(keeper, Outdated::All);
        }
        std::future::pending::<()>().await;
    }
}
