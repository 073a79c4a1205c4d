//! What a tree file declares and nothing uses.

use std::collections::BTreeSet;

use super::graph::QueryGraph;
use crate::language::code::Code;
use crate::language::fleet;
use crate::language::load::{Loader, NamesRead};
use crate::language::model::{Entry, QueryId, Question, Variable};
use crate::language::source::Place;

/// Reports queries that nothing reads and path variables that no path has. What an included file
/// declares may be for other trees that include it.
pub fn check(
    loader: &mut Loader,
    reads: &[NamesRead],
    variables: &[Variable],
    entries: &[Entry],
    graph: &QueryGraph,
) {
    let used = used_queries(loader, reads, graph);
    let needed: BTreeSet<&str> = used
        .iter()
        .filter_map(|query| loader.queries[*query].as_ref())
        .flat_map(|query| query.parameters.iter().map(String::as_str))
        .collect();
    let in_paths: BTreeSet<&str> = entries.iter().flat_map(|entry| entry.path.variables()).collect();
    let mut unused: Vec<(Code, Place, String)> = Vec::new();
    for (index, query) in loader.queries.iter().enumerate() {
        if let Some(query) = query
            && !used.contains(&index)
            && !matches!(query.question, Question::Servers)
        {
            unused.push((
                Code::UnusedQuery,
                query.place.clone(),
                format!("nothing reads query `{}`", query.name),
            ));
        }
    }
    let is_declared = |variable: &&Variable| !(loader.is_fleet() && variable.name == fleet::SERVER);
    for variable in variables.iter().filter(is_declared) {
        if !in_paths.contains(variable.name.as_str()) && !needed.contains(variable.binding.as_str()) {
            let message = format!("no path has the path variable `{{{}}}`", variable.name);
            unused.push((Code::UnusedVariable, variable.place.clone(), message));
        }
    }
    let tree_file = loader.reader.source.path().to_owned();
    for (code, place, message) in unused {
        if place.source.path() == tree_file {
            let help = Some("leave it out, or use it in `[tree]`".into());
            loader.reader.finding_at(code, place, message, "not used", help);
        }
    }
}

/// The queries that entries and path variables lead to.
fn used_queries(loader: &Loader, reads: &[NamesRead], graph: &QueryGraph) -> BTreeSet<usize> {
    let own = loader.query_names.len()..loader.queries.len();
    let read = reads.iter().filter(|read| read.query.is_none()).flat_map(|read| &read.names);
    let any_template = loader.names_of_unnamed_templates(reads);
    let read = read.chain(&any_template).filter_map(|name| loader.query_names.get(name));
    let of_servers = reads.iter().filter(|read| read.query.is_none());
    let of_servers = of_servers.flat_map(|read| loader.read_of_servers(read));
    let mut pending: Vec<usize> = own.chain(read.map(|QueryId(query)| *query)).chain(of_servers).collect();
    let mut used = BTreeSet::new();
    while let Some(query) = pending.pop() {
        if used.insert(query) {
            pending.extend(graph.read_by(query));
        }
    }
    used
}
