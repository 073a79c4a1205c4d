//! What came of it, and which promises were broken.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use super::chance::Chance;
use super::chart::chart;
use super::saboteur::sabotage;
use super::stage::{DEADLINE, Stage};
use super::workers::ALL;
use crate::support::calls::{Tallies, name_of, worst};
use crate::support::gauges::Gauges;
use crate::support::wait_until;

/// What a call may take beyond the deadline, on a machine that has other things to do.
const MARGIN: Duration = Duration::from_secs(2);
/// How long everything may take to be true again: a server that was away for long is tried each ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much more memory may be in use in the end than in the middle, in KiB.
const MEMORY: u64 = 24 * 1024;
/// How often what the mount holds is looked at.
const SAMPLES: u32 = 240;
/// One in so many of them stands in the table.
const SHOWN: usize = 10;
/// The longest that everything happens until there is quiet, in which the mount has to show what is true.
const ROUND: Duration = Duration::from_secs(300);

/// What came of everything at once.
pub struct Report {
    lasted: Duration,
    peers: usize,
    rounds: u32,
    done: BTreeMap<&'static str, usize>,
    calls: Tallies,
    samples: Vec<(Duration, Gauges)>,
    /// The longest that it took until everything was true again.
    recovered: Duration,
    broken: Vec<String>,
}

impl Report {
    /// Has everything happen at once for that long, with so many peers.
    pub fn of(peers: usize, lasting: Duration) -> Report {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
        let stage = Stage::set(peers);
        // all that can be kept is, before what is kept is counted
        drop(stage.shown());
        let before = Gauges::of(&stage.mounted);
        let mut report = Report {
            lasted: Duration::ZERO,
            peers,
            rounds: 0,
            done: BTreeMap::new(),
            calls: Tallies::new(),
            samples: vec![(Duration::ZERO, before.clone())],
            recovered: Duration::ZERO,
            broken: Vec::new(),
        };
        let (begin, mut usual) = (Instant::now(), 0);
        while report.broken.is_empty() && begin.elapsed() < lasting {
            let end = ROUND.min(lasting - begin.elapsed()) + begin.elapsed();
            report.rounds += 1;
            stage.begin();
            everything(&stage, seed + u64::from(report.rounds) * 100, || {
                while begin.elapsed() < end && stage.goes_on() {
                    stage.rest((lasting / SAMPLES).min(end.saturating_sub(begin.elapsed())));
                    report.samples.push((begin.elapsed(), Gauges::of(&stage.mounted)));
                }
            });
            report.take(stage.calls.take());
            if usual == 0 {
                usual = report.usual_memory().max(before.memory);
            }
            report.look_in_quiet(&stage, &before, usual - before.memory);
            let (after, gauges) = (begin.elapsed(), Gauges::of(&stage.mounted));
            report.lasted = after;
            println!("{} s: {}; {gauges}", after.as_secs(), worst(&report.calls).1);
            report.samples.push((after, gauges));
        }
        report.done = stage.done();
        if !report.broken.is_empty() {
            println!("seed {seed}; {}", stage.mounted.stderr());
        }
        report
    }

    /// The memory in use at half of the times so far, in KiB.
    fn usual_memory(&self) -> u64 {
        let mut memory: Vec<u64> = self.samples.iter().map(|(_, gauges)| gauges.memory).collect();
        memory.sort_unstable();
        memory[memory.len() / 2]
    }

    /// Adds calls, none of which may have been held up.
    fn take(&mut self, calls: Tallies) {
        let slowest = worst(&calls);
        if slowest.0 > DEADLINE + MARGIN {
            self.broken.push(format!("{} took {:.1?}", slowest.1, slowest.0));
        }
        for (kind, tally) in calls {
            self.calls.entry(kind).or_default().add(tally);
        }
    }

