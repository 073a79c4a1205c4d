//! What is alive in a tree: control files (`write`) and event logs (`events`), and where they may stand.

use std::collections::BTreeMap;

use regex::Regex;
use toml::Spanned;
use toml::de::DeValue;

use super::code::Code;
use super::document::{Section, Text};
use super::fleet;
use super::keys;
use super::load::Loader;
use super::model::{Content, Entry, EventLog, Variable, Write};
use super::path::Segment;
use super::query::{self, Sent, quoted};

/// The size at which a log is rotated, if the tree file does not say.
const LOG_SIZE: usize = 1024 * 1024;
/// The sizes that a log may have: a line has to fit, and all of it is held in memory.
const LOG_SIZES: std::ops::RangeInclusive<usize> = 16 * 1024..=256 * 1024 * 1024;

/// Reads `write`.
pub fn write(
    loader: &mut Loader,
    value: &Spanned<DeValue<'_>>,
    title: &str,
    bound: &[String],
) -> Option<Write> {
    let table = loader.reader.table("`write`", value)?;
    let section = Section::open(&mut loader.reader, "`write`", table, keys::WRITE);
    let at = format!("{title}: write");
    let sent = Sent { at: &at, bound: Some(bound.to_vec()), also: vec!["input"], query: None };
    let present: Vec<&str> =
        ["command", "action"].into_iter().filter(|key| section.get(key).is_some()).collect();
    let question = match present[..] {
        ["command"] => query::command(loader, &section, &sent),
        ["action"] => query::action(loader, &section, &sent),
        [] if section.misspelt => None,
        _ => {
            let (code, message, label) = match present[..] {
                [] => {
                    let message = format!("`write` of {title} does nothing");
                    (Code::NoSource, message, "what should happen?".to_owned())
                }
                _ => {
                    let message = format!("`write` of {title} does two things");
                    (Code::SeveralSources, message, format!("has {}", quoted(&present)))
                }
            };
            let help =
                Some("give it one of `command` and `action`, in which `input` is what was written".into());
            loader.reader.finding(code, value.span(), message, label, help);
            None
        }
    };
    let matches = section.text(&mut loader.reader, "match");
    let matches = matches.map(|pattern| whole_match(loader, &pattern));
    let timeout = section.duration(&mut loader.reader, "timeout").unwrap_or(loader.defaults.timeout);
    let (question, matches) = (question?, matches.map_or(Some(None), |matches| matches.map(Some))?);
    Some(Write { question, matches, timeout })
}

/// A regular expression that has to match all of a text.
fn whole_match(loader: &mut Loader, pattern: &Text) -> Option<Regex> {
    // by itself first, so that a mistake is found where it stands and no parenthesis closes ours
    let whole = Regex::new(&pattern.value).and_then(|_| Regex::new(&format!(r"\A(?:{})\z", pattern.value)));
    whole.map_err(|error| query::wrong_regex(loader, pattern, &error.to_string())).ok()
}

