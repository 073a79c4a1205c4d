//! What is measured: the environment's variables and what they are without being set.

use std::path::PathBuf;
use std::time::Duration;

/// The kinds of servers under the mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A simulated 13: one question tells everything.
    Simulated13,
    /// A simulated 16: each peer's details are two questions of their own.
    Simulated16,
    /// A real Asterisk 16, unpacked by `tests/asterisk/install.sh`.
    Real16,
}

impl Kind {
    /// As the table names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Simulated13 => "13 simulated",
            Kind::Simulated16 => "16 simulated",
            Kind::Real16 => "16 real",
        }
    }
}

/// One run of the benchmark.
pub struct Settings {
    /// `ASTFS_BENCH_SIZES`: numbers of friends, growing.
    pub sizes: Vec<usize>,
    /// `ASTFS_BENCH_SERVERS`: `13`, `16` and `real`.
    pub servers: Vec<Kind>,
    /// `ASTFS_BENCH_PREVIOUS`: another astfs, measured in the same run.
    pub previous: Option<PathBuf>,
    /// `ASTFS_BENCH_RUNS`: how often each command runs warm.
    pub runs: usize,
    /// `ASTFS_BENCH_TRIALS`: how many events are timed, idle and during a walk each.
    pub trials: usize,
    /// `ASTFS_BENCH_RATE`: how many changes a second are held.
    pub rate: usize,
    /// `ASTFS_BENCH_SECONDS`: for how long.
    pub held: Duration,
    /// `ASTFS_BENCH_WRITE=1`: results go to `docs/` instead of cargo's target folder.
    pub write: bool,
}

impl Settings {
    /// Reads the environment; a value that cannot be read ends the benchmark.
    pub fn from_environment() -> Settings {
        let mut sizes: Vec<usize> =
            text("SIZES", "100,1000,10000").split(',').map(|size| number("SIZES", size)).collect();
        sizes.sort_unstable();
        let kind = |name: &str| match name.trim() {
            "13" => Kind::Simulated13,
            "16" => Kind::Simulated16,
            "real" => Kind::Real16,
            other => panic!("ASTFS_BENCH_SERVERS: 13, 16 or real, not {other:?}"),
        };
        let of = |name: &str, default: &str| number(name, &text(name, default));
        Settings {
            sizes,
            servers: text("SERVERS", "13,16").split(',').map(kind).collect(),
            previous: std::env::var_os("ASTFS_BENCH_PREVIOUS").map(PathBuf::from),
            runs: of("RUNS", "3"),
            trials: of("TRIALS", "200"),
            rate: of("RATE", "1000"),
            held: Duration::from_secs(u64::try_from(of("SECONDS", "10")).unwrap_or(u64::MAX)),
            write: text("WRITE", "0") == "1",
        }
    }
}

fn text(name: &str, default: &str) -> String {
    std::env::var(format!("ASTFS_BENCH_{name}")).unwrap_or_else(|_| default.into())
}

/// A number above zero.
fn number(name: &str, text: &str) -> usize {
    match text.trim().parse() {
        Ok(0) | Err(_) => panic!("ASTFS_BENCH_{name}: a whole number above 0, not {text:?}"),
        Ok(number) => number,
    }
}
