//! What can only be checked when the whole file is read: names, and paths that collide.

mod each;
mod graph;
mod links;
mod shapes;
mod usage;

use std::collections::{BTreeSet, HashMap};

use super::alive;
use super::code::Code;
use super::diagnostic::{nearest, suggestion};
use super::fleet;
use super::load::{Loader, NamesRead};
use super::model::{Content, Entry, QueryId, Variable};
use super::path::Segment;
use super::tags::Tags;

use graph::QueryGraph;
pub use links::FixedLink;

/// Resolves what queries mention, and reports what does not fit together.
pub fn finish(loader: &mut Loader, variables: &[Variable], entries: &[Entry]) {
    let reads = std::mem::take(&mut loader.reads);
    let bindings: BTreeSet<&str> = variables.iter().map(|variable| variable.binding.as_str()).collect();
    each::resolve(loader, variables);
    let graph = QueryGraph::new(loader, &reads, &bindings);
    if graph.report_cycles(loader, "read") {
        return;
    }
    let parameters = graph.parameters(loader);
    for (query, parameters) in loader.queries.iter_mut().zip(&parameters) {
        if let Some(query) = query {
            query.parameters = parameters.iter().cloned().collect();
        }
    }
    for read in &reads {
        check_names(loader, read, &bindings, &parameters);
    }
    let of_records = if loader.is_fleet() { without_server(&parameters) } else { parameters.clone() };
    check_needs(loader, variables, &of_records);
    check_one(loader, &of_records);
    let needs = graph.with_needs(loader, &reads, variables, &parameters);
    needs.report_cycles(loader, "need");
    check_variables(loader, variables, entries, &parameters);
    check_paths(loader, entries);
    alive::check(loader, variables, entries);
    fleet::check(loader, variables, entries);
    // what could not be read may be what uses a query, or what a link leads to
    if !loader.reader.report.has_errors() {
        usage::check(loader, &reads, variables, entries, &needs);
        shapes::check(loader, &reads, variables);
        links::check(loader, entries);
    }
    loader.reads = reads;
}

/// The path variables of each query, but for the one of several servers: which of them is meant is clear.
fn without_server(parameters: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let mut parameters = parameters.to_vec();
    parameters.iter_mut().for_each(|names| {
        names.remove(fleet::SERVER);
    });
    parameters
}

fn check_names(
    loader: &mut Loader,
    read: &NamesRead,
    bindings: &BTreeSet<&str>,
    parameters: &[BTreeSet<String>],
) {
    for name in &read.names {
        if read.also.contains(&name.as_str()) {
            continue;
        }
        let bound = |variable: &str| {
            read.bound.as_ref().is_none_or(|bound| bound.iter().any(|name| name == variable))
        };
        if bindings.contains(name.as_str()) {
            if !bound(name) {
                let help = Some(format!("only a path with the path variable of `{name}` has it"));
                let message = format!("`{name}` is not set on this path");
                report_name(loader, read, name, Code::UnsetVariable, message, "not on this path", help);
            }
            continue;
        }
        if let Some(QueryId(query)) = loader.query_names.get(name) {
            if let Some(missing) = parameters[*query].iter().find(|variable| !bound(variable)) {
                let help = Some(format!("read it below a path variable that sets `{missing}`"));
                let message = format!(
                    "query `{name}` is asked once for each `{missing}`, which this path does not set"
                );
                report_name(loader, read, name, Code::UnsetVariable, message, "cannot be asked here", help);
            }
            continue;
        }
        if name == "caller" {
            let message =
                "`caller` is not known here: what is asked, and which names there are, is the same \
                           for everybody"
                    .to_owned();
            let help = Some("read it in the `render`, `template` or `symlink` of an entry".into());
            report_name(loader, read, name, Code::UnknownReader, message, "depends on who reads", help);
            continue;
        }
        // that everybody has a name is no hint for who meant another one
        let also = read.also.iter().copied();
        let also = also.filter(|also| *also != "caller" || nearest(name, [*also]).is_some());
        let known = loader.query_names.keys().map(String::as_str).chain(also);
        let known: BTreeSet<&str> = match &read.bound {
            Some(bound) => known.chain(bound.iter().map(String::as_str)).collect(),
            None => known.chain(bindings.iter().copied()).collect(),
        };
        let near = nearest(name, known.iter().copied());
        let help = near.map(|near| format!("did you mean `{near}`?"));
        let help = help.or_else(|| word_of_elsewhere(name).map(str::to_owned)).or_else(|| {
            let listed = suggestion(name, known.iter().copied());
            let declare = || format!("declare it: `[query.{name}]`, or `[each.{name}]` for a path variable");
            Some(format!("{}; a text stands in quotes: `'{name}'`", listed.unwrap_or_else(declare)))
        });
        let message = format!("there is no query or variable `{name}`");
        report_name(loader, read, name, Code::UnknownName, message, "unknown name", help);
    }
}

