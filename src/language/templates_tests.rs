use minijinja::context;

use super::*;
use crate::parse::value::Value as Parsed;

/// What a template of that kind prints with `x`, or the text of its error.
fn rendered(kind: TextKind, template: &str, x: Value) -> Result<String, String> {
    let mut templates = Templates::default();
    let name = templates.add("the template", kind, template).unwrap();
    templates.render(&name, context! { x }).map_err(|error| error_text(&error))
}

fn content(template: &str, x: impl Into<Value>) -> String {
    rendered(TextKind::Content, template, x.into()).unwrap()
}

#[test]
fn truth_is_printed_in_asterisks_words_and_nothing_as_nothing() {
    assert_eq!(content("{{ x }}", true), "True");
    assert_eq!(content("{{ not x }}", true), "False");
    assert_eq!(content("[{{ x }}]", ()), "[]");
    assert_eq!(content("{{ x }}", 1), "1");
    assert_eq!(content("{{ x }}", "<a> & 'b'"), "<a> & 'b'");
}

#[test]
fn block_tags_leave_no_lines_and_the_last_line_end_stays() {
    assert_eq!(content("a\n  {% if x %}\nb\n  {% endif %}\nc\n", true), "a\nb\nc\n");
}

#[test]
fn what_stands_in_a_command_stays_one_argument() {
    for (value, argument) in [
        ("6001", "6001"),
        ("with space", "\"with space\""),
        ("", "\"\""),
        ("a\"b", "\"a\\\"b\""),
        ("a\\b", "\"a\\\\b\""),
        ("tab\there", "\"tab\there\""),
        ("größe", "größe"),
    ] {
        let command = rendered(TextKind::Command, "sip show peer {{ x }} load", value.into()).unwrap();
        assert_eq!(command, format!("sip show peer {argument} load"));
    }
    // the words of the template itself are the operator's own
    assert_eq!(rendered(TextKind::Command, "a 'b c' \"d\"", ().into()).unwrap(), "a 'b c' \"d\"");
}

#[test]
fn what_stands_in_a_link_stays_one_segment() {
    let link = |x: Value| rendered(TextKind::Link, "../{{ x }}", x).unwrap();
    assert_eq!(link("a/../../etc".into()), "../a%2F..%2F..%2Fetc");
    assert_eq!(link("..".into()), "../%2E.");
    assert_eq!(link("".into()), "../%");
    let twin = Bound::new("6001~2".into(), Parsed::Text("6001".into()));
    assert_eq!(link(Value::from_object(twin)), "../6001~2");
}

#[test]
fn what_stands_in_a_path_stays_one_segment_and_in_an_argument_what_it_is() {
    let path = |x: Value| rendered(TextKind::Path, "/notes/{{ x }}.txt", x).unwrap();
    for (value, name) in
        [("6001", "6001"), ("..", "%2E."), ("a/../b", "a%2F..%2Fb"), ("", "%"), ("a\n\0%", "a%0A%00%25")]
    {
        assert_eq!(path(value.into()), format!("/notes/{name}.txt"));
    }
    assert_eq!(rendered(TextKind::Path, "/a/.{{ x }}/b", ".".into()).unwrap(), "/a/.%2E/b");
    let twin = Bound::new("6001~2".into(), Parsed::Text("6001".into()));
    assert_eq!(path(Value::from_object(twin)), "/notes/6001~2.txt");
    for value in ["a b", "-rf", "../'\"\\", ""] {
        assert_eq!(rendered(TextKind::Argument, "x={{ x }}", value.into()).unwrap(), format!("x={value}"));
    }
}

