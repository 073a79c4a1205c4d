//! What was told of one entry, and the small forms in which servers tell it.

use super::codec;
use crate::parse::text;
use crate::parse::value::{Fields, Shapes, Value};

/// What the lists told of an entry, and what was told for it alone.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The entry: what each list that knows it tells, by the list's name.
    pub entry: &'a Value,
    /// The details that were asked for, by their names.
    pub details: &'a [(&'static str, Value)],
}

impl<'a> Told<'a> {
    /// What a question was answered for this entry.
    pub fn of(&self, question: &str) -> Option<&'a Value> {
        let detail = self.details.iter().find(|(name, _)| *name == question).map(|(_, value)| value);
        detail.or_else(|| self.entry.get(question))
    }

    /// Whether a question was answered with something for this entry.
    pub fn has(&self, question: &str) -> bool {
        self.of(question).is_some_and(|value| *value != Value::Null)
    }

    /// A field of such an answer.
    pub fn get(&self, question: &str, field: &str) -> Option<&'a str> {
        self.of(question)?.get(field)?.as_str()
    }

    /// The same as a value.
    pub fn text(&self, question: &str, field: &str) -> Option<Value> {
        self.get(question, field).map(Value::from)
    }

    /// A field that is left out where it is empty.
    pub fn text_or_empty(&self, question: &str, field: &str) -> Option<Value> {
        self.has(question).then(|| self.get(question, field).unwrap_or_default().into())
    }
}

/// A whole number at the beginning of a text, whatever its unit: `384 kbps`.
pub fn number(text: &str) -> Option<Value> {
    let digits = text.split(|one: char| !one.is_ascii_digit() && one != '-').next()?;
    // a 32-bit -1, printed unsigned
    match digits.parse() {
        Ok(4_294_967_295) => Some(Value::Integer(-1)),
        number => number.ok().map(Value::Integer),
    }
}

/// `Yes`, `yes`, `Y` or `1`; and their opposites.
pub fn truth(text: &str) -> Option<Value> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" | "1" => Some(Value::Bool(true)),
        "no" | "n" | "0" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// The milliseconds of `OK (12 ms)`: 0 where none were measured, -1 where nobody answers.
pub fn milliseconds(status: &str) -> Option<Value> {
    match status {
        "UNREACHABLE" => Some(Value::Integer(-1)),
        "Unmonitored" | "UNKNOWN" => Some(Value::Integer(0)),
        measured => number(measured.split_once('(')?.1),
    }
}

/// The name of `"NAME" <NUMBER>`, in which nothing is escaped.
pub fn caller_name(caller: &str) -> Option<Value> {
    let (name, _) = parts_of_caller(caller);
    Some(name.into())
}

/// Its number.
pub fn caller_number(caller: &str) -> Option<Value> {
    let (_, number) = parts_of_caller(caller);
    Some(number.into())
}

fn parts_of_caller(caller: &str) -> (&str, &str) {
    let quoted = caller.strip_prefix('"').and_then(|rest| rest.strip_suffix('>'));
    quoted.and_then(|rest| rest.rsplit_once("\" <")).unwrap_or(("", caller))
}

/// The codecs of `(ulaw|alaw)`.
pub fn codecs(text: &str) -> Option<Value> {
    let names = text.trim().trim_start_matches('(').trim_end_matches(')').split('|');
    let names = names.filter(|name| !name.is_empty() && *name != "nothing");
    let mut shapes = Shapes::new();
    Some(names.map(|name| codec::describe(name, &mut shapes)).collect::<Vec<_>>().into())
}

/// A word of a few, with its number: `text` and `value`. The number of a word that is not known is left out.
pub fn enumerated(text: &str, words: &[(&str, i64)]) -> Option<Value> {
    let mut fields = Fields::new();
    fields.push("text", text.into());
    if let Some((_, number)) = words.iter().find(|(word, _)| *word == text) {
        fields.push("value", Value::Integer(*number));
    }
    Some(fields.finish(&mut Shapes::new()))
}

/// The words of `amaflags`.
pub const AMA_FLAGS: [(&str, i64); 4] = [("Unknown", 0), ("OMIT", 1), ("BILLING", 2), ("DOCUMENTATION", 3)];

/// Whether a text of a table may have been cut: it fills its column of so many bytes.
pub fn may_be_cut(text: &str, width: usize) -> bool {
    text::encode(text).len() >= width
}

/// A text as a table's column of so many bytes shows it.
pub fn cut(value: &str, width: usize) -> String {
    let bytes = text::encode(value);
    text::decode(&bytes[..width.min(bytes.len())]).trim_end().to_owned()
}

/// A text of a table's column of so many bytes, unless it may have been cut.
pub fn whole(text: &str, width: usize) -> Option<Value> {
    (!may_be_cut(text, width)).then(|| text.into())
}

/// An entry of that name, with what each list tells of it.
pub fn entry(name: &str, told: &[(&str, Option<&Value>)], shapes: &mut Shapes) -> Value {
    let mut fields = Fields::new();
    fields.push("name", name.into());
    for (list, value) in told {
        if let Some(value) = value {
            fields.push(list, (*value).clone());
        }
    }
    fields.finish(shapes)
}

/// The records of a list; none if there is none.
pub fn rows(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_list).map_or(&[], |rows| rows)
}

/// A field of a record of a list.
pub fn text_of<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row.get(field)?.as_str()
}

/// The entries of one list, whose records that field names.
pub fn entries_of(list: &str, name: &str, told: Option<&Value>) -> Vec<Value> {
    let mut shapes = Shapes::new();
    let named = rows(told).iter().filter_map(|row| Some((text_of(row, name)?, row)));
    named.map(|(name, row)| entry(name, &[(list, Some(row))], &mut shapes)).collect()
}
