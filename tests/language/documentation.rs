//! The examples of `docs/tree-language.md` do what it says.
//!
//! A `toml` example is completed with the tables of `prelude.toml` that it does not declare itself. A
//! `parse NAME` example is a text, and the JSON behind it what the parser makes of it. A `report NAME`
//! example stands in the expected report of that file. A `toml fragment` names files that are not there.

use std::path::Path;

use astfs::language::{Code, LoadOptions, load};
use astfs::parse::Parser;
use toml::{Table, Value};

const DOCUMENT: &str = include_str!("../../docs/tree-language.md");
const PRELUDE: &str = include_str!("prelude.toml");

/// The fenced examples: what stands behind the fence, and the text.
fn examples() -> Vec<(&'static str, String)> {
    let mut examples = Vec::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]);
            examples.push((kind, text.collect()));
        }
    }
    examples
}

/// The example with what the prelude declares beside it.
fn completed(example: &str) -> String {
    let mut tables: Table = example.parse().expect("an example is TOML");
    for (name, table) in PRELUDE.parse::<Table>().expect("the prelude is TOML") {
        let Value::Table(table) = table else { panic!("the prelude consists of tables") };
        let there = tables.entry(name).or_insert_with(|| Table::new().into());
        let there = there.as_table_mut().expect("a table of the example");
        for (name, value) in table {
            there.entry(name).or_insert(value);
        }
    }
    tables.to_string()
}

#[test]
fn every_tree_in_the_documentation_has_no_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tree.toml");
    let options = LoadOptions { templates: Some("templates".into()), only: None, allow_exec: true };
    let trees: Vec<_> = examples().into_iter().filter(|(kind, _)| *kind == "toml").collect();
    assert!(trees.len() >= 9, "only {} examples were found", trees.len());
    for (_, example) in trees {
        std::fs::write(&path, completed(&example)).expect("a file");
        let (_, report) = load(&path, &options).expect("a readable file");
        // an example is a part of a tree: something else would use what it declares
        let unused = [Code::UnusedQuery, Code::UnusedVariable];
        let mut found = report.diagnostics().into_iter().filter(|one| !unused.contains(&one.code));
        assert!(found.next().is_none(), "{example}\n{}", report.render(false));
    }
}

#[test]
fn every_parser_in_the_documentation_gives_what_is_said() {
    let examples = examples();
    let mut seen = Vec::new();
    for pair in examples.windows(2) {
        let Some(name) = pair[0].0.strip_prefix("parse ") else { continue };
        let parser = Parser::from_name(name).expect("a parser");
        let value = parser.parse(pair[0].1.as_bytes()).expect("a text of that form");
        let expected: serde_json::Value = serde_json::from_str(&pair[1].1).expect("JSON");
        assert_eq!(serde_json::to_value(&value).expect("JSON"), expected, "{name}");
        seen.push(name);
    }
    for name in Parser::NAMES {
        assert!(seen.contains(&name) || DOCUMENT.contains(&format!("`{name}`")), "{name} is not documented");
    }
}

#[test]
fn the_report_in_the_documentation_is_a_real_one() {
    for (kind, text) in examples() {
        let Some(name) = kind.strip_prefix("report ") else { continue };
        let report = Path::new("tests/language/bad").join(name).with_extension("txt");
        let report = std::fs::read_to_string(report).expect("a report");
        assert!(report.contains(&text), "{text}");
    }
}

#[test]
fn the_json_in_the_documentation_is_a_real_one() {
    let (_, example) = examples().into_iter().find(|(kind, _)| *kind == "json report").expect("an example");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tree.toml");
    let query = "[query.peers]\ncommand = \"sip show peers\"\nparse   = \"tabel\"\n";
    std::fs::write(&path, format!("{query}[tree]\n\"a\" = {{ query = \"peers\" }}\n")).expect("a file");
    let (_, report) = load(&path, &LoadOptions::default()).expect("a readable file");
    let mut report = report.to_json();
    report["findings"][0]["file"] = "tree.toml".into();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&example).expect("JSON"), report);
}

#[test]
fn what_stands_in_for_data_get_is_in_the_documentation() {
    let quoted = |names: Vec<&str>| names.join("`, `");
    for provider in astfs::data::PROVIDERS {
        let lists = provider.lists.iter().map(|list| list.ask.name());
        let asked = lists.chain(provider.details.iter().map(|detail| detail.ask.name())).collect();
        let missing = quoted(provider.missing.to_vec());
        let row = format!("\n| `{}` | `{}` | `{missing}` |\n", provider.path, quoted(asked));
        assert!(DOCUMENT.contains(&row), "{row}");
    }
}
