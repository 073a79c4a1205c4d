//! Why a text cannot be read.

use thiserror::Error;

/// A text is not of the form its parser reads.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A line is not what the form asks for there; usually the answer is a message, or another form.
    ///
    /// The message does not quote the line: answers hold secrets, and messages go into logs.
    #[error("line {line}: expected {expected}; `astfs query TREE NAME --raw` shows the answer")]
    Unexpected {
        /// Counted from 1.
        line: usize,
        /// What would have been right there.
        expected: &'static str,
        /// The beginning of the line that was found, quoted, or `the end`.
        found: String,
    },
    /// A quoted CSV cell is still open at the end of the text.
    #[error(
        "line {line}: expected the closing quote of the cell that opens here; double the quotes inside it"
    )]
    UnclosedQuote {
        /// The line the cell begins on, counted from 1.
        line: usize,
    },
    /// The text is not JSON.
    #[error("line {line}, column {column}: expected json, but {problem}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1; 0 where the line ended too early.
        column: usize,
        /// What the JSON reader says, without the place.
        problem: String,
    },
}

/// How many characters of a line an error shows.
const SHOWN: usize = 60;

impl ParseError {
    /// A [`ParseError::Unexpected`] at a line counted from 0, `None` for the end of the text.
    pub(super) fn unexpected(index: usize, expected: &'static str, found: Option<&[u8]>) -> ParseError {
        let found = match found {
            None => "the end".to_owned(),
            Some(line) => {
                let text = super::text::decode(line.trim_ascii());
                let visible = |character: char| if character.is_control() { '\u{fffd}' } else { character };
                let shown: String = text.chars().take(SHOWN).map(visible).collect();
                let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
                format!("`{shown}{more}`")
            }
        };
        ParseError::Unexpected { line: index + 1, expected, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_quote_what_it_found() {
        let error = ParseError::unexpected(2, "a field", Some(b"secret=pw6001"));
        assert!(!error.to_string().contains("pw6001"), "{error}");
        assert!(error.to_string().starts_with("line 3: expected a field"), "{error}");
        assert!(matches!(error, ParseError::Unexpected { found, .. } if found == "`secret=pw6001`"));
    }

    #[test]
    fn a_long_line_is_kept_in_part_and_without_control_characters() {
        let line = format!("\u{1b}[31m{}", "x".repeat(100));
        let ParseError::Unexpected { found, .. } =
            ParseError::unexpected(2, "a field", Some(line.as_bytes()))
        else {
            panic!("another error");
        };
        assert!(found.starts_with("`\u{fffd}[31mxxx") && found.ends_with("xxx…`"), "{found}");
        assert!(found.len() < 80, "{found}");
    }
}
