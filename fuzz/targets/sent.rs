//! What records put into what the server is asked, and into links: one argument of a command stays one, a header
//! stays one header, a segment of a link one segment.
//!
//! The input is the values of two fields, `x` and `y`, apart by the byte 0xFF.

use std::sync::LazyLock;

use astfs::ami::{Action, ActionError, HEADER_LIMIT, LINE_LIMIT};
use astfs::language::{TemplateName, Templates, TextKind, to_template};
use astfs::parse::text;
use astfs::parse::value::{Fields, Shapes, Value};

use super::words;

/// What one argument is to be, where it is more than one argument.
type Argument = fn(&str, &str) -> String;

/// Templates of a command whose second word is an argument made of records, and what it is, if that is plain.
const COMMANDS: [(&str, Option<Argument>); 17] = [
    ("show {{ x }} load", Some(|x, _| x.into())),
    ("show {{ record.x }} load", Some(|x, _| x.into())),
    ("show {{ x }}{{ y }} load", Some(|x, y| format!("{x}{y}"))),
    ("show {{ x ~ ' ' ~ y }} load", Some(|x, y| format!("{x} {y}"))),
    ("show SIP/{{ x }}@{{ y }} load", Some(|x, y| format!("SIP/{x}@{y}"))),
    ("show {{ [x, y] | join(' ') }} load", Some(|x, y| format!("{x} {y}"))),
    ("{% set z %}{{ x }}{% endset %}show {{ z }} load", Some(|x, _| x.into())),
    ("{% macro m(v) %}{{ v }}{% endmacro %}show {{ m(x) }} load", Some(|x, _| x.into())),
    ("show {% if x %}{{ x }}{% else %}none{% endif %} load", None),
    ("show {{ x | upper }} load", None),
    ("show {{ x | replace('a', '\"') }} load", Some(|x, _| x.replace('a', "\""))),
    ("show {{ x | replace(y, ' ') | trim }} load", None),
    ("show {{ '%s %s' | format(x, y) }} load", Some(|x, y| format!("{x} {y}"))),
    ("show {{ x | first_bytes(7) }} load", None),
    ("show {{ x | default('a b', true) }} load", None),
    ("show {{ [x, y] }} load", None),
    ("show {{ record }} load", None),
];

const LINKS: [&str; 3] = ["../a/{{ x }}", "../a/{{ x ~ y }}", "../a/{{ [x, '..'] | join('/') }}"];

struct Compiled {
    templates: Templates,
    commands: Vec<TemplateName>,
    links: Vec<TemplateName>,
    header: TemplateName,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let mut templates = Templates::default();
    let mut add = |kind, text: &str| templates.add(text, kind, text).expect("a template");
    let commands = COMMANDS.iter().map(|(text, _)| add(TextKind::Command, text)).collect();
    let links = LINKS.iter().map(|text| add(TextKind::Link, text)).collect();
    let header = add(TextKind::Header, "{{ x }}");
    Compiled { templates, commands, links, header }
});

pub fn check(bytes: &[u8]) {
    let (x, y) = match bytes.iter().position(|&byte| byte == 0xFF) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let pair = |also: Option<Value>| {
        let mut fields = Fields::new();
        fields.push("x", Value::text(x));
        fields.push("y", Value::text(y));
        also.into_iter().for_each(|record| fields.push("record", record));
        fields.finish(&mut Shapes::new())
    };
    let scope = to_template(&pair(Some(pair(None))));
    let render = |template: &TemplateName| {
        let rendered = COMPILED.templates.render(template, scope.clone());
        text::encode(&rendered.expect("nothing that could fail")).into_owned()
    };
    for ((template, argument), name) in COMMANDS.iter().zip(&COMPILED.commands) {
        check_command(template, *argument, &render(name), (x, y));
    }
    let value = render(&COMPILED.header);
    assert_eq!(value, x, "a header's value is the field's");
    match Action::new("SIPshowpeer").and_then(|action| action.with("Peer", &value)) {
        Ok(action) => assert_sendable(&action),
        Err(error) => assert!(is_refusable(&value), "{error}"),
    }
    for (template, name) in LINKS.iter().zip(&COMPILED.links) {
        let target = render(name);
        let segment = target.strip_prefix(b"../a/").expect("the template's own words");
        assert!(!segment.contains(&b'/') && !segment.contains(&0), "{template}: two segments");
        assert!(!matches!(segment, b"" | b"." | b".."), "{template}: another directory");
    }
}

fn check_command(template: &str, argument: Option<Argument>, command: &[u8], (x, y): (&[u8], &[u8])) {
    match Action::command(command) {
        Ok(action) => assert_sendable(&action),
        Err(error) => return assert!(is_refusable(command), "{template}: {error}"),
    }
    let words = words::of_command(command).unwrap_or_else(|| panic!("{template}: an open quote"));
    assert_eq!(words.len(), 3, "{template}: {}", String::from_utf8_lossy(command));
    assert!(words[0] == b"show" && words[2] == b"load", "{template}: other words");
    if let Some(argument) = argument {
        let expected = argument(&text::decode(x), &text::decode(y));
        assert_eq!(words[1], text::encode(&expected).as_ref(), "{template}: another argument");
    }
}

/// Whether a value must or may be refused for what it holds or how long it is.
fn is_refusable(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) || value.len() + 16 > LINE_LIMIT
}

/// Nothing in an action ends its line or adds one.
pub fn assert_sendable(action: &Action) {
    assert!(action.headers().count() <= HEADER_LIMIT);
    for (name, value) in action.headers() {
        assert!(name.len() + value.len() + 4 <= LINE_LIMIT, "a line that is too long");
        assert!(!name.is_empty() && !name.contains(&b':'), "a name that is none");
        let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        assert!(!name.iter().chain(value).any(breaks), "a line of two");
    }
    let error: Option<ActionError> = action
        .headers()
        .skip(1)
        .find_map(|(name, value)| Action::new(action.name()).and_then(|again| again.with(name, value)).err());
    assert_eq!(error, None);
}
