//! What stands inside the tags of a template: the templates it names, its filters and its tests.
//!
//! The template engine finds these only while it runs; reading the tags finds them before. Text
//! outside of tags, comments and raw blocks say nothing, and neither do strings inside of tags,
//! except where a template is named.

mod shown;

use std::ops::Range;

use shown::FieldNames;

/// The most links of a chain: operators, attributes, filters and calls of one tag, or `elif`s of one text. The
/// template engine follows a chain by calling itself, and runs out of stack where it is some ten times as long.
const LONGEST_CHAIN: usize = 500;

/// A tag that names other templates.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// `include`, `import`, `from` or `extends`.
    pub keyword: String,
    /// The whole tag.
    pub tag: Range<usize>,
    /// The templates it names, with the places of their names; none if an expression names them.
    pub names: Vec<(String, Range<usize>)>,
    /// Whether one of them has to exist.
    pub required: bool,
}

/// What the tags of a template, or an expression, name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Other templates.
    pub references: Vec<Reference>,
    /// Filters: `x | name`.
    pub filters: Vec<(String, Range<usize>)>,
    /// Tests: `x is name`.
    pub tests: Vec<(String, Range<usize>)>,
    /// Words that are no attributes; some are words of the language itself.
    pub names: Vec<(String, Range<usize>)>,
    /// Fields that are shown by name: `x.name`.
    pub shown_fields: Vec<(String, Range<usize>)>,
    /// Where a chain gets longer than the template engine can follow.
    pub too_long: Option<Range<usize>>,
    elifs: usize,
    field_names: FieldNames,
}

impl Tags {
    /// Reads the tags of a template.
    pub fn of_template(text: &str) -> Tags {
        let mut tags = Tags::default();
        for_each(text, |kind, tokens, tag| {
            tags.measure(text, tokens);
            match kind {
                TagKind::Expression => tags.read_expression(text, tokens, tag),
                TagKind::Block => tags.read_block(text, tokens, tag),
            }
        });
        tags
    }

    /// Reads an expression.
    pub fn of_expression(text: &str) -> Tags {
        let mut tags = Tags::default();
        let tokens = tokens_of_expression(text);
        tags.measure(text, &tokens);
        tags.read_expression(text, &tokens, 0..text.len());
        tags
    }

    /// Looks for a chain that is too long.
    fn measure(&mut self, text: &str, tokens: &[Token]) {
        let links = tokens.iter().filter(|token| token.is_link(text));
        let link = links.map(|token| token.range.clone()).nth(LONGEST_CHAIN);
        let elif = tokens.first().filter(|first| first.is(text, "elif"));
        self.elifs += usize::from(elif.is_some());
        let elif = elif.filter(|_| self.elifs > LONGEST_CHAIN).map(|elif| elif.range.clone());
        self.too_long = self.too_long.take().or(link).or(elif);
    }

    fn read_expression(&mut self, text: &str, tokens: &[Token], _tag: Range<usize>) {
        self.read_operators(text, tokens);
        self.shown_fields.extend(self.field_names.read(text, tokens, ""));
    }

    fn read_block(&mut self, text: &str, tokens: &[Token], tag: Range<usize>) {
        let Some((first, rest)) = tokens.split_first() else { return };
        let keyword = &text[first.range.clone()];
        self.shown_fields.extend(self.field_names.read(text, tokens, keyword));
        match keyword {
            "include" | "import" | "from" | "extends" => self.read_reference(text, keyword, rest, tag),
            "filter" => {
                if let Some(filter) = rest.first().filter(|token| token.kind == Kind::Name) {
                    self.filters.push((text[filter.range.clone()].to_owned(), filter.range.clone()));
                }
                self.read_operators(text, rest);
            }
            _ => self.read_operators(text, rest),
        }
    }

    fn read_reference(&mut self, text: &str, keyword: &str, rest: &[Token], tag: Range<usize>) {
        let listed = rest.first().is_some_and(|token| token.is(text, "["));
        let is_end = |token: &Token| if listed { token.is(text, "]") } else { token.kind == Kind::Name };
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        let plain = |token: &Token| {
            token.kind == Kind::String || (listed && ["[", ","].iter().any(|mark| token.is(text, mark)))
        };
        let mut names = Vec::new();
        let dynamic = !rest[..end].iter().all(plain) || rest.iter().any(|token| token.is(text, "if"));
        if !dynamic {
            for token in rest[..end].iter().filter(|token| token.kind == Kind::String) {
                let literal = &text[token.range.clone()];
                // one that is not closed is a mistake that the template engine tells
                let inner = literal.get(1..).and_then(|rest| rest.strip_suffix(&literal[..1]));
                names.extend(inner.map(|name| (name.to_owned(), token.range.clone())));
            }
        }
        let required = !rest.iter().any(|token| token.is(text, "ignore"));
        self.references.push(Reference { keyword: keyword.to_owned(), tag, names, required });
    }

