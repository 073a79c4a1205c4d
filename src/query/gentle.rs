//! Reading results at the price of one question for each query, one after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::asking::{Told, Urgency};
use super::error::QueryError;
use super::inquiry::Inquiry;
use super::queries::Queries;
use super::reads::{Manner, Reads};
use crate::language::{QueryId, Question};

/// After so many answers a computation still lacks one: that is taken for endless.
const ROUNDS: usize = 256;

/// Reads what a server tells without loading it: no query is asked for a second record, none is run
/// for its effect, and never are two questions under way.
pub struct Gentle {
    queries: Arc<Queries>,
    manner: Manner,
    asked: HashMap<QueryId, (Inquiry, Told)>,
}

impl Gentle {
    /// Nothing asked yet.
    pub fn new(queries: Arc<Queries>) -> Gentle {
        Gentle { queries, manner: Manner { samples: true, ..Manner::of_reader() }, asked: HashMap::new() }
    }

    /// Runs a computation, asking for what it lacks; it gives nothing while it lacks something. So does
    /// this, if what it lacks is the answer for another record than that the query was asked for. A server
    /// that could not answer for that one cannot for another.
    pub async fn settle<T>(&mut self, compute: impl Fn(&Reads) -> Option<T>) -> (Option<T>, Reads) {
        let mut reads = Reads::new(self.manner);
        for _ in 0..ROUNDS {
            reads = Reads::new(self.manner);
            if let Some(value) = compute(&reads) {
                return (Some(value), reads);
            }
            let mut came_on = false;
            for cell in reads.wanted() {
                let told = match self.asked.get(&cell.query) {
                    Some((inquiry, told))
                        if *inquiry == cell.inquiry || self.failure(cell.query).is_some() =>
                    {
                        // not asked again, however short a failure is remembered elsewhere
                        Some(Told { asked: Instant::now(), ..told.clone() })
                    }
                    Some(_) => None,
                    None => self.ask(cell.query, &cell.inquiry).await,
                };
                if let Some(told) = told {
                    self.queries.settle_cell(&cell, &told);
                    came_on = true;
                }
            }
            if !came_on {
                break;
            }
        }
        (None, reads)
    }

    /// Asks; two queries that ask the same share an answer.
    async fn ask(&mut self, query: QueryId, inquiry: &Inquiry) -> Option<Told> {
        let known = self.asked.values().find(|(known, _)| known == inquiry).map(|(_, told)| told.clone());
        let told = match known {
            Some(told) => told,
            None => {
                let timeout = self.queries.model().query(query).timeout;
                self.queries.told(query, inquiry, timeout, Urgency::Interactive).await?
            }
        };
        self.asked.insert(query, (inquiry.clone(), told.clone()));
        Some(told)
    }

    /// Whether a query was asked.
    pub fn has_asked(&self, query: QueryId) -> bool {
        self.asked.contains_key(&query)
    }

    /// Why a query that was asked has no result.
    pub fn failure(&self, query: QueryId) -> Option<QueryError> {
        let (_, told) = self.asked.get(&query)?;
        self.queries.read_outcome(query, told.reply.clone()).err()
    }

    /// The member of an `any` that answers for the record that was asked for.
    pub fn answering(&self, query: QueryId, bindings: &super::Bindings) -> Option<QueryId> {
        let known = |member| self.has_asked(member).then(|| self.failure(member).is_none());
        self.queries.answering(query, bindings, self.manner, known)
    }

    /// The name of the action that a query sends, whatever the record; none if it sends none, or one that
    /// a record names.
    pub fn action_name(&self, question: &Question) -> Option<String> {
        match question {
            Question::Command(_) | Question::Data { .. } => Some("Command".to_owned()),
            Question::Action { name, .. } => {
                let nothing = crate::language::to_template(&crate::parse::value::Value::default());
                self.queries.model().templates.render(name, nothing).ok()
            }
            _ => None,
        }
    }
}
