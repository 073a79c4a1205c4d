//! Operands with operators between them, and what these go through.

use std::ops::Range;

use super::operands::Operand;
use super::reader::Reader;
use crate::language::extent::{COUNTED, KEPT, WITH_ITEMS};
use crate::language::tags::Kind;

/// Where an expression stands, which decides what its value is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where nothing is done with it but by the operators beside it.
    Plain,
    /// Given to a function.
    Argument,
    /// Looked up in a record, or gone through by a filter.
    Walked,
}

/// What stands between two operands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// A word such as `and` or `if`.
    Word,
    /// Compares both.
    Compare,
    /// Looks for one in the other, and may print it for that.
    In,
    Add,
    Subtract,
    /// Prints both.
    Concatenate,
    Multiply,
}

impl Operator {
    /// How close it binds: what binds closer is done before.
    fn closeness(self) -> u8 {
        match self {
            Operator::Word => 0,
            Operator::Compare | Operator::In => 1,
            Operator::Add | Operator::Subtract => 2,
            Operator::Concatenate => 3,
            Operator::Multiply => 4,
        }
    }

    /// Whether it goes through a value when beside it stands one that is plain by its form, or is not.
    fn goes_through(self, other_is_plain: bool) -> bool {
        match self {
            Operator::Compare | Operator::Add => !other_is_plain,
            Operator::In | Operator::Concatenate => true,
            Operator::Word | Operator::Subtract | Operator::Multiply => false,
        }
    }
}

impl Reader<'_> {
    /// Reads expressions up to the bracket that closes them.
    pub(super) fn clauses(&mut self, place: Place) {
        while self.at < self.tokens.len() && !self.is_closing() {
            let before = self.at;
            self.clause(place);
            if self.at == before || self.is(",") || self.is(":") {
                self.at += usize::from(!self.is_closing());
            }
        }
    }

    /// Reads the keys and values of a record.
    pub(super) fn pairs(&mut self) {
        while self.at < self.tokens.len() && !self.is_closing() {
            self.clause(Place::Walked);
            self.at += usize::from(self.is(":"));
            self.clause(Place::Plain);
            if !self.is_closing() {
                self.at += 1;
            }
        }
    }

    /// Reads operands and the operators between them.
    fn clause(&mut self, place: Place) {
        let mut operands: Vec<Operand> = Vec::new();
        let mut operators = Vec::new();
        while self.is("*") {
            self.at += 1; // `f(*list)`
        }
        let start = self.tokens.get(self.at).map_or(0, |first| first.range.start);
        while let Some(operand) = self.operand() {
            operands.push(operand);
            match self.operator() {
                Some(operator) => operators.push(operator),
                None => break,
            }
        }
        if self.is_assignment(self.at) {
            self.at += 1; // a name, and its value comes next
            return;
        }
        operators.truncate(operands.len().saturating_sub(1));
        if !self.with_items(&operands, &operators) {
            self.go_through(&operands, &operators);
        }
        let filter = match place {
            Place::Plain => return,
            Place::Argument => KEPT,
            Place::Walked => COUNTED,
        };
        match &operands[..] {
            [] => {}
            [one] if one.is_plain => {}
            [one] => self.edits.filter(one.range.end, filter),
            [.., last] => self.edits.wrap(start..last.range.end, filter),
        }
    }

    /// `a + […]`: what is added to over and over is not to be gone through each time.
    fn with_items(&mut self, operands: &[Operand], operators: &[Operator]) -> bool {
        let ([list, items], [Operator::Add]) = (operands, operators) else { return false };
        if !items.is_list || list.is_plain || list.start < list.range.start {
            return false;
        }
        let end = list.range.end;
        let plus = end + self.text[end..items.range.start].find('+').unwrap_or_default();
        self.edits.filter(end, &format!("{WITH_ITEMS}("));
        self.edits.replace(plus..plus + 1, "");
        self.edits.replace(items.range.end..items.range.end, ")");
        true
    }

    /// Pays for what the operators go through, those first that bind closest.
    fn go_through(&mut self, operands: &[Operand], operators: &[Operator]) {
        for closeness in [3, 2, 1] {
            let mut terms: Vec<Range<usize>> = Vec::new();
            let mut first = 0;
            for index in 0..operands.len() {
                if operators.get(index).is_none_or(|operator| operator.closeness() <= closeness) {
                    terms.push(first..index + 1);
                    first = index + 1;
                }
            }
            let is_plain =
                |term: &Range<usize>| operands[term.clone()].iter().all(|operand| operand.is_plain);
            let goes_through = |operator: usize, other: Option<&Range<usize>>| {
                let operator = operators.get(operator).filter(|operator| operator.closeness() == closeness);
                operator.is_some_and(|operator| operator.goes_through(other.is_some_and(is_plain)))
            };
            for (index, term) in terms.iter().enumerate().filter(|(_, term)| !is_plain(term)) {
                let before =
                    index.checked_sub(1).is_some_and(|other| goes_through(term.start - 1, terms.get(other)));
                if before || goes_through(term.end - 1, terms.get(index + 1)) {
                    let (first, last) = (&operands[term.start], &operands[term.end - 1]);
                    match term.len() {
                        1 => self.edits.filter(last.range.end, COUNTED),
                        _ => self.edits.wrap(first.start..last.range.end, COUNTED),
                    }
                }
            }
        }
    }

    /// Reads an operator, or none where an operand follows by itself, as behind a keyword.
    fn operator(&mut self) -> Option<Operator> {
        let two = |second: &str| {
            let [first, next] = self.tokens.get(self.at..self.at + 2)? else { return None };
            (first.range.end == next.range.start && next.is(self.text, second)).then_some(2)
        };
        let token = self.tokens.get(self.at)?;
        if token.kind == Kind::String {
            return Some(Operator::Word);
        }
        let (operator, length) = match &self.text[token.range.clone()] {
            "=" | "!" => (Operator::Compare, two("=")?),
            "<" | ">" => (Operator::Compare, two("=").unwrap_or(1)),
            "in" => (Operator::In, 1),
            "not" if self.token_is(self.at + 1, "in") => (Operator::In, 2),
            "+" => (Operator::Add, 1),
            "-" => (Operator::Subtract, 1),
            "~" => (Operator::Concatenate, 1),
            "*" => (Operator::Multiply, two("*").unwrap_or(1)),
            "/" => (Operator::Multiply, two("/").unwrap_or(1)),
            "%" => (Operator::Multiply, 1),
            "and" | "or" | "if" | "else" => (Operator::Word, 1),
            "," | ":" | "|" | "." | ")" | "]" | "}" => return None,
            // behind a keyword of a tag
            _ => (Operator::Word, 0),
        };
        self.at += length;
        Some(operator)
    }
}
