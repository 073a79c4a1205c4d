//! A text as the list of its lines.

use super::value::Value;

/// The lines of a text, without their ends. A blank line is the text `""`; the end of the last line
/// begins no further one, and an empty text has no lines.
pub fn parse(bytes: &[u8]) -> Value {
    Value::List(split(bytes).map(Value::text).collect())
}

/// The lines as bytes, without LF and without the CR before it.
pub(super) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (!bytes.is_empty()).then(|| body.split(|&byte| byte == b'\n'));
    lines.into_iter().flatten().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Whether nothing but blanks stands there.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// Whether a line is drawn of dashes or equals signs only, in one piece or several.
pub(super) fn is_rule(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() >= 3 && line.iter().all(|byte| matches!(byte, b'-' | b'=' | b' '))
}

/// Where the first two blanks in a row, or a tab, begin.
pub(super) fn find_gap(line: &[u8]) -> Option<usize> {
    let tab = |pair: &[u8]| pair.first() == Some(&b'\t');
    (0..line.len()).find(|&at| line[at..].starts_with(b"  ") || tab(&line[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<String> {
        parse(bytes).as_list().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn line_ends_are_dropped_and_blank_lines_kept() {
        assert_eq!(texts(b"a\r\n\r\n b \nc"), ["a", "", " b ", "c"]);
        assert_eq!(texts(b"a\n"), ["a"]);
        assert_eq!(texts(b"\n"), [""]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn a_rule_is_dashes_or_equals_signs_only() {
        assert!(is_rule(b" ----- ====="));
        assert!(!is_rule(b"--END-COMMAND--"));
        assert!(!is_rule(b"   "));
        assert!(!is_rule(b"--"));
    }
}