fn report_name(
    loader: &mut Loader,
    read: &NamesRead,
    name: &str,
    code: Code,
    message: String,
    label: &str,
    help: Option<String>,
) {
    let place = read.place(find_name(&read.text, name));
    match &read.named_at {
        Some(from) => {
            loader.reader.finding_beside(code, &place, (from, "leads here"), message, label, help);
        }
        None => loader.reader.finding_at(code, place, message, label, help),
    }
}

/// Where a word means something that means nothing here.
fn word_of_elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "row" => "`row` is the record for which the `fields` of a query are computed",
        "result" => {
            "`result` is the answer to what the entry itself asks (`command`, `action`, `file`, …), in its \
             `render` or `template`"
        }
        "input" => "`input` is what was written, in the `command` or `action` of `write`",
        "event" => "`event` is an event, in `on` and `finds` of `refresh` and in `where` of `events`",
        _ => return None,
    })
}

/// Where a name is read in a template or expression.
fn find_name(text: &str, name: &str) -> std::ops::Range<usize> {
    let tags = [Tags::of_template(text), Tags::of_expression(text)];
    let found = tags.iter().flat_map(|tags| &tags.names).find(|(found, _)| found == name);
    found.map_or(0..text.len(), |(_, range)| range.clone())
}

/// A needed query that is asked once per record must have one path variable to take them from.
fn check_needs(loader: &mut Loader, variables: &[Variable], parameters: &[BTreeSet<String>]) {
    let mut findings = Vec::new();
    for query in loader.queries.iter().flatten() {
        for need in &query.needs {
            for binding in &parameters[need.0] {
                let sources = variables.iter().filter(|variable| variable.binding == *binding).count();
                if sources != 1 {
                    findings.push((query.place.clone(), query.name.clone(), binding.clone()));
                }
            }
        }
    }
    for (place, name, binding) in findings {
        let help = Some(format!(
            "let the needed query mention a variable that only one `[each]` sets, not `{binding}`"
        ));
        let message = format!(
            "query `{name}` needs one that is asked for each `{binding}`, which several `[each]` set"
        );
        loader.reader.finding_at(Code::AmbiguousRecords, place, message, "which records?", help);
    }
}

/// What refreshes one record of a list is asked for one record, and the list has to know them apart.
fn check_one(loader: &mut Loader, parameters: &[BTreeSet<String>]) {
    let mut findings = Vec::new();
    for (index, query) in loader.queries.iter().enumerate() {
        let Some(query) = query else { continue };
        if !query.refresh.finds.is_empty() && (query.key.is_none() || !parameters[index].is_empty()) {
            let message = "`finds` belongs to a query that gives a list whose records have a `key`";
            findings.push((query.place.clone(), message, "add `key`, or leave `finds` out"));
        }
        let Some(one) = query.refresh.one else { continue };
        let (message, help) = if !parameters[index].is_empty() {
            (
                "`one` belongs to a query that gives a list",
                "leave it out: this query is asked for one record anyway",
            )
        } else if query.key.is_none() {
            ("`one` needs to know which field names a record", "add `key = \"…\"`")
        } else if parameters[one.0].len() != 1 {
            ("`one` is a query that is asked once per record", "let it mention one path variable")
        } else {
            continue;
        };
        findings.push((query.place.clone(), message, help));
    }
    for (place, message, help) in findings {
        loader.reader.finding_at(Code::InvalidRefresh, place, message, "its `refresh`", Some(help.into()));
    }
}

