//! A directory that changes while it is listed.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::libc;

use super::phones::{Phones, QUERIES};
use super::{PATIENCE, a_while};
use crate::support::mount::fuse_available;
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"online/{phone}" = { text = "", when = "phone.Address != ''" }
"#;

/// How many phones stay online all the time, and how many come and go.
const STAY: usize = 120;
const COME: usize = 40;

/// How often each name is in one listing, taken in pieces as small as they can be.
fn list(directory: &Path, pause: Duration) -> std::io::Result<HashMap<String, usize>> {
    let directory = File::open(directory)?;
    let mut names = HashMap::new();
    let mut piece = [0_u8; 200];
    loop {
        // SAFETY: the kernel writes at most the length that it is told
        let length = unsafe {
            libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), piece.as_mut_ptr(), piece.len())
        };
        let mut rest = match length {
            0 => return Ok(names),
            1.. => &piece[..length as usize],
            _ => return Err(std::io::Error::last_os_error()),
        };
        // inode and cookie, the record's length, the kind, the name up to a NUL
        while rest.len() > 19 {
            let length = usize::from(u16::from_ne_bytes([rest[16], rest[17]]));
            let name: Vec<u8> = rest[19..length].iter().copied().take_while(|byte| *byte != 0).collect();
            *names.entry(String::from_utf8_lossy(&name).into_owned()).or_insert(0) += 1;
            rest = &rest[length..];
        }
        std::thread::sleep(pause);
    }
}

#[test]
fn a_name_that_stays_is_listed_once_while_others_come_and_go() {
    if !fuse_available() {
        return;
    }
    let stay = |number: usize| format!("stays{number:03}");
    let come = |number: usize| format!("comes{number:03}");
    let mut phones = Phones::new((0..STAY).map(stay).chain((0..COME).map(come)));
    (0..STAY).for_each(|number| phones.set_one(&stay(number), "10.0.0.1"));
    // both kinds are spread over the directory
    phones.set(&come(0), "");
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount(&tree.path());
    let directory = mounted.join("online");
    let all = || std::fs::read_dir(&directory).is_ok_and(|names| names.count() == STAY);
    assert!(wait_until(PATIENCE, all), "{}", mounted.stderr());

    let ended = AtomicBool::new(false);
    let listings = std::thread::scope(|threads| {
        let listers = [Duration::ZERO, Duration::from_micros(200), Duration::from_millis(2)].map(|pause| {
            let (directory, ended) = (&directory, &ended);
            threads.spawn(move || {
                let (mut listings, mut kinds) = (0, std::collections::HashSet::new());
                while !ended.load(Ordering::Relaxed) {
                    let names = list(directory, pause).map_err(|error| error.to_string())?;
                    for name in (0..STAY).map(stay) {
                        match names.get(&name) {
                            Some(1) => {}
                            times => return Err(format!("{name} is there {times:?} times")),
                        }
                    }
                    let come: Vec<&String> = names.keys().filter(|name| name.starts_with("comes")).collect();
                    kinds.insert(come.len());
                    listings += 1;
                }
                Ok((listings, kinds.len()))
            })
        });
        let begin = Instant::now();
        let mut number = 0;
        while begin.elapsed() < a_while(4) && listers.iter().all(|lister| !lister.is_finished()) {
            let name = come(number * 7 % COME);
            let address = if (number / COME).is_multiple_of(2) { "10.0.0.2" } else { "" };
            phones.set_one(&name, address);
            phones.tell(&name);
            number += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        ended.store(true, Ordering::Relaxed);
        listers.map(|lister| lister.join().expect("it lists"))
    });
    for listed in listings {
        let (listings, kinds) = listed.unwrap_or_else(|wrong| panic!("{wrong}\n{}", mounted.stderr()));
        println!("{listings} listings, with {kinds} different numbers of names that come and go");
        assert!(listings > 3 && kinds > 2, "too few: {listings} listings of {kinds} kinds");
    }
}