    fn read_operators(&mut self, text: &str, tokens: &[Token]) {
        for (index, token) in tokens.iter().enumerate() {
            let mut behind = tokens[index + 1..].iter();
            let before = index.checked_sub(1).map(|before| &tokens[before]);
            let attribute = before.is_some_and(|before| before.is(text, "."));
            if !attribute {
                self.names.extend(token.named(text));
            }
            if token.is(text, "|") {
                self.filters.extend(behind.next().and_then(|name| name.named(text)));
            } else if token.is(text, "is") && !attribute {
                let name = behind.find(|token| !token.is(text, "not"));
                self.tests.extend(name.and_then(|name| name.named(text)));
            }
        }
    }
}

/// What kind of tag it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// `{{ … }}`.
    Expression,
    /// `{% … %}`.
    Block,
}

/// Gives `read` each tag of a template: its kind, its tokens and where it stands.
pub fn for_each(text: &str, mut read: impl FnMut(TagKind, &[Token], Range<usize>)) {
    let mut at = 0;
    while let Some(start) = text[at..].find('{').map(|offset| at + offset) {
        let (kind, close) = match text.as_bytes().get(start + 1) {
            Some(b'#') => {
                at = text[start..].find("#}").map_or(text.len(), |end| start + end + 2);
                continue;
            }
            Some(b'{') => (TagKind::Expression, "}}"),
            Some(b'%') => (TagKind::Block, "%}"),
            _ => {
                at = start + 1;
                continue;
            }
        };
        let (tokens, end) = tokens(text, start + 2, Some(close));
        read(kind, &tokens, start..end);
        let is_raw = kind == TagKind::Block && tokens.first().is_some_and(|first| first.is(text, "raw"));
        at = if is_raw { end_of_raw(text, end) } else { end };
    }
}

/// The tokens of an expression that stands by itself.
pub fn tokens_of_expression(text: &str) -> Vec<Token> {
    tokens(text, 0, None).0
}

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word.
    Name,
    /// A string, its quotes included.
    String,
    /// A number, or one other character.
    Other,
}

/// A word, a string or another character of a tag.
#[derive(Debug)]
pub struct Token {
    /// What kind it is.
    pub kind: Kind,
    /// Where it stands.
    pub range: Range<usize>,
}

impl Token {
    /// Whether it is that word or character.
    pub fn is(&self, text: &str, what: &str) -> bool {
        self.kind != Kind::String && text[self.range.clone()] == *what
    }

    /// Whether it joins two parts of an expression, or stands before or behind one.
    fn is_link(&self, text: &str) -> bool {
        let word = &text[self.range.clone()];
        match self.kind {
            Kind::String => false,
            Kind::Name => matches!(word, "not" | "and" | "or" | "in" | "is" | "if" | "else"),
            Kind::Other => !word.starts_with(|first: char| matches!(first, ',' | ':') || first.is_numeric()),
        }
    }

    fn named(&self, text: &str) -> Option<(String, Range<usize>)> {
        (self.kind == Kind::Name).then(|| (text[self.range.clone()].to_owned(), self.range.clone()))
    }
}

/// The tokens from `start` to the closing mark of the tag, and where the text goes on behind it.
fn tokens(text: &str, start: usize, close: Option<&str>) -> (Vec<Token>, usize) {
    let mut tokens = Vec::new();
    let mut at = start;
    // between brackets nothing closes a tag: `{{ {'a': {}} }}`
    let mut open = 0_isize;
    while let Some(first) = text[at..].chars().next() {
        if let Some(close) = close.filter(|_| open == 0)
            && let behind = text[at..].strip_prefix(['-', '+']).unwrap_or(&text[at..])
            && behind.starts_with(close)
        {
            return (tokens, text.len() - behind.len() + close.len());
        }
        open += match first {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        let (kind, length) = match first {
            '"' | '\'' => (Kind::String, string_length(&text[at..], first)),
            _ if first.is_ascii_digit() => (Kind::Other, number_length(text, at)),
            _ if is_of_word(first) => {
                let length = text[at..].find(|one| !is_of_word(one)).unwrap_or(text.len() - at);
                (Kind::Name, length)
            }
            _ => (Kind::Other, first.len_utf8()),
        };
        // the mark of whitespace control at a tag's beginning is no operator
        let is_mark = at == start && close.is_some() && matches!(first, '-' | '+');
        if !first.is_whitespace() && !is_mark {
            tokens.push(Token { kind, range: at..at + length });
        }
        at += length;
    }
    (tokens, text.len())
}

/// Whether a word may hold it. The template engine tells which characters beyond ASCII do; no operator is one.
fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || character == '_'
        || !character.is_ascii() && !character.is_whitespace()
}

