//! Programs: allowed, or not; and what records can make of their arguments.

use std::fs;

use nix::libc;

use crate::support::wait_until;
use crate::{Ground, PATIENCE, errno};

const TREE: &str = r#"
[query.people]
file  = "@people.json"
parse = "json"
key   = "id"
[each.person]
in = "people"
[query.shown]
exec = ["printf", "%s|", "{{ person.name }}", "-x{{ person.name }}"]
[query.operand]
exec = ["printf", "--", "{{ person.name }}"]
[tree]
"{person}/shown"   = { query = "shown" }
"{person}/operand" = { query = "operand" }
"list"             = { exec = ["printf", 'a\nb\n'], parse = "lines", render = "{{ result | join('+') }}\n" }
"fails"            = { exec = ["sh", "-c", "echo no luck >&2; exit 1"] }
"hangs"            = { exec = ["sleep", "1000"], timeout = "200ms" }
"missing"          = { exec = ["no-such-program"] }
"#;

fn ground(names: &[&str]) -> Ground {
    let ground = Ground::new(TREE);
    let people: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(id, name)| serde_json::json!({ "id": id.to_string(), "name": name }))
        .collect();
    ground.write("people.json", &serde_json::Value::from(people).to_string());
    ground
}

#[test]
fn a_records_value_is_one_argument_and_never_an_option() {
    let names = ["a b", "", "$(id)", "`id`; id", "'\"\\", "../..", "line\nend", "100%"];
    let ground = ground(&[&names[..], &["-rf", "--help"]].concat());
    let allowed = |path: &str| ground.run("cat", &["--allow-exec", path]);
    for (id, name) in names.iter().enumerate() {
        let output = allowed(&format!("{id}/shown"));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name}|-x{name}|\n"), "{output:?}");
    }
    for id in [8, 9] {
        let output = allowed(&format!("{id}/shown"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("argument 2 of `printf` begins with `-` and would be an option"), "{said}");
        assert!(output.stdout.is_empty() && !said.contains("rf`"), "{said}");
    }
    assert_eq!(allowed("8/operand").stdout, b"-rf\n", "behind `--` it is none");
}

#[test]
fn without_the_option_no_program_is_run_and_which_one_would_be_is_told() {
    let ground = ground(&["a"]);
    for (command, arguments) in [("cat", &["list"][..]), ("tree", &[]), ("query", &["people"])] {
        let output = ground.run(command, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let line = format!("{}:8: query `shown` runs a program; give --allow-exec", ground.tree().display());
        assert!(said.contains(&line), "{said}");
    }
    let warned = ground.run("check", &[]);
    let said = String::from_utf8_lossy(&warned.stderr);
    assert!(warned.status.success() && said.contains("warning[needs-allow-exec]"), "{said}");
    assert!(ground.run("check", &["--deny-warnings", "--allow-exec"]).status.success());
}

#[test]
fn what_a_program_prints_is_shown_and_how_it_fails_is_told_by_errno_and_in_words() {
    let ground = ground(&["a"]);
    let Some(mounted) = ground.mount(&["--allow-exec"]) else { return };
    assert_eq!(fs::read(mounted.join("list")).expect("it is shown"), b"a+b\n");
    assert_eq!(errno(&mounted.join("fails")), libc::EIO);
    assert_eq!(errno(&mounted.join("hangs")), libc::ETIMEDOUT);
    assert_eq!(errno(&mounted.join("missing")), libc::ENOENT);
    let errors = fs::read_to_string(mounted.join(".astfs/errors")).expect("the errors");
    assert!(errors.contains("query `entry \"fails\"`: program `sh` failed: no luck"), "{errors}");
}

#[test]
fn a_program_that_comes_with_an_edit_is_not_run_unless_that_was_allowed() {
    let ground = Ground::new("[tree]\n\"motd\" = { text = \"one\" }\n");
    let Some(mounted) = ground.mount(&["--watch"]) else { return };
    ground.write("tree.toml", "[tree]\n\"motd\" = { exec = [\"printf\", \"two\"] }\n");
    let reloaded = || fs::read_to_string(mounted.join(".astfs/reload")).expect("what came of it");
    assert!(wait_until(PATIENCE, || reloaded().contains("outcome=kept")), "{}", reloaded());
    assert!(reloaded().contains("query `entry \"motd\"` runs a program"), "{}", reloaded());
    assert_eq!(fs::read(mounted.join("motd")).expect("it is shown"), b"one");
}
