//! `astfs explain` for paths: through a tree file and its server, and through a mount.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use astfs::simulator::{Content, Version};
use nix::unistd::geteuid;
use regex::Regex;
use serde_json::Value;
use support::counts;
use support::mount::{astfs, fuse_available};
use support::nobody::{as_nobody, can_become_nobody, let_others_near};
use support::simulated::{Simulated, TreeFile, run_within, text};

/// The tree of the example in `docs/semantics.md`, and a little more.
const TREE: &str = r#"
[query.phones]
action = "Phones"
key    = "Name"

[query.phone]
any = ["phone_by_new_action", "phone_by_action"]

[query.phone_by_new_action]
action = { Action = "PhoneDetails", Name = "{{ desk.Name }}" }

[query.phone_by_action]
action = { Action = "PhoneShow", Name = "{{ desk.Name }}" }

[query.lost]
action = "NoSuchAction"
key    = "Name"

[query.proven]
action = { Action = "Prove", Name = "{{ desk.Name }}", Code = "{{ desk.Secret }}" }

[each.desk]
in    = "phones"
where = "desk.Type == 'desk'"

[each.thing]
in = "lost"

[tree]
"desks/{desk}/model" = { render = "{{ phone.Model }}\n" }
"desks/{desk}/proof" = { query = "proven", as = "json" }
"busy/{desk}"        = { symlink = "../desks/{{ desk }}", when = "desk.State == 'busy'" }
"things/{thing}/x"   = { text = "" }
"night"              = { text = "", when = "phones | length > 99" }
"#;

const ALIVE: &str = r#"
"control/ring" = { write = { command = "ring {{ input }}" } }
"events/all"   = { events = "*" }
"#;

fn list(records: &[&[(&str, &str)]]) -> String {
    let headers = |record: &&[(&str, &str)]| -> String {
        record.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    };
    let events = records.iter().map(|record| format!("Event: Entry\r\n{}\r\n", headers(record)));
    let events: String = events.collect();
    format!(
        "Response: Success\r\nEventList: start\r\n\r\n{events}Event: Complete\r\nEventList: Complete\r\n\r\n"
    )
}

fn server() -> Simulated {
    let desk = |name: &'static str, state: &'static str| {
        [("Name", name), ("Type", "desk"), ("State", state), ("Secret", "hush4711")]
    };
    let phones = [desk("6001", "busy"), desk("6002", "idle"), desk("a/b", "idle"), desk("6001", "idle")];
    let door: &[(&str, &str)] = &[("Name", "door"), ("Type", "door"), ("State", "idle")];
    let all: Vec<&[(&str, &str)]> = phones.iter().map(|phone| &phone[..]).chain([door]).collect();
    let mut content = Content::new(Version::Asterisk16).answer(&[("Action", "Phones")], list(&all));
    for name in ["6001", "6002", "a/b"] {
        let model = "Response: Success\r\nModel: D65\r\n\r\n";
        content = content.answer(&[("Action", "PhoneShow"), ("Name", name)], model);
        let proof = [("Action", "Prove"), ("Name", name), ("Code", "hush4711")];
        content = content.answer(&proof, "Response: Success\r\nProven: yes\r\n\r\n");
    }
    Simulated::start(content)
}

struct Explained {
    status: Option<i32>,
    told: Value,
    complained: String,
}

impl Explained {
    fn of(output: &Output) -> Explained {
        let told = serde_json::from_slice(&output.stdout);
        let told = told.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        Explained { status: output.status.code(), told, complained: text(&output.stderr) }
    }

    fn query(&self, name: &str) -> &Value {
        let mut queries = self.told["queries"].as_array().expect("a list").iter();
        queries.find(|query| query["name"] == name).unwrap_or_else(|| panic!("{name}: {}", self.told))
    }

    /// Why it is not there: each reason, with its text.
    fn reasons(&self) -> Vec<(&str, &str)> {
        let reasons = self.told["missing"]["reasons"].as_array().expect("reasons").iter();
        reasons
            .map(|one| (one["reason"].as_str().expect("a word"), one["text"].as_str().expect("a text")))
            .collect()
    }
}

