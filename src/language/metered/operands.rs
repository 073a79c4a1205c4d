//! Values with their attributes, calls, filters and tests, and what these go through.

use std::ops::Range;

use super::operators::Place;
use super::reader::Reader;
use crate::language::extent::{COUNTED, KEPT};
use crate::language::tags::{Kind, Token};

/// A value in an expression, with its attributes, calls and filters.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) range: Range<usize>,
    /// A text, a number or a truth by its form.
    pub(super) is_plain: bool,
    /// `[…]`, and nothing else.
    pub(super) is_list: bool,
    /// Where it begins with its sign.
    pub(super) start: usize,
}

impl Reader<'_> {
    pub(super) fn operand(&mut self) -> Option<Operand> {
        let mut start = None;
        while ["not", "-", "+"].iter().any(|prefix| self.is(prefix)) {
            let sign = self.tokens[self.at].range.start;
            start = if self.is("not") { None } else { start.or(Some(sign)) };
            self.at += 1;
        }
        let mut operand = self.value()?;
        operand.start = start.unwrap_or(operand.start);
        loop {
            if self.is("|") {
                self.filter(&mut operand);
            } else if self.is("is") {
                self.test(&mut operand);
            } else {
                return Some(operand);
            }
            operand.is_list = false;
            operand.range.end = self.end();
        }
    }

    /// A value with its attributes and calls.
    fn value(&mut self) -> Option<Operand> {
        let first = self.tokens.get(self.at)?;
        let start = first.range.start;
        let mut operand = Operand { range: start..start, is_plain: false, is_list: false, start };
        self.at += 1;
        match (first.kind, &self.text[first.range.clone()]) {
            (Kind::String, _) => {
                operand.is_plain = true;
                while self.tokens.get(self.at).is_some_and(|token| token.kind == Kind::String) {
                    self.at += 1;
                }
            }
            (_, "(") => self.bracket(|reader| reader.clauses(Place::Plain)),
            (_, "[") => {
                operand.is_list = true;
                self.bracket(|reader| reader.clauses(Place::Plain));
            }
            (_, "{") => self.bracket(Reader::pairs),
            (Kind::Name, "in" | "is" | "and" | "or" | "if" | "else" | "not") => {
                self.at -= 1;
                return None;
            }
            (Kind::Other, word) if !word.starts_with(|first: char| first.is_ascii_digit()) => {
                self.at -= 1;
                return None;
            }
            _ => operand.is_plain = self.is_plain(first),
        }
        operand.range.end = self.end();
        while self.postfix(&mut operand) {
            operand.is_list = false;
            operand.range.end = self.end();
        }
        Some(operand)
    }

    /// Reads an attribute, a subscript or a call of what was read.
    fn postfix(&mut self, operand: &mut Operand) -> bool {
        if self.is(".") {
            self.at += 1;
            let next = self.tokens.get(self.at).filter(|next| next.kind != Kind::String);
            let word = |next: &Token| self.text[next.range.clone()].starts_with(|one: char| is_of_name(one));
            self.at += usize::from(next.is_some_and(word));
        } else if self.is("[") {
            let opens = self.at;
            let is_slice = self.find_inside(opens, ":");
            self.at += 1;
            self.bracket(|reader| reader.clauses(Place::Walked));
            if is_slice && !operand.is_plain {
                // a slice goes through the list from its beginning
                let closed = self.tokens[opens].range.start;
                self.edits.open(operand.range.start);
                self.edits.replace(closed..closed, &format!("|{KEPT})"));
            }
            operand.is_plain = false;
        } else if self.is("(") {
            self.at += 1;
            self.bracket(|reader| reader.clauses(Place::Argument));
            operand.is_plain = false;
        } else {
            return false;
        }
        true
    }

    fn filter(&mut self, operand: &mut Operand) {
        self.at += 1;
        if !operand.is_plain
            && let Some(name) = self.name().and_then(paid_before)
        {
            self.edits.filter(operand.range.end, name);
        }
        let pays = self.name().is_some_and(|name| paid_before(name).is_none());
        self.dotted();
        self.arguments(if pays { Place::Argument } else { Place::Walked });
        operand.is_plain = false;
    }

    fn test(&mut self, operand: &mut Operand) {
        self.at += 1;
        self.at += usize::from(self.is("not"));
        let is_cheap = self.name().is_some_and(|name| CHEAP_TESTS.contains(&name));
        if !operand.is_plain && !is_cheap {
            self.edits.filter(operand.range.end, COUNTED);
        }
        self.dotted();
        if !self.arguments(Place::Walked) && !["and", "or", "else", "is"].iter().any(|word| self.is(word)) {
            let before = self.at;
            self.at += usize::from(self.is("-"));
            let is_value = self.tokens.get(self.at).is_some_and(|token| {
                token.kind != Kind::Other || ["[", "{"].iter().any(|open| token.is(self.text, open)) || {
                    self.text[token.range.clone()].starts_with(|one: char| one.is_ascii_digit())
                }
            });
            if !is_value || self.value().is_none() {
                self.at = before;
            }
        }
        operand.is_plain = true; // a truth
    }

    /// Reads a name, which may have dots.
    fn dotted(&mut self) {
        self.at += 1;
        while self.is(".") {
            self.at += 2;
        }
    }

    fn arguments(&mut self, place: Place) -> bool {
        let called = self.is("(");
        if called {
            self.at += 1;
            self.bracket(|reader| reader.clauses(place));
        }
        called
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

/// The tests that look at what kind of value it is, or at a number.
const CHEAP_TESTS: [&str; 22] = [
    "boolean",
    "defined",
    "divisibleby",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "int",
    "integer",
    "iterable",
    "mapping",
    "none",
    "number",
    "odd",
    "safe",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "unset",
];

/// The filter that pays for what the filter `name` is given; none, if that pays itself or looks at no more than the
/// first or the last.
fn paid_before(name: &str) -> Option<&'static str> {
    match name {
        "abs" | "attr" | "bool" | "count" | "d" | "default" | "first" | "float" | "int" | "known"
        | "last" | "length" | "list" | "reverse" | "round" | "safe" => None,
        "caller_id" | "codecs" | "csv" | "duration" | "env" | "epoch" | "host_port" | "json_lines"
        | "milliseconds" | "natural_sort" | "parts" | "prometheus" | "seconds" | "shell" | "sip_uri"
        | "table" | "time" => None,
        "batch" | "chain" | "items" | "map" | "pairs" | "reject" | "rejectattr" | "select" | "selectattr"
        | "slice" | "zip" => Some(KEPT),
        _ => Some(COUNTED),
    }
}
