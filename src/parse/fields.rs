//! `Label : value` lines: `sip show peer`, `iax2 show peer`, `core show channel`, `sip show settings`,
//! the parameters of `pjsip show endpoint` and their like.
//!
//! A label ends at its first colon, and the value is all that follows, without the blanks around it. In
//! an indented line two blanks in a row that come before any colon end the label instead, because `sip
//! show settings` leaves the colon out here and there (`Our auth realm          asterisk`). A mark
//! before the label (`* Name`) is no part of it. Names are [`label::field_name`]s; a label that comes
//! again, also under another headline, makes a list of its values.
//!
//! Headlines are dropped, and so are lines without a value: `Global Settings:` on top of a rule,
//! `-- General --`, blank lines, prose. What `pjsip show endpoint` prints before its line
//! `ParameterName : ParameterValue` is a table and dropped as well.
//!
//! `Variables:` without a value begins the channel variables: the `NAME = value` lines indented deeper
//! (`sip show peer`), or the `NAME=value` lines at the line's beginning (`core show channel`). They
//! become one record, field `variables`, whose names are the variables' own, unchanged; it is there
//! also when it is empty. Below `-- Streams --` (`core show channel` since Asterisk 15), each `Name` begins
//! a record of its own, in the list `streams`: a channel's own name stays one text in every version.
//!
//! Limits: a value that spans lines is cut at its first, and its further lines are read as any others
//! are; variables end at the first line that is none.

use super::value::{Fields, Shapes, Value};
use super::{ParseError, label, lines, text};

/// Labels that hold a colon themselves, with the one at their end (`sip show settings`).
const LABELS_WITH_COLON: [&[u8]; 1] = [b"From: Domain:"];

/// The fields as one record.
///
/// # Errors
/// When no line has a label and a value, as in a message of failure.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let mut lines = lines::split(bytes).peekable();
    let mut reading = Reading::default();
    while let Some(line) = lines.next() {
        if let Some(headline) = line.trim_ascii().strip_prefix(b"-- ") {
            reading.in_streams = headline.starts_with(b"Streams");
            continue;
        }
        let on_rule = lines.peek().is_some_and(|next| lines::is_rule(next));
        let Some((label, value)) = label_and_value(line).filter(|(_, value)| !on_rule || !value.is_empty())
        else {
            continue;
        };
        if label == b"ParameterName" && value == b"ParameterValue" {
            reading = Reading::default();
        } else if label == b"Variables" && value.is_empty() {
            let mut variables = Fields::new();
            while let Some((name, value)) = lines.peek().and_then(|next| variable(next, indent(line))) {
                variables.push(&text::decode(name), Value::text(value));
                lines.next();
            }
            let variables = variables.finish(&mut reading.shapes);
            reading.push("variables", variables);
        } else {
            reading.push(&label::field_name(label), Value::text(value));
        }
    }
    reading.finish().ok_or_else(|| {
        let mut filled = lines::split(bytes).enumerate().filter(|(_, line)| !lines::is_blank(line));
        let (index, found) = filled.next().map_or((0, None), |(index, line)| (index, Some(line)));
        ParseError::unexpected(index, "`label: value` lines", found)
    })
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    fields: Fields,
    in_streams: bool,
    streams: Vec<Fields>,
    shapes: Shapes,
}

impl Reading {
    fn push(&mut self, name: &str, value: Value) {
        if self.in_streams && name == "name" {
            self.streams.push(Fields::new());
        }
        match self.streams.last_mut() {
            Some(stream) if self.in_streams => stream.push(name, value),
            _ => self.fields.push(name, value),
        }
    }

    /// The record, `None` if there was nothing to read.
    fn finish(mut self) -> Option<Value> {
        if !self.streams.is_empty() {
            let streams = self.streams.into_iter().map(|stream| stream.finish(&mut self.shapes));
            self.fields.push("streams", Value::List(streams.collect()));
        }
        (!self.fields.is_empty()).then(|| self.fields.finish(&mut self.shapes))
    }
}

fn label_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = line.trim_ascii();
    if lines::is_rule(body) || body.starts_with(b"--") {
        return None;
    }
    let body = body.strip_prefix(b"* ").unwrap_or(body);
    let with_colon =
        LABELS_WITH_COLON.iter().find(|label| body.starts_with(label)).map(|label| label.len() - 1);
    let colon = with_colon.or_else(|| body.iter().position(|&byte| byte == b':'));
    let gap = lines::find_gap(&body[..colon.unwrap_or(body.len())]);
    let (label, value) = match gap.map(|gap| (&body[..gap], body[gap..].trim_ascii_start())) {
        Some((label, value)) if !value.starts_with(b":") => (indent(line) > 0).then_some((label, value))?,
        _ => (body[..colon?].trim_ascii_end(), &body[colon? + 1..]),
    };
    label
        .iter()
        .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        .then(|| (label, value.trim_ascii()))
}

/// A variable's line below `Variables:`, which is indented by `outer`.
fn variable(line: &[u8], outer: usize) -> Option<(&[u8], &[u8])> {
    let own = indent(line);
    let equals = line.iter().position(|&byte| byte == b'=')?;
    let name = line[own..].get(..equals.checked_sub(own)?)?.trim_ascii_end();
    let is_name = !name.is_empty() && !name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b':');
    let value = &line[equals + 1..];
    let value = if own > 0 { value.strip_prefix(b" ").unwrap_or(value) } else { value };
    (is_name && (own == 0 || own > outer)).then_some((name, value))
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
