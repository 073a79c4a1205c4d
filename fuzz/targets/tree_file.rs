//! A tree file and a template beside it: a model, or findings that each stand at a place inside the file.
//!
//! The input is the tree file; behind a line `=== t.j2` stands the template.

use std::fs;
use std::path::{Path, PathBuf};

use astfs::language::{LoadOptions, Place, Report, load};
use tempfile::TempDir;

/// The manager's secret of the seeds.
const SECRET: &str = "hunter2-4711";

thread_local! {
    static FOLDER: TempDir = {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        fs::create_dir(folder.path().join("templates")).expect("a folder");
        folder
    };
}

pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (tree, template) = text.split_once("\n=== t.j2\n").unwrap_or((&text, ""));
    let (path, templates) = FOLDER.with(|folder| {
        let path = folder.path().join("tree.toml");
        let templates = folder.path().join("templates");
        fs::write(&path, tree).and_then(|()| fs::write(templates.join("t.j2"), template)).expect("two files");
        (path, templates)
    });
    check_file(&path, templates, tree);
}

fn check_file(path: &Path, templates: PathBuf, tree: &str) {
    let options = LoadOptions { templates: Some(templates), only: None, allow_exec: false };
    let (model, report) = load(path, &options).expect("the file can be read");
    assert_eq!(model.is_none(), report.has_errors(), "a model exactly if there is no error");
    check_report(&report);
    if let Some(model) = &model {
        for entry in &model.entries {
            assert!(!entry.place.text().is_empty(), "an entry without a place");
        }
    }
    if has_secret(tree) {
        assert!(!report.render(false).contains(SECRET), "a report shows the secret");
        assert!(!format!("{model:?}").contains(SECRET), "the model's Debug form shows the secret");
    }
}

fn check_report(report: &Report) {
    let findings = report.diagnostics();
    for one in &findings {
        check_place(&one.place);
        one.related.iter().for_each(|(place, _)| check_place(place));
        assert!(!one.message.is_empty());
    }
    let text = report.render(false);
    assert!(report.render(true).len() >= text.len());
    assert!(findings.is_empty() == text.is_empty());
    let listed = &report.to_json()["findings"];
    assert_eq!(listed.as_array().map(Vec::len), Some(findings.len()));
}

fn check_place(place: &Place) {
    let text = place.source.text();
    assert!(text.get(place.span.clone()).is_some(), "{:?} is no part of {} bytes", place.span, text.len());
    let (line, column) = place.source.position(place.span.start);
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&line) && column >= 1, "line {line} of {lines}, column {column}");
}

/// Whether the file begins with the manager's secret, and holds it nowhere else.
fn has_secret(tree: &str) -> bool {
    let begins = ["[server]\nsecret = \"hunter2-4711\"\n", "server.secret = 'hunter2-4711'\n"];
    begins.iter().any(|begin| tree.starts_with(begin)) && tree.matches(SECRET).count() == 1
}
