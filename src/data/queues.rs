//! `/asterisk/application/queue/list`: the queues with their members and callers.

use super::provider::{Ask, Field, List, Provider};
use super::told::{Told, number, rows, text_of, truth};
use crate::parse::value::{Fields, Shapes, Value};

const LISTED: &str = "QueueStatus";
const MEMBERS: &str = "members";
const CALLERS: &str = "callers";

/// The provider.
pub static QUEUES: Provider = Provider {
    path: "/asterisk/application/queue/list",
    root: "list",
    node: "queue",
    lists: &[List { ask: Ask::Action(LISTED, None), optional: false, lasting: None }],
    details: &[],
    entries,
    fields: &[
        Field { name: "count", from: &[LISTED], value: |told| number(told.get(LISTED, "Calls")?) },
        Field { name: "maxlen", from: &[LISTED], value: |told| number(told.get(LISTED, "Max")?) },
        Field { name: "members", from: &[LISTED], value: |told| told.entry.get(MEMBERS).cloned() },
        Field { name: "weight", from: &[LISTED], value: |told| number(told.get(LISTED, "Weight")?) },
        Field { name: "strategy", from: &[LISTED], value: |told| told.text(LISTED, "Strategy") },
        Field { name: "callers", from: &[LISTED], value: |told| told.entry.get(CALLERS).cloned() },
        Field {
            name: "callscompleted",
            from: &[LISTED],
            value: |told| number(told.get(LISTED, "Completed")?),
        },
        Field { name: "name", from: &[LISTED], value: |told| told.text(LISTED, "Queue") },
        Field { name: "talktime", from: &[LISTED], value: |told| number(told.get(LISTED, "TalkTime")?) },
        Field {
            name: "servicelevel",
            from: &[LISTED],
            value: |told| number(told.get(LISTED, "ServiceLevel")?),
        },
        Field { name: "membercount", from: &[LISTED], value: member_count },
        Field { name: "holdtime", from: &[LISTED], value: |told| number(told.get(LISTED, "Holdtime")?) },
        Field {
            name: "callsabandoned",
            from: &[LISTED],
            value: |told| number(told.get(LISTED, "Abandoned")?),
        },
    ],
    missing: &[
        "context",
        "setqueuevar",
        "setqueueentryvar",
        "randomperiodicannounce",
        "sound_minutes",
        "timeoutrestart",
        "sound_thanks",
        "setinterfacevar",
        "autopause",
        "sound_minute",
        "rrpos",
        "monfmt",
        "announcepositionlimit",
        "found",
        "announce_to_first_user",
        "timeout",
        "announce",
        "sound_holdtime",
        "autofill",
        "announceposition",
        "sound_thereare",
        "dead",
        "moh",
        "realtime",
        "announcefrequency",
        "timeoutpriority",
        "sound_next",
        "wrapuptime",
        "defaultrule",
        "numperiodicannounce",
        "membergosub",
        "retry",
        "membermacro",
        "callscompletedinsl",
        "periodicannouncefrequency",
        "queue_quantity1",
        "minannouncefrequency",
        "queue_quantity2",
        "montype",
        "sound_calls",
        "reportholdtime",
        "announceholdtime",
        "sound_callerannounce",
        "sound_seconds",
        "wrapped",
        "sound_reporthold",
        "memberdelay",
        "ringinuse",
        "roundingseconds",
    ],
    events: &[],
};

/// A queue's parameters stand before its members, and these before its callers.
fn entries(lists: &[Option<&Value>]) -> Vec<Value> {
    let mut shapes = Shapes::new();
    let mut queues: Vec<(&Value, Vec<Value>, Vec<Value>)> = Vec::new();
    for row in rows(lists[0]) {
        let last = queues.last_mut().filter(|queue| text_of(queue.0, "Queue") == text_of(row, "Queue"));
        match (text_of(row, "Event"), last) {
            (Some("QueueParams"), _) => queues.push((row, Vec::new(), Vec::new())),
            (Some("QueueMember"), Some(queue)) => queue.1.push(member(row, &mut shapes)),
            (Some("QueueEntry"), Some(queue)) => queue.2.push(caller(row, &mut shapes)),
            _ => {}
        }
    }
    let mut entries = Vec::with_capacity(queues.len());
    for (queue, members, callers) in queues {
        let mut fields = Fields::new();
        fields.push("name", text_of(queue, "Queue").unwrap_or_default().into());
        fields.push(LISTED, queue.clone());
        for (name, records) in [(MEMBERS, members), (CALLERS, callers)] {
            if !records.is_empty() {
                fields.push(name, records.into());
            }
        }
        entries.push(fields.finish(&mut shapes));
    }
    entries
}

fn member(row: &Value, shapes: &mut Shapes) -> Value {
    let text = |field: &str| text_of(row, field);
    let is = |membership: &str| text("Membership").map(|is| Value::Integer(i64::from(is == membership)));
    record(
        [
            ("penalty", text("Penalty").and_then(number)),
            ("dynamic", is("dynamic")),
            ("state_interface", text("StateInterface").map(Value::from)),
            ("membername", text("Name").map(Value::from)),
            ("status", text("Status").and_then(number)),
            ("calls", text("CallsTaken").and_then(number)),
            ("realtime", is("realtime")),
            ("interface", text("Location").map(Value::from)),
            ("paused", text("Paused").and_then(truth)),
        ],
        shapes,
    )
}

fn caller(row: &Value, shapes: &mut Shapes) -> Value {
    let text = |field: &str| text_of(row, field);
    let channel =
        [("uniqueid", text("Uniqueid").map(Value::from)), ("name", text("Channel").map(Value::from))];
    let channel = record(channel, shapes);
    record(
        [
            ("prio", text("Priority").and_then(number)),
            ("pos", text("Position").and_then(number)),
            ("channel", Some(channel)),
        ],
        shapes,
    )
}

fn record<const N: usize>(fields: [(&str, Option<Value>); N], shapes: &mut Shapes) -> Value {
    let mut told = Fields::new();
    for (name, value) in fields {
        if let Some(value) = value {
            told.push(name, value);
        }
    }
    told.finish(shapes)
}

fn member_count(told: &Told<'_>) -> Option<Value> {
    let members = told.entry.get(MEMBERS).and_then(Value::as_list).map_or(0, |members| members.len());
    Some(Value::Integer(i64::try_from(members).ok()?))
}
