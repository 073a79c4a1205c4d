//! Why a text cannot be read.

use thiserror::Error;

/// A text is not of the form its parser reads.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A line is not what the form asks for there; usually the answer is a message, or another form.
    #[error("line {line}: expected {expected}, found {found}; check the command's output and its `parse`")]
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
    fn a_long_line_is_shown_in_part_and_without_control_characters() {
        let line = format!("\u{1b}[31m{}", "x".repeat(100));
        let message = ParseError::unexpected(2, "a field", Some(line.as_bytes())).to_string();
        assert!(message.starts_with("line 3: expected a field, found `\u{fffd}[31mxxx"), "{message}");
        assert!(message.contains("xxx…`; check"), "{message}");
        assert!(message.len() < 170, "{message}");
    }

    #[test]
    fn a_text_that_ends_too_early_says_so() {
        let message = ParseError::unexpected(0, "a field", None).to_string();
        assert!(message.starts_with("line 1: expected a field, found the end;"), "{message}");
    }
}
