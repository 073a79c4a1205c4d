use super::*;
use crate::parse::json;

fn parsed(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn evaluated(expression: &str, x: minijinja::Value) -> minijinja::Value {
    minijinja::Environment::new()
        .compile_expression(expression)
        .unwrap()
        .eval(minijinja::context! { x })
        .unwrap()
}

#[test]
fn values_come_back_as_they_went() {
    for text in [
        "null",
        "true",
        "-7",
        "1.5",
        "\"größe\"",
        "[]",
        "[1, [2, \"3\"], {\"a\": null}]",
        "{\"z\": 1, \"a\": {\"b\": [true]}}",
    ] {
        let value = parsed(text);
        assert_eq!(from_template(&to_template(&value)), value, "{text}");
    }
}

#[test]
fn records_and_lists_are_read_by_templates() {
    let peer = to_template(&parsed(r#"{"name": "6001", "codecs": [{"name": "ulaw"}, {"name": "alaw"}]}"#));
    assert_eq!(evaluated("x.name", peer.clone()).as_str(), Some("6001"));
    assert_eq!(evaluated("x['name']", peer.clone()).as_str(), Some("6001"));
    assert_eq!(evaluated("x.codecs[1].name", peer.clone()).as_str(), Some("alaw"));
    assert!(evaluated("x.nothing is undefined", peer.clone()).is_true());
    assert!(evaluated("x is mapping and x.codecs is sequence", peer.clone()).is_true());
    assert_eq!(evaluated("x | list | join(',')", peer.clone()).as_str(), Some("name,codecs"));
    assert_eq!(evaluated("x | length", peer).as_usize(), Some(2));
}

#[test]
fn what_a_template_computes_becomes_a_value() {
    let list = to_template(&parsed(r#"[{"n": 2}, {"n": 1}]"#));
    assert_eq!(from_template(&evaluated("x | map(attribute='n') | sort | list", list)), parsed("[1, 2]"));
    assert_eq!(
        from_template(&evaluated("{'b': 1, 'a': [none]}", ().into())),
        parsed(r#"{"b":1,"a":[null]}"#)
    );
    assert_eq!(from_template(&evaluated("1 / 2", ().into())), parsed("0.5"));
}

#[test]
fn a_path_variable_reads_like_its_record_and_prints_its_file_name() {
    let record = parsed(r#"{"name": "a/b"}"#);
    let bound = minijinja::Value::from_object(Bound::new("a%2Fb".into(), record.clone()));
    assert_eq!(bound.to_string(), "a%2Fb");
    assert_eq!(evaluated("x.name", bound.clone()).as_str(), Some("a/b"));
    assert_eq!(evaluated("x | list | first", bound.clone()).as_str(), Some("name"));
    assert_eq!(from_template(&bound), record);
    let text = minijinja::Value::from_object(Bound::new("ulaw".into(), Value::Text("ulaw".into())));
    assert_eq!(evaluated("x ~ '!'", text.clone()).as_str(), Some("ulaw!"));
    assert!(evaluated("x.name is undefined", text).is_true());
}
