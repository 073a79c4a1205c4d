//! `/asterisk/core/hints`.
//!
//! The action tells extension, context and state in full; who watches, and the presence, stands only in the
//! command's table, whose first column is cut (at 20 bytes, later 30).

use std::collections::HashMap;

use super::provider::{Ask, Field, List, Provider};
use super::told::{cut, entry, number, rows, text_of};
use crate::parse::Parser;
use crate::parse::value::{Fields, Shapes, Value};

const LISTED: &str = "ExtensionStateList";
const SHOWN: &str = "core show hints";

/// The provider.
pub static HINTS: Provider = Provider {
    path: "/asterisk/core/hints",
    root: "hints",
    node: "hint",
    lists: &[
        List { ask: Ask::Action(LISTED, None), optional: false, lasting: None },
        List { ask: Ask::Command(SHOWN, Parser::Lines), optional: true, lasting: None },
    ],
    details: &[],
    entries,
    fields: &[
        Field { name: "context", from: &[LISTED], value: |told| told.text(LISTED, "Context") },
        Field { name: "watchers", from: &[SHOWN], value: |told| number(told.get(SHOWN, "watchers")?) },
        Field { name: "application", from: &[LISTED], value: |told| told.text(LISTED, "Hint") },
        Field { name: "state", from: &[LISTED], value: |told| told.text(LISTED, "StatusText") },
        Field { name: "presence_state", from: &[SHOWN], value: |told| told.text(SHOWN, "presence") },
        Field { name: "extension", from: &[LISTED], value: |told| told.text(LISTED, "Exten") },
    ],
    missing: &["presence_subtype"],
    events: &[],
};

fn entries(lists: &[Option<&Value>]) -> Vec<Value> {
    let mut shapes = Shapes::new();
    let mut width = 0;
    let mut shown: HashMap<&str, Option<Value>> = HashMap::new();
    for line in rows(lists[1]).iter().filter_map(Value::as_str) {
        let Some((column, hint)) = hint(line, &mut shapes) else { continue };
        width = column.len();
        // of two that are cut alike, neither is known
        let known = shown.entry(column.trim_end());
        known.and_modify(|known| *known = None).or_insert(Some(hint));
    }
    let named = rows(lists[0]).iter().filter_map(|row| {
        let name = format!("{}@{}", text_of(row, "Exten")?, text_of(row, "Context")?);
        let also = shown.get(cut(&name, width).as_str()).and_then(Option::as_ref);
        Some((name, row, also.cloned()))
    });
    let named: Vec<_> = named.collect();
    let mut shapes = Shapes::new();
    let entry_of = |(name, row, also): &(String, &Value, Option<Value>)| {
        entry(name, &[(LISTED, Some(*row)), (SHOWN, also.as_ref())], &mut shapes)
    };
    named.iter().map(entry_of).collect()
}

/// The first column, and the last two, of
/// `6001@web            : SIP/6001              State:InUse           Presence:not_set         Watchers  0`.
fn hint<'a>(line: &'a str, shapes: &mut Shapes) -> Option<(&'a str, Value)> {
    let (rest, watchers) = line.rsplit_once("Watchers ")?;
    let (rest, presence) = rest.rsplit_once("Presence:")?;
    let (column, _) = rest.split_once(": ")?;
    let mut fields = Fields::new();
    fields.push("presence", presence.trim().into());
    fields.push("watchers", watchers.trim().into());
    Some((column, fields.finish(shapes)))
}
