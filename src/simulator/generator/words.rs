//! Cutting a CLI command into words: blanks separate them, double quotes hold blanks together, a
//! backslash takes the next byte as it is.

/// The words of a command line.
pub(super) fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            b' ' | b'\t' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_and_backslashes_hold_words_together() {
        let cut = |line: &str| {
            words(line.as_bytes())
                .into_iter()
                .map(|word| String::from_utf8(word).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(cut("sip show  peer 6001 "), ["sip", "show", "peer", "6001"]);
        assert_eq!(cut(r#"peer "with space" load"#), ["peer", "with space", "load"]);
        assert_eq!(cut(r#"peer with\ space"#), ["peer", "with space"]);
        assert_eq!(cut(r#"peer "a \"quoted\" \\ one""#), ["peer", r#"a "quoted" \ one"#]);
        assert_eq!(cut(r#""" x"#), ["", "x"]);
        assert_eq!(cut("x\\"), ["x"]);
    }
}
