//! What astfs tells of files, programs and URLs as it does of a server's questions.

use std::fs;

use crate::Ground;
use crate::web::Web;

#[test]
fn explain_and_the_state_of_the_mount_tell_what_is_read() {
    let tree = "[query.notes]\nfile = \"@notes\"\nparse = \"lines\"\n\
                [tree]\n\"first\" = { query = \"notes | first\" }\n\
                \"runs\" = { exec = [\"printf\", \"a b\"] }\n";
    let ground = Ground::new(tree);
    ground.write("notes", "one\ntwo\n");
    let notes = ground.at("notes").display().to_string();
    let explained = ground.prints("explain", &["--allow-exec", "first"]);
    assert!(explained.contains(&format!("File: {notes}")) && explained.contains("fresh"), "{explained}");
    let explained = ground.prints("explain", &["--allow-exec", "runs"]);
    assert!(explained.contains(r#"Exec: ["printf","a b"]"#), "{explained}");
    assert_eq!(ground.prints("query", &["--allow-exec", "notes"]), "[\n  \"one\",\n  \"two\"\n]\n");
    assert_eq!(ground.prints("query", &["--allow-exec", "--raw", "notes"]), "one\ntwo\n");
    let Some(mounted) = ground.mount(&["--allow-exec"]) else { return };
    assert_eq!(fs::read(mounted.join("first")).expect("it is shown"), b"one\n");
    let read = |name: &str| {
        fs::read_to_string(mounted.join(".astfs/queries/notes").join(name)).expect("what is told of it")
    };
    assert!(read("state").starts_with("state=fresh\n"), "{}", read("state"));
    assert_eq!(read("raw"), "one\ntwo\n");
    let output = crate::support::simulated::run_within(
        crate::PATIENCE,
        crate::support::mount::astfs().arg("explain").arg(mounted.join("first")),
    );
    let explained = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        explained.contains(&format!("File: {notes}")),
        "{explained}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_secret_in_the_tree_file_is_warned_of_and_shown_to_nobody() {
    let web = Web::start();
    web.answers("/", 200, "[]");
    let tree = format!(
        "[query.a]\nhttp = \"http://{}/\"\nauth = {{ user = \"ops\", secret = \"hunter2\", sercet = 1 }}\n\
         [tree]\n\"a\" = {{ query = \"a\" }}\n",
        web.address
    );
    let ground = Ground::new(&tree);
    let said = String::from_utf8_lossy(&ground.run("check", &[]).stderr).into_owned();
    assert!(said.contains("[secret-in-file]") && said.contains("[unknown-key]"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    ground.write("tree.toml", &tree.replace(", sercet = 1", ""));
    let output = ground.run("explain", &["a"]);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("User: ops") && !told.contains("hunter2"), "{told}");
}
