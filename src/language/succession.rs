//! A model as the successor of another one: a query that is the same has the number that it had.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::model::{Model, Query, QueryId, Question, Refresh};
use super::source::{Place, TreeSource};

/// Which queries of a model are the same as in the one before it.
pub struct Succession {
    /// The new model; what is the same has the number that it had.
    pub model: Model,
    /// Of each number whether it stands for the same query as before.
    pub same: Vec<bool>,
}

impl Model {
    /// This model as the successor of another one: a query that is what it was has the number that it had,
    /// so that what is known of it can be kept. Numbers that stand for nothing any more are left out of
    /// use.
    pub fn succeed(mut self, old: &Model) -> Succession {
        let before: HashMap<&str, QueryId> = old
            .queries
            .iter()
            .enumerate()
            .map(|(index, query)| (query.name.as_str(), QueryId(index)))
            .collect();
        let mut next = old.queries.len();
        let mut numbers = Vec::with_capacity(self.queries.len());
        for (index, query) in self.queries.iter().enumerate() {
            let known = before.get(query.name.as_str()).copied();
            let definition = self.definition_of_query(QueryId(index));
            let known = known.filter(|id| old.definition_of_query(*id) == definition);
            numbers.push(known.unwrap_or_else(|| {
                next += 1;
                QueryId(next - 1)
            }));
        }
        let same = (0..next).map(|number| number < old.queries.len() && numbers.contains(&QueryId(number)));
        let same = same.collect();
        self.renumber(&numbers);
        let mut queries: Vec<Option<Query>> = (0..next).map(|_| None).collect();
        for (query, number) in std::mem::take(&mut self.queries).into_iter().zip(&numbers) {
            queries[number.0] = Some(query);
        }
        self.queries = queries.into_iter().map(|query| query.unwrap_or_else(Query::gone)).collect();
        Succession { model: self, same }
    }

    fn renumber(&mut self, numbers: &[QueryId]) {
        let renumber = |id: &mut QueryId| *id = numbers[id.0];
        for query in &mut self.queries {
            query.needs.iter_mut().for_each(renumber);
            query.refresh.one.iter_mut().for_each(renumber);
            query.copies = query.copies.iter().map(|id| numbers[id.0]).collect();
            query.question.queries_mut().into_iter().for_each(renumber);
        }
        self.query_names.values_mut().chain(self.names.values_mut()).for_each(renumber);
        for entry in &mut self.entries {
            entry.content.queries_mut().for_each(renumber);
        }
    }
}

impl Query {
    /// What stands at a number that is not used any more: it asks nothing, and nothing leads to it.
    fn gone() -> Query {
        Query {
            name: String::new(),
            server: None,
            copies: Arc::default(),
            place: Place { source: Arc::new(TreeSource::new("", "")), span: 0..0 },
            question: Question::Any(Vec::new()),
            parser: None,
            rows: Vec::new(),
            key: None,
            needs: Vec::new(),
            fields: Vec::new(),
            each: None,
            parameters: Vec::new(),
            refresh: Refresh::default(),
            timeout: Duration::ZERO,
            max_stale: Duration::ZERO,
            added: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::TREE;
    use super::super::model::{Content, Printed};
    use super::*;
    use crate::query::recorded::model;

    #[test]
    fn a_query_that_stays_keeps_its_number_wherever_it_stands_now() {
        let old = model(TREE);
        let uptime = old.query_names["uptime"];
        let edited = TREE.replace("SIPpeers", "PJSIPShowEndpoints");
        let edited = edited.replace("[query.peers]", "[query.first]\ncommand = \"x\"\n[query.peers]");
        let edited = edited.replace("\"uptime\" =", "\"x\" = { query = \"first\" }\n\"uptime\" =");
        let Succession { model, same } = model(&edited).succeed(&old);
        assert_eq!(model.query_names["uptime"], uptime);
        assert!(same[uptime.0] && same.iter().filter(|same| **same).count() == 1);
        for (name, id) in &model.query_names {
            assert_eq!(model.query(*id).name, *name);
        }
        let named = |id: QueryId| model.query(id).name.as_str();
        assert!(model.entries.iter().all(|entry| match &entry.content {
            Content::Printed { value: Printed::Query(id), .. } => !named(*id).is_empty(),
            _ => true,
        }));
    }
}
