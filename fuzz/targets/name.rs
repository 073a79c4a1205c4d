//! Names from records as names in a directory, and the paths of `[tree]`.

use astfs::language::{Pattern, Segment, escape, escape_between, fit, is_cut, is_escaped};
use astfs::parse::{label, text};

/// The longest name the kernel takes, in bytes.
const LONGEST: usize = 255;

pub fn check(bytes: &[u8]) {
    let name = text::decode(bytes);
    assert_eq!(text::encode(&name).as_ref(), bytes);
    let escaped = escape(&name);
    let file_name = text::encode(&escaped);
    assert!((1..=LONGEST).contains(&file_name.len()), "{} bytes", file_name.len());
    assert!(!file_name.contains(&b'/') && !escaped.contains(char::is_control), "{escaped:?}");
    assert!(escaped != "." && escaped != "..", "{escaped:?}");
    if is_cut(&name, 0) {
        assert!(escaped.len() > 17 && escaped.as_bytes()[escaped.len() - 17] == b'~', "{escaped:?}");
    } else {
        assert_eq!(plain(&file_name), bytes, "{escaped:?} is another name");
        assert_eq!(is_escaped(&name), *escaped != *name);
    }
    let between = escape_between("a-", &name, ".json");
    let inner = between.strip_prefix("a-").and_then(|rest| rest.strip_suffix(".json"));
    let inner = text::encode(inner.expect("the text around it"));
    assert!(inner.len() + 7 <= LONGEST, "{} bytes and text around them", inner.len());
    assert!(is_cut(&name, 7) || plain(&inner) == bytes, "{between:?} is another name");
    for room in [0, 2, 17, 255, 300] {
        let beginning = fit(&name, room);
        assert!(name.starts_with(beginning));
        assert!(text::encode(beginning).len() + room <= LONGEST.max(room));
    }
    let field = label::field_name(bytes);
    assert!(!field.starts_with('_') && !field.contains([' ', '/', '.', '\n', '\0']), "{field:?}");
    if let Ok(path) = std::str::from_utf8(bytes) {
        check_path(path);
    }
}

/// A record's name as the server spells it.
fn plain(file_name: &[u8]) -> Vec<u8> {
    if file_name == b"%" {
        return Vec::new();
    }
    let mut name = Vec::new();
    let mut rest = file_name;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            name.push(first);
            continue;
        }
        let digits = std::str::from_utf8(&rest[..2]).expect("two hex digits");
        name.push(u8::from_str_radix(digits, 16).expect("two hex digits"));
        rest = &rest[2..];
    }
    name
}

fn check_path(path: &str) {
    match Pattern::parse(path) {
        Ok(pattern) => {
            let segments = pattern.segments.iter().map(|segment| match segment {
                Segment::Literal(name) => name.clone(),
                Segment::Variable { prefix, name, suffix } => format!("{prefix}{{{name}}}{suffix}"),
            });
            let segments: Vec<_> = segments.collect();
            for segment in &segments {
                assert!(!segment.is_empty() && segment != "." && segment != "..", "{segment:?}");
                assert!(segment.len() <= LONGEST && !segment.contains('/'), "{segment:?}");
                assert!(!segment.contains(char::is_control), "{segment:?}");
            }
            let slash = if pattern.directory && !segments.is_empty() { "/" } else { "" };
            assert_eq!(segments.join("/") + slash, path);
        }
        Err(mistake) => {
            assert!(path.get(mistake.range.clone()).is_some(), "{path:?}: {mistake:?}");
        }
    }
}