/// The two ways to explain a path.
enum Way<'a> {
    Tree(&'a Simulated, PathBuf),
    Mount(&'a Path),
}

impl Way<'_> {
    fn explain(&self, path: &str) -> Explained {
        let mut program = astfs();
        program.args(["explain", "--format", "json"]);
        match self {
            Way::Tree(server, tree) => program.arg(tree).arg(path).envs(server.environment()),
            Way::Mount(root) => program.arg(root.join(path)).env_remove("ASTFS_SERVER"),
        };
        Explained::of(&run_within(Duration::from_secs(30), &mut program))
    }
}

/// What both ways tell alike.
fn check(way: &Way) {
    let model = way.explain("desks/6001/model");
    assert_eq!(model.status, Some(0), "{}", model.complained);
    let told = &model.told;
    assert_eq!(
        (&told["exists"], &told["kind"], &told["mode"]),
        (&true.into(), &"file".into(), &"0444".into())
    );
    assert_eq!(told["entry"]["text"], r#""desks/{desk}/model" = { render = "{{ phone.Model }}\n" }"#);
    assert_eq!(told["entry"]["line"], 30);
    let record = &told["variables"][0];
    assert_eq!((&record["variable"], &record["key"]), (&"desk".into(), &"6001".into()));
    assert_eq!((&told["on_error"], &told["missing"]), (&"stale".into(), &Value::Null));
    assert_eq!(model.query("phone")["answered"], "phone_by_action", "{told:#}");
    assert_eq!(model.query("phone_by_new_action")["state"], "cannot");
    let action = model.query("phone_by_action");
    assert_eq!(
        (&action["state"], &action["by"], &action["depth"]),
        (&"fresh".into(), &"any".into(), &1.into())
    );
    assert_eq!(action["questions"][0], serde_json::json!([["Action", "PhoneShow"], ["Name", "6001"]]));
    assert!(action["age"].as_f64().is_some_and(|age| age < 60.0), "{action}");

    let proof = way.explain("desks/6001/proof");
    let question = &proof.query("proven")["questions"][0];
    assert_eq!(question[0], serde_json::json!(["Action", "Prove"]));
    assert!(!proof.told.to_string().contains("hush4711") && question[2][1] == "***", "{question}");

    for (name, key, given) in [("a%2Fb", "a/b", "escaped"), ("6001~2", "6001", "suffix")] {
        let named = way.explain(&format!("desks/{name}"));
        let record = &named.told["variables"][0];
        assert_eq!((named.status, &named.told["kind"]), (Some(0), &"directory".into()));
        assert_eq!((&record["key"], &record["given"]), (&key.into(), &serde_json::json!([given])));
        assert_eq!(named.told["parent_of"].as_array().map(Vec::len), Some(2));
    }
    assert_eq!(way.explain("busy/6001").told["kind"], "link");

    for (path, reason, part) in [
        ("desk", "no-such-entry", "no entry"),
        ("desks/6003", "no-record", "`phones` lists 5, 4 pass `where`"),
        ("desks/door", "where-false", "desk.Type == 'desk'"),
        ("busy/6002", "when-false", "desk.State == 'busy'"),
        ("night", "when-false", "phones | length > 99"),
        ("things/one", "cannot-answer", "cannot answer it"),
        ("desks/6001/model/x", "not-a-directory", "is a file"),
    ] {
        let missing = way.explain(path);
        assert_eq!((missing.status, &missing.told["exists"]), (Some(1), &false.into()), "{path}");
        let reasons = missing.reasons();
        assert!(
            matches!(reasons[..], [(word, text)] if word == reason && text.contains(part)),
            "{reasons:?}"
        );
        assert_eq!(missing.complained, "", "{path}");
    }
    assert_eq!(way.explain("desk").told["missing"]["nearest"][0], "desks");
    assert_eq!(way.explain("desks/6003/model").told["missing"]["name"], "6003");
}

#[test]
fn a_path_of_a_tree_is_explained_and_each_reason_for_which_there_is_none() {
    let (server, tree) = (server(), TreeFile::new(TREE));
    check(&Way::Tree(&server, tree.path()));
}

#[test]
fn one_look_asks_each_question_once() {
    let (server, tree) = (server(), TreeFile::new(TREE));
    Way::Tree(&server, tree.path()).explain("desks/6001/model");
    let mut asked = server.questions();
    asked.sort();
    assert_eq!(asked, ["PhoneDetails", "PhoneShow", "Phones"]);
}

#[test]
fn a_server_that_is_down_is_told_with_its_status() {
    let (server, tree) = (server(), TreeFile::new(TREE));
    server.go_down();
    let down = Way::Tree(&server, tree.path()).explain("desks/6001");
    assert_eq!(down.status, Some(4), "{}", down.complained);
    assert!(matches!(down.reasons()[..], [("error", _)]), "{}", down.told);
    assert_eq!(
        Way::Tree(&server, tree.path()).explain("desks").status,
        Some(0),
        "that is there all the same"
    );
}

#[test]
fn a_path_in_a_mount_is_explained_by_the_mount_over_no_connection_of_its_own() {
    if !fuse_available() || !geteuid().is_root() {
        return counts::skipped("only root mounts control files and event logs");
    }
    let (server, tree) = (server(), TreeFile::new(&format!("{TREE}{ALIVE}")));
    let mounted = server.mount(&tree.path());
    let way = Way::Mount(mounted.path());
    check(&way);
    assert_eq!(server.connections(), 1);
    let logins = server.asked().into_iter().filter(|request| request.action() == "Login").count();
    assert_eq!(logins, 1, "nobody else has logged in");
    for (path, kind) in [("control/ring", "control"), ("events/all", "log"), (".astfs/status", "status")] {
        let explained = way.explain(path);
        assert_eq!((explained.status, &explained.told["kind"]), (Some(0), &kind.into()), "{path}");
    }
    let uid = way.explain("desks").told["uid"].clone();
    assert_eq!(uid, geteuid().as_raw());
}

#[test]
fn a_mount_whose_server_is_down_is_told_with_its_status() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    server.go_down();
    let mounted = server.mount(&tree.path());
    let way = Way::Mount(mounted.path());
    let down = way.explain("desks/6001");
    assert_eq!((down.status, down.complained.as_str()), (Some(4), ""));
    assert!(matches!(down.reasons()[..], [("error", _)]), "{}", down.told);
    assert_eq!(way.explain("desks").status, Some(0), "that is there all the same");
}

