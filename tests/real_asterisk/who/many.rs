//! Ten thousand endpoints: one question lists them, and only what is read is asked for.

use std::fs;
use std::time::Duration;

use crate::ground::{ASTFS, fields, measure, mount_tree, names, records, shipped, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

const COUNT: usize = 10_000;

/// How many actions the mount has sent.
fn actions(counters: &std::path::Path) -> u64 {
    fields(counters)["ami_actions"].parse().expect("a number")
}

#[test]
fn ten_thousand_endpoints_are_listed_by_one_question_and_asked_for_when_read() {
    if !mount::fuse_available() {
        return;
    }
    let endpoints: String = (0..COUNT).map(|number| format!("[many{number:05}](phone)\n")).collect();
    let Some(server) = Asterisk::start_with(Version::V22, &[("pjsip_many.conf", endpoints.as_bytes())])
    else {
        return;
    };
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    let counters = mounted.join(".astfs/counters");
    let directory = mounted.join("pjsip/endpoints");
    assert!(!value(&mounted.join("system/version")).is_empty(), "it is connected");
    let before = actions(&counters);
    // the server alone takes a second, on a machine with nothing else to do
    measure("all are listed", Duration::from_secs(60), || {
        fs::read_dir(&directory).is_ok_and(|names| names.count() > COUNT)
    });
    assert_eq!(records(&directory).len(), COUNT + 4);
    assert_eq!(names(&directory.join("_online")).len() + names(&directory.join("_offline")).len(), COUNT + 4);
    assert_eq!(actions(&counters) - before, 1);
    assert_eq!(value(&directory.join("many01234/state")), "Unavailable", "the list has told it");
    assert_eq!(actions(&counters) - before, 1);
    assert_eq!(value(&directory.join("many01234/context")), "default");
    let asked = actions(&counters) - before;
    assert!((2..1000).contains(&asked), "{asked}: those behind it may be asked for ahead, and not all");
}
