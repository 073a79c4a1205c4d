//! Whatever happens to a server in whatever order: when it is quiet, the tree is what its tree file says of
//! the server's state, path by path and byte by byte, to the library as on a mount.
//!
//! `ASTFS_TEST_SECONDS` lengthens the runs, `ASTFS_TEST_SEED` begins at the seed of a failure.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "model/expected.rs"]
mod expected;
#[path = "model/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Peer, PeerType, Version};
use expected::{TREE, expected};
use nix::unistd::geteuid;
use support::mount::fuse_available;
use support::simulated::{Simulated, TreeFile, peers_and_users};
use support::wait_until;
use support::walk::{Shown, Walk, walk, walk_tree, without_errnos};
use world::{Random, World, mishap};

const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is quiet in one run.
const QUIET: usize = 6;

/// Runs with one seed after the other for a while.
fn runs(run: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(number("ASTFS_TEST_SECONDS").unwrap_or(8));
    let first = number("ASTFS_TEST_SEED").unwrap_or(1);
    let begin = Instant::now();
    for seed in first.. {
        run(seed);
        if begin.elapsed() > length {
            println!("seeds {first} to {seed}");
            return;
        }
    }
}

/// Lets the server change at random, with `look` reading in between, and compares whenever it is quiet.
fn run(seed: u64, reader: Option<u32>, server: &Simulated, world: &mut World, look: &dyn Fn() -> Walk) {
    let mut random = Random::new(seed);
    for quiet in 0..QUIET {
        for _ in 0..random.below(8) + 1 {
            step(&mut random, server, world, look);
        }
        world.publish(server);
        world.tell(server);
        server.set_fault(None);
        let wanted = expected(world, reader);
        let mut seen = Walk::new();
        let as_wanted = wait_until(PATIENCE, || {
            seen = look();
            seen == wanted
        });
        let again = look();
        assert!(
            as_wanted && again == wanted,
            "seed {seed}, quiet {quiet}: it is not what it must be{}:\n{}\n{}\n{:#?}",
            if as_wanted { " any more" } else { "" },
            difference(&if as_wanted { again } else { seen }, &wanted),
            world.history.join("\n"),
            server.questions().iter().rev().take(12).collect::<Vec<_>>(),
        );
    }
}

fn step(random: &mut Random, server: &Simulated, world: &mut World, look: &dyn Fn() -> Walk) {
    match random.below(12) {
        // several at once, and then their events
        0 | 1 => {
            (0..random.below(6)).for_each(|_| world.change(random));
            world.publish(server);
        }
        2 => drop(look()),
        3 => std::thread::sleep(Duration::from_millis(random.below(12) as u64)),
        4 => {
            let (question, fault) = mishap(random);
            world.history.push(format!("fail {question} by {fault:?}"));
            server.fail_next(question, fault);
        }
        5 if random.below(3) == 0 => {
            world.history.push("hang up".into());
            server.disconnect_all();
        }
        6 if random.below(3) == 0 => {
            // what happens while nobody listens has no event
            world.history.push("go down".into());
            server.go_down();
            world.change(random);
            world.publish(server);
            world.keep_silent();
            world.history.push("come back".into());
            server.come_back();
        }
        _ => {
            world.change(random);
            world.publish(server);
            if random.below(4) > 0 {
                world.tell(server);
            }
        }
    }
}

/// The first few paths at which two walks differ; of files, the lines that the other has not.
fn difference(seen: &Walk, wanted: &Walk) -> String {
    let paths: std::collections::BTreeSet<&String> = seen.keys().chain(wanted.keys()).collect();
    let differ = paths.into_iter().filter(|path| seen.get(*path) != wanted.get(*path));
    let told = |shown: Option<&Shown>, other: Option<&Shown>| match (shown, other) {
        (Some(Shown::File(bytes)), Some(Shown::File(other))) => {
            let (text, other) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(other));
            let own: Vec<&str> =
                text.lines().filter(|line| !other.lines().any(|known| known == *line)).collect();
            format!("{own:?} of {} bytes", bytes.len())
        }
        (Some(Shown::File(bytes)), _) => format!("a file of {} bytes", bytes.len()),
        (other, _) => format!("{other:?}"),
    };
    let lines = differ.map(|path| {
        let (is, must) = (seen.get(path), wanted.get(path));
        format!("{path:?}: is {}, must be {}", told(is, must), told(must, is))
    });
    lines.take(12).collect::<Vec<_>>().join("\n")
}