/// Along each path, a variable may only range over what stands before it.
fn check_variables(
    loader: &mut Loader,
    variables: &[Variable],
    entries: &[Entry],
    parameters: &[BTreeSet<String>],
) {
    let by_name: HashMap<&str, &Variable> =
        variables.iter().map(|variable| (variable.name.as_str(), variable)).collect();
    let bindings: BTreeSet<&str> = variables.iter().map(|variable| variable.binding.as_str()).collect();
    let mut reported = BTreeSet::new();
    for entry in entries {
        let mut bound: Vec<&str> = Vec::new();
        for name in entry.path.variables() {
            let Some(variable) = by_name.get(name) else { continue };
            if loader.query_names.contains_key(&variable.binding) {
                continue; // which of the two is meant cannot be said
            }
            let needed_by = |names: &mut dyn Iterator<Item = &'_ String>| {
                let mut needed: BTreeSet<String> = BTreeSet::new();
                for name in names {
                    if bindings.contains(name.as_str()) {
                        needed.insert(name.clone());
                    } else if let Some(QueryId(query)) = loader.query_names.get(name) {
                        needed.extend(parameters[*query].iter().cloned());
                    }
                }
                needed
            };
            // a filter sees the record it is about, what is ranged over cannot
            let mut needed = needed_by(&mut variable.filter.iter().flat_map(|filter| &filter.names));
            needed.remove(&variable.binding);
            needed.extend(needed_by(&mut variable.records.names.iter()));
            if let Some(missing) = needed.into_iter().find(|needed| !bound.contains(&needed.as_str()))
                && reported.insert((variable.name.as_str(), missing.clone()))
            {
                let (code, message, help) = if missing == variable.binding {
                    (
                        Code::CircularVariable,
                        format!("`{{{name}}}` ranges over something of itself"),
                        "let `in` name a query that can be asked without it".to_owned(),
                    )
                } else {
                    (
                        Code::UnsetVariable,
                        format!(
                            "`{{{name}}}` ranges over something of `{missing}`, which this path does not set \
                             before it"
                        ),
                        format!("put a path variable that sets `{missing}` before `{{{name}}}`"),
                    )
                };
                let help = Some(help);
                loader.reader.finding_at(code, entry.place.clone(), message, "in this path", help);
            }
            bound.push(&variable.binding);
        }
    }
    for variable in variables {
        let query = loader.query_names.get(variable.records.text.trim());
        let query = query.and_then(|query| loader.queries[query.0].as_ref());
        // lines name themselves
        if variable.key.is_none() && query.is_some_and(|query| shapes::fieldless(query).is_none()) {
            let help = Some("add `key = \"…\"` here or to the query: the field that names a record".into());
            let message = format!("each `{}` does not say which field names a record", variable.name);
            loader.reader.finding_at(Code::NoKey, variable.place.clone(), message, "no key", help);
        }
    }
}

/// The directory at the mount point in which the state of the mount is shown.
pub const STATUS_DIRECTORY: &str = ".astfs";

/// Two entries on one path, or a file where another entry needs a directory.
fn check_paths(loader: &mut Loader, entries: &[Entry]) {
    let mut files: HashMap<&[Segment], &Entry> = HashMap::new();
    for entry in entries {
        if let Some(first) = files.insert(&entry.path.segments, entry) {
            let line = first.place.line_seen_from(&entry.place.source);
            let help = Some("leave one of them out".into());
            let message = format!("this path stands here twice, first in {line}");
            let (code, first) = (Code::DuplicatePath, (&first.place, "first here"));
            loader.reader.finding_beside(code, &entry.place, first, message, "the same path again", help);
        }
    }
    for entry in entries {
        if matches!(entry.path.segments.first(), Some(Segment::Literal(name)) if name == STATUS_DIRECTORY) {
            let help =
                Some(format!("name it otherwise: the mount's own state stands in `{STATUS_DIRECTORY}`"));
            let message = format!("`{STATUS_DIRECTORY}` at the mount point is taken");
            loader.reader.finding_at(Code::ReservedPath, entry.place.clone(), message, "taken", help);
        }
    }
    for entry in entries.iter().filter(|entry| matches!(entry.content, Content::Events(_))) {
        let mut rotated = entry.path.segments.clone();
        let Some(Segment::Literal(name)) = rotated.last_mut() else { continue };
        name.push_str(".1");
        if let Some(other) = files.get(&rotated[..]) {
            let line = entry.place.line_seen_from(&other.place.source);
            let help = Some("give one of them another name".into());
            let message = format!("the log in {line} takes this name when it is rotated");
            let (code, log) = (Code::DuplicatePath, (&entry.place, "the log"));
            loader.reader.finding_beside(code, &other.place, log, message, "taken", help);
        }
    }
    for entry in entries {
        for length in 1..entry.path.segments.len() {
            if let Some(file) = files.get(&entry.path.segments[..length])
                && !matches!(file.content, Content::Directory)
            {
                let line = file.place.line_seen_from(&entry.place.source);
                let help = Some("a path is either a file or a directory: rename one of them".into());
                let message = format!("the entry in {line} is a file, so nothing can stand below it");
                let (code, file) = (Code::BelowFile, (&file.place, "the file"));
                loader.reader.finding_beside(code, &entry.place, file, message, "below a file", help);
                break;
            }
        }
    }
}
