//! Templates and expressions with what their operators work on paid for.
//!
//! The template engine counts steps, and its filters pay for what they go through. Its operators do not: `==` goes
//! through both of its lists, `~` prints them, `+` and slices join lists without going through them yet, and nothing
//! counts how deep lists are nested. So the engine is given each template with filters of our own put into it, before
//! an operator and behind what is kept in a variable; [`super::extent`] has them. `{% set a = b == c %}` becomes
//! `{% set a = (b|_counted == c|_counted)|_kept %}`. Lines stay lines.

mod operands;
mod operators;
mod reader;
mod statements;

use std::ops::Range;

use operators::Place;
use reader::Reader;

use super::tags::{self, TagKind};

/// A template, metered. It has to be one that the template engine can read.
pub fn template(text: &str) -> String {
    let mut edits = Edits::default();
    tags::for_each(text, |kind, tokens, _| {
        let mut reader = Reader { text, tokens, at: 0, edits: &mut edits };
        match kind {
            TagKind::Expression => reader.clauses(Place::Plain),
            TagKind::Block => reader.block(),
        }
    });
    edits.applied(text)
}

/// An expression, metered. It has to be one that the template engine can read.
pub fn expression(text: &str) -> String {
    let mut edits = Edits::default();
    Reader { text, tokens: &tags::tokens_of_expression(text), at: 0, edits: &mut edits }
        .clauses(Place::Plain);
    edits.applied(text)
}

/// What is put into a text.
#[derive(Debug, Default)]
struct Edits(Vec<Edit>);

/// What is put in place of a range of a text.
#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    /// Whether it goes before what else begins there.
    opens: bool,
    text: String,
}

impl Edits {
    fn open(&mut self, at: usize) {
        self.0.push(Edit { range: at..at, opens: true, text: "(".to_owned() });
    }

    fn replace(&mut self, range: Range<usize>, text: &str) {
        self.0.push(Edit { range, opens: false, text: text.to_owned() });
    }

    /// Puts a filter behind what ends at `end`.
    fn filter(&mut self, end: usize, name: &str) {
        self.replace(end..end, &format!("|{name}"));
    }

    /// Puts a filter behind the whole of `range`.
    fn wrap(&mut self, range: Range<usize>, name: &str) {
        self.open(range.start);
        self.replace(range.end..range.end, &format!(")|{name}"));
    }

    fn applied(mut self, text: &str) -> String {
        // of those at one place the inner were found first
        self.0.sort_by_key(|edit| (edit.range.start, !edit.opens));
        let mut whole = String::with_capacity(text.len() + 16 * self.0.len());
        let mut at = 0;
        for edit in self.0 {
            whole += &text[at..edit.range.start];
            whole += &edit.text;
            at = edit.range.end;
        }
        whole + &text[at..]
    }
}

#[cfg(test)]
#[path = "metered_tests.rs"]
mod tests;
