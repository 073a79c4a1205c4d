//! `astfs explain`, and that its pages are true.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use astfs::language::{Code, LoadOptions, load};

/// The fenced blocks of a page: what stands behind the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```toml ") {
            let text = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]);
            blocks.push((kind, text.collect()));
        }
    }
    blocks
}

/// The codes of what is found in a file, and the report. Beside a `tree.toml` it is a test file, which is run.
fn found_in(text: &str, page: &[(&str, String)]) -> (BTreeSet<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    for (kind, text) in page {
        if let Some(path) = kind.strip_prefix("beside ") {
            write(&folder.path().join(path), text);
        }
    }
    let path = folder.path().join("tree.toml");
    if !path.exists() {
        write(&path, text);
        let (_, report) = load(&path, &LoadOptions::default()).expect("a readable file");
        let codes = report.diagnostics().into_iter().map(|one| one.code.name().to_owned());
        return (codes.collect(), report.render(false));
    }
    let path = path.with_file_name("x.test.toml");
    write(&path, text);
    let output = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("test").arg(&path).output();
    let output = output.expect("the program runs");
    let report = String::from_utf8(output.stderr).expect("text");
    let code = |line: &str| Some(line.strip_prefix("error[")?.split_once(']')?.0.to_owned());
    let codes: BTreeSet<_> = report.lines().filter_map(code).collect();
    assert_eq!(output.status.code(), Some(if codes.is_empty() { 0 } else { 3 }), "{report}");
    (codes, report)
}

#[test]
fn each_page_shows_a_file_with_that_finding_alone_and_one_without_any() {
    for code in Code::ALL {
        let blocks = blocks(code.page());
        let of = |wanted: &str| blocks.iter().filter(|(kind, _)| *kind == wanted).collect::<Vec<_>>();
        let ([wrong], [right]) = (&of("wrong")[..], &of("right")[..]) else {
            panic!("{}: a wrong example and a right one", code.name());
        };
        let (found, report) = found_in(&wrong.1, &blocks);
        assert_eq!(found, BTreeSet::from([code.name().to_owned()]), "{report}");
        let (_, report) = found_in(&right.1, &blocks);
        assert!(report.is_empty(), "{}: {report}", code.name());
    }
}

#[test]
fn each_code_has_a_name_of_words_and_a_summary_of_one_line() {
    for code in Code::ALL {
        let is_word = |character: char| character.is_ascii_lowercase() || character == '-';
        assert!(code.name().chars().all(is_word), "{}", code.name());
        assert!(!code.summary().is_empty() && code.summary().len() < 100, "{}", code.name());
        assert_eq!(Code::from_name(code.name()), Some(*code));
    }
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let listed = names.clone();
    names.sort_unstable();
    names.dedup();
    assert_eq!(listed, names, "sorted, each name once");
}

fn explain(arguments: &[&str]) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("explain").args(arguments).output();
    let output = output.expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

#[test]
fn a_code_is_explained_also_as_it_stands_in_a_report() {
    for given in ["unknown-parser", "error[unknown-parser]:", "[unknown-parser]", "Unknown-Parser"] {
        let (output, shown, _) = explain(&[given]);
        assert!(output.status.success());
        assert!(
            shown.starts_with("error[unknown-parser]: `parse` names no parser that there is\n"),
            "{shown}"
        );
        assert!(shown.contains("\nWrong:\n\n    [tree]\n") && shown.contains("\nRight:\n\n"), "{shown}");
        assert!(!shown.contains("```"), "{shown}");
    }
}

#[test]
fn an_unknown_code_suggests_the_nearest() {
    let (output, shown, told) = explain(&["unknown-quary"]);
    assert_eq!((output.status.code(), shown.as_str()), (Some(1), ""));
    assert_eq!(told, "astfs: there is no finding `unknown-quary`; did you mean `unknown-query`?\n");
    let (_, _, told) = explain(&["xyz"]);
    assert_eq!(told, "astfs: there is no finding `xyz`; `astfs explain` lists all codes\n");
}

#[test]
fn without_a_code_all_are_listed() {
    let (output, shown, _) = explain(&[]);
    assert!(output.status.success());
    assert_eq!(shown.lines().count(), Code::ALL.len());
    for (line, code) in shown.lines().zip(Code::ALL) {
        assert!(line.starts_with(code.name()) && line.ends_with(code.summary()), "{line}");
    }
}
