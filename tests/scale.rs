//! Many servers in one mount: the figures of `docs/scale.md`.
//!
//! `cargo test --release --test scale -- --ignored --nocapture` prints them. `ASTFS_SCALE_SERVERS` and
//! `ASTFS_SCALE_PEERS` say how many servers there are, and how many peers each has.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Peer, Version};
use support::gauges::Gauges;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(120);
/// So many changes are timed.
const CHANGES: usize = 200;

/// Many simulated servers, and the shipped tree below the name of each.
struct Fleet {
    servers: Vec<Simulated>,
    peers: usize,
    tree: TreeFile,
}

impl Fleet {
    fn start(servers: usize, peers: usize) -> Fleet {
        let names: Vec<_> = (0..peers).map(|number| format!("peer{number:04}")).collect();
        let server = |_| {
            let server =
                Simulated::start(Content::new(Version::Asterisk16).peers(names.iter().map(Peer::new)));
            server.set_credentials("admin", "secret");
            server
        };
        let servers: Vec<_> = (0..servers).map(server).collect();
        let named = servers
            .iter()
            .enumerate()
            .map(|(number, server)| format!("[server.pbx{number}]\naddress = \"{}\"\n", server.address()));
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/asterisk.toml");
        let tree = format!(
            "include = {{ file = \"{}\", under = \"{{server}}\" }}\n\
             [server]\nuser = \"admin\"\nsecret = {{ env = \"ASTFS_SECRET\" }}\n{}",
            shipped.display(),
            named.collect::<String>()
        );
        Fleet { servers, peers, tree: TreeFile::new(&tree) }
    }

    fn mount(&self) -> Mounted {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let mut command = astfs();
        command
            .arg("mount")
            .arg(self.tree.path())
            .arg(&folder)
            .arg("--templates")
            .arg(templates)
            .env("ASTFS_SECRET", "secret");
        Mounted::run(command, &folder).unwrap_or_else(|error| panic!("{error}"))
    }

    fn connections(&self) -> usize {
        self.servers.iter().map(|server| server.connections()).sum()
    }
}

/// How many peers are shown of a server, the directories of states besides.
fn listed(mounted: &Mounted, server: usize) -> usize {
    let peers = mounted.join(format!("pbx{server}/users/sipfriends"));
    fs::read_dir(peers).map_or(0, |names| names.flatten().count())
}

fn link(mounted: &Mounted, server: usize, name: &str) -> PathBuf {
    mounted.join(format!("pbx{server}/users/sipfriends/_online/{name}"))
}

#[test]
#[ignore = "prints figures of docs/scale.md"]
fn figures_of_a_fleet() {
    assert!(fuse_available(), "there are no figures without mounts");
    let told = |variable: &str, otherwise: usize| {
        std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let fleet = Fleet::start(told("ASTFS_SCALE_SERVERS", 100), told("ASTFS_SCALE_PEERS", 1000));
    let begin = Instant::now();
    let mounted = fleet.mount();
    let mounted_after = begin.elapsed();
    let all = || (0..fleet.servers.len()).all(|server| listed(&mounted, server) >= fleet.peers);
    assert!(wait_until(PATIENCE, all), "{}", mounted.stderr());
    println!(
        "mounted after {mounted_after:.2?}, all of {} listed after {:.2?}",
        fleet.servers.len(),
        begin.elapsed()
    );
    println!("{} connections; {:?}", fleet.connections(), Gauges::of(&mounted));

    let mut took = Vec::new();
    for change in 0..CHANGES {
        let number = change * 37 % fleet.servers.len();
        let server = &fleet.servers[number];
        let name = format!("peer{:04}", change * 101 % fleet.peers);
        let online = link(&mounted, number, &name);
        let there = || fs::symlink_metadata(&online).is_ok();
        let (before, begin) = (there(), Instant::now());
        let known = if before { server.unregister(&name) } else { server.register(&name) };
        assert!(known, "a peer of the server");
        while there() == before {
            assert!(begin.elapsed() < PATIENCE, "{} stays as it was", online.display());
            std::thread::sleep(Duration::from_micros(100));
        }
        took.push(begin.elapsed());
    }
    took.sort_unstable();
    println!("a change is seen: p50 {:.1?}, p99 {:.1?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{:?}", Gauges::of(&mounted));
}
