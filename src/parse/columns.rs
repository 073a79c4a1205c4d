//! What `realtime load` prints (Asterisk 13 to 22, `res/res_realtime.c`): `name  value` lines.
//!
//! A name is aligned to the right in 30 bytes, two blanks follow, and the value is padded to 30 bytes
//! on the right: blanks at a value's end are padding, blanks at its beginning are its own. Names longer
//! than 30 bytes push their value to the right.
//!
//! Rows are not told apart by anything but their names: a new record begins when the first column's
//! name comes again, or when any name does that is not the line's before it (drivers leave out columns
//! that are NULL). A name on consecutive lines is a value that the driver split at `;`, and makes a
//! list. A line without a name belongs to the value above it, as its next line.

use super::value::{Fields, Shapes, Value};
use super::{ParseError, lines};

const NAME_WIDTH: usize = 30;

/// The rows as a list of records; `No rows found …` is an empty list.
///
/// # Errors
/// When the text has neither that message nor the header `Column Name  Column Value`.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let mut rest = lines::split(bytes).enumerate().skip_while(|(_, line)| lines::is_blank(line));
    let header = rest.next();
    match header.map(|(_, line)| line.trim_ascii()) {
        Some(line) if line.starts_with(b"No rows found") => return Ok(Vec::new().into()),
        Some(line) if line.starts_with(b"Column Name") => {}
        _ => {
            let expected = "`Column Name  Column Value` or `No rows found`";
            let (index, found) = header.map_or((0, None), |(index, line)| (index, Some(line)));
            return Err(ParseError::unexpected(index, expected, found));
        }
    }
    let mut rows = Rows::default();
    for (_, line) in rest {
        match name_and_value(line) {
            Some((name, _)) if lines::is_rule(name) => {}
            Some((name, value)) => rows.push(name, value),
            None => rows.continue_value(line),
        }
    }
    Ok(rows.finish())
}

/// The two halves of a line that has the form of a column.
fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let named = line.get(NAME_WIDTH - 1).is_some_and(|byte| *byte != b' ');
    if !named {
        return None;
    }
    let gap = NAME_WIDTH - 1 + line[NAME_WIDTH - 1..].windows(2).position(|pair| pair == b"  ")?;
    if gap > NAME_WIDTH && line.starts_with(b" ") {
        return None;
    }
    Some((line[..gap].trim_ascii_start(), &line[gap + 2..]))
}

#[derive(Default)]
struct Rows<'a> {
    done: Vec<Value>,
    shapes: Shapes,
    first: Option<&'a [u8]>,
    row: Fields,
    names: std::collections::HashSet<&'a [u8]>,
    /// The last column's name and value, which the next line may continue.
    last: Option<(&'a [u8], Vec<u8>)>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, name: &'a [u8], value: &[u8]) {
        let same_as_last = self.last.as_ref().is_some_and(|(last, _)| *last == name);
        self.put_last();
        let again = self.names.contains(name) && !same_as_last;
        if again || self.first == Some(name) {
            self.end_row();
        }
        self.first.get_or_insert(name);
        self.names.insert(name);
        self.last = Some((name, value.to_vec()));
    }

    fn continue_value(&mut self, line: &[u8]) {
        if let Some((_, value)) = &mut self.last {
            value.push(b'\n');
            value.extend_from_slice(line);
        }
    }

    fn put_last(&mut self) {
        if let Some((name, value)) = self.last.take() {
            self.row.push(&super::text::decode(name), Value::text(value.trim_ascii_end()));
        }
    }

    fn end_row(&mut self) {
        self.names.clear();
        if !self.row.is_empty() {
            self.done.push(std::mem::take(&mut self.row).finish(&mut self.shapes));
        }
    }

    fn finish(mut self) -> Value {
        self.put_last();
        self.end_row();
        self.done.into()
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
