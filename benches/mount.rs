//! What a mounted PBX costs, beside the same tree on tmpfs: `cargo bench`.
//!
//! Everything runs on one processor: a message between processors of a virtual machine takes anything
//! from 10 to 150 µs, and that is not what is measured.
//!
//! For each number of SIP friends a simulated Asterisk is mounted, and a copy of the mount is made on
//! tmpfs. Then the same commands run on both, in turn, and the median of each is printed with its
//! ratio to tmpfs. Times depend on the machine; ratios and growth are what to look at.
//!
//! `ASTFS_BENCH_PEERS=1000,10000` chooses other sizes, `ASTFS_BENCH_ASTERISK=16` the other kind of
//! server, where each peer's details are a question of their own.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use astfs::simulator::{Content, Simulator, Version};

const RUNS: usize = 3;
const SEED: u64 = 1;
const FRIENDS: &str = "users/sipfriends";

fn main() {
    let sizes = std::env::var("ASTFS_BENCH_PEERS").unwrap_or_else(|_| "1000,10000".into());
    let version = match std::env::var("ASTFS_BENCH_ASTERISK").as_deref() {
        Ok("16") => Version::Asterisk16,
        _ => Version::Asterisk13,
    };
    let mut first = CpuSet::new();
    first.set(0).expect("a processor");
    sched_setaffinity(Pid::from_raw(0), &first).expect("processors can be chosen");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "{version:?} simulated, medians of {RUNS} runs; in brackets the ratio to the same files on tmpfs\n"
    );
    println!(
        "{:>7} {:>8} {:>11} {:>9} {:>18} {:>18} {:>18} {:>16} {:>8}",
        "peers",
        "names",
        "populated",
        "cold walk",
        "ls -lR",
        "find + cat",
        "grep -r",
        "cat credentials",
        "memory"
    );
    for size in sizes.split(',') {
        let peers = size.trim().parse().expect("a number of peers");
        let content = Content::generated(version, peers, SEED);
        let simulator = runtime.block_on(Simulator::start(content)).expect("a simulator");
        measure(peers, &simulator);
    }
}

/// A mounted astfs; dropping it unmounts.
struct Mounted {
    process: Child,
    mountpoint: PathBuf,
}

impl Mounted {
    fn start(simulator: &Simulator, mountpoint: &Path) -> Mounted {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/asterisk.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_astfs"));
        command.arg("mount").arg(tree).arg(mountpoint).args(["--server", &simulator.address().to_string()]);
        command
            .args(["--user", &simulator.user()])
            .env("ASTFS_SECRET", simulator.secret())
            .stderr(Stdio::null());
        Mounted { process: command.spawn().expect("astfs"), mountpoint: mountpoint.to_owned() }
    }

    /// The most memory it ever held, in MB.
    fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("umount").arg(&self.mountpoint).status();
        let _ = self.process.wait();
    }
}

fn measure(peers: usize, simulator: &Simulator) {
    let folder = tempfile::tempdir().expect("a folder");
    let mountpoint = folder.path().join("mnt");
    fs::create_dir(&mountpoint).expect("a mount point");
    let started = Instant::now();
    let mounted = Mounted::start(simulator, &mountpoint);
    let friends = mountpoint.join(FRIENDS);
    while fs::read_dir(&friends).map_or(0, Iterator::count) <= 2 {
        assert!(started.elapsed() < Duration::from_secs(120), "the mount stays empty");
        std::thread::sleep(Duration::from_millis(2));
    }
    let populated = started.elapsed();
    let one = fs::read_dir(&friends).expect("friends").flatten().map(|entry| entry.file_name());
    let one = one.into_iter().find(|name| !name.to_string_lossy().starts_with('_')).expect("a friend");
    let one = Path::new(FRIENDS).join(one).join("credentials");

    let cold = run(&mountpoint, "find . -type f -exec cat {} +");
    let copy = tempfile::tempdir_in("/dev/shm").expect("a tmpfs at /dev/shm");
    let copied = Command::new("cp").args(["-a", "."]).arg(copy.path()).current_dir(&mountpoint).status();
    assert!(copied.is_ok_and(|status| status.success()), "the mount cannot be copied");
    let names = Command::new("find").arg(copy.path()).output().expect("find").stdout;
    let names = names.iter().filter(|byte| **byte == b'\n').count();

    let both = |command: &str| {
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            times.0.push(run(&mountpoint, command));
            times.1.push(run(copy.path(), command));
        }
        let (ours, tmpfs) = (median(times.0), median(times.1));
        format!("{} ({:.1}×)", seconds(ours), ours.as_secs_f64() / tmpfs.as_secs_f64())
    };
    println!(
        "{peers:>7} {names:>8} {:>11} {:>9} {:>18} {:>18} {:>18} {:>16} {:>5} MB",
        seconds(populated),
        seconds(cold),
        both("ls -lR ."),
        both("find . -type f -exec cat {} +"),
        both("grep -r nosuchthing ."),
        both(&format!("cat {}", one.display())),
        mounted.peak_memory(),
    );
}

/// How long a command takes in a folder; what it prints is thrown away.
fn run(folder: &Path, command: &str) -> Duration {
    let started = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().expect("a shell");
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 0.1 => format!("{:.1} ms", short * 1000.0),
        long => format!("{long:.2} s"),
    }
}
