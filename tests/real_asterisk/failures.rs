//! A server that dies, is suspended, and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;

use crate::ground::{ASTFS, PATIENCE, fields, is_there, listing, measure, mount_tree, names, shipped};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

/// Why a file cannot be read.
#[track_caller]
fn errno(path: &Path) -> i32 {
    let error = fs::read(path).expect_err("it cannot be read");
    error.raw_os_error().unwrap_or_else(|| panic!("{}: {error}", path.display()))
}

#[test]
fn what_was_known_of_a_server_that_is_killed_is_shown_for_a_while_and_all_is_asked_again_when_it_is_back() {
    if !mount::fuse_available() {
        return;
    }
    let Some(mut server) = Asterisk::start(Version::V16) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mounted = mount_tree(&with_defaults(folder.path(), "max_stale = \"3s\""), &server, ASTFS);
    let (peers, full) = (mounted.join("peers/sip"), mounted.join("users/sipfriends/6001/full"));
    let before = fields(&full);
    assert!(is_there(&peers.join("person")));

    server.kill();
    let killed = Instant::now();
    let down = [libc::ECONNREFUSED, libc::EHOSTDOWN];
    let unknown = mounted.join("users/sipfriends/6002/codecs");
    measure("what nobody had read fails after the kill", PATIENCE, || fs::read(&unknown).is_err());
    if killed.elapsed() < Duration::from_secs(2) {
        assert_eq!(fields(&full), before, "the last good content is shown");
        assert!(is_there(&peers.join("person")), "and the names that were known");
    }
    measure("reads fail when it is too old", PATIENCE, || fs::read(&full).is_err());
    for path in [&full, &unknown, &peers.join("person/full")] {
        let begin = Instant::now();
        let errno = errno(path);
        assert!(down.contains(&errno), "{}: errno {errno}", path.display());
        assert!(begin.elapsed() < Duration::from_secs(1), "{}: {:?}", path.display(), begin.elapsed());
    }
    measure("and so does the directory", PATIENCE, || listing(&peers).is_err());
    let error = listing(&peers).expect_err("an empty directory would be a lie");
    assert!(error.raw_os_error().is_some_and(|errno| down.contains(&errno)), "{error}");
    assert!(names(mounted.path()).contains(&"peers".to_owned()), "it is listed");
    assert_eq!(names(&mounted.join("users")), ["iax2", "sipfriends", "sipusers"]);
    let config = fs::read_link(mounted.join("config")).expect("what needs no server stays");
    assert_eq!(config, Path::new("/etc/asterisk"));

    let late = "[late]\ntype = peer\nhost = dynamic\n";
    fs::write(server.configuration().join("sip_late.conf"), late).expect("the configuration can be written");
    server.start_again();
    measure("data is back after the boot", Duration::from_secs(20), || fs::read(&full).is_ok());
    assert_eq!(fields(&full)["Description"], before["Description"]);
    assert!(is_there(&peers.join("late")), "what was known before is not believed");
    assert!(mounted.is_mounted());
}

/// The shipped tree with these defaults.
fn with_defaults(folder: &Path, defaults: &str) -> PathBuf {
    let shipped = shipped();
    let text = fs::read_to_string(&shipped).expect("the shipped tree can be read");
    let templates = shipped.ancestors().nth(2).expect("it is in the project").join("templates");
    std::os::unix::fs::symlink(templates, folder.join("templates")).expect("a link to the templates");
    fs::create_dir(folder.join("trees")).expect("a folder for the tree");
    let parts = shipped.with_extension("");
    std::os::unix::fs::symlink(parts, folder.join("trees/asterisk")).expect("a link to the parts");
    let tree = folder.join("trees/asterisk.toml");
    fs::write(&tree, format!("{text}\n[defaults]\n{defaults}\n")).expect("a tree file");
    tree
}

#[test]
fn a_server_that_is_suspended_costs_the_deadline_and_no_more() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mounted = mount_tree(&with_defaults(folder.path(), "timeout = \"1s\""), &server, ASTFS);
    let friends = mounted.join("users/sipfriends");
    // of another directory: the friends behind one that is read would be asked ahead
    let person = mounted.join("peers/sip/person/full");
    let known = fields(&person);

    server.suspend();
    assert_eq!(fields(&person), known, "what is known needs no server");
    let begin = Instant::now();
    let errno = errno(&friends.join("6002/full"));
    assert_eq!(errno, libc::ETIMEDOUT);
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    assert!(names(mounted.path()).contains(&"peers".to_owned()), "it is listed");

    server.resume();
    let whole = Duration::from_secs(20);
    measure("data is back after the pause", whole, || fs::read(friends.join("6002/full")).is_ok());
    assert_eq!(fields(&friends.join("6002/full"))["name"], "6002");
}
