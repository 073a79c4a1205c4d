//! The queries that stand in for `data get` where there is none: added when all is read and checked.
//!
//! A query with `data` of a known provider gets another one that tells the same, made of what actions and
//! commands answer. What they are asked is shared by all queries of that provider. Where `data get` would
//! crash the server, the other one stands in for it everywhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::fleet::SERVER;
use super::hazard;
use super::load::Loader;
use super::model::{Query, QueryId, Question, Records, Refresh, Trigger};
use super::templates::{TemplateName, TextKind};
use crate::data::{Ask, Provider};

/// What an entry is called in the questions for its details: no path variable can be.
const ROW: &str = "row";

/// How long an answer lives that no event and no age ends: a year.
const FOR_GOOD: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The queries of one provider.
struct Asked {
    entries: QueryId,
    lists: Vec<QueryId>,
    details: Vec<QueryId>,
}

/// Adds them.
pub fn add(loader: &mut Loader) {
    let mut asked: HashMap<&'static str, Asked> = HashMap::new();
    for index in 0..loader.queries.len() {
        let Some((provider, crashes)) = provider(loader, index) else { continue };
        if !crashes && tree_says_itself(loader, QueryId(index)) {
            continue;
        }
        if !asked.contains_key(provider.path) {
            let Some(added) = questions(loader, provider, index) else { continue };
            asked.insert(provider.path, added);
        }
        if let Some(asked) = asked.get(provider.path) {
            share_refresh(loader, provider, asked, index);
            stand_in(loader, provider, asked, index, crashes);
        }
    }
    for asked in asked.values() {
        let every = every(loader, asked.entries);
        for id in asked.lists.iter().chain(&asked.details) {
            if let Some(query) = &mut loader.queries[id.0] {
                // without events and an age it would live for the `ttl`
                query.refresh.every = every.or_else(|| query.refresh.on.is_empty().then_some(FOR_GOOD));
            }
        }
    }
}

/// Whether a query is only read as one of several of an `any`, and not the last: what comes next stands in.
fn tree_says_itself(loader: &Loader, id: QueryId) -> bool {
    let queries = || loader.queries.iter().flatten();
    let members = queries().filter_map(|query| match &query.question {
        Question::Any(members) => members.split_last(),
        _ => None,
    });
    let (last, before): (Vec<_>, Vec<_>) = members.unzip();
    let named = queries().flat_map(|query| query.needs.iter().chain(&query.refresh.one)).chain(last);
    let is_named = named.into_iter().any(|named| *named == id);
    let is_read = || {
        let name = loader.query_names.iter().find(|(_, named)| **named == id).map(|(name, _)| name);
        name.is_none_or(|name| loader.reads.iter().any(|read| read.names.contains(name)))
    };
    // of several servers, queries are read by names that stand in any text
    let is_before = before.into_iter().any(|members| members.contains(&id));
    is_before && !loader.is_fleet() && !is_named && !is_read()
}

/// The provider that a query asks for, and whether asking it by `data get` crashes the server.
fn provider(loader: &Loader, index: usize) -> Option<(&'static Provider, bool)> {
    let query = loader.queries[index].as_ref()?;
    let Question::Data { path, search, filter, .. } = &query.question else { return None };
    if query.parser.is_some() || !query.rows.is_empty() {
        return None;
    }
    let text = |template: &TemplateName| loader.templates.text(template).unwrap_or_default();
    let provider = Provider::at(text(path))?;
    let search = search.as_ref().map_or("1=1", text);
    let filter = filter.as_ref().map(text).unwrap_or_default();
    let crashes = hazard::command(&format!("data get {} {search} {filter}", provider.path)).is_some();
    Some((provider, crashes))
}

/// Adds the queries that ask what a provider is made of.
fn questions(loader: &mut Loader, provider: &'static Provider, like: usize) -> Option<Asked> {
    let mut lists = Vec::new();
    for list in provider.lists {
        let question = question(loader, provider, &list.ask, false)?;
        let query = added(loader, like, format!("{} for {}", list.ask.name(), provider.path), question)?;
        let parser = parser(&list.ask);
        let key = list.lasting.map(str::to_owned);
        lists.push(put(loader, Query { parser, key, ..query }));
    }
    let mut details = Vec::new();
    for detail in provider.details {
        let question = question(loader, provider, &detail.ask, true)?;
        let query = added(loader, like, format!("{} for {}", detail.ask.name(), provider.path), question)?;
        let parameters = query.parameters.iter().cloned().chain([ROW.to_owned()]).collect();
        details.push(put(loader, Query { parser: parser(&detail.ask), parameters, ..query }));
    }
    let question = Question::Entries(provider, lists.clone());
    let query = added(loader, like, format!("entries of {}", provider.path), question)?;
    let entries = put(loader, Query { key: Some("name".to_owned()), ..query });
    Some(Asked { entries, lists, details })
}

/// What is asked, for the entry that is called `row` if `each`.
fn question(loader: &mut Loader, provider: &Provider, ask: &Ask, each: bool) -> Option<Question> {
    let at = format!("{} for {}", ask.name(), provider.path);
    let mut compile = |part: &str, kind: TextKind, text: &str| {
        loader.templates.add(&format!("{at}.{part}"), kind, text).ok()
    };
    Some(match ask {
        Ask::Command(command, _) if each => Question::Command(compile(
            "command",
            TextKind::Command,
            &format!("{command} {{{{ row.name }}}}"),
        )?),
        Ask::Command(command, _) => Question::Command(compile("command", TextKind::Command, command)?),
        Ask::Action(name, header) => {
            let name = compile("action", TextKind::Header, name)?;
            let mut headers = Vec::new();
            for header in header.iter().filter(|_| each) {
                headers.push(((*header).to_owned(), compile(header, TextKind::Header, "{{ row.name }}")?));
            }
            Question::Action { name, headers }
        }
    })
}

