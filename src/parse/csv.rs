//! Comma-separated values with a header line, after RFC 4180.
//!
//! A cell in quotes may hold commas, line ends and doubled quotes; a quote inside an unquoted cell is
//! itself. Lines may end in LF or CRLF, blank lines are skipped, and a byte order mark is dropped. Names
//! are the header's cells as they stand; where one is empty or missing, the number of its place. A
//! line with fewer cells than the header has empty ones for the rest.

use std::borrow::Cow;

use super::value::{Fields, Shapes, Value};
use super::{ParseError, text};

/// Every row is as wide as the header, so that must not be of any width.
const WIDEST: usize = 1_000;

/// A list with one record per line under the header; an empty text gives an empty list.
///
/// # Errors
/// When a quoted cell is still open at the end of the text, or the header has more than 1,000 cells.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let mut reader = Reader { rest: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), line: 1 };
    let mut shapes = Shapes::new();
    let header = reader.row()?.unwrap_or_default();
    if header.len() > WIDEST {
        return Err(ParseError::unexpected(0, "a header of at most 1,000 cells", Some(&header[0])));
    }
    let mut records = Vec::new();
    while let Some(row) = reader.row()? {
        let mut fields = Fields::new();
        for index in 0..row.len().max(header.len()) {
            let value = row.get(index).map_or_else(|| "".into(), |cell| Value::text(cell));
            match header.get(index).map(|name| text::decode(name)) {
                Some(name) if !name.is_empty() => fields.push(&name, value),
                _ => fields.push(&(index + 1).to_string(), value),
            }
        }
        records.push(fields.finish(&mut shapes));
    }
    Ok(records.into())
}

type Cell<'a> = Cow<'a, [u8]>;

struct Reader<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Reader<'a> {
    /// The next row that is not blank.
    fn row(&mut self) -> Result<Option<Vec<Cell<'a>>>, ParseError> {
        while let Some(rest) = self.rest.strip_prefix(b"\n").or_else(|| self.rest.strip_prefix(b"\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut row = Vec::new();
        loop {
            row.push(self.cell()?);
            let Some((end, rest)) = self.rest.split_first() else { break };
            self.rest = rest;
            if *end == b'\n' {
                self.line += 1;
                break;
            }
        }
        Ok(Some(row))
    }

    /// A cell, up to its comma or line end, which stays.
    fn cell(&mut self) -> Result<Cell<'a>, ParseError> {
        let quoted = if self.rest.starts_with(b"\"") { Some(self.quoted()?) } else { None };
        let plain = self.plain();
        Ok(match quoted {
            None => Cow::Borrowed(plain),
            Some(cell) if plain.is_empty() => cell,
            Some(cell) => Cow::Owned([&cell, plain].concat()),
        })
    }

    fn plain(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| matches!(byte, b',' | b'\n')).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        self.rest = rest;
        if rest.starts_with(b",") { cell } else { cell.strip_suffix(b"\r").unwrap_or(cell) }
    }

    fn quoted(&mut self) -> Result<Cell<'a>, ParseError> {
        let opened = self.line;
        let mut cell: Cell<'a> = Cow::Borrowed(b"");
        loop {
            let body = &self.rest[1..];
            let Some(end) = body.iter().position(|&byte| byte == b'"') else {
                return Err(ParseError::UnclosedQuote { line: opened });
            };
            let part = &body[..end];
            self.line += part.iter().filter(|&&byte| byte == b'\n').count();
            if cell.is_empty() {
                cell = Cow::Borrowed(part);
            } else {
                cell.to_mut().extend_from_slice(part);
            }
            self.rest = &body[end + 1..];
            if !self.rest.starts_with(b"\"") {
                return Ok(cell);
            }
            cell.to_mut().push(b'"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn quoted_cells_hold_commas_quotes_and_line_ends() {
        assert_eq!(
            json("\u{feff}name,note\r\n6001,\"a, \"\"b\"\"\nc\"\r\n\r\n\"\"\"\",5\" pipe\n"),
            r#"[{"name":"6001","note":"a, \"b\"\nc"},{"name":"\"","note":"5\" pipe"}]"#
        );
    }

    #[test]
    fn rows_longer_or_shorter_than_the_header_lose_nothing() {
        assert_eq!(
            json("a,,a\n1\n1,2,3,4\n1,2,"),
            r#"[{"a":["1",""],"2":""},{"a":["1","3"],"2":"2","4":"4"},{"a":["1",""],"2":"2"}]"#
        );
    }

    #[test]
    fn a_text_without_rows_is_an_empty_list() {
        assert_eq!(json(""), "[]");
        assert_eq!(json("\n\r\n"), "[]");
        assert_eq!(json("a,b\n"), "[]");
    }

    #[test]
    fn a_header_without_end_is_refused() {
        assert!(parse(&b"a,".repeat(999)).is_ok());
        assert!(matches!(parse(&b"a,".repeat(1_000)), Err(ParseError::Unexpected { line: 1, .. })));
    }

    #[test]
    fn an_open_quote_names_the_line_it_opens_on() {
        let error = parse(b"a\n\"x\ny\"\n\"z\n\n").unwrap_err();
        assert_eq!(error, ParseError::UnclosedQuote { line: 4 });
    }
}
