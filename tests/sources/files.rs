//! Files that change, and records that would lead to others.

use std::fs;
use std::time::Duration;

use nix::libc;

use crate::support::wait_until;
use crate::{Ground, PATIENCE, errno};

/// Age makes nothing stale here.
const LONG: &str = "[defaults]\nttl = \"1h\"\n";

#[test]
fn a_file_is_shown_without_a_server_and_replaced_when_it_is_replaced() {
    let tree = format!(
        "{LONG}[query.people]\nfile = \"@people.csv\"\nparse = \"csv\"\nkey = \"name\"\n\
         [each.person]\nin = \"people\"\n\
         [tree]\n\"motd\" = {{ file = \"@motd\" }}\n\"people/{{person}}\" = {{ query = \"person.room\" }}\n"
    );
    let ground = Ground::new(&tree);
    ground.write("motd", "one\n");
    ground.write("people.csv", "name,room\nAda,1\n");
    let Some(mounted) = ground.mount(&[]) else { return };
    assert_eq!(fs::read(mounted.join("motd")).expect("a file"), b"one\n");
    assert_eq!(fs::read(mounted.join("people/Ada")).expect("a file"), b"1\n");
    let shows = |path: &str, text: &str| {
        wait_until(PATIENCE, || fs::read_to_string(mounted.join(path)).is_ok_and(|shown| shown == text))
    };
    ground.write("motd", "two\n");
    assert!(shows("motd", "two\n"), "after a rename");
    fs::write(ground.at("motd"), "three\n").expect("a file");
    assert!(shows("motd", "three\n"), "after a write");
    ground.write("people.csv", "name,room\nAda,2\nBob,3\n");
    assert!(shows("people/Ada", "2\n") && shows("people/Bob", "3\n"), "records follow");
    fs::remove_file(ground.at("motd")).expect("a file");
    assert!(shows("motd", "three\n"), "the last content stays for a while");
}

#[test]
fn what_no_watch_sees_is_read_again_when_it_is_old() {
    let ground =
        Ground::new("[defaults]\nttl = \"100ms\"\n[tree]\n\"uptime\" = { file = \"/proc/uptime\" }\n");
    let Some(mounted) = ground.mount(&[]) else { return };
    let read = || fs::read_to_string(mounted.join("uptime")).expect("a file");
    let first = read();
    assert!(wait_until(PATIENCE, || read() != first));
}

#[test]
fn a_file_that_is_not_there_is_enoent_until_it_comes_and_a_folder_is_no_file() {
    let ground = Ground::new(&format!(
        "{LONG}[tree]\n\"late\" = {{ file = \"@late\" }}\n\"folder\" = {{ file = \"@\" }}\n\
         \"locked\" = {{ file = \"@late\", on_error = \"empty\" }}\n"
    ));
    let Some(mounted) = ground.mount(&[]) else { return };
    assert_eq!(errno(&mounted.join("late")), libc::ENOENT);
    assert_eq!(errno(&mounted.join("folder")), libc::EIO);
    assert_eq!(fs::read(mounted.join("locked")).expect("it is empty"), b"");
    ground.write("late", "here\n");
    assert!(wait_until(PATIENCE, || fs::read(mounted.join("late")).is_ok_and(|text| text == b"here\n")));
}

#[test]
fn a_records_value_is_one_segment_of_a_path_whatever_it_holds() {
    let ground = Ground::new(
        "[query.people]\nfile = \"@people.json\"\nparse = \"json\"\nkey = \"id\"\n\
         [each.person]\nin = \"people\"\n\
         [query.note]\nfile = \"@notes/{{ person.name }}\"\n\
         [tree]\n\"{person}\" = { query = \"note\" }\n",
    );
    let names =
        ["a b", "-rf", "a/b", "../secret", "..", "", "100%", "line\nend", "*", "größe", "/etc/passwd"];
    let files = [
        "a b",
        "-rf",
        "a%2Fb",
        "..%2Fsecret",
        "%2E.",
        "%",
        "100%25",
        "line%0Aend",
        "*",
        "größe",
        "%2Fetc%2Fpasswd",
    ];
    ground.write("secret", "secret");
    for file in files {
        ground.write(&format!("notes/{file}"), &format!("of {file}"));
    }
    let people: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(id, name)| serde_json::json!({ "id": id.to_string(), "name": name }))
        .collect();
    ground.write("people.json", &serde_json::Value::from(people).to_string());
    for (id, file) in files.iter().enumerate() {
        assert_eq!(ground.prints("cat", &[&id.to_string()]), format!("of {file}\n"), "{:?}", names[id]);
    }
}

#[test]
fn events_of_files_come_while_nothing_else_does() {
    let ground = Ground::new(&format!("{LONG}[tree]\n\"log\" = {{ file = \"@log\" }}\n"));
    ground.write("log", "");
    let Some(mounted) = ground.mount(&[]) else { return };
    let read = || fs::read_to_string(mounted.join("log")).expect("a file");
    assert_eq!(read(), "");
    // appended by somebody who keeps it open, as a log is
    let mut log = fs::OpenOptions::new().append(true).open(ground.at("log")).expect("a file");
    let mut written = String::new();
    for line in 0..20 {
        let line = format!("line {line}\n");
        std::io::Write::write_all(&mut log, line.as_bytes()).expect("it is written");
        written += &line;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(wait_until(PATIENCE, || read() == written));
}
