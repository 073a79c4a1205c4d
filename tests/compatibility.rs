//! Which server answers what of the shipped tree: `docs/compatibility.md`, from the recordings of three of them.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use astfs::language::{LoadOptions, Model, Question, load};
use serde_json::Value;

const PAGE: &str = "docs/compatibility.md";
const TREE: &str = "trees/asterisk.toml";
/// Between these lines stands what the recordings say.
const MARK: &str =
    "<!-- of the recordings; `UPDATE_EXPECTED=1 cargo test --test compatibility` writes it -->\n";
const SERVERS: [(&str, &str); 3] =
    [("13", "asterisk-13.rec"), ("16", "asterisk-16-registered.rec"), ("22", "asterisk-22.rec")];

fn model() -> Model {
    let (model, report) = load(Path::new(TREE), &LoadOptions::default()).expect("the tree file is there");
    model.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// What is sent for a query, as it is declared; nothing for what is computed.
fn question(model: &Model, question: &Question) -> Option<String> {
    let texts = model.templates.texts();
    match question {
        Question::Command(command) => Some(texts[command].clone()),
        Question::Action { name, .. } => Some(format!("Action: {}", texts[name])),
        Question::Data { path, .. } => Some(format!("data get {}", texts[path])),
        _ => None,
    }
}

/// What `astfs check --live` finds a recording to answer: states by queries.
fn states(recording: &str) -> BTreeMap<String, String> {
    let mut astfs = Command::new(env!("CARGO_BIN_EXE_astfs"));
    astfs.args(["check", "--live", "--format", "json", TREE]);
    let output = astfs.args(["--server", &format!("replay:tests/trees/{recording}")]).output();
    let output = output.expect("astfs runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let queries = report["live"]["queries"].as_array().expect("a list of queries");
    let state = |query: &Value| {
        let text = |key: &str| query[key].as_str().unwrap_or_default().to_owned();
        let state = match query["answers"].as_str() {
            Some(member) => format!("`{member}`"),
            None => text("state"),
        };
        (text("name"), state)
    };
    queries.iter().map(state).collect()
}

fn table() -> String {
    let model = model();
    let servers = SERVERS.map(|(_, recording)| states(recording));
    let rows: BTreeMap<String, String> = model
        .queries
        .iter()
        .map(|query| {
            let asked = question(&model, &query.question);
            let what = asked.map_or_else(|| "one of the following".to_owned(), |asked| format!("`{asked}`"));
            let cells: Vec<&str> =
                servers.iter().map(|states| states.get(&query.name).map_or("", String::as_str)).collect();
            let is_shown = cells.iter().any(|cell| !cell.is_empty());
            (
                query.name.clone(),
                if is_shown { format!("{what} | {}", cells.join(" | ")) } else { String::new() },
            )
        })
        .filter(|(_, row)| !row.is_empty())
        .collect();
    let mut table = String::from("\n| query | asks | 13 | 16 | 22 |\n| --- | --- | --- | --- | --- |\n");
    for (name, row) in rows {
        writeln!(table, "| `{name}` | {row} |").expect("a text takes all");
    }
    table + "\n"
}

#[test]
fn the_page_says_what_the_recordings_say() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let parts: Vec<&str> = page.split(MARK).collect();
    let [before, _, behind] = parts[..] else { panic!("{PAGE} has not two lines {MARK}") };
    let table = table();
    assert!(table.lines().count() > 60, "{table}");
    let written = format!("{before}{MARK}{table}{MARK}{behind}");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(PAGE, &written).expect("the page can be written");
    }
    assert!(page == written || std::env::var_os("UPDATE_EXPECTED").is_some(), "{PAGE} says something else");
}