#[test]
fn what_stands_in_a_url_is_percent_encoded() {
    let url = |x: Value| rendered(TextKind::Url, "http://h/{{ x }}?a={{ x }}", x).unwrap();
    for (value, encoded) in [
        ("aZ09-._~", "aZ09-._~"),
        ("SIP/6001", "SIP%2F6001"),
        ("a b&c=d?e#f", "a%20b%26c%3Dd%3Fe%23f"),
        ("100%", "100%25"),
        ("\r\nHost: x", "%0D%0AHost%3A%20x"),
        ("user@evil:1", "user%40evil%3A1"),
        ("ö", "%C3%B6"),
    ] {
        assert_eq!(url(value.into()), format!("http://h/{encoded}?a={encoded}"));
    }
    assert_eq!(url(Value::from(7)), "http://h/7?a=7");
    let byte = text::decode(b"\xff").into_owned();
    assert_eq!(url(byte.into()), "http://h/%FF?a=%FF");
}

#[test]
fn a_name_that_is_not_there_is_told_by_name() {
    let error = rendered(TextKind::Content, "a\n{{ y.z }}", ().into()).unwrap_err();
    assert!(error.contains("line 2"), "{error}");
    let error = rendered(TextKind::Content, "{{ x.nothing }}", context! { secret => "hunter2" }).unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    let mut templates = Templates::default();
    let name =
        templates.add("t", TextKind::Content, "{{ b.c }}{% set d = a %}{{ d }}{{ range(3) }}").unwrap();
    assert_eq!(templates.names(&name), ["a", "b"]);
}

#[test]
fn an_endless_template_is_stopped() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
    let mut templates = Templates::default();
    assert_eq!(templates.environment.fuel(), Some(FUEL));
    templates.environment.set_fuel(Some(10_000)); // the same, sooner
    let name = templates.add("endless", TextKind::Content, endless).unwrap();
    let error = error_text(&templates.render(&name, ().into()).unwrap_err());
    assert!(error.starts_with("the template takes too many steps and was stopped (endless"), "{error}");
}

#[test]
fn every_listed_filter_and_test_is_there_and_others_are_not() {
    let templates = Templates::default();
    for name in FILTERS {
        assert!(templates.is_known("filter", name), "{name}");
    }
    for name in TESTS {
        assert!(templates.is_known("test", name), "{name}");
    }
    let tags = Tags::of_template("{{ a | uper }}{{ a is defind }}");
    let unknown: Vec<_> = templates.unknown_operators(&tags).into_iter().map(|one| one.message).collect();
    assert_eq!(unknown, ["there is no filter `uper`", "there is no test `defind`"]);
}

#[test]
fn an_expression_that_assigns_is_told_how_to_compare() {
    let templates = Templates::default();
    let mistake = templates.expression("a = 1").unwrap_err();
    assert_eq!(mistake.help.as_deref(), Some("compare with `==`"));
    assert_eq!(mistake.range, Some(2..3));
}

#[test]
fn names_set_around_a_place_are_not_read_from_outside() {
    let templates = Templates::default();
    let text = "{% for a in b %}HERE{% endfor %}";
    let names = ["a".to_owned(), "c".to_owned()];
    let outside = templates.read_from_outside(text, text.find("HERE").unwrap(), &names);
    assert!(outside.contains("c") && !outside.contains("a"), "{outside:?}");
}

#[test]
fn the_documentation_lists_every_filter_and_test() {
    let document = include_str!("../../docs/tree-language.md");
    for (title, names) in [("- Filters: ", &FILTERS[..]), ("- Tests: ", &TESTS[..])] {
        let line = document.lines().find_map(|line| line.strip_prefix(title)).unwrap();
        let listed: Vec<_> = line.split(' ').map(|name| name.trim_matches('`')).collect();
        assert_eq!(listed, names, "{title}");
    }
}

#[test]
fn first_bytes_cuts_as_the_cli_does_also_inside_a_character() {
    assert_eq!(first_bytes("6001", 25), "6001");
    assert_eq!(first_bytes("6001", 2), "60");
    assert_eq!(text::encode(&first_bytes("Юля", 3)), &b"\xd0\xae\xd0"[..]);
    let latin1 = text::decode(b"caf\xe9!");
    assert_eq!(text::encode(&first_bytes(&latin1, 4)), &b"caf\xe9"[..]);
}

