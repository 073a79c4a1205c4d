//! The queries that a path reads, and how each stands.

use std::collections::HashSet;

use super::explanation::{Asking, Line};
use super::look::{Ground, Look};
use crate::language::{QueryId, Way};
use crate::query::{Asked, Bindings, Manner, Reads};

/// The queries that are read, each where it is met first.
pub struct Reading<'l, 'a> {
    look: &'l Look<'a>,
    /// The records that they are read for; none if these are not known.
    bindings: Option<Bindings>,
    asked: Vec<Asked>,
    /// What a mount says a content was made from.
    used: Option<String>,
    seen: HashSet<QueryId>,
    told: Vec<Asking>,
}

impl<'l, 'a> Reading<'l, 'a> {
    pub fn new(
        look: &'l Look<'a>,
        bindings: Option<Bindings>,
        asked: Vec<Asked>,
        used: Option<String>,
    ) -> Reading<'l, 'a> {
        Reading { look, bindings, asked, used, seen: HashSet::new(), told: Vec::new() }
    }

    /// What was added, and what was asked besides, because only an expression names it.
    pub fn all(mut self) -> Vec<Asking> {
        let others: Vec<_> = self.asked.iter().map(|asked| asked.query).collect();
        others.into_iter().for_each(|id| self.add(Way::Content, id, 0));
        self.told
    }

    /// Adds a query and those that it leads to.
    pub fn add(&mut self, way: Way, id: QueryId, depth: usize) {
        if !self.seen.insert(id) {
            return;
        }
        let asking = self.asking(way, id, depth);
        self.told.push(asking);
        for (way, other) in self.look.model().queries_of_query(id) {
            self.add(way, other, depth + 1);
        }
    }

    fn asking(&self, way: Way, id: QueryId, depth: usize) -> Asking {
        let (queries, model) = (self.look.tree.queries(), self.look.model());
        let query = model.query(id);
        let manner = Manner::of_reader();
        let answered = self.bindings.as_ref();
        let answered = answered.and_then(|bound| queries.answering(id, bound, manner, |id| self.is_had(id)));
        let mut asking = Asking {
            name: query.name.clone(),
            depth,
            by: way.key(),
            declared: Line::of(&query.place),
            state: None,
            age: None,
            error: None,
            answered: answered.map(|member| model.query(member).name.clone()),
            questions: Vec::new(),
        };
        let is_asked = !model.is_derived(id);
        let secret = model.asks_with_secret(id);
        let own = || self.asked.iter().filter(|asked| asked.query == id);
        match self.look.ground {
            Ground::Server => {
                let order = ["fresh", "stale", "cannot", "failed"];
                let worst =
                    own().map(Asked::word).max_by_key(|word| order.iter().position(|one| one == word));
                asking.state = is_asked.then(|| worst.unwrap_or("unasked").to_owned());
                asking.age = own().filter_map(|asked| asked.age).max().map(|age| age.as_secs_f64());
                asking.error = own().find_map(|asked| asked.error.as_ref()).map(ToString::to_string);
                asking.questions = own().map(|asked| asked.inquiry.shown()).collect();
            }
            Ground::Mount(mounted) => {
                let stands = mounted.queries.get(&query.name).filter(|_| is_asked);
                asking.state = stands.map(|stands| stands.state.clone());
                asking.age = stands.and_then(|stands| stands.age);
                asking.error = stands.and_then(|stands| stands.error.clone());
                let home = queries.home(id);
                let bound = if query.parameters.is_empty() { Some(&home) } else { self.bindings.as_ref() };
                let question = bound.map(|bound| queries.question(id, bound, &Reads::new(manner)));
                let inquiry = question.and_then(Result::ok).flatten();
                asking.questions = inquiry.into_iter().map(|inquiry| inquiry.shown()).collect();
            }
        }
        if secret {
            let hidden = |(name, _): &mut (String, String)| name != "Action";
            for lines in &mut asking.questions {
                lines
                    .iter_mut()
                    .filter_map(|line| hidden(line).then_some(line))
                    .for_each(|line| line.1 = "***".into());
            }
        }
        asking
    }

    /// Whether a mount has an answer of a query that is not known here; none if that is not known.
    fn is_had(&self, id: QueryId) -> Option<bool> {
        let Ground::Mount(mounted) = self.look.ground else { return None };
        let name = &self.look.model().query(id).name;
        match mounted.queries.get(name)?.state.as_str() {
            "cannot" => Some(false),
            "fresh" | "stale" => match &self.used {
                Some(used) => Some(used.split(',').any(|one| one == name)),
                None => Some(true),
            },
            _ => None,
        }
    }
}
