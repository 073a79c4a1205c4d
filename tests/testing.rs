//! `astfs test`: what it says of tests that hold and of those that do not, and the tests of the trees that
//! come with the project.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use support::mount::astfs;
use support::simulated::{run_within, text};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

const TREE: &str = r#"
[query.phones]
action  = "Phones"
key     = "Name"
refresh = { on = ["Moved"] }

[query.note]
command = "show note {{ phone.Name }}"
refresh = { on = [{ Moved = "event.Phone" }] }

[query.version]
command = "show version"

[query.states]
command = "show states"
parse   = "table"
key     = "name"

[query.best]
any = ["states", "phones"]

[each.phone]
in = "phones"

[tree]
"count"              = { render = "{{ phones | length }}\n" }
"version"            = { query = "version" }
"states"             = { render = "{{ states['6001'].state }}\n" }
"best"               = { query = "best", as = "json" }
"phones/{phone}/note" = { query = "note", mode = "0400" }
"away/{phone}"       = { symlink = "../phones/{{ phone }}", when = "phone.Away == 'yes'" }
"#;

/// A folder with a tree and a test file beside it.
struct Tests {
    folder: TempDir,
}

impl Tests {
    fn new(cases: &str) -> Tests {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("tree.toml"), TREE).expect("a tree file");
        let tests = Tests { folder };
        fs::write(tests.path(), format!("tree = \"tree.toml\"\n{cases}")).expect("a test file");
        tests
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("x.test.toml")
    }

    fn content(&self) -> String {
        fs::read_to_string(self.path()).expect("the test file")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut program = astfs();
        program.current_dir(self.folder.path()).args(["test", "x.test.toml"]).args(arguments);
        run_within(PATIENCE, &mut program)
    }
}

/// The end of what was printed, and the exit status.
fn verdict(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stdout).lines().last().unwrap_or_default().to_owned())
}

const PHONES: &str = r#"
[[case]]
name = "two phones"

[case.query]
phones  = [{ Name = "6001", Away = "no" }, { Name = "a b", Away = "yes" }]
version = "Asterisk 22\nof today\n"
states  = """
Name       State
6001       idle
"""

[case.query.note]
6001  = "first\n"
"a b" = "second\n"
"#;

#[test]
fn every_kind_of_expectation_can_hold() {
    let tests = Tests::new(&format!(
        "{PHONES}{}",
        r#"
[case.expect]
""                = { names = ["phones", "version", "count", "away", "states", "best"] }
"count"           = { equals = "2\n" }
"version"         = { equals = "Asterisk 22\nof today\n", contains = ["of", "22"], not_contains = "16", matches = '^Ast.*\n' }
"states"          = { equals = "idle\n" }
"best"            = { contains = '"state": "idle"' }
"phones"          = { names = ["6001", "a b"], exists = true }
"phones/6001/note" = { equals = "first\n", mode = "0400" }
"phones/a b/note" = { equals = "second\n" }
"away/a b"        = { link = "../phones/a b" }
"away/6001"       = { exists = false }
"#
    ));
    let output = tests.run(&[]);
    assert_eq!(verdict(&output), (Some(0), "1 case, 15 expectations: all as expected".into()), "{output:?}");
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let told = tests.run(&["--verbose"]);
    assert!(text(&told.stdout).starts_with("x.test.toml: two phones ... ok\n"), "{told:?}");
    assert!(told.stderr.is_empty(), "{}", text(&told.stderr));
}