#[test]
fn the_name_of_a_template_that_a_record_gave_is_not_told() {
    for template in
        ["{% include x %}", "{% extends x %}", "{% include [x, x ~ '2'] %}", "{% import x as y %}"]
    {
        let error = rendered(TextKind::Content, template, "hunter2".into()).unwrap_err();
        assert!(!error.contains("hunter2") && error.contains("line 1"), "{error}");
    }
}

#[test]
fn a_list_that_holds_itself_over_and_over_is_stopped_while_it_is_read() {
    let twice =
        "{% set ns = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
    for kind in [TextKind::Content, TextKind::Command, TextKind::Link, TextKind::Header] {
        let mut templates = Templates::default();
        templates.set_steps(10_000);
        for shown in ["ns.x", "ns.x | table", "ns.x | json_lines", "ns.x | natural_sort"] {
            let name = templates.add("the template", kind, &format!("{twice}{{{{ {shown} }}}}")).unwrap();
            let error = templates.render(&name, context! {}).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfFuel, "{error}");
        }
    }
}

#[test]
fn a_mistake_stands_at_whole_characters_of_the_text() {
    for text in ["{% include \"\n{% extends '", "{{ ur\u{fffd}.port }}", "{{ é", "{{ 'é", "{% é"] {
        let mistake = Templates::default().add("x", TextKind::Content, text).unwrap_err();
        assert!(mistake.range.is_none_or(|range| text.get(range).is_some()), "{text}");
    }
}

#[test]
fn what_the_template_engine_cannot_follow_is_refused() {
    let mut templates = Templates::default();
    let mistake =
        templates.add("x", TextKind::Content, &format!("{{{{ 1{} }}}}", "+1".repeat(100_000))).unwrap_err();
    assert_eq!((mistake.code, mistake.range), (Code::TemplateSyntax, Some(1004..1005)));
    let mistake = templates.expression(&format!("{}1", "-".repeat(100_000))).unwrap_err();
    assert_eq!((mistake.code, mistake.range), (Code::ExpressionSyntax, Some(500..501)));
}

#[test]
#[ignore = "prints figures of docs/performance.md; `cargo test --release --lib -- --ignored --nocapture paying`"]
fn what_paying_for_what_operators_work_on_costs() {
    const ROUNDS: usize = 41;
    let row = |n, status| format!(r#"{{"name": "{n}", "status": "{status}", "n": {n}}}"#);
    let rows = |status| (0..1000).map(|n| row(n, status)).collect::<Vec<_>>().join(",");
    let records = format!(r#"{{"peers": [{}], "others": [{}]}}"#, rows("OK (20 ms)"), rows("LAGGED"));
    let scope = crate::language::to_template(&crate::parse::json::parse(records.as_bytes()).unwrap());
    for text in [
        "{{ peers[7].name }}\n",
        "{{ peers[7].name ~ ' ' ~ peers[7].status }}\n",
        "{% for peer in peers %}{{ peer.name }} {{ peer.status }}\n{% endfor %}",
        "{% for peer in peers if peer.status != 'UNKNOWN' and peer.n > 9 %}{{ peer.name ~ '\n' }}{% endfor %}",
        "{% set all = peers + others %}{{ all | length }}",
        "{{ peers == others }}",
    ] {
        let mut templates = Templates::default();
        let metered = templates.add("metered", TextKind::Content, text).unwrap();
        templates.environment.add_template_owned("plain", text.to_owned()).unwrap();
        let mut took = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let begin = std::time::Instant::now();
            let plain = templates.environment.get_template("plain").unwrap().render(&scope).unwrap();
            took[0].push(begin.elapsed());
            let begin = std::time::Instant::now();
            assert_eq!(templates.render(&metered, scope.clone()).unwrap(), plain);
            took[1].push(begin.elapsed());
        }
        took.iter_mut().for_each(|took| took.sort_unstable());
        let [plain, metered] = took.map(|took| took[ROUNDS / 2].as_secs_f64() * 1e6);
        println!("{plain:9.1} µs {:5.2}× {}", metered / plain, text.trim_end().replace('\n', "\\n"));
    }
}
