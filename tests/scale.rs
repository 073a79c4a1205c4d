//! Many servers in one mount: the figures of `docs/scale.md`.
//!
//! `cargo test --release --test scale -- --ignored --nocapture` prints them. `ASTFS_SCALE_SERVERS` and
//! `ASTFS_SCALE_PEERS` say how many servers there are, and how many peers each has.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
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

    /// `astfs COMMAND` of the tree.
    fn astfs(&self, command: &str) -> Command {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut astfs = astfs();
        astfs.args(["--verbose", command]).arg(self.tree.path()).arg("--templates").arg(templates);
        astfs.env("ASTFS_SECRET", "secret");
        astfs
    }

    fn mount(&self, arguments: &[&str]) -> Mounted {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let mut command = self.astfs("mount");
        command.arg(&folder).args(arguments);
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

impl Fleet {
    /// A fleet as large as the environment says.
    fn told() -> Fleet {
        let told = |variable: &str, otherwise: usize| {
            std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        Fleet::start(told("ASTFS_SCALE_SERVERS", 100), told("ASTFS_SCALE_PEERS", 1000))
    }

    /// Mounts it and lets telephones come and go, and prints what it took.
    fn figures(&self, arguments: &[&str]) {
        let begin = Instant::now();
        let mounted = self.mount(arguments);
        let mounted_after = begin.elapsed();
        let all = || (0..self.servers.len()).all(|server| listed(&mounted, server) >= self.peers);
        assert!(wait_until(PATIENCE, all), "{}", mounted.stderr());
        let count = self.servers.len();
        println!("mounted after {mounted_after:.2?}, all of {count} listed after {:.2?}", begin.elapsed());
        println!("{} connections; {:?}", self.connections(), Gauges::of(&mounted));

        let mut took = Vec::new();
        for change in 0..CHANGES {
            let number = change * 37 % self.servers.len();
            let server = &self.servers[number];
            let name = format!("peer{:04}", change * 101 % self.peers);
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
        println!(
            "a change is seen: p50 {:.1?}, p99 {:.1?}",
            took[took.len() / 2],
            took[took.len() * 99 / 100]
        );
        println!("{:?}", Gauges::of(&mounted));
    }
}

#[test]
#[ignore = "prints figures of docs/scale.md"]
fn figures_of_a_fleet() {
    assert!(fuse_available(), "there are no figures without mounts");
    Fleet::told().figures(&[]);
}

#[cfg(feature = "nats")]
#[test]
#[ignore = "prints figures of docs/scale.md"]
fn figures_of_a_published_fleet() {
    use support::nats::{Nats, Publishing};

    assert!(fuse_available(), "there are no figures without mounts");
    let Some(nats) = Nats::start() else { return };
    let fleet = Fleet::told();
    let begin = Instant::now();
    let publisher = Publishing::run(fleet.astfs("publish"), &nats, &[]);
    let published = || publisher.said().matches("everything is published").count() >= fleet.servers.len();
    assert!(wait_until(10 * PATIENCE, published), "{}", publisher.said());
    let requests: u64 = fleet.servers.iter().map(|server| server.requests()).sum();
    println!(
        "published after {:.2?}, {requests} questions, {} connections",
        begin.elapsed(),
        fleet.connections()
    );
    let memory = |process: u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned()
    };
    println!("publisher {}, nats-server {}", memory(publisher.pid()), memory(nats.pid()));
    let from = nats.address();
    fleet.figures(&["--from", &from]);
    println!("publisher {}, nats-server {}", memory(publisher.pid()), memory(nats.pid()));
}
