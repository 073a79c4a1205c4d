//! `astfs check --live`: what a server answers of a tree, and the manager user that is enough.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use astfs::simulator::{Content, Fault, Version};
use serde_json::{Value, json};
use support::simulated::{Simulated, TreeFile, peers_and_users, shipped, text};

fn live(server: &Simulated, tree: &Path, arguments: &[&str]) -> Output {
    let arguments = ["--live"].iter().chain(arguments).map(PathBuf::from);
    server.run("check", tree, arguments)
}

fn report(server: &Simulated, tree: &Path) -> (Option<i32>, Value) {
    let output = live(server, tree, &["--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (output.status.code(), report["live"].clone())
}

fn query<'a>(report: &'a Value, name: &str) -> &'a Value {
    let queries = report["queries"].as_array().expect("a list");
    queries.iter().find(|query| query["name"] == name).expect("a line for each query")
}

fn classes(report: &Value, kind: &str) -> Vec<String> {
    report["user"][kind].as_object().expect("classes").keys().cloned().collect()
}

#[test]
fn what_a_server_lacks_is_passed_over_and_no_question_is_asked_twice() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 20, 1));
    let (status, report) = report(&server, &peers_and_users());
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(query(&report, "sip_peers")["answers"], "sip_peers_from_actions");
    let lacking = query(&report, "sip_peers_from_data");
    assert_eq!((&lacking["state"], &lacking["matters"]), (&json!("missing"), &json!(false)));
    assert!(lacking["reason"].as_str().is_some_and(|said| said.contains("data get")));
    assert_eq!(
        (classes(&report, "read"), classes(&report, "write")),
        (vec!["system".to_owned()], vec!["command".to_owned(), "reporting".to_owned()])
    );
    let asked = server.questions();
    let different: BTreeSet<_> = asked.iter().collect();
    assert_eq!(asked.len(), different.len(), "{asked:?}");
    let of_one_peer = asked.iter().filter(|question| question.starts_with("SIPshowpeer")).count();
    assert_eq!(of_one_peer, 1, "20 peers, and one is asked for: {asked:?}");
}

#[test]
fn a_right_that_is_lacking_is_told_with_the_entries_that_fail_by_it() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 20, 1));
    server.set_fault_for("command", Fault::ErrorAnswer("Permission denied".into()));
    let (status, report) = report(&server, &peers_and_users());
    assert_eq!(status, Some(1), "{report:#}");
    let users = query(&report, "iax_users_from_command");
    assert_eq!((&users["state"], &users["matters"]), (&json!("denied"), &json!(true)));
    let lacking = report["entries"].as_array().expect("a list").iter();
    let failing: Vec<_> = lacking.filter(|entry| entry["state"] == "fails").collect();
    assert!(failing.iter().any(|entry| entry["path"].as_str().is_some_and(|path| path.contains("iax2"))));
    assert!(failing.iter().all(|entry| entry["reason"].as_str().is_some_and(|why| why.contains("denied"))));
    assert_eq!(classes(&report, "write"), ["command", "reporting"], "it says what would be enough");
}

#[test]
fn a_command_that_is_missing_fails_unless_another_member_answers() {
    let server = Simulated::start(Content::generated(Version::Asterisk13, 3, 1));
    let tree = TreeFile::new(
        "[query.either]\nany = [\"new\", \"old\"]\n[query.new]\ncommand = \"no such\"\n\
         [query.old]\naction = \"SIPpeers\"\nkey = \"ObjectName\"\n\
         [query.nothing]\ncommand = \"nor this\"\nparse = \"lines\"\n[each.line]\nin = \"nothing\"\n\
         [tree]\n\"peers\" = { query = \"either\", as = \"json\" }\n\"lines/{line}\" = { text = \"x\" }\n\
         \"alone\" = { command = \"no such thing\" }\n",
    );
    let output = live(&server, &tree.path(), &[]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    let line = |start: &str| {
        let found = told
            .lines()
            .find(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(start));
        found.unwrap_or_else(|| panic!("no line `{start}`: {told}"))
    };
    assert!(line("query either").ends_with("answered by `old`"));
    assert!(line("query new").contains("passed over, missing: No such command 'no such'"));
    assert!(line("entry \"alone\"").contains("fails: "));
    assert!(line("entry \"lines/{line}\"").ends_with("empty: `line` has no records on this server"));
    assert!(told.contains("\n; write reporting: old\nwrite = reporting\n"), "{told}");
    assert!(told.ends_with("1 entry cannot be shown, 1 entry empty\n"), "{told}");
}

#[test]
fn no_control_file_is_used_and_a_log_of_all_events_needs_all_classes() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 3, 1));
    let (status, report) = report(&server, &shipped("alive.toml"));
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(
        (classes(&report, "read"), classes(&report, "write")),
        (vec!["all".to_owned(), "system".to_owned()], vec!["command".to_owned()])
    );
    assert_eq!(server.questions(), ["CoreSettings", "ListCommands"]);
    let told = text(&live(&server, &shipped("alive.toml"), &[]).stdout);
    assert!(told.contains("\nread = all\n") && told.contains("\nwrite = command\n"), "{told}");
    assert!(told.contains("\n[astfs]\nsecret = …\n") && !told.contains(&server.secret()), "{told}");
}

#[test]
fn the_exit_status_tells_a_server_that_cannot_be_asked_from_mistakes() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 3, 1));
    server.set_fault(Some(Fault::RefuseLogin));
    let refused = live(&server, &peers_and_users(), &[]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    server.forget_asked();
    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/bad/unknown_names.toml");
    assert_eq!(live(&server, &wrong, &[]).status.code(), Some(3));
    let two = shipped("basic.toml");
    assert_eq!(live(&server, &two, &[&two.to_string_lossy()]).status.code(), Some(2));
    assert_eq!(server.asked().len(), 0, "nobody connects for that");
}
