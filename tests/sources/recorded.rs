//! Recordings of what no server told.

use std::fs;

use crate::Ground;
use crate::web::Web;

#[test]
fn a_recording_shows_the_same_without_the_files_the_programs_and_the_urls() {
    let web = Web::start();
    web.answers("/a", 200, r#"{"password": "hunter22", "number": 1234567}"#);
    let tree = r#"
[query.people]
file  = "@people.csv"
parse = "csv"
key   = "name"
[each.person]
in = "people"
[tree]
"people/{person}" = { exec = ["printf", "%s is %s", "{{ person.name }}", "{{ person.room }}"] }
"empty"           = { file = "@empty" }
"missing"         = { file = "@missing", on_error = "empty" }
"bytes"           = { file = "@bytes" }
"number"          = { http = "http://HOST/a", render = "{{ result.number }}\n" }
"#;
    let ground = Ground::new(&tree.replace("HOST", &web.address));
    ground.write("people.csv", "name,room\nAda,1\nO'Brien \"x\",2\n");
    ground.write("empty", "");
    fs::write(ground.at("bytes"), b"a\r\n\0\xff\n\nb").expect("a file");
    let file = ground.at("all.rec").display().to_string();
    let refused = ground.run("record", &["-o", &file]);
    assert_eq!(refused.status.code(), Some(1), "programs have to be allowed");
    let told = ground.prints("record", &["-o", &file, "--allow-exec"]);
    assert!(told.contains("7 questions"), "{told}");
    let recording = fs::read_to_string(&file).expect("a recording");
    assert!(!recording.contains("hunter22") && !recording.contains("1234567"), "{recording}");
    let paths = ["people/Ada", "people/O'Brien \"x\"", "empty", "missing", "bytes"];
    let live: Vec<_> = paths.iter().map(|path| ground.run("cat", &["--allow-exec", path]).stdout).collect();
    for name in ["people.csv", "empty", "bytes"] {
        fs::remove_file(ground.at(name)).expect("a file");
    }
    let server = format!("replay:{file}");
    for (path, live) in paths.iter().zip(live) {
        let output = ground.run("cat", &["--server", &server, path]);
        assert!(output.status.success(), "{path}: {output:?}");
        assert_eq!(output.stdout, live, "{path}");
    }
    let number = ground.prints("cat", &["--server", &server, "number"]);
    assert!(number.trim().len() == 7 && number.trim().parse::<u64>().is_ok(), "{number}");
    let again = ground.at("again.rec").display().to_string();
    ground.prints("record", &["--server", &server, "-o", &again]);
    assert_eq!(fs::read_to_string(again).expect("a recording"), recording, "it is one of itself");
}