#[test]
fn what_does_not_hold_is_shown_with_its_line_and_the_difference() {
    let tests = Tests::new(&format!(
        "{PHONES}{}",
        r#"
[case.expect]
"version"   = { equals = "Asterisk 22\nof old\n" }
"away"      = { names = ["6001"] }
"away/a b"  = { link = "elsewhere" }
"count"     = { contains = "3", not_contains = "2", matches = '^\d\d$', mode = "0000", exists = false }
"nothing"   = { equals = "" }
"#
    ));
    let output = tests.run(&[]);
    let said = text(&output.stdout);
    assert_eq!(verdict(&output), (Some(1), "1 case, 9 expectations: 9 not as expected".into()), "{said}");
    let line = tests.content().lines().position(|line| line.starts_with("\"version\"")).expect("it is there");
    assert!(said.contains(&format!("x.test.toml:{}: `version` has another content\n", line + 1)), "{said}");
    assert!(said.contains(" Asterisk 22\n-of old\n+of today\n"), "{said}");
    assert!(said.contains("-6001\n+a b\n") && said.contains("-elsewhere\n+../phones/a b\n"), "{said}");
    assert!(said.contains("0444") && said.contains("no such file"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours on a pipe: {said}");
}

#[test]
fn an_event_makes_stale_what_the_tree_says_and_nothing_else() {
    let tests = Tests::new(&format!(
        "{PHONES}{}",
        r#"
[case.expect]
"count"            = { equals = "2\n" }
"phones/6001/note" = { equals = "first\n" }
"phones/a b/note"  = { equals = "second\n" }
"version"          = { contains = "today" }

[[case.then]]
events  = [{ Event = "Moved", Phone = "a b" }]
query.phones  = [{ Name = "6001", Away = "yes" }, { Name = "a b", Away = "no" }, { Name = "c", Away = "yes" }]
query.version = "another"
query.note    = { 6001 = "first again\n", "a b" = "second again\n", c = "third\n" }

[case.then.expect]
"count"            = { equals = "3\n" }
"away"             = { names = ["6001", "c"] }
"phones/a b/note"  = { equals = "second again\n" }
"phones/6001/note" = { equals = "first\n" }
"phones/c/note"    = { equals = "third\n" }
"version"          = { contains = "today" }
"#
    ));
    let output = tests.run(&[]);
    assert_eq!(verdict(&output).0, Some(0), "{}", text(&output.stdout));
}

#[test]
fn bless_writes_what_is_seen_and_keeps_the_rest_of_the_file() {
    let tests = Tests::new(&format!(
        "{PHONES}{}",
        r#"
[case.expect]   # ours
"version"     = { equals = "" }   # a remark
"count"       = { equals = "0\n", contains = "2" }
"away/a b"    = { link = "x" }
"phones"      = { names = [], mode = "0700" }
"#
    ));
    let before = tests.content();
    let output = tests.run(&["--bless"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let after = tests.content();
    let expected = before
        .replace("{ equals = \"\" }", "{ equals = \"\"\"\nAsterisk 22\nof today\n\"\"\" }")
        .replace("\"0\\n\"", "\"2\\n\"")
        .replace("\"x\"", "\"../phones/a b\"")
        .replace("names = []", "names = [\"6001\", \"a b\"]")
        .replace("0700", "0555");
    assert_eq!(after, expected);
    assert_eq!(tests.run(&[]).status.code(), Some(0));
    assert_eq!(tests.run(&["--bless"]).status.code(), Some(0));
    assert_eq!(tests.content(), after, "what is as expected is not written again");
}

#[test]
fn only_the_named_cases_run() {
    let other = "\n[[case]]\nname = \"wrong\"\n[case.expect]\n\"count\" = { exists = false }\n";
    let tests = Tests::new(&format!("{PHONES}\n[case.expect]\n\"count\" = {{ equals = \"2\\n\" }}\n{other}"));
    assert_eq!(tests.run(&[]).status.code(), Some(1));
    let one = tests.run(&["--filter", "two"]);
    assert_eq!(verdict(&one), (Some(0), "1 case, 1 expectation: all as expected".into()));
    assert_eq!(tests.run(&["--filter", "three"]).status.code(), Some(1));
}

#[test]
fn what_a_case_does_not_answer_is_named() {
    let cases = "[[case]]\nname = \"a\"\n[case.expect]\n\"version\" = { equals = \"\" }\n";
    let output = Tests::new(cases).run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("show version") && said.contains("x.test.toml:5"), "{said}");
}

#[test]
fn mistakes_are_reported_with_their_places_and_the_status_is_3() {
    for (cases, place, message) in [
        ("[[case]]\nname = \"a\"\n[case.expect]\n\"a\" = { equal = \"\" }", "5:9", "did you mean `equals`?"),
        ("[[case]]\nname = \"a\"\n[case.expect]\n\"a\" = { matches = '(' }", "5:19", "regular expression"),
        ("[[case]]\nname = \"a\"\n[case.expect]\n\"a\" = {}", "5:7", "nothing is expected"),
        ("[[case]]\nname = \"a\"", "3:1", "expects nothing"),
        ("[[case]]\n[case.expect]\n\"a\" = { exists = true }", "2:1", "has no `name`"),
        ("[[case]]\nname = \"a\"\nrecording = \"no.rec\"\nexpect.a.exists = true", "4:13", "no.rec"),
        ("[[case]]\nname = \"a\"\nquery.phone = []\nexpect.a.exists = true", "4:7", "did you mean `phones`?"),
        ("[[case]]\nname = \"a\"\nquery.note = []\nexpect.a.exists = true", "4:7", "each `phone`"),
        (
            "[[case]]\nname = \"a\"\nexpect.a.exists = true\n[[case.then]]\nevents = [{ A = 1 }]",
            "6:11",
            "no name",
        ),
        (
            "[[case]]\nname = \"a\"\nexpect.a.exists = true\n[[case.then]]\nquery.phones = []",
            "6:7",
            "not given before",
        ),
        ("[[case]\n", "2:", "not TOML"),
        ("", "1:1", "no `[[case]]`"),
    ] {
        let output = Tests::new(cases).run(&[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{cases}\n{said}");
        assert!(said.contains(&format!("x.test.toml:{place}")) && said.contains(message), "{cases}\n{said}");
    }
}

#[test]
fn the_trees_that_come_with_the_project_show_what_their_tests_expect() {
    let mut program = astfs();
    let files =
        fs::read_dir("tests/trees").expect("the tests of trees").map(|file| file.expect("a file").path());
    let files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".test.toml")).collect();
    assert!(files.len() >= 3, "{files:?}");
    let output = run_within(PATIENCE, program.arg("test").args(files));
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