fn parser(ask: &Ask) -> Option<crate::parse::Parser> {
    match ask {
        Ask::Command(_, parser) => Some(parser.clone()),
        Ask::Action(..) => None,
    }
}

/// A query with the place and the patience of another one.
fn added(loader: &Loader, like: usize, name: String, question: Question) -> Option<Query> {
    let is_fleet = loader.is_fleet();
    let like = loader.queries[like].as_ref()?;
    Some(Query {
        name,
        server: None,
        copies: Arc::default(),
        place: like.place.clone(),
        question,
        parser: None,
        rows: Vec::new(),
        key: None,
        needs: Vec::new(),
        fields: Vec::new(),
        each: None,
        // of several servers, each has its own
        parameters: is_fleet.then(|| SERVER.to_owned()).into_iter().collect(),
        refresh: Refresh::default(),
        timeout: like.timeout,
        max_stale: like.max_stale,
        added: true,
    })
}

fn put(loader: &mut Loader, query: Query) -> QueryId {
    loader.queries.push(Some(query));
    QueryId(loader.queries.len() - 1)
}

/// Has what a provider is made of asked again when a query that reads it says so, for one entry where an
/// event concerns one; and first asked what that needs.
fn share_refresh(loader: &mut Loader, provider: &Provider, asked: &Asked, index: usize) {
    let Some(query) = &loader.queries[index] else { return };
    let (refresh, needs) = (query.refresh.clone(), query.needs.clone());
    let (timeout, max_stale) = (query.timeout, query.max_stale);
    let lives = refresh.every.or_else(|| refresh.on.is_empty().then_some(loader.defaults.ttl));
    let mut about_one = Vec::new();
    let mut about_all = Vec::new();
    for trigger in refresh.on {
        let known = provider.events.iter().find(|(event, _)| event.eq_ignore_ascii_case(&trigger.event));
        match known.and_then(|(_, key)| loader.templates.expression(key).ok()) {
            Some(key) => about_one.push(Trigger { event: trigger.event, key: Some(key) }),
            None => about_all.push(trigger),
        }
    }
    let share = |query: &mut Query, on: Vec<&Trigger>, finds: &[Trigger]| {
        add_triggers(&mut query.refresh.on, on);
        add_triggers(&mut query.refresh.finds, finds.iter().collect());
        query.timeout = query.timeout.max(timeout);
        query.max_stale = query.max_stale.max(max_stale);
    };
    for (list, id) in provider.lists.iter().zip(&asked.lists) {
        let Some(query) = &mut loader.queries[id.0] else { continue };
        match list.lasting {
            Some(_) => share(query, about_all.iter().collect(), &about_one),
            None => share(query, about_all.iter().chain(&about_one).collect(), &[]),
        }
        query.needs.extend(needs.iter().filter(|need| !query.needs.contains(need)).collect::<Vec<_>>());
    }
    for (detail, id) in provider.details.iter().zip(&asked.details) {
        let Some(query) = &mut loader.queries[id.0] else { continue };
        match detail.lasting {
            true => share(query, about_all.iter().collect(), &[]),
            false => share(query, about_all.iter().chain(&about_one).collect(), &[]),
        }
    }
    if let Some(entries) = &mut loader.queries[asked.entries.0] {
        entries.refresh.every = entries.refresh.every.into_iter().chain(lives).min();
        share(entries, Vec::new(), &[]);
    }
}

/// The age at which what a provider is made of is asked again: the least that a query of it has.
fn every(loader: &mut Loader, entries: QueryId) -> Option<Duration> {
    loader.queries[entries.0].as_mut().and_then(|entries| entries.refresh.every.take())
}

fn add_triggers(known: &mut Vec<Trigger>, more: Vec<&Trigger>) {
    let text = |trigger: &Trigger| trigger.key.as_ref().map(|key| key.text.clone());
    for trigger in more {
        if !known.iter().any(|one| one.event == trigger.event && text(one) == text(trigger)) {
            known.push(trigger.clone());
        }
    }
}

/// Adds the query that tells what one with `data` does; or puts it in its place.
fn stand_in(loader: &mut Loader, provider: &'static Provider, asked: &Asked, index: usize, crashes: bool) {
    let count = loader.queries.len();
    let Some(query) = &mut loader.queries[index] else { return };
    let Question::Data { search, filter, instead, .. } = &mut query.question else { return };
    let (entries, details) = (asked.entries, asked.details.clone());
    let records = Records { provider, entries, details, search: search.clone(), filter: filter.clone() };
    if crashes {
        query.needs.clear();
        query.refresh = Refresh::default();
        query.question = Question::Records(records);
        return;
    }
    *instead = Some(QueryId(count));
    let other = Query {
        name: format!("{} without data get", query.name),
        server: None,
        copies: Arc::default(),
        place: query.place.clone(),
        question: Question::Records(records),
        parser: None,
        rows: Vec::new(),
        key: query.key.clone(),
        needs: Vec::new(),
        fields: query.fields.clone(),
        each: query.each.clone(),
        parameters: query.parameters.clone(),
        refresh: Refresh::default(),
        timeout: query.timeout,
        max_stale: query.max_stale,
        added: true,
    };
    loader.queries.push(Some(other));
}
