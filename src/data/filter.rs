//! The filter of `data get`: which fields.
//!
//! Ways from the root, between commas: `peers/peer/name,peers/peer/codecs/codec/name`. In a name, `|` stands
//! between several and `*` for anything. A container is shown with what ways lead into it, so one that a
//! way ends at is empty.

use super::child_of;
use crate::parse::value::{Fields, Shapes, Value};

/// A filter; the empty one shows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(Vec<Vec<String>>);

impl Filter {
    /// Reads a filter.
    pub fn read(filter: &str) -> Filter {
        let ways = filter.split(',').map(|way| way.trim().trim_start_matches('/'));
        Filter(ways.map(|way| way.split('/').map(str::to_owned).collect()).collect())
    }

    /// Whether what stands at the end of that way is shown, if only empty.
    pub fn shows(&self, way: &[&str]) -> bool {
        let leads = |pattern: &Vec<String>| {
            pattern.len() >= way.len() && pattern.iter().zip(way).all(|(pattern, name)| fits(pattern, name))
        };
        self.0.is_empty() || self.0.iter().any(leads)
    }

    /// What of a value is shown that stands at the end of that way.
    pub fn apply(&self, value: Value, way: &[&str], shapes: &mut Shapes) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match &value {
            Value::Record(record) => {
                let mut fields = Fields::new();
                for (name, field) in record.iter() {
                    let way = [way, &[name]].concat();
                    if self.shows(&way) {
                        fields.push(name, self.apply(field.clone(), &way, shapes));
                    }
                }
                fields.finish(shapes)
            }
            Value::List(items) => {
                let child = way.last().and_then(|name| child_of(name)).unwrap_or_default();
                let way = [way, &[child]].concat();
                if !self.shows(&way) {
                    return Vec::new().into();
                }
                let items: Vec<Value> =
                    items.iter().map(|item| self.apply(item.clone(), &way, shapes)).collect();
                items.into()
            }
            _ => value,
        }
    }
}

/// Whether a name is one of `a|b*`.
fn fits(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|pattern| {
        let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
        let Some(mut name) = name.strip_prefix(start) else { return false };
        let mut pieces = rest.split('*');
        let end = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            let Some(at) = name.find(piece) else { return false };
            name = &name[at + piece.len()..];
        }
        name.ends_with(end)
    })
}
