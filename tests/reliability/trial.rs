//! One fault, had for a while: what was seen of it, and which promises were broken.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::libc::ENOENT;

use super::fault::Fault;
use super::ground::Ground;
use super::readers::{Readers, Truth};
use crate::support::calls::{Calls, errnos, name_of, worst};
use crate::support::gauges::Gauges;
use crate::support::wait_until;

/// The deadline of the tree, twice its timeout, for a path with two names that take an answer (`peers/NAME/FILE`):
/// the kernel looks up one name after the other, and each has the deadline to itself.
const DEADLINE: Duration = Duration::from_secs(4);
/// What a call may take beyond it, on a machine that has other things to do.
const MARGIN: Duration = Duration::from_secs(1);
/// How long a recovery may take: after a refused login the next attempt comes within twenty seconds.
const PATIENCE: Duration = Duration::from_secs(40);
/// How much more memory may be in use after a fault than before, in KiB: what an allocator keeps.
const MEMORY: u64 = 32 * 1024;

/// What was seen of a fault.
pub struct Trial {
    name: &'static str,
    broken: Vec<String>,
    /// What readers got meanwhile.
    seen: String,
    /// The slowest call of all, meanwhile and afterwards.
    worst: (Duration, String),
    recovery: Option<Duration>,
    before: Gauges,
    after: Gauges,
}

impl Trial {
    /// Has the fault for a time; none where this machine cannot.
    pub fn hold(fault: &Fault, lasting: Duration) -> Option<Trial> {
        let mut ground = Ground::for_fault(fault)?;
        let calls = Calls::new();
        let top = ground.mounted.path().to_owned();
        let readers = readers(&calls, &top, &ground, fault);
        readers.during(|| std::thread::sleep(Duration::from_secs(1)));
        let before = Gauges::of(&ground.mounted);
        readers.stale.store(0, Ordering::Relaxed);
        readers.untrue().clear();
        calls.take();

        let version = ground.version(fault);
        let (meanwhile, stale, recovery) = readers.during(|| {
            ground.begin(fault);
            std::thread::sleep(lasting);
            let (meanwhile, stale) = (calls.take(), readers.stale.load(Ordering::Relaxed));
            ground.end(fault);
            (meanwhile, stale, readers.recovery(version, PATIENCE))
        });
        let afterwards = calls.take();
        let mut after = Gauges::default();
        let back = wait_until(Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(200));
            after = Gauges::of(&ground.mounted);
            after.are_back(&before, MEMORY)
        });

        let mut failed = errnos(&meanwhile);
        failed.remove(&ENOENT);
        let worst = std::cmp::max(worst(&meanwhile), worst(&afterwards));
        let worst = (worst.0, worst.1.replace(&format!("{}/", top.display()), ""));
        let mut broken = Vec::new();
        if worst.0 > DEADLINE + MARGIN {
            broken.push(format!("{} took {:.1?}", worst.1, worst.0));
        }
        if recovery.is_none() {
            broken.push("it does not recover".to_owned());
        }
        if !back {
            broken.push(format!("before it {before}, after it {after}"));
        }
        for errno in failed.keys().filter(|errno| !fault.errnos.contains(errno)) {
            broken.push(format!("{} tells of another failure", name_of(*errno)));
        }
        if let Some(first) = readers.untrue().first().filter(|_| !fault.tells_other) {
            broken.push(format!("{} reads gave what no server told, first {first}", readers.untrue().len()));
        }
        if fault.cuts_off() && stale == 0 && failed.is_empty() {
            broken.push("it was not noticed".to_owned());
        }
        if !broken.is_empty() {
            println!("{}: {}\n{}", fault.name, broken.join("; "), ground.mounted.stderr());
        }
        let broken = broken.into_iter().map(|what| format!("{}: {what}", fault.name)).collect();
        let seen = seen(stale, &failed);
        Some(Trial { name: fault.name, broken, seen, worst, recovery, before, after })
    }

    /// The promises that were not kept.
    pub fn broken(&self) -> impl Iterator<Item = String> {
        self.broken.iter().cloned()
    }

    /// What was seen, in a line of the table.
    pub fn row(&self) -> String {
        let Trial { name, seen, worst, recovery, before, after, .. } = self;
        let recovery = recovery.map_or_else(|| "none".to_owned(), seconds);
        let mib = |kib: u64| kib.div_ceil(1024);
        format!(
            "| {name} | {seen} | {} ({}) | {recovery} | {} → {} MiB (most {}) | {} → {}, {} → {} | {} → {}, {} → {} |",
            seconds(worst.0),
            worst.1,
            mib(before.memory),
            mib(after.memory),
            mib(after.peak),
            before.threads,
            after.threads,
            before.descriptors,
            after.descriptors,
            before.inodes,
            after.inodes,
            before.kept,
            after.kept,
        )
    }

    /// All of them as a table.
    pub fn table(trials: &[Trial]) -> String {
        let mut table = "| the server or the network … | readers see | slowest call | well again after | memory \
                         | threads, descriptors | inodes, bytes kept |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        for trial in trials {
            table.push_str(&trial.row());
            table.push('\n');
        }
        table
    }
}

/// Readers of a mount that is well, who know what it tells then.
fn readers<'a>(calls: &'a Calls, top: &'a Path, ground: &Ground, fault: &Fault) -> Readers<'a> {
    let mut names = Vec::new();
    let well = wait_until(PATIENCE, || {
        names = calls.list(&top.join("peers")).unwrap_or_default();
        !names.is_empty() && calls.write(&top.join("control/show"), "nobody").is_ok()
    });
    assert!(well, "the mount is not well at first:\n{}", ground.mounted.stderr());
    let count = names.len();
    let plain = names.into_iter().filter_map(|name| name.into_string().ok());
    let peers: Vec<String> = plain.filter(|name| name.is_ascii()).take(6).collect();
    let mut truth = Truth::new();
    if !fault.replaces() {
        let contexts = peers.iter().map(|peer| top.join("peers").join(peer).join("context"));
        for path in contexts.chain([top.join("version"), top.join("strict"), top.join("motd")]) {
            let content = calls.read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            truth.insert(path, content);
        }
    }
    Readers::new(calls, top, peers, count, truth)
}

fn seen(stale: usize, failed: &BTreeMap<i32, (usize, Duration)>) -> String {
    let stale = (stale > 0).then(|| "data marked stale".to_owned());
    let errnos = failed
        .iter()
        .map(|(errno, (_, slowest))| format!("{} within {}", name_of(*errno), seconds(*slowest)));
    let seen: Vec<String> = stale.into_iter().chain(errnos).collect();
    if seen.is_empty() { "fresh data".to_owned() } else { seen.join(", ") }
}

/// A time in seconds, with as many digits as tell something.
fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
