//! Lists of codecs, in the forms in which Asterisk and its configuration write them.

use std::collections::HashMap;

use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};
use crate::parse::value::Value as Parsed;

const CODECS: Filter = Filter {
    name: "codecs",
    takes: "a text like `(ulaw|alaw)`, `(alaw:20,ulaw:20)`, `0x4 (ulaw)` or `!all,ulaw`, or a list of names or records",
};

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("codecs", codecs);
}

fn codecs(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let names = match CODECS.parsed(state, &value)? {
        Parsed::Null => Vec::new(),
        Parsed::Text(text) => read(&text),
        Parsed::List(items) => {
            let names = items.iter().map(|item| item.get("name").unwrap_or(item).as_str().map(str::to_owned));
            names.collect::<Option<_>>().ok_or_else(|| CODECS.refuses(&value))?
        }
        _ => return Err(CODECS.refuses(&value)),
    };
    Ok(names.into_iter().map(Value::from).collect())
}

/// The names in a text, the first choice first, each once. `!NAME` takes a name away, `!all` all.
fn read(text: &str) -> Vec<String> {
    let text = text.trim();
    let text = ["allow=", "disallow="].iter().find_map(|key| text.strip_prefix(key)).unwrap_or(text);
    let inside = match (text.find('('), text.rfind(')')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    // in their order, those taken away empty; and where each stands
    let mut names: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for part in inside.split([',', '|', '&', ' ']) {
        let name = part.split(':').next().unwrap_or(part); // behind it, the milliseconds in a packet
        match name.strip_prefix('!') {
            Some("all") => {
                names.clear();
                places.clear();
            }
            Some(without) => {
                if let Some(place) = places.remove(without) {
                    names[place] = "";
                }
            }
            // what Asterisk prints for an empty list
            None if matches!(name, "" | "nothing" | "none") || places.contains_key(name) => {}
            None => {
                places.insert(name, names.len());
                names.push(name);
            }
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
