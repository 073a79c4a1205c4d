//! One server: all builds of astfs on it, cold and warm, beside a copy of the tree on tmpfs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::commands::{Ran, TASKS, Task, WALK};
use crate::events::{latency, storm};
use crate::figures::{Column, CommandCost, Cost, Fetch, Memory, Populated, median};
use crate::floor::Floor;
use crate::loops::Seen;
use crate::mounted::{Caused, Meter, Mounted};
use crate::processors::Processors;
use crate::server::Server;
use crate::settings::Settings;

/// How often the same questions are fetched over one connection.
const FETCHES: usize = 3;
/// How many actions may be on their way between a mount and its server when both are counted.
const UNDER_WAY: u64 = 10;
/// How many questions `asterisk -rx` is asked for a sample.
const SAMPLE: usize = 100;

/// A build of astfs.
pub struct Build {
    /// `this` or `previous`.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
}

/// Measures all builds on a server.
pub struct Bench<'a> {
    /// What to measure.
    pub settings: &'a Settings,
    /// Where.
    pub processors: Processors,
    /// On which server.
    pub server: &'a Server,
    /// What went otherwise than it should.
    pub notes: &'a mut Vec<String>,
}

/// A command's runs: the times in seconds and what each caused.
type Runs = Vec<(f64, Caused)>;

/// What the warm runs gave: for tmpfs, for the floor (each second run is warm), then for each build, the runs of each
/// command; and what a walk over the copy came across.
struct Warm {
    tmpfs: HashMap<&'static str, Runs>,
    floor: HashMap<&'static str, Runs>,
    builds: Vec<HashMap<&'static str, Runs>>,
    seen: Seen,
}

impl Bench<'_> {
    /// One column for each build.
    pub fn columns(&mut self, builds: &[Build]) -> Vec<Column> {
        let warm = self.warm(builds);
        let mut columns = Vec::new();
        for (build, runs) in builds.iter().zip(&warm.builds) {
            columns.push(self.column(build, runs, &warm));
        }
        columns
    }

    /// Runs each command on tmpfs and on each mount in turn, so that whatever else the machine does
    /// meets all of them.
    fn warm(&mut self, builds: &[Build]) -> Warm {
        let mounts: Vec<Mounted> =
            builds.iter().map(|build| Mounted::start(&build.program, self.server)).collect();
        let copy = copy(&mounts[0].path());
        for (mounted, build) in mounts.iter().zip(builds) {
            for task in TASKS {
                self.check(build.name, "first", task, &task.run(&mounted.path()));
            }
        }
        let seen = WALK.run(copy.path()).seen.unwrap_or_default();
        let mut warm = Warm {
            tmpfs: HashMap::new(),
            floor: HashMap::new(),
            builds: builds.iter().map(|_| HashMap::new()).collect(),
            seen,
        };
        for _ in 0..self.settings.runs {
            for task in TASKS {
                let floor = Floor::start(copy.path());
                for path in [copy.path(), floor.path(), floor.path()] {
                    let ran = task.run(path);
                    self.check("beside", "warm", task, &ran);
                    let runs = if path == copy.path() { &mut warm.tmpfs } else { &mut warm.floor };
                    let run = (ran.time.as_secs_f64(), Caused::default());
                    runs.entry(task.name()).or_default().push(run);
                }
                drop(floor);
                for ((mounted, build), runs) in mounts.iter().zip(builds).zip(&mut warm.builds) {
                    let meter = Meter::start(mounted, self.server);
                    let ran = task.run(&mounted.path());
                    runs.entry(task.name()).or_default().push((ran.time.as_secs_f64(), meter.stop()));
                    self.check(build.name, "warm", task, &ran);
                    if let Some(mount) = ran.seen
                        && task.name() == WALK.name()
                        && (mount.names, mount.bytes) != (seen.names, seen.bytes)
                    {
                        self.note(build.name, format!("the walk saw {mount:?}, on the copy {seen:?}"));
                    }
                }
            }
        }
        warm
    }

    /// Everything about one build; each cold command on a mount of its own.
    fn column(&mut self, build: &Build, warm_runs: &HashMap<&'static str, Runs>, warm: &Warm) -> Column {
        progress(build, "cold commands");
        let mut populated = Vec::new();
        let mut commands = Vec::new();
        for task in TASKS.into_iter().filter(|task| task.name() != WALK.name()) {
            let mounted = Mounted::start(&build.program, self.server);
            populated.push(mounted.populated.as_secs_f64());
            let (ran, caused) = self.cold(build, &mounted, task);
            commands.push(command_cost(task, (ran.time.as_secs_f64(), caused), warm_runs, warm));
        }

        self.server.forget_questions();
        let requests = self.server.requests();
        let mounted = Mounted::start(&build.program, self.server);
        let by_then = mounted.counter("ami_actions");
        let by_then = by_then.or_else(|| Some(self.server.requests()?.saturating_sub(requests?)));
        let questions_by_then = self.server.questions(Some(by_then.unwrap_or(0)));
        populated.push(mounted.populated.as_secs_f64());
        let (ran, caused) = self.cold(build, &mounted, WALK);
        commands
            .insert(TASKS.len() - 2, command_cost(WALK, (ran.time.as_secs_f64(), caused), warm_runs, warm));
        let memory = Memory { resident_mb: mounted.megabytes("VmRSS"), peak_mb: mounted.megabytes("VmHWM") };
        let questions = self.server.questions(None);
        let fetch = |questions: &[Vec<u8>]| {
            let one = |_| {
                let started = Instant::now();
                self.server.connect().fetch(questions);
                started.elapsed().as_secs_f64()
            };
            median((0..FETCHES).map(one))
        };
        let populated = Populated {
            seconds: median(populated),
            questions: by_then,
            one_connection_seconds: fetch(&questions_by_then),
        };
        let fetch = Fetch {
            questions: questions.len(),
            mount_seconds: (mounted.populated + ran.time).as_secs_f64(),
            one_connection_seconds: fetch(&questions),
            console_seconds: console(self.server, questions.len()),
        };

        progress(build, "events, idle");
        let (trials, processors) = (self.settings.trials, self.processors);
        let idle = latency(self.server, &mounted, processors, trials, false);
        progress(build, "events, during a walk");
        let walking = latency(self.server, &mounted, processors, trials, true);
        progress(build, "changes, held");
        let storm = storm(self.server, &mounted, processors, self.settings.rate, self.settings.held);
        progress(build, "done");

        Column {
            server: self.server.kind().name(),
            friends: self.server.friends().len(),
            build: build.name,
            names: warm.seen.names,
            files: warm.seen.files,
            bytes: warm.seen.bytes,
            populated,
            commands,
            memory,
            fetch,
            idle,
            walking,
            storm,
            growth: None,
        }
    }

    /// A command's first run, with what it caused.
    fn cold(&mut self, build: &Build, mounted: &Mounted, task: Task) -> (Ran, Caused) {
        let meter = Meter::start(mounted, self.server);
        let ran = task.run(&mounted.path());
        let caused = meter.stop();
        self.check(build.name, "cold", task, &ran);
        if let Some((told, counted)) = caused.questions.zip(caused.requests)
            && told.abs_diff(counted) > UNDER_WAY
        {
            let text = format!("{}, cold: astfs sent {told} actions, the server got {counted}", task.name());
            self.note(build.name, text);
        }
        (ran, caused)
    }

    fn check(&mut self, build: &str, when: &str, task: Task, ran: &Ran) {
        if let Some(complaint) = &ran.complaint {
            self.note(build, format!("{}, {when}: {complaint}", task.name()));
        }
    }

    fn note(&mut self, build: &str, text: String) {
        let (server, friends) = (self.server.kind().name(), self.server.friends().len());
        self.notes.push(format!("{server}, {friends} friends, {build}: {text}"));
    }
}