    /// Has the mount show what is true, and hold no more than `before` but for so much memory, in KiB.
    fn look_in_quiet(&mut self, stage: &Stage, before: &Gauges, more: u64) {
        stage.edit("");
        stage.mounted.signal(Signal::SIGHUP);
        match is_true_again(stage) {
            Some(took) => self.recovered = self.recovered.max(took),
            None => self.broken.push(format!("it does not show what is true:\n{}", difference(stage))),
        }
        let mut after = Gauges::default();
        let back = wait_until(Duration::from_secs(20), || {
            after = Gauges::of(&stage.mounted);
            after.are_back(before, more + MEMORY)
        });
        if !back {
            self.broken.push(format!("before it {before}, usually {more} KiB more, after it {after}"));
        }
    }

    /// Fails where a promise was broken.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "broken promises:\n{}", self.broken.join("\n"));
    }

    /// What came of it, for people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} s with {} peers; {} times all was quiet, and everything true again after {:.1} s at most.\n\n\
             | system call | how often | half within | 99 % within | slowest | failed with |\n| --- | --- | --- | --- | --- | --- |\n",
            self.lasted.as_secs(),
            self.peers,
            self.rounds,
            self.recovered.as_secs_f64(),
        );
        for (kind, tally) in &self.calls {
            let failed: Vec<String> = tally
                .failed
                .iter()
                .map(|(errno, (count, _))| format!("{} {count}", name_of(*errno)))
                .collect();
            let [half, most] = [50, 99].map(|percent| millis(tally.percentile(percent)));
            let (count, worst) = (tally.took.len(), millis(tally.worst.0));
            let _ =
                writeln!(text, "| `{kind}` | {count} | {half} | {most} | {worst} | {} |", failed.join(", "));
        }
        text.push_str("\n| done or survived | how often |\n| --- | --- |\n");
        for (what, count) in &self.done {
            let _ = writeln!(text, "| {what} | {count} |");
        }
        text.push_str(
            "\n| after | memory | threads | descriptors | inodes | bytes kept |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for (after, gauges) in self.samples.iter().step_by(SHOWN) {
            let Gauges { memory, threads, descriptors, inodes, kept, .. } = gauges;
            let memory = memory.div_ceil(1024);
            let after = after.as_secs();
            let _ = writeln!(
                text,
                "| {after} s | {memory} MiB | {threads} | {descriptors} | {inodes} | {kept} |"
            );
        }
        text.trim_end().to_owned()
    }

    /// The memory over time as a chart.
    pub fn chart(&self) -> String {
        chart(&self.samples)
    }
}

/// Has everything happen at once until `watch` returns.
fn everything(stage: &Stage, seed: u64, watch: impl FnOnce()) {
    std::thread::scope(|scope| {
        let workers = ALL.into_iter().enumerate().map(|(number, worker)| {
            scope.spawn(move || {
                let _end = EndAll(stage);
                let mut chance = Chance::new(seed + number as u64);
                while stage.goes_on() {
                    worker(stage, &mut chance);
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        let saboteur = scope.spawn(move || sabotage(stage, seed));
        {
            let _end = EndAll(stage);
            watch();
        }
        let failed = workers.into_iter().map(|worker| worker.join()).filter(Result::is_err).count();
        let well = failed == 0 && saboteur.join().is_ok();
        assert!(well, "{failed} workers failed; see above; seed {seed}");
    });
}

/// Has all end when one ends, also by a panic: else the others would be waited for in vain.
struct EndAll<'a>(&'a Stage);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// How long it takes until the mount shows what a fresh one shows.
fn is_true_again(stage: &Stage) -> Option<Duration> {
    let begin = Instant::now();
    let truth = stage.shown_anew();
    wait_until(PATIENCE, || stage.shown() == truth).then(|| begin.elapsed())
}

/// The first paths at which the mount and a fresh one differ.
fn difference(stage: &Stage) -> String {
    let (shown, truth) = (stage.shown(), stage.shown_anew());
    let paths = shown.keys().chain(truth.keys()).filter(|path| shown.get(*path) != truth.get(*path));
    let lines = paths.map(|path| format!("{path}: {:?}, truth {:?}", shown.get(path), truth.get(path)));
    lines.take(10).collect::<Vec<_>>().join("\n")
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
