//! The tree language: what it says about mistakes, and what it makes of what is right.
//!
//! Every mistake has a file in `tests/language/bad/`: `NAME.toml`, or a folder `NAME` with `tree.toml`
//! and `templates/`. What astfs says about it stands beside it (`NAME.txt`, `NAME/report.txt`), to the
//! letter. `UPDATE_EXPECTED=1 cargo test --test language` writes these files anew; read what changed.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

#[path = "language/check.rs"]
mod check;
#[path = "language/documentation.rs"]
mod documentation;
#[path = "language/explain.rs"]
mod explain;
#[path = "language/good.rs"]
mod good;
#[path = "language/parts.rs"]
mod parts;
#[path = "language/read_only.rs"]
mod read_only;
#[path = "language/reference.rs"]
mod reference;
#[path = "language/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use astfs::language::{LoadOptions, load};

const BAD: &str = "tests/language/bad";

/// Each tree file with mistakes, with the file that holds its report.
fn bad_trees() -> Vec<(PathBuf, PathBuf)> {
    let mut trees: Vec<_> = std::fs::read_dir(BAD)
        .expect("the folder of mistakes")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Some((path.clone(), path.with_extension("txt"))),
            None => Some((path.join("tree.toml"), path.join("report.txt"))),
            _ => None,
        })
        .collect();
    trees.sort();
    trees
}

fn report_of(tree: &Path) -> String {
    let (model, report) = load(tree, &LoadOptions::default()).expect("a readable file");
    assert_eq!(model.is_none(), report.has_errors(), "{}: a model exactly if no error", tree.display());
    report.render(false)
}

#[test]
fn every_mistake_is_reported_at_its_place_with_its_remedy() {
    let mut different = Vec::new();
    let trees = bad_trees();
    assert!(trees.len() >= 60, "only {} files with mistakes were found", trees.len());
    for (tree, expected) in trees {
        let report = report_of(&tree);
        if report.is_empty() {
            different.push(format!("==== {} is said to have no mistakes", tree.display()));
        } else if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, &report).expect("the report can be written");
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&report) {
            different.push(format!("==== {}\n{report}", tree.display()));
        }
    }
    assert!(different.is_empty(), "these reports are not the expected ones:\n{}", different.join("\n"));
}

#[test]
fn mistakes_are_reported_in_the_order_of_the_file() {
    let tree = Path::new(BAD).join("ten_mistakes.toml");
    let (_, report) = load(&tree, &LoadOptions::default()).expect("a readable file");
    let lines: Vec<usize> = report.diagnostics().iter().map(|one| one.position().0).collect();
    assert_eq!(lines.len(), 10, "{}", report.render(false));
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_dozen_different_mistakes_in_four_files_are_told_in_one_run_for_people_and_for_programs() {
    let tree = Path::new(BAD).join("twelve_mistakes/tree.toml");
    let (_, report) = load(&tree, &LoadOptions::default()).expect("a readable file");
    let codes: BTreeSet<&str> = report.diagnostics().iter().map(|one| one.code.name()).collect();
    assert!(codes.len() >= 12, "{codes:?}");
    assert_eq!(report.files_with_findings(), 5);
    let expected = tree.with_file_name("report.json");
    let printed = format!("{:#}\n", report.to_json());
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected, &printed).expect("the report can be written");
    }
    assert_eq!(std::fs::read_to_string(&expected).expect("the expected report"), printed);
}

#[test]
fn the_program_reports_all_mistakes_without_colour_on_a_pipe_and_ends_with_3() {
    for tree in ["ten_mistakes.toml", "template_names/tree.toml"] {
        let tree = Path::new(BAD).join(tree);
        let output = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("check").arg(&tree).output();
        let output = output.expect("the program runs");
        let shown = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(3), "{shown}");
        assert!(shown.starts_with(&report_of(&tree)), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile: [&[u8]; 8] = [
        b"",
        b"\xff\xfe",
        b"\0",
        b"[tree]\n\"a\" = {",
        b"[tree]\n\"\" = { text = \"\" }",
        b"tree = 3",
        b"[tree]\n\"a\" = { render = \"{{ \\u00e9 }}{% \\U0001F600\" }",
        b"[[tree]]\n[[query]]\n[[each]]\n[[server]]\n[[defaults]]",
    ];
    for (index, bytes) in hostile.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.toml"));
        std::fs::write(&path, bytes).expect("a file");
        if let Ok((model, report)) = load(&path, &LoadOptions::default()) {
            assert!(model.is_none() && report.has_errors(), "{bytes:?}");
            assert!(!report.render(false).is_empty());
        }
    }
}

#[test]
fn a_file_of_thousands_of_queries_is_checked_soon_and_without_deep_recursion() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tree.toml");
    let count = 3000;
    let mut text = String::from("[query]\n");
    for index in 0..count {
        text.push_str(&format!("q{index} = {{ value = \"q{}\" }}\n", index + 1));
    }
    let tree = "[tree]\n\"a\" = { query = \"q0\" }\n";
    let chain = format!("{text}q{count} = {{ command = \"core show version\" }}\n{tree}");
    let circle = format!("{text}q{count} = {{ value = \"q0\" }}\n{tree}");
    for (text, errors) in [(chain, 0), (circle, 1)] {
        std::fs::write(&path, text).expect("a file");
        let (_, report) = load(&path, &LoadOptions::default()).expect("a readable file");
        assert_eq!(report.diagnostics().len(), errors);
    }
}
