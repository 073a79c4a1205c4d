//! Which query needs which others, and where that goes round in a circle.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::language::code::Code;
use crate::language::fleet;
use crate::language::load::{Loader, NamesRead};
use crate::language::model::{QueryId, Question, Variable};

/// Which queries and path variables each query mentions.
pub struct QueryGraph {
    queries: Vec<BTreeSet<usize>>,
    variables: Vec<BTreeSet<String>>,
    /// Of those queries, the ones that are read for each record of a path variable that is set there.
    within: Vec<BTreeSet<usize>>,
}

impl QueryGraph {
    /// What the noted reads, and `any`, say.
    pub fn new(loader: &Loader, reads: &[NamesRead], bindings: &BTreeSet<&str>) -> QueryGraph {
        let count = loader.queries.len();
        let (queries, within) = (vec![BTreeSet::new(); count], vec![BTreeSet::new(); count]);
        let mut graph = QueryGraph { queries, within, variables: vec![BTreeSet::new(); count] };
        let mut whole = vec![BTreeSet::new(); count];
        for read in reads {
            let Some(QueryId(query)) = read.query else { continue };
            let set = loader.set_in_fields(read);
            for name in &read.names {
                if bindings.contains(name.as_str()) && loader.query_names.contains_key(name) {
                    continue; // reported where it is declared: which of the two is meant cannot be said
                }
                if let Some(QueryId(other)) = loader.query_names.get(name) {
                    graph.queries[query].insert(*other);
                    let within = if set.is_some() { &mut graph.within } else { &mut whole };
                    within[query].insert(*other);
                } else if set != Some(name) && bindings.contains(name.as_str()) {
                    graph.variables[query].insert(name.clone());
                }
            }
        }
        for (within, whole) in graph.within.iter_mut().zip(&whole) {
            within.retain(|query| !whole.contains(query));
        }
        for (index, query) in loader.queries.iter().enumerate() {
            match query.as_ref().map(|query| &query.question) {
                Some(Question::Any(members)) => {
                    graph.queries[index].extend(members.iter().map(|member| member.0));
                }
                Some(question) if loader.is_fleet() && question.is_of_server() => {
                    graph.variables[index].insert(fleet::SERVER.to_owned());
                }
                _ => {}
            }
        }
        graph
    }

    /// The same with the queries that have to be run first, those that say for which records, and those that
    /// are read of several servers.
    pub fn with_needs(
        &self,
        loader: &Loader,
        reads: &[NamesRead],
        variables: &[Variable],
        parameters: &[BTreeSet<String>],
    ) -> QueryGraph {
        let mut queries = self.queries.clone();
        for (index, query) in loader.queries.iter().enumerate() {
            queries[index].extend(query.iter().filter_map(|query| query.refresh.one).map(|one| one.0));
            for need in query.iter().flat_map(|query| &query.needs) {
                queries[index].insert(need.0);
                for variable in variables.iter().filter(|one| parameters[need.0].contains(&one.binding)) {
                    let named = variable.mentioned().filter_map(|name| loader.query_names.get(name));
                    queries[index].extend(named.map(|query| query.0));
                }
            }
        }
        for read in reads {
            if let Some(QueryId(query)) = read.query {
                queries[query].extend(loader.read_of_servers(read));
            }
        }
        QueryGraph { queries, variables: Vec::new(), within: Vec::new() }
    }

    /// The queries that one reads.
    pub fn read_by(&self, query: usize) -> impl Iterator<Item = usize> {
        self.queries[query].iter().copied()
    }

    /// Reports queries that wait for themselves; `verb` is how they do.
    pub fn report_cycles(&self, loader: &mut Loader, verb: &str) -> bool {
        let mut found = false;
        let mut told = BTreeSet::new();
        for start in self.in_circles() {
            if !told.contains(&start)
                && let Some(path) = self.circle(start)
                && path.iter().min() == Some(&start)
            {
                found = true;
                told.extend(path.iter().copied());
                let names: Vec<_> = path.iter().filter_map(|index| loader.queries[*index].as_ref()).collect();
                let shown = names
                    .iter()
                    .map(|query| format!("`{}`", query.name))
                    .collect::<Vec<_>>()
                    .join(&format!(" {verb}s "));
                let Some(place) = names.first().map(|query| query.place.clone()) else { continue };
                let help = Some("break the circle: no query can wait for its own answer".into());
                loader.reader.finding_at(
                    Code::CircularQueries,
                    place,
                    format!("queries {verb} each other in a circle: {shown}"),
                    "starts here",
                    help,
                );
            }
        }
        found
    }

    /// The queries that are left when those that wait for none of the others are taken away, again
    /// and again. Without circles that is none, however many queries there are.
    fn in_circles(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self.queries.iter().map(BTreeSet::len).collect();
        let mut readers = vec![Vec::new(); self.queries.len()];
        for (reader, read) in self.queries.iter().enumerate() {
            read.iter().for_each(|query| readers[*query].push(reader));
        }
        let mut free: Vec<usize> = (0..waiting.len()).filter(|query| waiting[*query] == 0).collect();
        while let Some(query) = free.pop() {
            for &reader in &readers[query] {
                waiting[reader] -= 1;
                if waiting[reader] == 0 {
                    free.push(reader);
                }
            }
        }
        (0..waiting.len()).filter(|query| waiting[*query] > 0).collect()
    }

    /// The shortest way from a query back to itself, both ends included.
    fn circle(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut pending = VecDeque::from([start]);
        while let Some(query) = pending.pop_front() {
            for &next in &self.queries[query] {
                if next == start {
                    let mut path = vec![start];
                    let back = std::iter::successors(Some(query), |at| came_from.get(at).copied());
                    path.extend(back.take_while(|at| *at != start));
                    path.push(start);
                    path.reverse();
                    return Some(path);
                }
                if let Entry::Vacant(vacant) = came_from.entry(next) {
                    vacant.insert(query);
                    pending.push_back(next);
                }
            }
        }
        None
    }

    /// The path variables of each query, those of the queries it reads included.
    pub fn parameters(&self, loader: &Loader) -> Vec<BTreeSet<String>> {
        let mut all = self.variables.clone();
        let set = |index: usize| loader.queries[index].as_ref().and_then(|query| query.each.as_ref());
        let mut changed = true;
        while changed {
            changed = false;
            for index in 0..all.len() {
                let mut merged = all[index].clone();
                for other in &self.queries[index] {
                    let set = set(index).filter(|_| self.within[index].contains(other));
                    let own = |name: &&String| set.is_none_or(|set| set.binding != **name);
                    merged.extend(all[*other].iter().filter(own).cloned());
                }
                changed |= merged.len() > all[index].len();
                all[index] = merged;
            }
        }
        all
    }
}
