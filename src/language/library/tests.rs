//! `docs/template-library.md` is what the library does; what it does not show is tried here.

use minijinja::context;

use super::print;
use crate::language::templates::{TextKind, error_text};
use crate::language::words::FILTERS;
use crate::language::{Format, Templates};
use crate::parse::{json, text};

const PAGE: &str = include_str!("../../../docs/template-library.md");

/// What a template prints, or the text of its error behind `error: `.
fn printed(template: &str) -> String {
    printed_with(template, minijinja::Value::UNDEFINED)
}

fn printed_with(template: &str, x: minijinja::Value) -> String {
    let mut templates = Templates::default();
    let name = templates.add("t", TextKind::Content, template).expect("a template");
    templates.render(&name, context! { x }).unwrap_or_else(|error| {
        let text = error_text(&error);
        let text = text.trim_start_matches("invalid operation: ").trim_end_matches(" (t, line 1)");
        format!("error: {text}")
    })
}

/// The template and the output of each example of the page.
fn examples() -> Vec<(&'static str, String)> {
    let blocks = PAGE.split("```example\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples = blocks.flat_map(|block| block.trim_end().split("\n\n"));
    examples
        .map(|example| {
            let (template, output) = example.split_once('\n').expect("a template and its output");
            (template, output.to_owned())
        })
        .collect()
}

#[test]
fn every_example_of_the_page_prints_what_the_page_says() {
    let examples = examples();
    assert!(examples.len() > 45, "only {} examples were found", examples.len());
    let wrong: Vec<_> = examples
        .iter()
        .map(|(template, output)| (template, output, printed(template)))
        .filter(|(_, output, printed)| *output != printed)
        .map(|(template, output, printed)| format!("{template}\n  page: {output}\n  code: {printed}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The library's filters: what an environment has with it and not without.
fn filters() -> Vec<&'static str> {
    let bare = minijinja::Environment::new();
    let is_new = |name: &&str| {
        let known = bare.compile_expression("name is filter").expect("an expression");
        let known = known.eval(context! { name => *name }).expect("an answer");
        !known.is_true() && *name != "first_bytes" && *name != "tojson"
    };
    FILTERS.into_iter().filter(is_new).collect()
}

#[test]
fn every_filter_is_on_the_page_under_its_name_with_an_example_and_nothing_else_is() {
    let headings: Vec<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .filter(|heading| *heading != "is unset")
        .collect();
    let mut sorted = headings.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, filters());
    let examples = examples();
    for name in headings {
        let used = |template: &str| {
            template.contains(&format!("| {name}")) || template.contains(&format!("(\"{name}\")"))
        };
        assert!(examples.iter().any(|(template, _)| used(template)), "{name} has no example");
    }
}

#[test]
fn whatever_a_filter_is_given_it_prints_or_says_what_it_takes_and_never_shows_the_value() {
    let values = [
        "\"hunter2\"",
        "\"hunter2:(\"",
        "\"(hunter2\"",
        "\")hunter2(\"",
        "\"<hunter2\"",
        "\"sip:@;=hunter2\"",
        "\"[hunter2\"",
        "\"99999999999999999999999999\"",
        "\"-9223372036854775808\"",
        "\"1:2:3:hunter2\"",
        "\"9e999\"",
        "\"1.7.hunter2\"",
        "\"é%ü\"",
        "\"\\\"\"",
        "\"\\\"\\\\\"",
        "\"IPV4/\"",
        "[]",
        "[[], {}]",
        "{}",
        "{\"hunter2\": [\"hunter2\"]}",
        "[1, none, true, \"hunter2\"]",
        "true",
        "none",
        "1e300",
        "-1e300",
        "0.1",
        "-0.0",
        "range(3)",
        "9223372036854775807",
    ];
    for name in filters() {
        for value in values {
            let shown = printed(&format!("{{{{ {value} | {name} }}}}"));
            if let Some(error) = shown.strip_prefix("error: ") {
                assert!(error.starts_with(&format!("`{name}` ")), "{value} | {name}: {error}");
                assert!(!error.contains("hunter2"), "{value} | {name}: {error}");
            }
        }
        let missing = printed(&format!("{{{{ x.nothing | {name} }}}}"));
        assert!(missing.contains("undefined"), "{name} hides that a name is not there: {missing}");
    }
}

#[test]
fn no_text_whatever_makes_a_filter_panic_or_print_much_more_than_it_was_given() {
    let pieces = [
        "sip:",
        "<",
        ">",
        "\"",
        "\\",
        "@",
        ":",
        ";",
        "=",
        "[",
        "]",
        "(",
        ")",
        "|",
        ",",
        "&",
        "!",
        "all",
        "ulaw",
        "/",
        "IPV4",
        "12",
        "0",
        ".",
        "-",
        " ",
        "s",
        "ms",
        "T",
        "Z",
        "+",
        "%",
        "é",
        "\u{efe9}",
        "\n",
        "2026-11-22",
        "::1",
    ];
    let mut environment = minijinja::Environment::new();
    super::add_to(&mut environment);
    let sources: Vec<_> = filters().into_iter().map(|name| (name, format!("x | {name}"))).collect();
    let compiled = |(name, source)| (name, environment.compile_expression(source).expect("an expression"));
    let filters: Vec<_> = sources.iter().map(|(name, source)| compiled((name, source))).collect();
    let mut state = 1_u64;
    let mut next = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for _ in 0..3000 {
        let x: String = (0..next(9)).map(|_| pieces[next(pieces.len())]).collect();
        for (name, filter) in &filters {
            let given = filter.eval(context! { x => x.as_str() });
            if let Ok(given) = given {
                let size = given.to_string().len();
                assert!(size <= 10 * x.len() + 100, "{x:?} | {name} is {size} bytes");
            }
        }
    }
}

#[test]
fn codecs_are_taken_away_and_come_again() {
    for (text, names) in [
        ("ulaw,alaw,!ulaw,gsm,ulaw", "alaw gsm ulaw"),
        ("ulaw,!all,alaw,alaw", "alaw"),
        ("!g729,ulaw", "ulaw"),
        ("0x0 (nothing)", ""),
        (")ulaw(", ")ulaw("),
    ] {
        assert_eq!(printed(&format!("{{{{ '{text}' | codecs | join(' ') }}}}")), names, "{text}");
    }
}

#[test]
fn wrong_arguments_are_told_by_the_filter() {
    for (template, error) in [
        ("{{ 1 | duration('long') }}", "`duration` has the forms"),
        ("{{ 1 | time(zone='Middle/Earth') }}", "`time` knows no such time zone"),
        ("{{ 1 | time(zone=3) }}", "`time` takes its zone"),
        ("{{ 1 | time('%200Y') }}", "`time` takes no format with a width"),
        ("{{ 1 | time('%') }}", "`time` cannot use its format"),
        ("{{ 'x' | epoch('%Y') }}", "`epoch` cannot read this text by its format"),
        ("{{ 'x' | parts('') }}", "`parts` takes its separators"),
        ("{{ [] | natural_sort(3) }}", "`natural_sort` takes a field's name"),
        ("{{ [] | table(3) }}", "`table` takes `columns` as a list"),
        ("{{ {} | pairs(separator=3) }}", "`pairs` takes its separator"),
        ("{{ {'a': []} | prometheus }}", "`prometheus` cannot use a list or record as a label"),
    ] {
        let shown = printed(template);
        assert!(shown.starts_with(&format!("error: {error}")), "{template}: {shown}");
    }
    assert!(printed("{{ 1 | duration(unit=3) }}").contains("unknown keyword"));
}

#[test]
fn what_real_servers_print_is_read() {
    for (template, output) in [
        ("{{ 'System uptime: 12' | seconds }}", "12"),
        ("{{ 'Last reload: 27 seconds ' | seconds }}", "27"),
        ("{{ 'Duration: 00:00:16' | seconds }}", "16"),
        ("{{ '3.000000' | seconds }}", "3"),
        ("{{ 'LAGGED (2100 ms)' | milliseconds }}", "2100"),
        ("{{ '-nan' | milliseconds }}", ""),
        ("{{ ('<unknown>' | caller_id).number }}", ""),
        ("{{ ('\"Ünï Çode\" <6001>' | caller_id).name }}", "Ünï Çode"),
        ("{{ ('\"Ünï: x\" <6001>' | caller_id).name }}", "Ünï: x"),
        ("{{ ('sip:127.0.0.1:28299' | sip_uri).port }}", "28299"),
        ("{{ ('6001/sip:6001@127.0.0.1:50852,' | sip_uri).port }}", "50852"),
        ("{{ ('sip:person/person@127.0.0.1:25002' | sip_uri).user }}", "person/person"),
        ("{{ ('SIP:a;b@h' | sip_uri).user }}", "a;b"),
        (
            "{{ 'sip:u:pass@h' | sip_uri | json_lines }}",
            r#"{"scheme":"sip","user":"u","host":"h","port":null,"parameters":{}}"#,
        ),
        ("{{ ('127.0.0.1:(null)' | host_port).host }}", "127.0.0.1"),
        ("{{ ('IPV6/TLS/2001:db8::7/5061' | host_port).host }}", "2001:db8::7"),
        ("{{ ('(Unspecified)' | host_port) is defined }}", "False"),
        ("{{ '(ulaw)' | codecs | join(' ') }}", "ulaw"),
        ("{{ '(h263|h263p)' | codecs | join(' ') }}", "h263 h263p"),
        ("{{ 'InUse&Ringing' | parts | join(' ') }}", "InUse Ringing"),
        ("{{ '2026-11-22T22:29:17.678+0000' | epoch }}", "1795386557.678"),
        ("{{ 0 | time }}", "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(printed(template), output, "{template}");
    }
}

#[test]
fn pairs_leave_every_value_as_it_is() {
    assert_eq!(
        printed("{{ {'name': 'trailing blank ', 'x': ' ', 'none': ''} | pairs }}"),
        "name=trailing blank \nx= \nnone="
    );
    assert_eq!(printed("{{ {'a': '', 'bc': 'd '} | pairs(aligned=true) }}"), "a  =\nbc = d ");
}

#[test]
fn nothing_is_nothing_to_what_follows() {
    assert_eq!(printed("[{{ '(null)' | known }}]"), "[]");
    assert_eq!(printed("{{ '(null)' | known | seconds | default(7) }}"), "7");
    assert_eq!(printed("{{ none | known | default('-') }}"), "-");
    assert_eq!(printed("{% if '-none-' | known %}a{% else %}b{% endif %}"), "b");
}

#[test]
fn one_long_cell_makes_no_table_of_its_length_times_all_rows() {
    let rows: Vec<String> = (0..1000).map(|row| format!("[\"{row}\", \"x\"]")).collect();
    let long = "y".repeat(100_000);
    let list = format!("[[\"{long}\", \"x\"], {}]", rows.join(","));
    let value = json::parse(list.as_bytes()).expect("JSON");
    let table = print::print(&value, Format::Table).expect("a table");
    assert!(table.len() < 2 * long.len() + 1000 * (print::WIDEST_COLUMN + 8), "{}", table.len());
}

#[test]
fn an_empty_text_of_a_list_is_a_line_wherever_it_stands() {
    let text = |json: &str| print::print(&json::parse(json.as_bytes()).expect("JSON"), Format::Text);
    assert_eq!(text(r#"["", "a", "", ""]"#).as_deref(), Ok("\na\n\n\n"));
    assert_eq!(text(r#"["two\nlines\n", "a"]"#).as_deref(), Ok("two\nlines\na\n"));
    assert_eq!(text(r#""""#).as_deref(), Ok("\n"));
}

#[test]
fn a_field_without_a_name_is_no_word_for_a_shell_to_run() {
    let value = json::parse(br#"{"": "reboot", "9": "x"}"#).expect("JSON");
    assert_eq!(print::print(&value, Format::Env).as_deref(), Ok("_='reboot'\n_9='x'\n"));
}

#[test]
fn prometheus_gets_utf_8_whatever_the_server_sent() {
    let latin1 = text::decode(b"caf\xe9\n").into_owned();
    assert_eq!(printed_with("{{ x | prometheus }}", latin1.into()), "caf\u{fffd}\\n");
}

#[test]
fn a_filter_in_a_loop_is_paid_for_by_what_it_reads() {
    let mut environment = minijinja::Environment::new();
    super::add_to(&mut environment);
    environment.set_fuel(Some(2_000)); // enough to read 32 KB
    let rendered = |times: usize| {
        let x = "1 second, ".repeat(1000);
        let template = format!("{{% for a in range({times}) %}}{{{{ x | seconds }}}}{{% endfor %}}");
        environment.render_str(&template, context! { x }).map_err(|error| error.kind())
    };
    assert_eq!(rendered(2).as_deref(), Ok("10001000"));
    assert_eq!(rendered(4), Err(minijinja::ErrorKind::OutOfFuel));
}
