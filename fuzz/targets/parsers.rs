//! Texts that a server printed, read by each parser: a value or an error of any bytes at all, in room that is in
//! proportion to theirs.

use std::sync::LazyLock;

use astfs::parse::regex::{Pattern, Scope};
use astfs::parse::{ParseError, Parser, json, text};

use super::value::{Extent, extent};

/// The widest header that a parser takes.
const WIDEST: usize = 1_000;

static PARSERS: LazyLock<Vec<Parser>> = LazyLock::new(|| {
    let named = Parser::NAMES.into_iter().filter(|name| *name != "outline").filter_map(Parser::from_name);
    let patterns = [
        (r"^(?P<exten>[^@]+)@(?P<context>\S+)\s+: (?P<device>\S+)\s+State:(?<state>\S+)(\s+x)?", Scope::Line),
        (r"^(?P<name>\w+)[:=]\s*(?P<value>.*)$|(?P<other>x*)", Scope::Text),
    ];
    let patterns = patterns.into_iter().filter_map(|(text, scope)| Pattern::new(text, scope).ok());
    let concise = Parser::Concise { names: vec!["room".into(), "parties".into(), "room".into()] };
    named.chain(patterns.map(Parser::Regex)).chain([concise]).collect()
});

pub fn check(bytes: &[u8]) {
    assert_eq!(text::encode(&text::decode(bytes)).as_ref(), bytes, "bytes as text and back");
    for parser in &*PARSERS {
        judge(parser, bytes);
    }
    if let Ok(value) = json::parse(bytes) {
        let printed = serde_json::to_string(&value).expect("a value is JSON");
        let again = json::parse(&text::encode(&printed)).expect("what was printed as JSON is JSON");
        assert_eq!(value, again, "JSON printed and read again");
    }
}

/// What comes of a text; the extent of its value, if it has one.
pub fn judge(parser: &Parser, bytes: &[u8]) -> Option<Extent> {
    let lines = bytes.split(|&byte| byte == b'\n').count();
    match parser.parse(bytes) {
        Ok(value) => {
            let extent = extent(&value);
            assert!(extent.depth <= 130, "{parser:?}: nested {} deep", extent.depth);
            let most = 8 + (lines + 1) * (WIDEST + 2) + 6 * bytes.len();
            assert!(extent.values <= most, "{parser:?}: {extent:?} of {} bytes", bytes.len());
            // a byte that is not UTF-8 becomes a character of three
            let copies = if matches!(parser, Parser::Regex(_)) { 2 } else { 1 };
            assert!(extent.text <= copies * 3 * bytes.len(), "{parser:?}: {extent:?} of {}", bytes.len());
            return Some(extent);
        }
        Err(ParseError::Unexpected { line, found, .. }) => {
            assert!((1..=lines + 1).contains(&line), "{parser:?}: line {line} of {lines}");
            assert!(!found.contains(char::is_control) && found.chars().count() < 70, "{parser:?}: {found:?}");
        }
        Err(ParseError::UnclosedQuote { line } | ParseError::Json { line, .. }) => {
            assert!((1..=lines + 1).contains(&line), "{parser:?}: line {line} of {lines}");
        }
        Err(other) => panic!("{parser:?}: an error that is not known here: {other}"),
    }
    None
}
