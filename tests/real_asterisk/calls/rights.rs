//! A manager user with the rights that `check --live` prints, and no more, sees everything.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::busy;
use crate::ground::{PATIENCE, User, measure, mount_tree, run, shipped, walk};
use crate::support::asterisk::Version;
use crate::support::mount::{self, is_mounted};

const ADMIN_RIGHTS: [&str; 2] = ["--format", "json"];
const ENOUGH: User = User { name: "enough", secret: "enoughpass" };

#[test]
fn the_rights_that_a_live_check_prints_are_enough_for_everything_in_the_tree() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = busy(version) else { return };
        let arguments: Vec<&Path> = ["--live"].iter().chain(&ADMIN_RIGHTS).map(Path::new).collect();
        let checked = run("check", &shipped(), &arguments, &server);
        let report: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        let user = &report["live"]["user"];
        assert_eq!(user["unknown"], serde_json::json!([]), "{version:?}: {user:#}");
        let classes = |kind: &str| -> String {
            let classes = user[kind].as_object().expect("classes").keys();
            classes.cloned().collect::<Vec<_>>().join(",")
        };
        let (read, write) = (classes("read"), classes("write"));
        for class in ["originate", "config", "agent", "user", "all"] {
            assert!(
                !write.split(',').any(|one| one == class),
                "{version:?}: nothing needs to write {class}: {write}"
            );
        }
        let manager = server.configuration().join("manager.conf");
        let before = fs::read_to_string(&manager).expect("the configuration");
        let section = format!(
            "\n[{}]\nsecret = {}\npermit = 127.0.0.1/255.255.255.255\nread = {read}\nwrite = {write}\n",
            ENOUGH.name, ENOUGH.secret
        );
        fs::write(&manager, before + &section).expect("the configuration can be written");
        server.cli("manager reload");

        let mounted = mount_tree(&shipped(), &server, ENOUGH);
        measure("logs mounted", PATIENCE, || is_mounted(&mounted.join("events")));
        let mut files = 0;
        for path in walk(mounted.path()) {
            if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                fs::read(&path).unwrap_or_else(|error| panic!("{version:?}: {}: {error}", path.display()));
                files += 1;
            }
        }
        assert!(files > 300, "{version:?}: {files} files");
        assert!(!mounted.stderr().contains("denied"), "{}", mounted.stderr());
        server.cli("channel request hangup all");
        measure("events come, too", PATIENCE, || {
            fs::read_to_string(mounted.join("events/calls")).is_ok_and(|log| log.contains("\"Hangup\""))
        });
    }
}
