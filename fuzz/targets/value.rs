//! How large a value is.

use astfs::parse::value::Value;

/// The extent of a value.
#[derive(Debug, Default, Clone, Copy)]
pub struct Extent {
    /// How deep lists and records are nested.
    pub depth: usize,
    /// How many values it is made of.
    pub values: usize,
    /// The bytes of its texts, names of fields left out.
    pub text: usize,
}

/// The extent of a value; its numbers are finite.
pub fn extent(value: &Value) -> Extent {
    let inner = |items: &mut dyn Iterator<Item = &Value>| {
        items.fold(Extent { values: 1, ..Extent::default() }, |whole, item| {
            let Extent { depth, values, text } = extent(item);
            Extent {
                depth: whole.depth.max(depth + 1),
                values: whole.values + values,
                text: whole.text + text,
            }
        })
    };
    match value {
        Value::List(items) => inner(&mut items.iter()),
        Value::Record(record) => inner(&mut record.iter().map(|(_, value)| value)),
        Value::Text(text) => Extent { depth: 0, values: 1, text: text.len() },
        Value::Float(number) => {
            assert!(number.is_finite(), "a number that is none");
            Extent { depth: 0, values: 1, text: 0 }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) => Extent { depth: 0, values: 1, text: 0 },
    }
}
