//! What is made for one user is never shown to another.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::libc;

use super::phones::{Phones, QUERIES};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::nobody::{can_become_nobody, let_others_near};
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"mine"         = { render = "{{ caller.uid }} of {{ phones | length }} {{ phones['a'].Address }}\n" }
"home"         = { symlink = "/home/{{ caller.uid }}" }
"of/{phone}"   = { render = "{{ caller.uid }} {{ phone.Address }}\n" }
"#;

const USERS: [u32; 3] = [4001, 4002, 65_534];

/// Makes the present thread, and no other, a user's.
fn become_user(uid: u32) {
    // SAFETY: numbers only; the library would change all threads, the kernel changes this one
    let failed = unsafe {
        libc::syscall(libc::SYS_setresgid, uid, uid, uid) != 0
            || libc::syscall(libc::SYS_setresuid, uid, uid, uid) != 0
    };
    assert!(!failed, "root becomes whom he likes");
}

/// Runs something as a user.
fn as_user<T: Send>(uid: u32, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| {
            become_user(uid);
            run()
        });
        thread.join().expect("it runs")
    })
}

fn mount() -> Option<(Phones, Mounted, TreeFile)> {
    if !fuse_available() || !can_become_nobody() {
        return None;
    }
    let phones = Phones::new(["a", "b"]);
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount_with(&tree.path(), &["--allow-other"]);
    let_others_near(&mounted);
    let there = || std::fs::read(mounted.join("mine")).is_ok();
    assert!(wait_until(super::PATIENCE, there), "{}", mounted.stderr());
    Some((phones, mounted, tree))
}

fn read_as(uid: u32, mount: &Path) -> Result<(), String> {
    let of_him = |name: &str| {
        let text = std::fs::read_to_string(mount.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let whose = text.split(' ').next().unwrap_or_default();
        if whose == uid.to_string() { Ok(()) } else { Err(format!("{uid} reads {text:?} in {name}")) }
    };
    of_him("mine")?;
    of_him("of/a")?;
    let home = std::fs::read_link(mount.join("home")).map_err(|error| error.to_string())?;
    if home.as_path() != Path::new(&format!("/home/{uid}")) {
        return Err(format!("{uid} is led to {}", home.display()));
    }
    for name in ["mine", "of/b"] {
        let about = std::fs::symlink_metadata(mount.join(name)).map_err(|error| error.to_string())?;
        if about.uid() != uid || about.mode() & 0o7777 != 0o400 {
            return Err(format!("{uid} sees {name} of {} with {:o}", about.uid(), about.mode()));
        }
    }
    Ok(())
}

#[test]
fn users_who_read_the_same_file_at_once_each_read_their_own() {
    let Some((mut phones, mounted, _tree)) = mount() else { return };
    let long = std::env::var_os("ASTFS_TEST_SECONDS").is_some();
    let times = if long { 20_000 } else { 2_000 };
    let (done, begin) = (AtomicUsize::new(0), Barrier::new(USERS.len() + 1));
    let results = std::thread::scope(|threads| {
        let readers = USERS.map(|uid| {
            let (mounted, done, begin) = (&mounted, &done, &begin);
            threads.spawn(move || {
                become_user(uid);
                begin.wait();
                (0..times).try_for_each(|_| {
                    done.fetch_add(1, Ordering::Relaxed);
                    read_as(uid, mounted.path())
                })
            })
        });
        begin.wait();
        let mut number = 0;
        while readers.iter().any(|reader| !reader.is_finished()) {
            // it is made anew all the time
            number += 1;
            phones.set("a", &format!("10.0.0.{}", number % 250));
            phones.tell("a");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        readers.map(|reader| reader.join().expect("it reads"))
    });
    for result in results {
        assert_eq!(result, Ok(()), "{}", mounted.stderr());
    }
    assert_eq!(done.into_inner(), times * USERS.len());
}

#[test]
fn a_descriptor_that_is_passed_on_is_read_but_not_opened_again_by_another() {
    let Some((_phones, mounted, _tree)) = mount() else { return };
    let [one, other, _] = USERS;
    let mut file = as_user(one, || File::open(mounted.join("mine"))).expect("his own file");
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    let refused = as_user(other, || File::open(&again)).expect_err("it is another's");
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    as_user(one, || File::open(&again)).expect("he may");
    as_user(other, || std::fs::read(mounted.join("mine"))).expect("his own by the same name");
    let refused = as_user(other, || std::fs::set_permissions(&again, Permissions::from_mode(0o444)));
    assert!(refused.is_err(), "nobody changes modes");
    let mut read = String::new();
    file.read_to_string(&mut read).expect("what is open is read");
    assert!(read.starts_with(&format!("{one} of 2 ")), "{read}");
}
