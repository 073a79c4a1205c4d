//! Records in the words of `data get`.

use super::child_of;
use crate::parse::text;
use crate::parse::value::Value;

/// What `data get` prints of these records, `node` below `root`, as bytes.
pub fn print(root: &str, node: &str, records: &[Value]) -> Vec<u8> {
    let mut printed = format!("{root}\n").into_bytes();
    for record in records {
        line(2, node, None, &mut printed);
        children(6, "", record, &mut printed);
    }
    printed.push(b'\n');
    printed
}

fn children(indent: usize, name: &str, value: &Value, printed: &mut Vec<u8>) {
    match value {
        Value::Record(record) => {
            for (name, value) in record.iter() {
                field(indent, name, value, printed);
            }
        }
        Value::List(items) => {
            let child = child_of(name).unwrap_or(name);
            items.iter().for_each(|item| field(indent, child, item, printed));
        }
        _ => {}
    }
}

fn field(indent: usize, name: &str, value: &Value, printed: &mut Vec<u8>) {
    let text = match value {
        Value::Null => return,
        Value::Record(_) | Value::List(_) => {
            line(indent, name, None, printed);
            return children(indent + 4, name, value, printed);
        }
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("\"{text}\""),
    };
    line(indent, name, Some(&text), printed);
}

fn line(indent: usize, name: &str, value: Option<&str>, printed: &mut Vec<u8>) {
    printed.resize(printed.len() + indent, b' ');
    printed.extend_from_slice(&text::encode(name));
    if let Some(value) = value {
        printed.extend_from_slice(b": ");
        printed.extend_from_slice(&text::encode(value));
    }
    printed.push(b'\n');
}
