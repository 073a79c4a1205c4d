//! The fields that the tags of a template show by name.
//!
//! `x.secret`, `x['secret']`, `x | attr('secret')` and `map(attribute='secret')` name one, and so does
//! `x[field]` where `field` goes through a list of names that stands in the template. A field that is
//! only compared, or decides what is shown, is not shown.

use std::collections::HashMap;
use std::ops::Range;

use super::{Kind, Token};

/// Names of fields that stand in lists, by the variable that goes through them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    lists: HashMap<String, Vec<(String, Range<usize>)>>,
    loops: HashMap<String, Vec<(String, Range<usize>)>>,
}

impl FieldNames {
    /// The fields that the tokens of a tag or an expression show; `keyword` is that of a block.
    pub fn read(&mut self, text: &str, tokens: &[Token], keyword: &str) -> Vec<(String, Range<usize>)> {
        match keyword {
            "if" | "elif" => return Vec::new(),
            "set" => self.read_set(text, tokens),
            "for" => return self.read_for(text, tokens),
            _ => {}
        }
        self.shown(text, tokens)
    }

    fn read_set(&mut self, text: &str, tokens: &[Token]) {
        if let [_, name, equals, list @ ..] = tokens
            && name.kind == Kind::Name
            && equals.is(text, "=")
            && list.first().is_some_and(|first| first.is(text, "["))
        {
            self.lists.insert(text[name.range.clone()].to_owned(), strings(text, list));
        }
    }

    fn read_for(&mut self, text: &str, tokens: &[Token]) -> Vec<(String, Range<usize>)> {
        let Some(middle) = tokens.iter().position(|token| token.is(text, "in")) else { return Vec::new() };
        let names = match &tokens[middle + 1..] {
            list @ [first, ..] if first.is(text, "[") => strings(text, list),
            [name, ..] => self.lists.get(&text[name.range.clone()]).cloned().unwrap_or_default(),
            [] => Vec::new(),
        };
        for variable in tokens[1..middle].iter().filter(|token| token.kind == Kind::Name) {
            self.loops.insert(text[variable.range.clone()].to_owned(), names.clone());
        }
        Vec::new()
    }

    fn shown(&self, text: &str, tokens: &[Token]) -> Vec<(String, Range<usize>)> {
        let mut shown = Vec::new();
        let (mut depth, mut condition) = (0_usize, None);
        for (index, token) in tokens.iter().enumerate() {
            let is = |offset: isize, what: &str| {
                let other = index.checked_add_signed(offset).and_then(|index| tokens.get(index));
                other.is_some_and(|other| other.is(text, what))
            };
            match token.kind {
                Kind::Other if ["(", "[", "{"].iter().any(|open| token.is(text, open)) => depth += 1,
                Kind::Other if [")", "]", "}"].iter().any(|close| token.is(text, close)) => {
                    depth = depth.saturating_sub(1);
                    condition = condition.filter(|at| *at <= depth);
                }
                Kind::Name if token.is(text, "if") => condition = Some(depth),
                Kind::Name if token.is(text, "else") => condition = None,
                _ => {}
            }
            if condition.is_some() {
                continue;
            }
            let name = || text[token.range.clone()].to_owned();
            let behind_value = index >= 2 && is(-1, "[") && is_value(text, &tokens[index - 2]);
            let (fields, next) = match token.kind {
                Kind::Name if is(-1, ".") => (vec![(name(), token.range.clone())], 1),
                Kind::Name if behind_value && is(1, "]") => {
                    (self.loops.get(&name()).cloned().unwrap_or_default(), 2)
                }
                Kind::String if behind_value && is(1, "]") => (vec![string(text, token)], 2),
                Kind::String if is(-1, "(") && is(-2, "attr") => (vec![string(text, token)], 2),
                Kind::String if is(-1, "=") && is(-2, "attribute") => (vec![string(text, token)], 2),
                _ => continue,
            };
            let compared = ["=", "!", "<", ">", "is"].iter().any(|operator| is(next, operator));
            if !compared {
                shown.extend(fields);
            }
        }
        shown
    }
}

/// Whether a token ends a value, so that a `[` behind it is a subscript.
fn is_value(text: &str, token: &Token) -> bool {
    let word = ["in", "not", "and", "or", "if", "else", "is"];
    match token.kind {
        Kind::Name => !word.iter().any(|word| token.is(text, word)),
        Kind::String => false,
        Kind::Other => token.is(text, "]") || token.is(text, ")"),
    }
}

fn string(text: &str, token: &Token) -> (String, Range<usize>) {
    let inner = token.range.start + 1..(token.range.end - 1).max(token.range.start + 1);
    (text.get(inner).unwrap_or("").to_owned(), token.range.clone())
}

fn strings(text: &str, tokens: &[Token]) -> Vec<(String, Range<usize>)> {
    tokens.iter().filter(|token| token.kind == Kind::String).map(|token| string(text, token)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Tags;

    fn shown(template: &str) -> Vec<String> {
        Tags::of_template(template).shown_fields.into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn fields_are_found_however_they_are_named() {
        assert_eq!(shown("{{ a.b }} {{ c['d'].e }} {{ f | attr('g') }}"), ["b", "d", "e", "g"]);
        assert_eq!(shown("{{ a | map(attribute='b') | join }}{% set c = d.e %}"), ["b", "e"]);
        assert_eq!(shown("{% for f in ['a', \"b\"] %}{{ x[f] | default('') }}{% endfor %}"), ["a", "b"]);
        let by_name = "{%- set all = ['a', 'b'] %}{% for f in all %}{{ f }}={{ x[f] }}{% endfor %}";
        assert_eq!(shown(by_name), ["a", "b"]);
        assert_eq!(shown("{% for label, f in [('x', 'a')] %}{{ x[f] }}{% endfor %}"), ["x", "a"]);
    }

    #[test]
    fn what_is_only_looked_at_is_not_shown() {
        assert_eq!(shown("{% if a.secret %}yes{% endif %}{{ 'yes' if a.secret else b.c }}"), ["c"]);
        assert_eq!(shown("{{ a.secret == '' }}{{ a.secret is defined }}{{ a['secret'] != '' }}"), [""; 0]);
        assert_eq!(shown("{{ ('x' if a.secret) ~ a.b }}{# a.c #}a.d{{ 'a.e' }}"), ["b"]);
        let hidden = "{% for k, v in a | items if k not in ['secret'] %}{{ k }}={{ v }}{% endfor %}";
        assert_eq!(shown(hidden), [""; 0]);
        assert_eq!(shown("{{ x[ }}{{ ['secret'] }}{{ x['"), [""; 0]);
    }
}