/// Reads `events`: names, or a table with more.
pub fn events(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Option<EventLog> {
    let Some(table) = value.get_ref().as_table() else {
        return Some(EventLog { names: names(loader, "`events`", value)?, filter: None, size: LOG_SIZE });
    };
    let section = Section::open(&mut loader.reader, "`events`", table, keys::EVENTS);
    let filter = section.text(&mut loader.reader, "where").map(|text| {
        let what = "which events are logged";
        loader.event_expression(&text, what)
    });
    let size = match section.get("size") {
        Some(value) => size(loader, value),
        None => Some(LOG_SIZE),
    };
    let Some(value) = section.get("names") else {
        if !section.misspelt {
            let help = Some("write `names = [\"PeerStatus\"]`, or `names = \"*\"` for every event".into());
            loader.reader.finding(
                Code::NoEvents,
                value.span(),
                "`events` names no event",
                "`names` is missing",
                help,
            );
        }
        return None;
    };
    let names = names(loader, "`names` of `events`", value);
    Some(EventLog {
        names: names?,
        filter: filter.map_or(Some(None), |filter| filter.map(Some))?,
        size: size?,
    })
}

/// The names of events in lower case; `Some(None)` for `*`, which is every event.
fn names(loader: &mut Loader, what: &str, value: &Spanned<DeValue<'_>>) -> Option<Option<Vec<String>>> {
    let items = match value.get_ref() {
        DeValue::String(_) => vec![value],
        DeValue::Array(items) => items.iter().collect(),
        _ => {
            loader.reader.wrong_type(what, "an event's name, a list of names, or `\"*\"`", value);
            return None;
        }
    };
    let texts: Vec<_> = items.iter().filter_map(|item| loader.reader.text(what, item)).collect();
    if items.is_empty() {
        let help = Some("name the events, or write `\"*\"` for every one".into());
        loader.reader.finding(
            Code::NoEvents,
            value.span(),
            format!("{what} names no event"),
            "which ones?",
            help,
        );
    }
    if texts.len() < items.len() || items.is_empty() {
        return None;
    }
    if texts.iter().any(|name| name.value == "*") {
        return Some(None);
    }
    Some(Some(texts.into_iter().map(|name| name.value.to_ascii_lowercase()).collect()))
}

/// A size as logrotate takes it: a number of bytes, or with `k`, `M` or `G` behind it.
fn size(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Option<usize> {
    let read = |text: &str| {
        let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" => 1,
            "k" | "kB" | "K" | "KB" => 1024,
            "M" | "MB" => 1024 * 1024,
            "G" | "GB" => 1024 * 1024 * 1024,
            _ => return None,
        };
        digits.trim_end().parse::<usize>().ok()?.checked_mul(unit)
    };
    let found = match value.get_ref() {
        DeValue::String(text) => read(text),
        number => super::document::integer(number).and_then(|number| usize::try_from(number).ok()),
    };
    let message = match found {
        Some(size) if LOG_SIZES.contains(&size) => return found,
        Some(_) => "`size` of `events` is out of bounds",
        None => "`size` of `events` is not a size",
    };
    let help = Some("write a size from `\"16k\"` to `\"256M\"`: a log is held in memory".into());
    loader.reader.finding(Code::InvalidSize, value.span(), message, "not such a size", help);
    None
}

/// Checks where alive entries stand, and what stands with them.
pub fn check(loader: &mut Loader, variables: &[Variable], entries: &[Entry]) {
    let is_fleet = loader.is_fleet();
    let is_server =
        |name: &str| is_fleet && variables.iter().any(|one| one.name == name && one.binding == fleet::SERVER);
    let mut alive: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_alive()) {
        let (what, example) = match entry.content {
            Content::Events(_) => ("an event log", "events/NAME"),
            _ => ("a control file", "control/NAME"),
        };
        if matches!(entry.content, Content::Events(_)) && !entry.path.variables().all(is_server) {
            let help = Some("write one log, and select with `where` what it holds".into());
            let message = "the path of an event log cannot hold a path variable";
            loader.reader.finding_at(
                Code::LogPerRecord,
                entry.place.clone(),
                message,
                "one log for each record",
                help,
            );
        }
        let message = match &entry.path.segments[..] {
            [Segment::Literal(directory), _, ..] => {
                alive.entry(directory).or_insert(entry);
                continue;
            }
            [Segment::Variable { .. }, _, ..] => {
                format!("{what} stands below a top-level directory that has a name of its own")
            }
            _ => format!("{what} cannot stand at the mount point itself"),
        };
        let help = format!(
            "move it into a directory: \"{example}\"; what is alive is mounted there once more, with writing"
        );
        loader.reader.finding_at(
            Code::AliveAtTop,
            entry.place.clone(),
            message,
            "no directory for it",
            Some(help),
        );
    }
    for entry in entries {
        let Some(Segment::Literal(directory)) = entry.path.segments.first() else { continue };
        let Some(first) = alive.get(directory.as_str()) else { continue };
        let line = first.place.line_seen_from(&entry.place.source);
        if entry.path.segments.len() == 1 && entry.when.is_some() {
            let help = Some(format!("leave `when` out, or move the entry in {line} elsewhere"));
            let message = format!("`{directory}` holds what is alive and has to be there all the time");
            loader.reader.finding_at(Code::AliveWithWhen, entry.place.clone(), message, "has a `when`", help);
        }
        if !entry.is_alive() && !entry.path.variables().all(is_server) {
            let help = Some(format!(
                "move it to another top-level directory: everything in `{directory}` is served without the \
                 kernel's memory, because of {line}"
            ));
            let message = format!("this stands for many paths in `{directory}`, where reading is slow");
            loader.reader.finding_at(
                Code::ManyBesideAlive,
                entry.place.clone(),
                message,
                "beside what is alive",
                help,
            );
        }
    }
    for one in std::mem::take(&mut loader.reads_of_pid) {
        if one.directory.as_deref().is_some_and(|directory| alive.contains_key(directory)) {
            continue;
        }
        let help =
            "leave it out, or move the entry into a directory with a control file or an event log".to_owned();
        let message =
            "`caller.pid` is not known here: content is kept for a user, whichever of his processes reads";
        loader.reader.finding_at(Code::UnknownProcess, one.place, message, "not of one process", Some(help));
    }
}