/// The length of the number that begins at `at`: `1_000`, `0x1f`, `2.5e-3`. One behind a dot is an index, and has no
/// fraction: `a.1.0`.
fn number_length(text: &str, at: usize) -> usize {
    let bytes = &text.as_bytes()[at..];
    if matches!(bytes, [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', ..]) {
        return 2 + bytes[2..].iter().take_while(|one| one.is_ascii_hexdigit() || **one == b'_').count();
    }
    let digits = |from: usize| {
        let behind = bytes.get(from..).unwrap_or(&[]);
        from + behind.iter().take_while(|one| one.is_ascii_digit() || **one == b'_').count()
    };
    let exponent = |from: usize| match bytes.get(from..) {
        Some([b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..]) => digits(from + 2),
        Some([b'e' | b'E', b'0'..=b'9', ..]) => digits(from + 1),
        _ => from,
    };
    let whole = digits(0);
    let is_index = at.checked_sub(1).is_some_and(|before| text.as_bytes()[before] == b'.');
    let behind_dot = text[at + whole..].strip_prefix('.').filter(|_| !is_index);
    match behind_dot.and_then(|behind| behind.chars().next()) {
        Some(next) if is_of_word(next) && !next.is_ascii_digit() && exponent(whole + 1) == whole + 1 => whole,
        None if behind_dot.is_none() => exponent(whole),
        _ => exponent(digits(whole + 1)),
    }
}

/// The length of a string literal with its quotes; one that is not closed is no string.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the text goes on behind `{% endraw %}`.
fn end_of_raw(text: &str, start: usize) -> usize {
    let mut at = start;
    while let Some(open) = text[at..].find("{%").map(|offset| at + offset) {
        let inner = &text[open + 2..];
        let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
        if let Some(rest) = inner.strip_prefix("endraw") {
            let rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}") {
                return text.len() - behind.len();
            }
        }
        at = open + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[(String, Range<usize>)]) -> Vec<&str> {
        found.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn filters_and_tests_are_found_in_tags_only() {
        let text = "a | no {{ a | upper is lower }} {# {{ b | no }} #}{% if 'x | no' is not defined %}\
                    {% raw %}{{ c | no }}{% endraw %}{%- filter trim | title %}é{% endfilter %}{{ a.is }}";
        let tags = Tags::of_template(text);
        assert_eq!(names(&tags.filters), ["upper", "trim", "title"]);
        assert_eq!(names(&tags.tests), ["lower", "defined"]);
        for (name, range) in tags.filters.iter().chain(&tags.tests) {
            assert_eq!(&text[range.clone()], name);
        }
        assert_eq!(names(&Tags::of_expression("a|first if b is odd else 'c|x'").filters), ["first"]);
    }

    #[test]
    fn names_are_words_that_are_no_attributes() {
        let tags = Tags::of_template("x {{ a.b['c'] }}{# d #}{% set e = a %}");
        assert_eq!(names(&tags.names), ["a", "e", "a"]);
    }

    #[test]
    fn the_templates_that_a_template_names_are_found() {
        let text = r#"{% include "a" %}{%- import 'b' as c -%}{% from "d" import e %}{% extends "f" %}
            {% include ["g", "h"] ignore missing %}{% include name %}{% include "i" if x else "j" %}"#;
        let tags = Tags::of_template(text);
        let found: Vec<_> = tags.references.iter().map(|one| (names(&one.names), one.required)).collect();
        assert_eq!(
            found,
            [
                (vec!["a"], true),
                (vec!["b"], true),
                (vec!["d"], true),
                (vec!["f"], true),
                (vec!["g", "h"], false),
                (vec![], true),
                (vec![], true),
            ]
        );
        assert_eq!(&text[tags.references[0].tag.clone()], r#"{% include "a" %}"#);
        assert_eq!(&text[tags.references[0].names[0].1.clone()], r#""a""#);
    }

    #[test]
    fn unfinished_tags_end_with_the_text() {
        for text in [
            "{{",
            "{{ 'a",
            "{% include 'a",
            "{% include '",
            "{% include \"é",
            "{% include [\"",
            "{# a",
            "{% raw %} {% x",
            "{",
            "{%",
            "é{{é|",
            "{{ '\\",
        ] {
            let tags = Tags::of_template(text);
            assert!(tags.filters.is_empty(), "{text}");
            assert!(tags.references.iter().all(|one| one.names.is_empty()), "{text}");
        }
    }

    #[test]
    fn a_chain_that_is_too_long_is_found_where_it_gets_so() {
        let many = LONGEST_CHAIN + 1;
        for (link, last) in
            [("+1", "+"), ("|upper", "|"), (".a", "."), (" is odd", "is"), (" if a else b", "if")]
        {
            let text = format!("{{{{ a{} }}}}", link.repeat(many));
            let found = Tags::of_template(&text).too_long.unwrap();
            assert_eq!(&text[found], last);
        }
        let text = format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(many));
        assert!(Tags::of_template(&text).too_long.is_some());
        assert!(Tags::of_expression(&format!("{}a", "not ".repeat(many))).too_long.is_some());
        let table = format!("{{{{ [{}] }}}}", "'a', 1, b,".repeat(many));
        assert_eq!(Tags::of_template(&table).too_long, None);
        let short = format!("{{{{ a{} }}}}", "+1".repeat(LONGEST_CHAIN));
        assert_eq!(Tags::of_template(&short.repeat(3)).too_long, None);
    }
}
