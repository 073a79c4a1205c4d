use super::*;
use crate::parse::transcript;

const HEADER: &str = "                   Column Name  Column Value                  \n          --------------------  --------------------          \n";

fn recorded(name: &str) -> Vec<Value> {
    parse(&transcript::cli(name)).unwrap().as_list().unwrap().to_vec()
}

fn lines(columns: &[(&str, &str)]) -> String {
    HEADER.to_owned()
        + &columns.iter().map(|(name, value)| format!("{name:>30}  {value:<30}\n")).collect::<String>()
}

fn json(text: &str) -> String {
    serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn each_row_is_a_record() {
    let rows = recorded("13/cmd_realtime_load_1_1");
    assert_eq!(rows.len(), 3);
    let names: Vec<_> = rows.iter().map(|row| row.get("name").unwrap().as_str().unwrap()).collect();
    assert_eq!(names, ["zhecka", "zhecka1", "zhecka2"]);
    assert!(rows.iter().all(|row| row.as_record().unwrap().len() == 36));
    assert_eq!(rows[0].get("fullcontact"), Some(&"sip:zhecka@127.0.0.1:25003".into()));
    assert_eq!(rows[1].get("callerid"), Some(&"\"Zhecka One\" <7002>".into()));
    assert_eq!(rows[2].get("vmexten"), Some(&"".into()));
}

#[test]
fn one_row_is_a_list_of_one() {
    for (name, secret) in [
        ("13/realtime_load_1_1.STOCK-sqlite3", "zhSecret1"),
        ("13/cmd_realtime_load_name_zhecka", "zhSecret1"),
        ("16/cmd__realtime_load_sippeers_1_1", "pwzhecka"),
        ("16/cmd__realtime_load_sippeers_name_zhecka", "pwzhecka"),
    ] {
        let rows = recorded(name);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(rows[0].get("id"), Some(&"1".into()), "{name}");
        assert_eq!(rows[0].get("secret"), Some(&secret.into()), "{name}");
    }
}

#[test]
fn no_rows_are_an_empty_list() {
    for name in [
        "13/cmd_realtime_load_none",
        "16/cmd__realtime_load_sippeers_name_nosuch",
        "22/cmd__realtime_load_sippeers_1_1",
        "22/cmd__realtime_load_sippeers_name_nosuch",
    ] {
        assert!(recorded(name).is_empty(), "{name}");
    }
    assert_eq!(json(HEADER), "[]");
}

#[test]
fn a_row_begins_where_a_name_comes_again_even_if_its_first_column_is_missing() {
    let text = lines(&[("id", "1"), ("name", "a"), ("host", "x"), ("name", "b"), ("host", "y"), ("id", "3")]);
    assert_eq!(json(&text), r#"[{"id":"1","name":"a","host":"x"},{"name":"b","host":"y"},{"id":"3"}]"#);
}

#[test]
fn a_value_the_driver_split_is_a_list() {
    let text = lines(&[("id", "1"), ("setvar", "A=1"), ("setvar", "B=2"), ("id", "2"), ("setvar", "C=3")]);
    assert_eq!(json(&text), r#"[{"id":"1","setvar":["A=1","B=2"]},{"id":"2","setvar":"C=3"}]"#);
}

#[test]
fn only_blanks_at_a_values_end_are_padding() {
    let text = lines(&[("id", "  two  blanks"), ("long", &"v".repeat(50)), (&"n".repeat(40), "x  y")]);
    let long = "v".repeat(50);
    let name = "n".repeat(40);
    assert_eq!(json(&text), format!(r#"[{{"id":"  two  blanks","long":"{long}","{name}":"x  y"}}]"#));
}

#[test]
fn a_line_without_a_name_belongs_to_the_value_above() {
    let text = lines(&[("id", "1"), ("description", "first")]).trim_end().to_owned()
        + "\nsecond  line: x\n"
        + &format!("{:>30}  {:<30}\n", "name", "a");
    assert_eq!(json(&text), r#"[{"id":"1","description":"first\nsecond  line: x","name":"a"}]"#);
}

#[test]
fn another_text_is_refused() {
    let message = parse(&transcript::cli("13/cmd_sip_show_peer_nosuch")).unwrap_err().to_string();
    assert!(
        message.starts_with("line 1: expected `Column Name  Column Value` or `No rows found`;"),
        "{message}"
    );
    assert!(parse(b"").is_err());
}
