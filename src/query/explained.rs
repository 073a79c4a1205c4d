//! Which questions something was computed from, and results that were had elsewhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::QueryError;
use super::inquiry::Inquiry;
use super::queries::Queries;
use super::reads::{Manner, Reads, Unready, Used};
use super::scope::Bindings;
use super::snapshot::Snapshot;
use crate::language::{QueryId, Question};
use crate::parse::value::Value;

/// A question that was asked, and how its answer stands.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The query that asked it.
    pub query: QueryId,
    /// What was asked.
    pub inquiry: Inquiry,
    /// The age of the answer in use; none if there is none.
    pub age: Option<Duration>,
    /// Whether that is not fresh.
    pub stale: bool,
    /// What went wrong when it was last asked.
    pub error: Option<QueryError>,
}

impl Asked {
    /// How it stands in a word, as [`QueryStanding::word`](super::QueryStanding::word) has them.
    pub fn word(&self) -> &'static str {
        match &self.error {
            Some(error) if error.means_cannot_answer() => "cannot",
            Some(_) => "failed",
            None if self.stale => "stale",
            None => "fresh",
        }
    }
}

impl Queries {
    /// The questions whose outcomes were used, each once, in the order they were read.
    pub fn asked(&self, used: &Used) -> Vec<Asked> {
        let mut asked = Vec::new();
        self.add_asked(used, &mut asked);
        asked
    }

    fn add_asked(&self, used: &Used, asked: &mut Vec<Asked>) {
        for (cell, _) in &used.cells {
            if asked.iter().any(|known| known.query == cell.query && known.inquiry == cell.inquiry) {
                continue;
            }
            let standing = cell.standing(&self.conditions(cell, super::standing::strict()));
            asked.push(Asked {
                query: cell.query,
                inquiry: cell.inquiry.clone(),
                age: standing.asked.map(|at| at.elapsed()),
                stale: standing.stale,
                error: standing.error,
            });
        }
        for read in &used.tables {
            self.add_asked(&read.table.used(), asked);
        }
    }

    /// The question that a query asks for these records; none if it asks none itself.
    ///
    /// # Errors
    /// [`Unready`] if what it is made from is lacking, or cannot be sent.
    pub fn question(
        self: &Arc<Self>,
        id: QueryId,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Option<Inquiry>, Unready> {
        let query = self.model().query(id);
        if query.question.is_derived() {
            return Ok(None);
        }
        self.inquiry(query, bindings, reads).map(Some)
    }

    /// The one of the members of an `any` that answers, or of a query with `data` and the one that stands in
    /// for it; none if none of them can, if `id` has none, or if that is not known. Of a query whose answer is
    /// not here, `elsewhere` says whether it is had elsewhere, or cannot be.
    pub fn answering(
        self: &Arc<Self>,
        id: QueryId,
        bindings: &Bindings,
        manner: Manner,
        elsewhere: impl Fn(QueryId) -> Option<bool>,
    ) -> Option<QueryId> {
        let question = &self.model().query(id).question;
        let members = match (question, question.instead()) {
            (Question::Any(members), _) => members.clone(),
            (_, Some(instead)) => vec![id, instead],
            _ => return None,
        };
        for (index, member) in members.iter().enumerate() {
            let own = Reads::new(manner);
            match self.member_view(&members, index, bindings, &own) {
                Err(Unready::Failed(error)) if error.means_cannot_answer() => continue,
                Err(Unready::Wanted) => {}
                _ => return Some(*member),
            }
            let known: Vec<_> = self.lacking(&own).into_iter().map(&elsewhere).collect();
            if known.contains(&Some(false)) {
                continue;
            }
            return known.iter().all(|known| *known == Some(true)).then_some(*member);
        }
        None
    }

    /// The queries whose answers a computation lacked.
    pub fn lacking(&self, reads: &Reads) -> Vec<QueryId> {
        let mut lacking: Vec<_> = reads.wanted().iter().map(|cell| cell.query).collect();
        lacking.dedup();
        lacking
    }

    /// Takes a result for that of a query that is asked once, for ever: it was had elsewhere.
    pub fn supply(&self, id: QueryId, result: Result<Value, QueryError>) {
        let key = self.model().query(id).key.clone();
        let outcome = result.map(|value| Arc::new(Snapshot::new(value, Bytes::new(), key)));
        self.table(id).supply(outcome, self.epoch_of(id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorded::{Recorded, queries};
    use super::*;

    const TREE: &str = r#"
[query.peers]
command = "sip show peers"
parse   = "lines"
[query.either]
any = ["first", "second"]
[query.first]
command = "no such command"
[query.second]
value = "peers"
[tree]
"a" = { query = "either", as = "json" }
"#;

    async fn settled(server: &Arc<Recorded>) -> (Arc<Queries>, Reads) {
        let queries = queries(TREE, server);
        let either = queries.model().query_names["either"];
        let compute = |reads: &Reads| queries.read(either, &Bindings::none(), reads);
        let (_, reads) = queries.settle(Duration::from_secs(5), compute).await.unwrap();
        (queries, reads)
    }

    #[tokio::test]
    async fn what_was_asked_is_told_also_where_it_failed_and_who_answered() {
        let server = Recorded::new();
        server.prints("sip show peers", "6001");
        server.prints("no such command", "No such command 'no such command' (type 'core show help')");
        let (queries, reads) = settled(&server).await;
        let mut told: Vec<_> = queries.asked(&reads.used()).into_iter().collect();
        told.sort_by_key(|asked| asked.query);
        let words: Vec<_> = told.iter().map(|asked| (asked.word(), asked.age.is_some())).collect();
        assert_eq!(words, [("fresh", true), ("cannot", false)]);
        let shown = told[0].inquiry.shown();
        assert!(shown.contains(&("Command".into(), "sip show peers".into())), "{shown:?}");
        let of = |name: &str| queries.model().query_names[name];
        let answers = |name| queries.answering(of(name), &Bindings::none(), reads.manner, |_| None);
        assert_eq!((answers("either"), answers("peers")), (Some(of("second")), None));
    }

    #[tokio::test]
    async fn a_supplied_result_is_read_and_nothing_is_asked() {
        let server = Recorded::new();
        let queries = queries(TREE, &server);
        let of = |name: &str| queries.model().query_names[name];
        let reads = Reads::new(Manner::of_reader());
        let answers = |known| queries.answering(of("either"), &Bindings::none(), reads.manner, |_| known);
        assert_eq!((answers(None), answers(Some(true))), (None, Some(of("first"))));
        assert!(queries.read(of("either"), &Bindings::none(), &reads).is_err());
        assert_eq!(queries.lacking(&reads), [of("first")]);
        let unsupported = QueryError::Unsupported { query: "first".into(), answer: "no".into() };
        queries.supply(of("first"), Err(unsupported));
        queries.supply(of("peers"), Ok(vec![Value::from("6001")].into()));
        let reads = Reads::new(Manner::of_reader());
        let snapshot = queries.read(of("either"), &Bindings::none(), &reads).unwrap();
        assert_eq!(snapshot.value, vec![Value::from("6001")].into());
        assert!(server.asked().is_empty());
    }
}
