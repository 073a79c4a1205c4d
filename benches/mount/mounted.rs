//! A mounted astfs, and what it tells of itself: counters, memory, processor time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::server::Server;

/// The directory of the friends, in the benchmark's tree.
pub const FRIENDS: &str = "users/sipfriends";
/// `_online` and `_offline`, which stand beside the friends.
const BESIDE_FRIENDS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(1);

/// A mount of the benchmark's tree; dropping it unmounts.
pub struct Mounted {
    program: PathBuf,
    process: Child,
    folder: TempDir,
    /// From the start of the program until the friends' directory listed them all.
    pub populated: Duration,
}

impl Mounted {
    /// Mounts with that build of astfs and waits until all friends are listed.
    pub fn start(program: &Path, server: &Server) -> Mounted {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mount/tree.toml");
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("mnt")).expect("a mount point");
        let (user, secret) = server.credentials();
        let mut command = Command::new(program);
        command.arg("mount").arg(tree).arg(folder.path().join("mnt"));
        command.args(["--server", &server.address().to_string(), "--user", &user]);
        command.env("ASTFS_SECRET", secret).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut mounted = Mounted { program: program.to_owned(), process, folder, populated: Duration::ZERO };
        let friends = mounted.path().join(FRIENDS);
        let expected = server.friends().len() + BESIDE_FRIENDS;
        while fs::read_dir(&friends).map_or(0, Iterator::count) < expected {
            assert!(mounted.process.try_wait().is_ok_and(|ended| ended.is_none()), "astfs ended");
            assert!(started.elapsed() < PATIENCE, "the mount does not list all friends");
            std::thread::sleep(PAUSE);
        }
        mounted.populated = started.elapsed();
        mounted
    }

    /// The root of the tree.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    /// Whether a friend's link stands among those online.
    pub fn shows_online(&self, friend: &str) -> bool {
        fs::symlink_metadata(self.path().join(FRIENDS).join("_online").join(friend)).is_ok()
    }

    /// A number of `/proc/PID/status`, in MB, such as `VmRSS`.
    pub fn megabytes(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("astfs runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kilobytes: f64 = line
            .and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
            .expect("the kernel tells a process's memory");
        kilobytes / 1024.0
    }

    /// The processor time that it has used so far, in user and kernel mode.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("astfs runs");
        // the name stands in brackets and may hold blanks; utime and stime are the 12th and 13th behind it
        let behind = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: u64 =
            behind.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        // the kernel counts in hundredths of a second here, whatever its own clock is
        Duration::from_millis(ticks * 10)
    }

    /// What it counts, by names; `None` for a build that does not tell.
    fn counters(&self) -> Option<BTreeMap<String, u64>> {
        let text = fs::read_to_string(self.path().join(".astfs/counters")).ok()?;
        let pair = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Some(text.lines().filter_map(pair).collect())
    }

    /// One of its counters.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.counters()?.get(name).copied()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let asked = Command::new(&self.program).arg("umount").arg(self.path()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
            let _ = umount2(&self.path(), MntFlags::MNT_DETACH);
        }
        let _ = self.process.wait();
    }
}

/// What went on between a [`Meter`]'s start and its end; `None` where nobody counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caused {
    /// Messages of the kernel to astfs, but for those that forget inodes.
    pub messages: Option<u64>,
    /// AMI actions that astfs sent.
    pub questions: Option<u64>,
    /// The same as the server counted them, where the benchmark sent none of its own.
    pub requests: Option<u64>,
}

/// Counts what one mount does in between. Reading the counters costs messages itself, which are measured
/// first and taken off.
pub struct Meter<'a> {
    mounted: &'a Mounted,
    server: &'a Server,
    before: Option<BTreeMap<String, u64>>,
    reading: BTreeMap<String, u64>,
    requests: Option<u64>,
}

impl<'a> Meter<'a> {
    /// Begins to count.
    pub fn start(mounted: &'a Mounted, server: &'a Server) -> Meter<'a> {
        // the first reading looks the file up; the second and third tell what one more costs
        let readings: Vec<_> = (0..3).map_while(|_| mounted.counters()).collect();
        let reading = match &readings[..] {
            [.., second, third] => difference(third, second),
            _ => BTreeMap::new(),
        };
        let before = readings.into_iter().next_back();
        Meter { mounted, server, before, reading, requests: server.requests() }
    }

    /// Ends it.
    pub fn stop(self) -> Caused {
        let requests = self.server.requests().zip(self.requests).map(|(after, before)| after - before);
        let all = self.mounted.counters().zip(self.before);
        let all = all.map(|(after, before)| difference(&difference(&after, &before), &self.reading));
        let of = |name: &str| all.as_ref().and_then(|all| all.get(name).copied());
        Caused { messages: of("fuse_requests"), questions: of("ami_actions").or(requests), requests }
    }
}

/// By how much each number has grown.
fn difference(after: &BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grown = |name: &String, value: &u64| value.saturating_sub(before.get(name).copied().unwrap_or(0));
    after.iter().map(|(name, value)| (name.clone(), grown(name, value))).collect()
}
