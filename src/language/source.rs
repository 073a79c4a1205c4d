//! A file's text, and places in it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A place in a source file, as byte offsets.
pub type Span = Range<usize>;

/// A place in one of the files.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source: Arc<TreeSource>,
    /// Where in it.
    pub span: Span,
}

impl Place {
    /// What stands there.
    pub fn text(&self) -> &str {
        self.source.text().get(self.span.clone()).unwrap_or("")
    }

    /// Its line, for a message about another place: `line 3`, in another file than that one
    /// `line 3 of parts/queues.toml`.
    pub fn line_seen_from(&self, other: &TreeSource) -> String {
        let (line, _) = self.source.position(self.span.start);
        match self.source.path() == other.path() {
            true => format!("line {line}"),
            false => format!("line {line} of {}", self.source.path().display()),
        }
    }
}

/// One tree file or template as it was read.
///
/// Its text may hold the manager's secret: neither [`fmt::Debug`] nor a report shows that.
pub struct TreeSource {
    path: PathBuf,
    text: String,
    hidden: OnceLock<Vec<Span>>,
}

impl fmt::Debug for TreeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TreeSource").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TreeSource {
    /// The file of that path with that text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> TreeSource {
        TreeSource { path: path.into(), text: text.into(), hidden: OnceLock::new() }
    }

    /// Where it was read from, as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keeps these parts out of what is shown; the first call counts.
    pub fn hide(&self, parts: Vec<Span>) {
        self.hidden.get_or_init(|| parts);
    }

    /// The text for people's eyes: each byte of a hidden part is a star.
    pub fn shown(&self) -> Cow<'_, str> {
        let Some(hidden) = self.hidden.get().filter(|hidden| !hidden.is_empty()) else {
            return Cow::Borrowed(&self.text);
        };
        let mut shown = String::with_capacity(self.text.len());
        for (offset, character) in self.text.char_indices() {
            if character != '\n' && hidden.iter().any(|part| part.contains(&offset)) {
                shown.extend(std::iter::repeat_n('*', character.len_utf8()));
            } else {
                shown.push(character);
            }
        }
        Cow::Owned(shown)
    }

    /// Line and column (both from 1, columns in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The span of line `line` (from 1) without its line end.
    pub fn line(&self, line: usize) -> Span {
        let mut start = 0;
        for (number, text) in self.text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                return start..start + text.trim_end_matches(['\r', '\n']).len();
            }
            start += text.len();
        }
        self.text.len()..self.text.len()
    }

    /// Where a part of a TOML string's value stands in the file: `literal` is the span of the whole
    /// string with its quotes, `part` a range of the decoded value. Escapes are followed, so that a
    /// caret stands under the right character.
    pub fn inside_string(&self, literal: &Span, part: &Range<usize>) -> Span {
        let Some(raw) = self.text.get(literal.clone()) else { return literal.clone() };
        let Some((opening, body)) = string_body(raw) else { return literal.clone() };
        let escapes = raw.starts_with('"');
        let mut map = StringMap { decoded: 0, raw: opening, start: None, end: None, part };
        map.meet();
        let mut rest = body;
        while let Some(first) = rest.chars().next() {
            let (taken, gives) =
                if escapes && first == '\\' { escape(rest) } else { (first.len_utf8(), first.len_utf8()) };
            map.step(taken, gives);
            rest = &rest[taken..];
        }
        match (map.start, map.end) {
            (Some(start), Some(end)) => literal.start + start..literal.start + end,
            (Some(start), None) => literal.start + start..literal.end,
            _ => literal.clone(),
        }
    }
}

/// Follows a literal and the value it decodes to side by side.
struct StringMap<'a> {
    decoded: usize,
    raw: usize,
    start: Option<usize>,
    end: Option<usize>,
    part: &'a Range<usize>,
}

impl StringMap<'_> {
    fn step(&mut self, taken: usize, gives: usize) {
        self.raw += taken;
        self.decoded += gives;
        self.meet();
    }

    fn meet(&mut self) {
        if self.decoded <= self.part.start {
            self.start = Some(self.raw);
        }
        if self.decoded <= self.part.end {
            self.end = Some(self.raw);
        }
    }
}

/// The length of the opening quotes and the text between the quotes of a TOML string literal.
fn string_body(raw: &str) -> Option<(usize, &str)> {
    for quote in ["\"\"\"", "'''"] {
        if let Some(rest) = raw.strip_prefix(quote) {
            let body = rest.strip_suffix(quote)?;
            // a line end right after the opening quotes is not part of the value
            let trimmed = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body);
            return Some((3 + body.len() - trimmed.len(), trimmed));
        }
    }
    for quote in ['"', '\''] {
        if let Some(rest) = raw.strip_prefix(quote) {
            return Some((1, rest.strip_suffix(quote)?));
        }
    }
    None
}

/// How many bytes an escape takes in the file, and how many it gives in the value.
fn escape(rest: &str) -> (usize, usize) {
    let hex = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match rest.as_bytes().get(1) {
        Some(b'x') => hex(2),
        Some(b'u') => hex(4),
        Some(b'U') => hex(8),
        Some(b' ' | b'\t' | b'\r' | b'\n') => {
            let blank = rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len();
            (1 + blank, 0)
        }
        _ => (2.min(rest.len()), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, part: Range<usize>) -> String {
        let source = TreeSource::new("x.toml", text);
        text[source.inside_string(&(4..text.len()), &part)].to_owned()
    }

    #[test]
    fn a_part_of_a_string_is_found_behind_escapes() {
        assert_eq!(found(r#"a = "x {{ y }}""#, 5..6), "y");
        assert_eq!(found(r"a = 'x {{ y }}'", 5..6), "y");
        assert_eq!(found(r#"a = "x\n\u00e9{{ y }}""#, 7..8), "y");
        assert_eq!(found("a = \"\"\"\nx {{ y }}\"\"\"", 5..6), "y");
        assert_eq!(found("a = \"\"\"x \\\n   {{ y }}\"\"\"", 5..6), "y");
    }

    #[test]
    fn positions_count_characters() {
        let source = TreeSource::new("x.toml", "é = 1\nüü = 2\n");
        assert_eq!(source.position(source.text().find("= 2").unwrap()), (2, 4));
        assert_eq!(&source.text()[source.line(2)], "üü = 2");
    }
}
