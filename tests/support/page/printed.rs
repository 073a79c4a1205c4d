//! Whether what was printed is what the page shows.

/// Whether a text is the expected one, line by line. `…` in an expected line stands for anything on that line:
/// for times, versions and sizes, which are not the same in every run.
pub fn matches(expected: &str, printed: &str) -> bool {
    expected.lines().count() == printed.lines().count()
        && expected.lines().zip(printed.lines()).all(|(expected, printed)| line_matches(expected, printed))
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let mut pieces = expected.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// The printed text with the page's own words for each line that says the same.
///
/// So that writing the page anew leaves its `…` where they are.
pub fn in_the_words_of(expected: &str, printed: &str) -> String {
    let known = |line: &str| expected.lines().find(|expected| line_matches(expected, line));
    printed.lines().flat_map(|line| [known(line).unwrap_or(line), "\n"]).collect()
}
