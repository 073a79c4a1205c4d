//! Tags `{% … %}`, and what they keep in variables.

use std::ops::Range;

use super::operators::Place;
use super::reader::Reader;
use crate::language::extent::{HELD, KEPT};

impl Reader<'_> {
    /// Reads a tag `{% … %}`.
    pub(super) fn block(&mut self) {
        let Some(keyword) = self.tokens.first() else { return };
        self.at = 1;
        match &self.text[keyword.range.clone()] {
            // a name and its parameters; what they are given is metered where it is given
            "macro" | "block" => {}
            "set" => self.set(),
            "with" => self.with(),
            "for" => self.for_loop(),
            "call" => {
                if self.is("(") {
                    self.at = self.closing(self.at) + 1;
                }
                self.clauses(Place::Plain);
            }
            _ => self.clauses(Place::Plain),
        }
    }

    fn set(&mut self) {
        let Some(assigned) = self.find(1, |reader, at| reader.is_assignment(at)) else {
            return self.clauses(Place::Plain); // the filters of `{% set x | upper %}`
        };
        let is_attribute = self.tokens[1..assigned].iter().any(|token| token.is(self.text, "."));
        self.kept(assigned + 1..self.tokens.len(), if is_attribute { HELD } else { KEPT });
    }

    fn with(&mut self) {
        let mut from = 1;
        while let Some(assigned) = self.find(from, |reader, at| reader.is_assignment(at)) {
            let end = self.find(assigned + 1, |reader, at| reader.token_is(at, ","));
            from = end.unwrap_or(self.tokens.len());
            self.kept(assigned + 1..from, KEPT);
        }
    }

    fn for_loop(&mut self) {
        let Some(start) = self.find(1, |reader, at| reader.token_is(at, "in")).map(|at| at + 1) else {
            return;
        };
        let last = self.tokens.len() - 1;
        let end = self.find(start + 1, |reader, at| {
            reader.token_is(at, "if") || at == last && reader.token_is(at, "recursive")
        });
        let end = end.unwrap_or(self.tokens.len());
        let is_range = self.token_is(start, "range") && self.token_is(start + 1, "(");
        if is_range && self.closing(start + 1) + 1 == end {
            self.region(start..end); // it ends soon by itself, and is no list yet
        } else {
            self.kept(start..end, KEPT);
        }
        self.region(end..self.tokens.len());
    }

    /// Reads those tokens, whose value is kept in a variable.
    fn kept(&mut self, tokens: Range<usize>, filter: &str) {
        let (Some(first), Some(last)) = (self.tokens.get(tokens.start), self.tokens.get(tokens.end - 1))
        else {
            return;
        };
        let range = first.range.start..last.range.end;
        let is_plain = tokens.len() == 1 && self.is_plain(first);
        self.region(tokens);
        if !is_plain {
            self.edits.wrap(range, filter);
        }
    }

    fn region(&mut self, tokens: Range<usize>) {
        let Some(inner) = self.tokens.get(tokens) else { return };
        Reader { text: self.text, tokens: inner, at: 0, edits: self.edits }.clauses(Place::Plain);
    }
}
