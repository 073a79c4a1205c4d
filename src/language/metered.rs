//! Templates and expressions with what their operators work on paid for.
//!
//! The template engine counts steps, and its filters pay for what they go through. Its operators do not: `==` goes
//! through both of its lists, `~` prints them, `+` and slices join lists without going through them yet, and nothing
//! counts how deep lists are nested. So the engine is given each template with filters of our own put into it, before
//! an operator and behind what is kept in a variable; [`super::extent`] has them. `{% set a = b == c %}` becomes
//! `{% set a = (b|_counted == c|_counted)|_kept %}`. Lines stay lines.

use std::ops::Range;

use super::extent::{COUNTED, HELD, KEPT, WITH_ITEMS};
use super::tags::{self, Kind, TagKind, Token};

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

/// Where an expression stands, which decides what its value is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
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

/// A value in an expression, with its attributes, calls and filters.
#[derive(Debug, Clone)]
struct Operand {
    range: Range<usize>,
    /// A text, a number or a truth by its form.
    is_plain: bool,
    /// `[…]`, and nothing else.
    is_list: bool,
    /// Where it begins with its sign.
    start: usize,
}

struct Reader<'r> {
    text: &'r str,
    tokens: &'r [Token],
    at: usize,
    edits: &'r mut Edits,
}

impl Reader<'_> {
    /// Reads a tag `{% … %}`.
    fn block(&mut self) {
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

    /// The first token from `from` on that is what is looked for, outside of brackets.
    fn find(&self, from: usize, is_it: impl Fn(&Self, usize) -> bool) -> Option<usize> {
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
    fn closing(&self, at: usize) -> usize {
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

    /// Reads expressions up to the bracket that closes them.
    fn clauses(&mut self, place: Place) {
        while self.at < self.tokens.len() && !self.is_closing() {
            let before = self.at;
            self.clause(place);
            if self.at == before || self.is(",") || self.is(":") {
                self.at += usize::from(!self.is_closing());
            }
        }
    }

    /// Reads the keys and values of a record.
    fn pairs(&mut self) {
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

    fn operand(&mut self) -> Option<Operand> {
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

    fn name(&self) -> Option<&str> {
        self.tokens.get(self.at).map(|token| &self.text[token.range.clone()])
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

    /// Reads what stands between brackets, and the closing one.
    fn bracket(&mut self, read: impl FnOnce(&mut Self)) {
        read(self);
        self.at += usize::from(self.is_closing());
    }

    /// Whether `what` stands in the bracket that opens at `opens`, and in none inside of it.
    fn find_inside(&self, opens: usize, what: &str) -> bool {
        let closes = self.closing(opens);
        self.find(opens + 1, |reader, at| at == closes || reader.token_is(at, what))
            .is_some_and(|at| at < closes)
    }

    /// Where the last token read ends.
    fn end(&self) -> usize {
        let last = self.at.min(self.tokens.len()).checked_sub(1);
        last.map_or(0, |last| self.tokens[last].range.end)
    }

    fn is(&self, what: &str) -> bool {
        self.token_is(self.at, what)
    }

    fn token_is(&self, at: usize, what: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(self.text, what))
    }

    fn is_closing(&self) -> bool {
        [")", "]", "}"].iter().any(|close| self.is(close))
    }

    /// Whether a `=` stands there that is no part of `==`.
    fn is_assignment(&self, at: usize) -> bool {
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

    fn is_plain(&self, token: &Token) -> bool {
        let word = &self.text[token.range.clone()];
        match token.kind {
            Kind::String => true,
            Kind::Name => matches!(word, "true" | "false" | "none" | "True" | "False" | "None"),
            Kind::Other => word.starts_with(|first: char| first.is_ascii_digit()),
        }
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

#[cfg(test)]
#[path = "metered_tests.rs"]
mod tests;
