//! Columns under a header line: `sip show peers`, `core show channels`, `module show` and their like.
//!
//! **Names come from the header alone**, never from the rows, so that a template may rely on them. A
//! label ends at every blank, unless it is one of the labels of two words that Asterisk 13 to 22 print
//! (`Codec Pref`, `Use Count`, see `header.rs`). Where a line of dashes or equals signs below the header
//! is drawn in several pieces, the pieces say where the columns begin.
//!
//! **Values** lie between the byte where their label begins and the one where the next label does, and
//! lose the blanks around them; columns past a line's end are `""`. Two exceptions are read off the
//! row: a value that runs over the byte before the next label has pushed the rest of its line to the
//! right, as `printf` does, and the columns after it move along; and a value that begins between two
//! labels and ends exactly where the second one does is the second column's, aligned to the right.
//!
//! **Lines that are no rows**: blank ones, rules, lines before the header without two blanks in a row,
//! and at the end the summary lines that begin with a count (`5 sip peers [Monitored: …`).
//!
//! Limits: a value that overflows and has a blank just before the next label is cut there; two values
//! that touch are read as one; blanks at a value's ends are lost; a table whose rows do not stand under
//! its header is read wrongly (`iax2 show peers` is one, and known).

mod header;

use super::label;
use super::value::{Fields, Shapes, Value};
use super::{ParseError, lines};
use header::{Column, Header};

/// The rows as a list of records; an empty text gives an empty list.
///
/// # Errors
/// When there is no header line, as in a message of failure.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let lines: Vec<&[u8]> = lines::split(bytes).collect();
    let Some(first) = lines.iter().position(|line| !lines::is_blank(line)) else {
        return Ok(Vec::new().into());
    };
    let Some(Header { index, columns, fixed }) = Header::find(&lines) else {
        return Err(ParseError::unexpected(
            first,
            "a header line with labels in columns",
            Some(lines[first]),
        ));
    };
    let names: Vec<String> =
        columns.iter().enumerate().map(|(at, column)| label::column_name(column.label, at)).collect();
    let rows = without_summary(&lines[index + 1..]);
    let mut shapes = Shapes::new();
    let records = rows.iter().filter(|row| !lines::is_blank(row) && !lines::is_rule(row)).map(|row| {
        let mut fields = Fields::new();
        for (name, value) in names.iter().zip(cut(row, &columns, fixed)) {
            fields.push(name, Value::text(value.trim_ascii()));
        }
        fields.finish(&mut shapes)
    });
    Ok(Value::List(records.collect()))
}

/// The values of a row, one for each column.
fn cut<'r>(row: &'r [u8], columns: &[Column], fixed: bool) -> Vec<&'r [u8]> {
    let mut begin = 0;
    let mut shift = 0;
    let mut values = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let end = match columns.get(at + 1) {
            Some(next) if fixed => next.begin.min(row.len()),
            Some(next) => boundary(row, begin, column, next, &mut shift),
            None => row.len(),
        };
        values.push(&row[begin..end]);
        begin = end;
    }
    values
}

/// Where the value of `column` ends and that of `next` begins, in a row whose bytes stand `shift` to the
/// right of the header's.
fn boundary(row: &[u8], begin: usize, column: &Column, next: &Column, shift: &mut usize) -> usize {
    let border = (next.begin + *shift).max(begin).min(row.len());
    let is_free = |at: usize| row[at].is_ascii_whitespace();
    if border == begin || is_free(border - 1) {
        return border;
    }
    let word = begin + row[begin..border].iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
    let end = border + row[border..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    if word > begin && word > column.end + *shift && end == next.end + *shift {
        return word;
    }
    if end < row.len() {
        *shift += end + 1 - border;
    }
    end
}

/// The lines up to the summary at their end.
fn without_summary<'a, 'l>(mut lines: &'a [&'l [u8]]) -> &'a [&'l [u8]] {
    while let [before @ .., last] = lines {
        if lines::is_rule(last) {
            return before;
        }
        if !lines::is_blank(last) && !is_summary(last) {
            break;
        }
        lines = before;
    }
    lines
}

/// Whether a line is a count and what is counted, as running text.
fn is_summary(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let counted = |rest: &[u8]| matches!(rest, [b' ', letter, ..] if letter.is_ascii_alphabetic());
    digits > 0 && counted(&line[digits..]) && lines::find_gap(line).is_none()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
