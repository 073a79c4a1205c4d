//! `docs/tree-language.md` and the program name the same keys, words and exit statuses.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/tree-language.md");
const SEMANTICS: &str = include_str!("../../docs/semantics.md");

/// The tables of a tree file: the heading below which their keys are explained, and where the schema, which
/// is made of the keys that the program takes, has them.
const TABLES: [(&str, &str); 12] = [
    ("# The tree file", ""),
    ("## `[server]`", "/properties/server"),
    ("## `[server]`", "/properties/server/properties/secret/anyOf/0"),
    ("### `tls`", "/properties/server/properties/tls/anyOf/1"),
    ("## `[defaults]`", "/properties/defaults"),
    ("## `[query.NAME]`: where data comes from", "/properties/query/additionalProperties"),
    ("### When a result is asked again", "/properties/query/additionalProperties/properties/refresh"),
    ("## Parsers", "/properties/query/additionalProperties/properties/parse/anyOf/1"),
    ("## `[each.NAME]`: path variables", "/properties/each/additionalProperties"),
    ("## `[tree]`: paths", "/properties/tree/additionalProperties"),
    ("### Control files", "/properties/tree/additionalProperties/properties/write"),
    ("### Event logs", "/properties/tree/additionalProperties/properties/events/anyOf/1"),
];

/// The same for the words that a key can have.
const WORDS: [(&str, &str); 4] = [
    ("## `[server]`", "/properties/server/properties/login"),
    ("### When the content cannot be had", "/properties/defaults/properties/on_error"),
    ("## Parsers", "/properties/query/additionalProperties/properties/parse/anyOf/0"),
    ("### `as`: how a value is printed", "/properties/tree/additionalProperties/properties/as"),
];

/// The text below a heading, up to the next.
fn section(page: &'static str, heading: &str) -> &'static str {
    let (_, text) = page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let next = Regex::new(r"(?m)^##+ ").expect("a pattern");
    next.split(text).next().unwrap_or(text)
}

/// The names that stand in code, in the text or in examples.
fn names_in_code(text: &str) -> BTreeSet<&str> {
    let code = Regex::new(r"(?s)```.*?```|`[^`]+`").expect("a pattern");
    let name = Regex::new(r"\w+").expect("a pattern");
    code.find_iter(text).flat_map(|code| name.find_iter(code.as_str())).map(|name| name.as_str()).collect()
}

/// The names in the first column of tables, their header lines left out.
fn first_column(text: &str) -> BTreeSet<&str> {
    let lines: Vec<_> = text.lines().collect();
    let rows = lines.windows(2).filter(|pair| !pair[1].starts_with("| ---")).map(|pair| pair[0]);
    let cells = rows.filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches(['`', '"', ' ', '|'])).collect()
}

/// What the schema has at that place: the keys of a table, or the words of a key.
fn of_schema(schema: &Value, place: &str) -> BTreeSet<String> {
    let there = schema.pointer(place).unwrap_or_else(|| panic!("nothing at {place}"));
    let keys = there["properties"].as_object().into_iter().flat_map(|keys| keys.keys().cloned());
    let words =
        there["enum"].as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned()));
    let found: BTreeSet<_> = keys.chain(words).collect();
    assert!(!found.is_empty(), "nothing at {place}");
    found
}

#[test]
fn every_key_and_word_is_explained_and_no_other() {
    let schema = astfs::language::schema();
    for (heading, _) in TABLES.into_iter().chain(WORDS) {
        let text = section(PAGE, heading);
        let places = TABLES.into_iter().chain(WORDS).filter(|(other, _)| *other == heading);
        let known: BTreeSet<_> = places.flat_map(|(_, place)| of_schema(&schema, place)).collect();
        let explained = names_in_code(text);
        let missing: Vec<_> = known.iter().filter(|name| !explained.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{heading} does not explain {missing:?}");
        let unknown: Vec<_> = first_column(text).into_iter().filter(|name| !known.contains(*name)).collect();
        assert!(unknown.is_empty(), "{heading} explains {unknown:?}, which the program does not take");
    }
}

#[test]
fn every_function_of_templates_is_listed_and_no_other() {
    let line = PAGE.lines().find_map(|line| line.strip_prefix("- Functions: ")).expect("a list");
    let listed: BTreeSet<_> = line.split(' ').map(|name| name.trim_matches('`')).collect();
    let environment = minijinja::Environment::new(); // ours adds none
    assert_eq!(listed, environment.globals().map(|(name, _)| name).collect());
}

#[test]
fn every_exit_status_is_explained_and_no_other() {
    let status = Regex::new(r"(?m)^    \w+ = (\d),$").expect("a pattern");
    let source = include_str!("../../src/cli/error.rs");
    let own = status.captures_iter(source).map(|captures| captures[1].to_owned());
    let given: BTreeSet<_> = own.chain(["0".into(), "2".into()]).collect(); // done; wrong usage, which clap tells
    let one = Regex::new(r"\b\d\b").expect("a pattern");
    let told = section(SEMANTICS, "## Exit status").split("```").next().unwrap_or_default();
    assert_eq!(one.find_iter(told).map(|found| found.as_str().to_owned()).collect::<BTreeSet<_>>(), given);

    let of_check: BTreeSet<_> = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.get(..1)).collect();
    let of_check: BTreeSet<_> = of_check.into_iter().filter(|text| one.is_match(text)).collect();
    assert_eq!(of_check, BTreeSet::from(["0", "1", "2", "3", "4"]), "`check` mounts nothing");
}
