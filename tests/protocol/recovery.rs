//! After the program was killed.

use std::fs::{self, File};
use std::io::Read;

use nix::sys::signal::Signal;

use super::PATIENCE;
use super::phones::{Phones, QUERIES};
use crate::support::mount::{Mounted, astfs, fuse_available, is_dead};
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"online/{phone}" = { render = "{{ phone.Address }}\n", when = "phone.Address != ''" }
"#;

#[test]
fn a_mount_that_was_killed_is_recovered_and_shows_what_is_true_now() {
    if !fuse_available() {
        return;
    }
    let mut phones = Phones::new(["a", "b"]);
    phones.set("a", "10.0.0.1");
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mut killed = phones.server.mount(&tree.path());
    let path = killed.join("online/a");
    let tells = |text: &str| fs::read_to_string(&path).is_ok_and(|read| read == text);
    assert!(wait_until(PATIENCE, || tells("10.0.0.1\n")), "{}", killed.stderr());
    let mut held = File::open(&path).expect("it opens");

    killed.signal(Signal::SIGKILL);
    assert!(killed.wait(PATIENCE).is_some(), "it has ended");
    assert!(wait_until(PATIENCE, || is_dead(killed.path())), "the kernel keeps the mount");
    phones.set("a", "10.0.0.2");
    phones.set("b", "10.0.0.3");

    let recover = |arguments: &[&str]| {
        let mut command = astfs();
        command.arg("mount").arg(tree.path()).arg(killed.path()).args(arguments);
        command.envs(phones.server.environment());
        Mounted::run(command, killed.path())
    };
    let refused = recover(&[]).expect_err("it is not replaced without being told to");
    assert!(refused.stderr.contains("--recover"), "{refused}");
    let mounted = recover(&["--recover"]).unwrap_or_else(|error| panic!("{error}"));
    assert!(wait_until(PATIENCE, || tells("10.0.0.2\n")), "{}", mounted.stderr());
    let names = || fs::read_dir(mounted.join("online")).map(Iterator::count).unwrap_or_default();
    assert!(wait_until(PATIENCE, || names() == 2), "{}", mounted.stderr());
    phones.set("a", "");
    phones.tell("a");
    assert!(wait_until(PATIENCE, || names() == 1 && !path.exists()), "{}", mounted.stderr());

    // who held it may go on with what the kernel has of it, and gets an error otherwise
    let mut read = String::new();
    if held.read_to_string(&mut read).is_ok() {
        assert_eq!(read, "10.0.0.1\n");
    }
    drop(mounted);
}