#[test]
fn others_than_the_owner_of_a_mount_learn_what_the_tree_file_says() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount_with(&tree.path(), &["--allow-other"]);
    let_others_near(&mounted);
    let folder = tree.path().parent().expect("a folder").to_owned();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("a folder of the test's own");
    let program = folder.join("astfs");
    fs::copy(env!("CARGO_BIN_EXE_astfs"), &program).expect("a copy that others can run");
    let path = mounted.join("desks/6001/model");
    let arguments = ["explain".as_ref(), "--format".as_ref(), "json".as_ref(), path.as_os_str()];
    let told = as_nobody(program.to_str().expect("a path"), arguments).expect("it is explained");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["kind"], &told["entry"]["line"]), (&"file".into(), &30.into()));
    let record = &told["variables"][0];
    assert_eq!(
        (&record["name"], &record["key"]),
        (&"6001".into(), &Value::Null),
        "records are not for others"
    );
}

#[test]
fn a_path_that_is_in_no_mount_is_refused_with_what_to_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run_within(Duration::from_secs(30), astfs().arg("explain").arg(folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is in no mount of astfs"), "{}", text(&output.stderr));
}

#[test]
fn the_example_in_the_documentation_is_a_real_one() {
    let page = include_str!("../docs/semantics.md");
    let mut fences = page.split("```").skip(1).step_by(2);
    let example = fences.find_map(|fence| fence.strip_prefix("explain\n")).expect("an example");
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mut program = astfs();
    program.args(["explain", "tree.toml", "desks/6001/model"]).envs(server.environment());
    program.current_dir(tree.path().parent().expect("a folder"));
    let output = run_within(Duration::from_secs(30), &mut program);
    let ages = Regex::new(r"\d+\.\ds").expect("a pattern");
    let printed = text(&output.stdout);
    assert_eq!(ages.replace_all(&printed, "0.1s"), ages.replace_all(example, "0.1s"), "{printed}");
}
