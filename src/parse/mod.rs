//! Bytes a server printed, read into values.
//!
//! Every parser is a pure function over bytes, because Asterisk pads and cuts its columns by bytes and
//! a cut may fall inside a character; text is made of the pieces at the end. Lines end in LF or CRLF
//! and the last one may lack its end. A parser runs in linear time and answers any bytes at all with
//! a value or a [`ParseError`].

pub mod columns;
pub mod concise;
pub mod csv;
mod error;
pub mod fields;
pub mod headers;
pub mod json;
pub mod label;
pub mod lines;
pub mod outline;
pub mod regex;
pub mod table;
pub mod text;
pub mod value;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
pub(crate) mod transcript;

pub use error::ParseError;

use self::value::Value;

/// How a text is read into a value: one of the tree file's `parse` forms.
#[derive(Debug, Clone)]
pub enum Parser {
    /// The whole text as it stands.
    Text,
    /// A list of texts, see [`lines`].
    Lines,
    /// Columns under a header line, see [`table`].
    Table,
    /// `Label : value` lines, see [`fields`].
    Fields,
    /// What `data get` prints, see [`outline`].
    Outline,
    /// What `realtime load` prints, see [`columns`].
    Columns,
    /// Pieces between exclamation marks, see [`concise`].
    Concise {
        /// The names of the pieces; without any, those [`concise`] gives.
        names: Vec<String>,
    },
    /// JSON, see [`json`].
    Json,
    /// Comma-separated values, see [`csv`].
    Csv,
    /// The named groups of an expression, see [`regex`].
    Regex(regex::Pattern),
}

impl Parser {
    /// The names that [`Parser::from_name`] knows. A `regex` needs an expression and is not among them.
    pub const NAMES: [&str; 9] =
        ["text", "lines", "table", "fields", "outline", "columns", "concise", "json", "csv"];

    /// The parser of that name in a tree file, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Parser> {
        Some(match name {
            "text" => Parser::Text,
            "lines" => Parser::Lines,
            "table" => Parser::Table,
            "fields" => Parser::Fields,
            "outline" => Parser::Outline,
            "columns" => Parser::Columns,
            "concise" => Parser::Concise { names: Vec::new() },
            "json" => Parser::Json,
            "csv" => Parser::Csv,
            _ => return None,
        })
    }

    /// The value of a text.
    ///
    /// # Errors
    /// When the text is not of the parser's form at all. A single odd line in a text that is of that
    /// form is no error; what becomes of it is said at each parser.
    pub fn parse(&self, bytes: &[u8]) -> Result<Value, ParseError> {
        match self {
            Parser::Text => Ok(Value::text(bytes)),
            Parser::Lines => Ok(lines::parse(bytes)),
            Parser::Table => table::parse(bytes),
            Parser::Fields => fields::parse(bytes),
            Parser::Outline => outline::parse(bytes),
            Parser::Columns => columns::parse(bytes),
            Parser::Concise { names } => Ok(concise::parse(bytes, names)),
            Parser::Json => json::parse(bytes),
            Parser::Csv => csv::parse(bytes),
            Parser::Regex(pattern) => Ok(pattern.parse(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_makes_a_parser_and_no_other_does() {
        for name in Parser::NAMES {
            assert!(Parser::from_name(name).is_some(), "{name}");
        }
        assert!(Parser::from_name("Table").is_none());
        assert!(Parser::from_name("regex").is_none());
    }

    #[test]
    fn text_is_kept_as_it_stands() {
        assert_eq!(Parser::Text.parse(b" a\r\nb\n").unwrap(), " a\r\nb\n".into());
    }
}
