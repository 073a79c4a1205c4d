//! The JSON Schema of tree files, for editors: made of the same table of keys that reading uses.

use serde_json::{Value, json};

use super::keys::{self, Key, Takes};
use super::query;

/// The schema. An editor can check keys, types and choices with it; what names mean, only `check` knows.
pub fn schema() -> Value {
    let mut schema = keys_of(keys::TREE_FILE);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A tree file of astfs".into();
    schema["properties"]["server"]["additionalProperties"] = keys_of(keys::SERVER);
    let queries = &mut schema["properties"]["query"];
    queries["propertyNames"] = json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    queries["additionalProperties"]["oneOf"] =
        query::SOURCES.map(|source| json!({ "required": [source] })).into();
    let variables = &mut schema["properties"]["each"];
    variables["propertyNames"] = json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    variables["additionalProperties"]["required"] = json!(["in"]);
    schema["properties"]["tree"]["propertyNames"] = json!({ "pattern": "^([^/]+/)*[^/]*$" });
    schema
}

fn keys_of(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut property = of(&key.takes);
        property["description"] = key.about.into();
        (key.name.to_owned(), property)
    };
    let properties: serde_json::Map<_, _> = keys.iter().map(property).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn of(takes: &Takes) -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    match takes {
        Takes::Anything => json!(true),
        Takes::Text => json!({ "type": "string" }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Duration => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }),
        Takes::Mode => json!({ "anyOf": [{ "type": "string", "pattern": "^0*[0-7]{1,4}$" }, number] }),
        Takes::Owner => json!({ "anyOf": [{ "type": "string" }, number] }),
        Takes::Size => {
            json!({ "anyOf": [{ "type": "string", "pattern": "^[0-9]+ *([kKMG]B?)?$" }, number] })
        }
        Takes::Word(words) => json!({ "enum": words() }),
        Takes::Keys(keys) => keys_of(keys),
        Takes::Named(takes) => json!({ "type": "object", "additionalProperties": of(takes) }),
        Takes::List(takes) => json!({ "type": "array", "items": of(takes) }),
        Takes::Either(several) => json!({ "anyOf": several.iter().map(of).collect::<Vec<_>>() }),
    }
}
