//! The tokens of a tag, and what is looked for among them.

use super::Edits;
use crate::language::tags::{Kind, Token};

/// What reads the tokens of a tag and notes what is put between them.
pub(super) struct Reader<'r> {
    pub(super) text: &'r str,
    pub(super) tokens: &'r [Token],
    pub(super) at: usize,
    pub(super) edits: &'r mut Edits,
}

impl Reader<'_> {
    /// The first token from `from` on that is what is looked for, outside of brackets.
    pub(super) fn find(&self, from: usize, is_it: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        let mut at = from;
        while at < self.tokens.len() {
            if is_it(self, at) {
                return Some(at);
            }
            at = self.closing(at) + 1;
        }
        None
    }

    /// The bracket that closes the one at `at`; `at` itself, if none opens there.
    pub(super) fn closing(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(at) {
            if ["(", "[", "{"].iter().any(|open| token.is(self.text, open)) {
                depth += 1;
            } else if [")", "]", "}"].iter().any(|close| token.is(self.text, close)) {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                return index;
            }
        }
        self.tokens.len()
    }

    /// Whether `what` stands in the bracket that opens at `opens`, and in none inside of it.
    pub(super) fn find_inside(&self, opens: usize, what: &str) -> bool {
        let closes = self.closing(opens);
        self.find(opens + 1, |reader, at| at == closes || reader.token_is(at, what))
            .is_some_and(|at| at < closes)
    }

    /// Reads what stands between brackets, and the closing one.
    pub(super) fn bracket(&mut self, read: impl FnOnce(&mut Self)) {
        read(self);
        self.at += usize::from(self.is_closing());
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|token| &self.text[token.range.clone()])
    }

    /// Where the last token read ends.
    pub(super) fn end(&self) -> usize {
        let last = self.at.min(self.tokens.len()).checked_sub(1);
        last.map_or(0, |last| self.tokens[last].range.end)
    }

    pub(super) fn is(&self, what: &str) -> bool {
        self.token_is(self.at, what)
    }

    pub(super) fn token_is(&self, at: usize, what: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(self.text, what))
    }

    pub(super) fn is_closing(&self) -> bool {
        [")", "]", "}"].iter().any(|close| self.is(close))
    }

    /// Whether a `=` stands there that is no part of `==`.
    pub(super) fn is_assignment(&self, at: usize) -> bool {
        let follows = |at: usize| {
            let next = self.tokens.get(at + 1).filter(|next| next.is(self.text, "="));
            next.is_some_and(|next| self.tokens[at].range.end == next.range.start)
        };
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        let behind_mark = before.is_some_and(|before| {
            ["=", "!", "<", ">"].iter().any(|mark| before.is(self.text, mark))
                && self.tokens.get(at).is_some_and(|token| token.range.start == before.range.end)
        });
        self.token_is(at, "=") && !follows(at) && !behind_mark
    }

    pub(super) fn is_plain(&self, token: &Token) -> bool {
        let word = &self.text[token.range.clone()];
        match token.kind {
            Kind::String => true,
            Kind::Name => matches!(word, "true" | "false" | "none" | "True" | "False" | "None"),
            Kind::Other => word.starts_with(|first: char| first.is_ascii_digit()),
        }
    }
}
