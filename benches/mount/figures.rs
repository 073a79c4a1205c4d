//! What was measured, as it is written to `performance.json`: times in seconds or milliseconds as their
//! names say, `null` for what was not measured or is not counted.

use serde::Serialize;

/// One run of the benchmark.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of astfs.
    pub astfs: &'static str,
    /// The kernel's release.
    pub kernel: String,
    /// How many processors the machine has.
    pub processors: usize,
    /// Whether server and observers had a processor apart from astfs and the commands.
    pub server_apart: bool,
    /// The numbers of friends.
    pub sizes: Vec<usize>,
    /// The numbers of warm runs, of events, and of changes a second.
    pub runs: usize,
    /// Each kind of server, size and build.
    pub columns: Vec<Column>,
    /// What the reader of the figures should know.
    pub notes: Vec<String>,
}

/// One build of astfs on one server.
#[derive(Debug, Serialize)]
pub struct Column {
    /// The server, such as `16 simulated`.
    pub server: &'static str,
    /// Its number of friends.
    pub friends: usize,
    /// `this` or `previous`.
    pub build: &'static str,
    /// Directories, files and links in the tree.
    pub names: u64,
    /// Files in the tree.
    pub files: u64,
    /// The bytes of all files.
    pub bytes: u64,
    /// From the program's start until all friends were listed.
    pub populated: Populated,
    /// The costs of the commands.
    pub commands: Vec<CommandCost>,
    /// After the cold walk.
    pub memory: Memory,
    /// What the cold walk's questions cost others.
    pub fetch: Fetch,
    /// One friend's event to the changed tree, on an idle mount.
    pub idle: Latency,
    /// The same while somebody walks the tree.
    pub walking: Latency,
    /// Many changes a second.
    pub storm: Option<Storm>,
    /// Cost per file here beside that at 1,000 friends; only for the largest size.
    pub growth: Option<Growth>,
}

/// A mount's first moments; medians of all cold mounts.
#[derive(Debug, Serialize)]
pub struct Populated {
    /// How long it took.
    pub seconds: f64,
    /// How many questions were asked by then.
    pub questions: Option<u64>,
    /// How long one manager connection takes for the login and the same questions.
    pub one_connection_seconds: f64,
}

/// One command's cost.
#[derive(Debug, Serialize)]
pub struct CommandCost {
    /// The command.
    pub name: &'static str,
    /// The median of its runs on tmpfs.
    pub tmpfs_seconds: f64,
    /// What it takes on a filesystem that hands out the same files from memory, beside tmpfs: cold, and warm.
    pub floor_ratios: [f64; 2],
    /// The first run after mounting.
    pub cold: Cost,
    /// The median of its runs on a mount where it has run before.
    pub warm: Cost,
}

/// What a command took.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// Messages of the kernel to astfs.
    pub messages: Option<u64>,
    /// AMI actions.
    pub questions: Option<u64>,
    /// How long.
    pub seconds: f64,
    /// How long beside tmpfs.
    pub ratio: f64,
}

/// Memory in MB.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// Resident.
    pub resident_mb: f64,
    /// The most that ever was.
    pub peak_mb: f64,
}

/// The questions of the start and the cold walk, asked by others.
#[derive(Debug, Serialize)]
pub struct Fetch {
    /// How many.
    pub questions: usize,
    /// From the program's start to the end of the first walk.
    pub mount_seconds: f64,
    /// Over one manager connection, login included, pipelined.
    pub one_connection_seconds: f64,
    /// One after the other by `asterisk -rx`, from a sample; only with a real server.
    pub console_seconds: Option<f64>,
}

/// How long one event takes to be seen, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// How many events; fewer than were to be, if they took too long.
    pub trials: usize,
    /// How many were not seen within ten seconds; they are in no other figure.
    pub missed: usize,
    /// From before the event is sent until the tree shows it.
    pub p50_ms: f64,
    /// The same, of the slowest hundredth.
    pub p99_ms: f64,
    /// The server's answer to the questions that follow from it, over another connection.
    pub answer_p50_ms: f64,
    /// The same, of the slowest hundredth.
    pub answer_p99_ms: f64,
}

/// Many changes a second, held for a while, with somebody walking the tree.
#[derive(Debug, Serialize)]
pub struct Storm {
    /// Changes a second.
    pub rate: usize,
    /// How long they were held.
    pub seconds: f64,
    /// How many there were.
    pub changes: usize,
    /// How many were not in the tree a second later, or could not be looked at within another second.
    pub late: usize,
    /// How many friends the tree never got right, within ten seconds of the end.
    pub missed: usize,
    /// The processor time of astfs, in percent of one processor.
    pub processor_percent: f64,
    /// The longest step of the walk.
    pub slowest_step_ms: f64,
    /// By how much a look ended too late at worst: each should take next to nothing.
    pub observer_lag_ms: f64,
    /// Messages of the kernel meanwhile.
    pub messages: Option<u64>,
    /// AMI actions meanwhile.
    pub questions: Option<u64>,
}

/// How many times as much one file costs as it did with 1,000 friends.
#[derive(Debug, Serialize)]
pub struct Growth {
    /// Of a cold walk.
    pub cold: f64,
    /// Of a warm walk.
    pub warm: f64,
    /// Of a walk on tmpfs.
    pub tmpfs: f64,
}

/// The median of some numbers.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    quantile(numbers, 0.5)
}

/// The number below which that part of them lies; none of none is not a number.
pub fn quantile(numbers: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let place = (part * numbers.len() as f64) as usize;
    numbers.get(place.min(numbers.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
