//! The search of `data get`: which records.
//!
//! Conditions stand between commas, and all of them have to be true: `peers/peer/type=friend,…`. Each is a
//! way from the root to a field, an operator (`=`, `!=`, `<`, `>`, `<=`, `>=`) and a value, in which nothing
//! is a wildcard and case matters. Numbers are compared as numbers, truth as truth (`yes` is `True`),
//! everything else byte by byte. Of what is in a list, one that fits is enough.
//!
//! As on the server, what is no condition on a field of a record is passed over (`1=1` finds all), and a
//! condition on a field that no record of the provider has finds nothing if it stands alone. One on a field
//! that this server does not tell finds nothing at all.

use std::cmp::Ordering;

use super::child_of;
use crate::parse::text;
use crate::parse::value::Value;

/// A search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    conditions: Vec<Condition>,
    /// All there was were conditions on fields that there are not.
    finds_nothing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    /// The way from a record to the field.
    way: Vec<String>,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
];

impl Search {
    /// Reads a search over the records `node` below `root`; `known` says whether they have a field.
    pub fn read(search: &str, root: &str, node: &str, known: impl Fn(&str) -> bool) -> Search {
        let conditions = search.split(',').filter_map(|condition| Condition::read(condition, root, node));
        let (conditions, unknown): (Vec<_>, Vec<_>) =
            conditions.partition(|condition: &Condition| known(&condition.way[0]));
        Search { finds_nothing: conditions.is_empty() && !unknown.is_empty(), conditions }
    }

    /// One that finds nothing.
    pub fn for_nothing() -> Search {
        Search { conditions: Vec::new(), finds_nothing: true }
    }

    /// Whether a field decides.
    pub fn reads(&self, field: &str) -> bool {
        self.conditions.iter().any(|condition| condition.way[0] == field)
    }

    /// Whether no record is.
    pub fn finds_nothing(&self) -> bool {
        self.finds_nothing
    }

    /// Whether every record is found.
    pub fn is_for_all(&self) -> bool {
        self.conditions.is_empty() && !self.finds_nothing
    }

    /// The value that a field has to have, if that is asked for.
    pub fn wants_equal(&self, field: &str) -> Option<&str> {
        let mut equal = self.conditions.iter().filter(|one| one.operator == Operator::Equal);
        equal.find(|one| one.way == [field]).map(|one| one.value.as_str())
    }

    /// Whether a record is found.
    pub fn takes(&self, record: &Value) -> bool {
        !self.finds_nothing
            && self
                .conditions
                .iter()
                .all(|condition| condition.is_true_below(Some(record), &condition.way, ""))
    }

    /// Whether a record with that value in that field may be found.
    pub fn takes_field(&self, field: &str, value: Option<&Value>) -> bool {
        let mut conditions = self.conditions.iter().filter(|condition| condition.way[0] == field);
        conditions.all(|condition| condition.is_true_below(value, &condition.way[1..], field))
    }
}

impl Condition {
    fn read(text: &str, root: &str, node: &str) -> Option<Condition> {
        let is_operator = |one: char| "=!<>".contains(one);
        let (way, rest) = text.trim().split_at(text.trim().find(is_operator)?);
        let value = rest.trim_start_matches(is_operator);
        let written = &rest[..rest.len() - value.len()];
        let (_, operator) = OPERATORS.into_iter().find(|(known, _)| *known == written)?;
        let mut way = way.strip_prefix('/').unwrap_or(way).split('/');
        if way.next() != Some(root) || way.next() != Some(node) {
            return None;
        }
        let way: Vec<String> = way.map(str::to_owned).collect();
        (!way.is_empty()).then(|| Condition { way, operator, value: value.to_owned() })
    }

    /// Whether it is true of what stands at the end of a way; `name` is what the value is called.
    fn is_true_below(&self, value: Option<&Value>, way: &[String], name: &str) -> bool {
        match (value, way) {
            (None, _) => false,
            (Some(Value::List(items)), [first, rest @ ..]) => {
                child_of(name) == Some(first)
                    && items.iter().any(|item| self.is_true_below(Some(item), rest, first))
            }
            (Some(value), [first, rest @ ..]) => self.is_true_below(value.get(first), rest, first),
            (Some(value), []) => self.is_true_of(value),
        }
    }

    fn is_true_of(&self, value: &Value) -> bool {
        let order = match value {
            Value::Bool(value) => value.cmp(&means_true(&self.value)),
            // as `atoi` reads it
            Value::Integer(value) => value.cmp(&self.value.trim().parse().unwrap_or_default()),
            Value::Text(value) => text::encode(value).cmp(&text::encode(&self.value)),
            _ => return false,
        };
        match self.operator {
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::Less => order == Ordering::Less,
            Operator::Greater => order == Ordering::Greater,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// The words that Asterisk takes for true.
fn means_true(text: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
