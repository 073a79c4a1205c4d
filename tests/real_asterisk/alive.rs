//! Control files and event logs on real servers.

use std::fs;

use nix::libc;
use tempfile::TempDir;

use crate::ground::{ASTFS, PATIENCE, REPORTING, User, measure, mount_tree, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted, is_mounted};

const TREE: &str = r#"
[server]
[tree]
"control/put"     = { write = { command = "database put astfs command {{ input }}" } }
"control/dbput"   = { write = { action = { Action = "DBPut", Family = "astfs", Key = "action", Val = "{{ input }}" } } }
"control/dbget"   = { write = { action = { Action = "DBGet", Family = "astfs", Key = "{{ input }}" } } }
"control/get"     = { write = { command = "database get astfs {{ input }}", match = '\w+' } }
"control/reload"  = { write = { action = { Action = "Reload", Module = "{{ input }}" }, match = '[\w.]+' } }
"control/unknown" = { write = { command = "no such command {{ input }}" } }
"events/all"      = { events = "*" }
"#;

#[track_caller]
fn alive(version: Version, user: User) -> Option<(Asterisk, Mounted, TempDir)> {
    if !mount::fuse_available() {
        return None;
    }
    let server = Asterisk::start(version)?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tree = folder.path().join("tree.toml");
    fs::write(&tree, TREE).expect("a tree file");
    let mounted = mount_tree(&tree, &server, user);
    let there = || is_mounted(&mounted.join("control")) && is_mounted(&mounted.join("events"));
    measure("control files and event logs mounted", PATIENCE, || {
        there() && mounted.stderr().contains("connected")
    });
    Some((server, mounted, folder))
}

#[track_caller]
fn write(mounted: &Mounted, name: &str, input: &str) -> Result<(), i32> {
    let written = fs::write(mounted.join("control").join(name), input);
    written.map_err(|error| error.raw_os_error().expect("an error of the kernel"))
}

#[test]
fn an_input_reaches_the_server_as_it_was_written_whatever_it_holds() {
    for version in [Version::V16, Version::V22] {
        let Some((_server, mounted, _folder)) = alive(version, ASTFS) else { return };
        for input in
            ["plain", "two words", r#"a "quoted" word"#, r"a\back\\slash", "ünï", "'x'; core stop now", "%"]
        {
            assert_eq!(write(&mounted, "put", &format!("{input}\n")), Ok(()), "{version:?}: {input}");
            assert_eq!(write(&mounted, "get", "command\n"), Ok(()));
            let got = text(&mounted.join("control/get"));
            assert_eq!(got.trim_end(), format!("Value: {input}"), "{version:?}: as a command's argument");
            assert_eq!(write(&mounted, "dbput", input), Ok(()), "{version:?}: {input}");
            assert_eq!(write(&mounted, "get", "action\n"), Ok(()));
            let got = text(&mounted.join("control/get"));
            assert_eq!(got.trim_end(), format!("Value: {input}"), "{version:?}: as a header's value");
        }
        assert_eq!(write(&mounted, "dbput", "x\r\nAction: Reload"), Err(libc::EINVAL), "{version:?}");
        assert_eq!(write(&mounted, "put", "x\ncore stop now"), Err(libc::EINVAL), "{version:?}");
    }
}

#[test]
fn what_a_server_refuses_is_the_errno_and_its_words_can_be_read() {
    for version in [Version::V16, Version::V22] {
        let Some((server, mounted, folder)) = alive(version, ASTFS) else { return };
        assert_eq!(write(&mounted, "dbget", "nosuch"), Err(libc::EPERM), "{version:?}");
        let said = text(&mounted.join("control/dbget"));
        assert!(said.starts_with("Response: Error\n") && said.contains("Message: "), "{version:?}: {said}");
        assert_eq!(write(&mounted, "unknown", "x"), Err(libc::EOPNOTSUPP), "{version:?}");
        drop(mounted);
        let mounted = mount_tree(&folder.path().join("tree.toml"), &server, REPORTING);
        measure("mounted again", PATIENCE, || is_mounted(&mounted.join("control")));
        assert_eq!(write(&mounted, "put", "x"), Err(libc::EACCES), "{version:?}");
    }
}

#[test]
fn what_a_control_file_does_is_seen_in_an_event_log() {
    for version in [Version::V16, Version::V22] {
        let Some((_server, mounted, _folder)) = alive(version, ASTFS) else { return };
        assert_eq!(write(&mounted, "reload", "logger\n"), Ok(()), "{version:?}");
        let log = || text(&mounted.join("events/all"));
        measure("the reload in the log", PATIENCE, || log().contains("\"Event\":\"Reload\""));
        for line in log().lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
            assert!(line["time"].is_string() && line["Event"].is_string(), "{line}");
        }
    }
}