fn command_cost(
    task: Task,
    (cold, cold_caused): (f64, Caused),
    warm_runs: &HashMap<&'static str, Runs>,
    warm: &Warm,
) -> CommandCost {
    let times = |runs: &Runs| median(runs.iter().map(|(time, _)| *time));
    let tmpfs = times(&warm.tmpfs[task.name()]);
    let floor = |cold: usize| {
        let runs = warm.floor[task.name()].iter().skip(cold).step_by(2);
        median(runs.map(|(time, _)| *time)) / tmpfs
    };
    let runs = &warm_runs[task.name()];
    let middle = |count: fn(&Caused) -> Option<u64>| {
        let mut counts: Vec<u64> = runs.iter().filter_map(|(_, caused)| count(caused)).collect();
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied()
    };
    let cost =
        |seconds: f64, messages, questions| Cost { messages, questions, seconds, ratio: seconds / tmpfs };
    CommandCost {
        name: task.name(),
        tmpfs_seconds: tmpfs,
        floor_ratios: [floor(0), floor(1)],
        cold: cost(cold, cold_caused.messages, cold_caused.questions),
        warm: cost(times(runs), middle(|caused| caused.messages), middle(|caused| caused.questions)),
    }
}

/// Says on standard error what comes next, for whoever waits.
fn progress(build: &Build, what: &str) {
    eprintln!("  {}: {what}", build.name);
}

/// The same tree on tmpfs.
fn copy(mount: &Path) -> TempDir {
    let copy = tempfile::tempdir_in("/dev/shm").expect("a tmpfs at /dev/shm");
    let copied = Command::new("cp").args(["-a", "."]).arg(copy.path()).current_dir(mount).status();
    assert!(copied.is_ok_and(|status| status.success()), "the mount cannot be copied");
    copy
}

/// How long that many questions would take `asterisk -rx`, from a sample of `sip show peer`.
fn console(server: &Server, questions: usize) -> Option<f64> {
    // the folder of the scripts' `RUN`, which holds the server's configuration
    let configuration = server.real()?.configuration();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asterisk/lib.sh");
    let mut command = Command::new("sh");
    let script = r#". "$0"; for name in $NAMES; do cli "sip show peer $name"; done"#;
    let names: Vec<&str> = server.friends().iter().take(SAMPLE).map(String::as_str).collect();
    command.args(["-c", script]).arg(library).arg("16").env("NAMES", names.join(" "));
    command
        .env("RUN", configuration.parent()?)
        .env("ASTFS_ASTERISK_DIR", crate::support::asterisk::unpacked());
    let started = Instant::now();
    let output = command.stderr(Stdio::inherit()).output().expect("a shell");
    let taken = started.elapsed().as_secs_f64();
    let shown = String::from_utf8_lossy(&output.stdout).matches("* Name").count();
    assert_eq!(shown, names.len(), "asterisk -rx shows each peer");
    #[allow(clippy::cast_precision_loss, reason = "a number of questions")]
    Some(taken / names.len() as f64 * questions as f64)
}
