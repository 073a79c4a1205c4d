//! Records picked out of a text by the named groups of a regular expression.
//!
//! The expression runs over the decoded text rather than over bytes, so that `.` matches a byte that
//! is no part of a character too (a name cut inside one), and `\w` knows every alphabet. Matching
//! takes linear time whatever the expression.

use super::value::{Fields, Shapes, Value};
use super::{lines, text};

/// Where an expression is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To each line; a line that does not match gives nothing, one that does gives one record.
    Line,
    /// To the whole text, for every match in it; `^` and `$` match at each line's ends.
    Text,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: ::regex::Regex,
    scope: Scope,
}

/// Why an expression cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no regular expression, or too large a one.
    #[error("expected a regular expression: {0}")]
    Syntax(#[from] ::regex::Error),
    /// It would give records without fields.
    #[error("expected at least one named group, `(?P<name>…)`, because only named groups become fields")]
    NoNamedGroup,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is malformed, or has no named group.
    pub fn new(expression: &str, scope: Scope) -> Result<Pattern, PatternError> {
        let whole = scope == Scope::Text;
        let regex = ::regex::RegexBuilder::new(expression).multi_line(whole).crlf(whole).build()?;
        if regex.capture_names().flatten().next().is_none() {
            return Err(PatternError::NoNamedGroup);
        }
        Ok(Pattern { regex, scope })
    }

    /// The list of matches, a record of the named groups each; a group that took no part is `""`.
    pub fn parse(&self, bytes: &[u8]) -> Value {
        let mut shapes = Shapes::new();
        let mut record = |captures: ::regex::Captures<'_>| {
            let mut fields = Fields::new();
            for name in self.regex.capture_names().flatten() {
                fields.push(name, captures.name(name).map_or("", |group| group.as_str()).into());
            }
            fields.finish(&mut shapes)
        };
        match self.scope {
            Scope::Line => {
                let lines = lines::split(bytes).map(text::decode);
                Value::List(lines.filter_map(|line| self.regex.captures(&line).map(&mut record)).collect())
            }
            Scope::Text => Value::List(self.regex.captures_iter(&text::decode(bytes)).map(record).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::transcript;

    fn json(expression: &str, scope: Scope, bytes: &[u8]) -> String {
        serde_json::to_string(&Pattern::new(expression, scope).unwrap().parse(bytes)).unwrap()
    }

    #[test]
    fn lines_that_match_give_records_of_the_named_groups() {
        let hint = r"^(?P<exten>[^@]+)@(?P<context>\S+)\s+: (?P<device>\S+)\s+State:(?<state>\S+)(\s+x)?";
        for (name, count) in
            [("13/cmd_core_show_hints", 3), ("16/cmd__core_show_hints", 4), ("22/cmd__core_show_hints", 4)]
        {
            let hints = Pattern::new(hint, Scope::Line).unwrap().parse(&transcript::cli(name));
            assert_eq!(hints.as_list().unwrap().len(), count, "{name}");
        }
        assert!(json(hint, Scope::Line, &transcript::cli("13/cmd_core_show_hints")).starts_with(
            r#"[{"exten":"6100","context":"users_context","device":"Custom:door","state":"Idle"},"#
        ));
    }

    #[test]
    fn over_the_whole_text_a_match_may_span_lines() {
        let text = b"name: a\r\ntype: peer\r\n\r\nname: b\r\ntype: user\r\n";
        let pairs = r"^name: (?P<name>.+)\s+type: (?P<type>.+)$";
        assert_eq!(
            json(pairs, Scope::Text, text),
            r#"[{"name":"a","type":"peer"},{"name":"b","type":"user"}]"#
        );
    }

    #[test]
    fn a_group_that_took_no_part_is_empty() {
        assert_eq!(json("(?P<a>x)|(?P<b>y)", Scope::Line, b"y\nz"), r#"[{"a":"","b":"y"}]"#);
    }

    #[test]
    fn a_byte_outside_utf8_is_matched_and_kept() {
        let value = Pattern::new("^(?P<name>.+) ", Scope::Line).unwrap().parse(b"\xd0\x98\xd0 rest");
        let name = value.as_list().unwrap()[0].get("name").unwrap().as_str().unwrap().to_owned();
        assert_eq!(text::encode(&name).as_ref(), b"\xd0\x98\xd0");
    }

    #[test]
    fn expressions_that_cannot_be_used_are_refused() {
        assert!(matches!(Pattern::new("(", Scope::Line), Err(PatternError::Syntax(_))));
        assert!(matches!(Pattern::new("(a)", Scope::Text), Err(PatternError::NoNamedGroup)));
    }
}