fn server(seed: u64) -> (Simulated, World) {
    let server = Simulated::start(Content::new(Version::Asterisk16));
    let world = World::new(&mut Random::new(!seed));
    world.publish(&server);
    (server, world)
}

#[test]
fn the_library_s_tree_is_what_its_tree_file_says_of_the_server() {
    let file = TreeFile::new(TREE);
    runs(|seed| {
        let (server, mut world) = server(seed);
        let tree = Arc::new(server.open(&file.path()));
        let followed = server.runtime().spawn(Arc::clone(&tree).follow(Box::new(())));
        run(seed, None, &server, &mut world, &|| server.runtime().block_on(walk_tree(&tree)));
        followed.abort();
    });
}

/// Looks at everything, whatever comes of it.
fn wander(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_dir() => wander(&path),
            Ok(kind) if kind.is_symlink() => drop(std::fs::read_link(path)),
            _ => drop(std::fs::read(path)),
        }
    }
}

#[test]
fn a_mount_is_what_its_tree_file_says_of_the_server() {
    if !fuse_available() {
        return;
    }
    let file = TreeFile::new(TREE);
    runs(|seed| {
        let (server, mut world) = server(seed);
        let mounted = server.mount(&file.path());
        let ended = AtomicBool::new(false);
        std::thread::scope(|threads| {
            // somebody else looks all the time, in every second run
            let path = mounted.path();
            if seed % 2 == 0 {
                let ended = &ended;
                threads.spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        wander(path);
                    }
                });
            }
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(seed, Some(geteuid().as_raw()), &server, &mut world, &|| walk(path));
            }));
            ended.store(true, Ordering::Relaxed);
            if let Err(failure) = outcome {
                eprintln!("{}", mounted.stderr());
                std::panic::resume_unwind(failure);
            }
        });
    });
}

#[test]
fn a_tree_of_peers_mounted_for_long_is_what_it_is_to_who_has_just_come() {
    if !fuse_available() {
        return;
    }
    runs(|seed| {
        let version = if seed % 2 == 0 { Version::Asterisk13 } else { Version::Asterisk16 };
        let server = Simulated::start(Content::generated(version, 25, seed));
        let tree = peers_and_users();
        let mounted = server.mount(&tree);
        let path = mounted.path();
        let mut random = Random::new(seed);
        let mut history = Vec::new();
        for quiet in 0..3 {
            for _ in 0..random.below(12) + 1 {
                let names = server.peer_names();
                let name = &names[random.below(names.len())];
                let told = String::from_utf8_lossy(name).into_owned();
                match random.below(12) {
                    0 => drop(walk(path)),
                    1 => {
                        history.push(format!("remove {told}"));
                        server.remove_peer(name);
                        server.reload();
                    }
                    2 => {
                        let mut peer = Peer::new(random.of(&["new", "_online", "new/er", "newest"]));
                        peer.kind = random.of(&[PeerType::Friend, PeerType::Peer, PeerType::User]);
                        peer.context = format!("context{}", random.below(5)).into_bytes().into();
                        history.push(format!("add {peer:?}"));
                        server.add_peer(peer);
                        server.reload();
                    }
                    3 => {
                        history.push("hang up".into());
                        server.disconnect_all();
                    }
                    4..=7 => {
                        history.push(format!("register {told}: {}", server.register(name)));
                    }
                    _ => {
                        history.push(format!("unregister {told}: {}", server.unregister(name)));
                    }
                }
            }
            let fresh = server.open(&tree);
            let mut wanted = Walk::new();
            let mut seen = Walk::new();
            let as_wanted = wait_until(PATIENCE, || {
                wanted = without_errnos(server.runtime().block_on(walk_tree(&fresh)));
                seen = without_errnos(walk(path));
                wanted.len() > 100 && seen == wanted
            });
            assert!(
                as_wanted,
                "seed {seed}, quiet {quiet}:\n{}\n{}\n{}",
                difference(&seen, &wanted),
                history.join("\n"),
                mounted.stderr()
            );
        }
    });
}
