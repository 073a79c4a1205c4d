//! JSON, with its fields in the order they came.
//!
//! Whole numbers that fit are integers, all others floats. A key that comes twice in one object makes
//! a list of both values, as everywhere in this module. Nesting beyond 128 levels is refused.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::value::{Fields, Shapes, Value};
use super::{ParseError, text};

/// The one value of a JSON text.
///
/// # Errors
/// When the text is not JSON, with the line and column where it stops being so.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let text = text::decode(bytes);
    let mut json = serde_json::Deserializer::from_str(&text);
    let value = Seed(&mut Shapes::new()).deserialize(&mut json);
    value.and_then(|value| json.end().map(|()| value)).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let problem = error.to_string().replace(&place, "");
        ParseError::Json { line: error.line(), column: error.column(), problem }
    })
}

/// Builds a value, sharing the shapes of records.
struct Seed<'s>(&'s mut Shapes);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("a json value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Seed(self.0))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Fields::new();
        while let Some(Name(name)) = entries.next_key()? {
            fields.push(&name, entries.next_value_seed(Seed(self.0))?);
        }
        Ok(fields.finish(self.0))
    }
}

/// A field's name, borrowed from the text where nothing is escaped in it.
struct Name<'de>(std::borrow::Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(name.into()))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(name.to_owned().into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_types_and_text_survive() {
        let text =
            r#" {"z":[1,-2,2.5,1e3],"a":{"ü\n":null,"t":true},"big":18446744073709551615,"e":[{}, []]} "#;
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.get("z").unwrap().as_list().unwrap()[1], Value::Integer(-2));
        assert_eq!(value.get("z").unwrap().as_list().unwrap()[3], Value::Float(1000.0));
        assert_eq!(value.get("big"), Some(&Value::Float(18446744073709551615.0)));
        assert_eq!(
            serde_json::to_string(&value).unwrap(),
            "{\"z\":[1,-2,2.5,1000.0],\"a\":{\"ü\\n\":null,\"t\":true},\"big\":1.8446744073709552e+19,\"e\":[{},[]]}"
        );
    }

    #[test]
    fn the_json_of_a_real_answer_is_read() {
        let answer = crate::parse::transcript::recorded("16/act__GetConfigJSON_iax");
        let line = answer.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"JSON: ")).unwrap();
        let value = parse(line).unwrap();
        assert!(value.as_record().unwrap().get("iax1").is_some(), "{value:?}");
    }

    #[test]
    fn an_error_names_its_line_and_column() {
        let error = parse(b"{\n  \"a\": 1,\n  b\n}").unwrap_err();
        assert_eq!(
            error,
            ParseError::Json { line: 3, column: 3, problem: "key must be a string".to_owned() }
        );
        assert_eq!(error.to_string(), "line 3, column 3: expected json, but key must be a string");
        assert!(matches!(parse(b"[] []"), Err(ParseError::Json { line: 1, column: 4, .. })));
        assert!(matches!(parse(b""), Err(ParseError::Json { line: 1, .. })));
    }

    #[test]
    fn a_number_is_read_as_the_nearest_one_and_printed_as_the_same() {
        for text in ["21e300", "0.1", "1844674407389.125", "-9.223372036885478e19"] {
            let number = parse(text.as_bytes()).unwrap();
            assert_eq!(number, Value::Float(text.parse().unwrap()));
            assert_eq!(parse(serde_json::to_string(&number).unwrap().as_bytes()), Ok(number));
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        assert!(matches!(parse(&b"[".repeat(100_000)), Err(ParseError::Json { .. })));
    }

    #[test]
    fn bytes_outside_utf8_are_kept() {
        let value = parse(b"[\"caf\xe9\"]").unwrap();
        assert_eq!(text::encode(value.as_list().unwrap()[0].as_str().unwrap()).as_ref(), b"caf\xe9");
    }
}
