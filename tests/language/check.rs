//! `astfs check`: several trees in one run, for people and for programs.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

struct Checked {
    status: Option<i32>,
    out: String,
    err: String,
}

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> Checked {
    let mut program = Command::new(env!("CARGO_BIN_EXE_astfs"));
    program.arg("check").args(arguments).env_remove("NO_COLOR").envs(environment.iter().copied());
    let output = program.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Checked { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

const WRONG: &str = "tests/language/bad/unknown_names.toml";
const WARNED: &str = "tests/language/bad/secret_in_file.toml";
const RIGHT: [&str; 2] = ["trees/basic.toml", "trees/alive.toml"];

#[test]
fn several_trees_are_checked_in_one_run_with_one_summary() {
    let checked = check(&[WRONG, RIGHT[0], WARNED], &[]);
    assert_eq!((checked.status, checked.out.as_str()), (Some(3), ""));
    let errors = checked.err.matches("error[").count();
    let last = checked.err.lines().last().expect("a line");
    assert_eq!(last, format!("{errors} errors, 1 warning in 2 files"), "{}", checked.err);
    assert_eq!(checked.err.matches(" in 2 files").count(), 1);
    assert!(
        checked.err.contains(&format!("--> {WRONG}:")) && checked.err.contains(&format!("--> {WARNED}:"))
    );
}

#[test]
fn trees_without_mistakes_are_told_in_one_line() {
    let checked = check(&RIGHT, &[]);
    assert_eq!((checked.status, checked.err.as_str()), (Some(0), ""));
    assert!(
        checked.out.starts_with("2 trees: ") && checked.out.ends_with(", no mistakes\n"),
        "{}",
        checked.out
    );
    assert_eq!(checked.out.lines().count(), 1);
    let checked = check(&RIGHT[..1], &[]);
    assert!(checked.out.starts_with("trees/basic.toml: "), "{}", checked.out);
}

#[test]
fn what_only_a_server_needs_is_refused_without_live() {
    for option in ["--server", "--user", "--secret-file"] {
        let checked = check(&[option, "127.0.0.1:5038", RIGHT[0]], &[]);
        assert_eq!((checked.status, checked.out.as_str()), (Some(2), ""), "{option}");
        assert!(checked.err.contains(&format!("{option} is of use only with --live")), "{}", checked.err);
    }
    // the environment is for all commands
    let environment = [("ASTFS_SERVER", "127.0.0.1:5038"), ("ASTFS_USER", "ops")];
    assert_eq!(check(&RIGHT, &environment).status, Some(0));
    let checked = check(&["--live", RIGHT[0], RIGHT[1]], &[]);
    assert_eq!(checked.status, Some(2));
    assert!(checked.err.contains("--live asks one server for one tree; name one"), "{}", checked.err);
}

#[test]
fn warnings_fail_only_if_they_are_denied() {
    let checked = check(&[WARNED], &[]);
    assert_eq!(checked.status, Some(0));
    assert!(checked.err.ends_with("\n1 warning in 1 file\n"), "{}", checked.err);
    assert_eq!(check(&["--deny-warnings", WARNED], &[]).status, Some(3));
    assert_eq!(check(&["--deny-warnings", RIGHT[0]], &[]).status, Some(0));
}

#[test]
fn a_tree_that_cannot_be_read_ends_with_1_and_the_others_are_checked_all_the_same() {
    for format in ["text", "json"] {
        let checked = check(&["--format", format, "/no/such/tree.toml", WRONG], &[]);
        assert_eq!(checked.status, Some(1));
        let shown = checked.out + &checked.err;
        assert!(shown.contains("/no/such/tree.toml") && shown.contains(WRONG), "{shown}");
        assert!(shown.contains("unreadable-file") && shown.contains("No such file"), "{shown}");
    }
    assert_eq!(check(&[], &[]).status, Some(2));
}

#[test]
fn colours_are_shown_where_they_are_asked_for() {
    let coloured = |arguments: &[&str], environment: &[(&str, &str)]| {
        check(&[&[WRONG], arguments].concat(), environment).err.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "no terminal");
    assert!(!coloured(&["--color", "never"], &[]));
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color=always"], &[("NO_COLOR", "1")]), "what is asked for goes before");
}

#[test]
fn on_a_terminal_there_are_colours_unless_the_environment_says_no() {
    let coloured = |environment: &str| {
        let program = env!("CARGO_BIN_EXE_astfs");
        let command = format!("env -u NO_COLOR {environment} {program} check {WRONG}");
        let output = Command::new("script").args(["-qec", &command, "/dev/null"]).output();
        let output = output.expect("script(1), which gives a program a terminal");
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        output.stdout.contains(&0x1b)
    };
    assert!(coloured("TERM=xterm"));
    assert!(!coloured("TERM=xterm NO_COLOR=1"));
    assert!(!coloured("TERM=dumb"));
}

#[test]
fn the_json_has_every_finding_in_its_documented_shape() {
    let checked = check(&["--format", "json", WARNED, "tests/language/bad/collisions.toml"], &[]);
    assert_eq!((checked.status, checked.err.as_str()), (Some(3), ""));
    let report: Value = serde_json::from_str(&checked.out).expect("JSON");
    assert_eq!(
        (&report["version"], &report["errors"], &report["warnings"]),
        (&json!(1), &json!(4), &json!(1))
    );
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 5);
    assert_eq!(
        findings[4],
        json!({
            "file": WARNED, "line": 4, "column": 11, "end": { "line": 4, "column": 20 },
            "severity": "warning", "code": "secret-in-file",
            "message": "the secret stands in the tree file",
            "label": "everybody who reads the file knows it",
            "help": "keep it out of the tree file: `secret = { file = \"/etc/astfs/secret\" }`",
            "related": null,
        })
    );
    assert_eq!(
        findings[0]["related"],
        json!({
            "file": "tests/language/bad/collisions.toml", "line": 9, "column": 1,
            "end": { "line": 9, "column": 4 }, "label": "first here",
        })
    );
    assert!(!checked.out.contains("hunter2"), "a secret is never shown");
    for finding in findings {
        let keys: Vec<_> = finding.as_object().expect("a table").keys().map(String::as_str).collect();
        let documented =
            ["file", "line", "column", "end", "severity", "code", "message", "label", "help", "related"];
        assert_eq!(keys, documented);
    }
    let none: Value = serde_json::from_str(&check(&["--format=json", RIGHT[0]], &[]).out).expect("JSON");
    assert_eq!(none, json!({ "version": 1, "errors": 0, "warnings": 0, "findings": [] }));
}

#[test]
fn of_very_many_findings_people_are_shown_a_hundred_and_programs_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tree.toml");
    std::fs::write(&path, "a b\n".repeat(150)).expect("a file");
    let path = path.to_str().expect("a path of text");
    let checked = check(&[path], &[]);
    assert_eq!((checked.status, checked.err.matches("error[").count()), (Some(3), 100));
    assert!(
        checked.err.contains("\nand 50 more, which `astfs check --format json` tells\n"),
        "{}",
        checked.err
    );
    let report: Value = serde_json::from_str(&check(&["--format=json", path], &[]).out).expect("JSON");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(150));
}

#[test]
fn no_server_is_connected_to_and_no_file_is_changed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree.toml");
    let address = listener.local_addr().expect("an address");
    let text = format!(
        "[server]\naddress = \"{address}\"\n[tree]\n\"version\" = {{ command = \"core show version\" }}\n"
    );
    std::fs::write(&tree, &text).expect("a file");
    let secret = [("ASTFS_SECRET", "hunter2")];
    assert_eq!(check(&[tree.to_str().expect("a name")], &secret).status, Some(0));
    assert_eq!(listener.accept().map_err(|error| error.kind()).err(), Some(std::io::ErrorKind::WouldBlock));
    let files = |folder: &Path| std::fs::read_dir(folder).expect("a folder").count();
    assert_eq!((files(folder.path()), std::fs::read_to_string(&tree).expect("a file")), (1, text));
}
