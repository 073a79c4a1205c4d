//! What is counted, as Prometheus reads it. This is the one place that knows how: those who count keep plain numbers.
//!
//! Names, units and types follow <https://prometheus.io/docs/practices/naming/>. Labels take a bounded number of
//! values: those of the tree file, and names of actions and events as [`crate::measure::ByName`] bounds them.

mod process;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::fs::Measured;
use crate::measure::Distribution;
use crate::query::{Bounds, OUTCOMES, QueryStanding, ServerTraffic};
use crate::tree::PathUses;
use process::Process;

/// The `Content-Type` of [`text`].
pub use prometheus_text::CONTENT_TYPE;

/// The labels of what is there once.
const UNLABELLED: [(&str, &str); 0] = [];

/// What is told of a mount.
#[derive(Debug)]
struct Mount {
    servers: Vec<ServerTraffic>,
    queries: Vec<(Option<String>, QueryStanding)>,
    bounds: Bounds,
    files: Vec<PathUses>,
    requests: Vec<(&'static str, u64, Distribution)>,
    counts: [(&'static str, &'static str, u64); 3],
    gauges: [(&'static str, &'static str, Option<Unit>, u64); 3],
    log_lines: LogLines,
    process: Process,
}

/// Lines of the log that were left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogLines {
    /// They could not be written fast enough, or at all.
    pub lost: u64,
    /// They said what had been said within the same minute.
    pub repeated: u64,
}

/// A mount and the process that serves it, in Prometheus' text format.
pub fn text(measured: &Measured, log_lines: LogLines) -> String {
    let queries = measured.tree.queries();
    let server = |standing: &QueryStanding| {
        // a query is called NAME@SERVER where there are several
        let (_, server) = standing.name.rsplit_once('@').filter(|_| queries.model().is_fleet())?;
        queries.model().servers.contains_key(server).then(|| server.to_owned())
    };
    let standings = measured.tree.all_standings().into_iter().filter(|standing| standing.answers.all > 0);
    let mount = Mount {
        servers: queries.traffic(),
        queries: standings.map(|standing| (server(&standing), standing)).collect(),
        bounds: queries.bounds(),
        files: measured.tree.uses(),
        requests: measured.requests.clone(),
        counts: [
            ("renders", "Contents rendered for requests of the kernel", measured.renders),
            ("notices", "Notices to the kernel of what it must not remember any more", measured.notices),
            ("origin_questions", "Files read, programs run and URLs asked", queries.asked_beside()),
        ],
        gauges: [
            ("inodes", "Inodes that the kernel or the tree knows", None, measured.inodes as u64),
            (
                "rendered",
                "Bytes of file contents held in memory",
                Some(Unit::Bytes),
                measured.rendered_bytes as u64,
            ),
            ("notices_waiting", "Notices on their way to the kernel", None, measured.notices_waiting),
        ],
        log_lines,
        process: Process::this(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(mount));
    let mut text = String::new();
    // writing to a String cannot fail
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// One family of metrics after the other.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    /// Counts that only grow; `_total` is added to the name.
    fn counters<L: EncodeLabelSet>(
        &mut self,
        (name, unit): (&str, Option<Unit>),
        help: &str,
        counts: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, count) in counts {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        Ok(())
    }

    /// Values that come and go.
    fn gauges<L: EncodeLabelSet>(
        &mut self,
        (name, unit): (&str, Option<Unit>),
        help: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// How long things took.
    fn durations<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        durations: impl IntoIterator<Item = (L, Distribution)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, took) in durations {
            let (seconds, count) = (took.seconds, took.count());
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(seconds, count, &took.counts, None)?;
        }
        Ok(())
    }
}

impl Collector for Mount {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.servers(&mut families)?;
        self.queries(&mut families)?;
        self.files(&mut families)?;
        self.kernel(&mut families)?;
        self.bounds(&mut families)?;
        self.process(&mut families)
    }
}

impl Mount {
    fn servers(&self, families: &mut Families<'_>) -> fmt::Result {
        let each = |value: fn(&ServerTraffic) -> f64| {
            self.servers.iter().map(move |one| ([("server", one.name.as_str())], value(one)))
        };
        let up = "Whether there is a connection to the server";
        families.gauges(("astfs_server_up", None), up, each(|server| f64::from(u8::from(server.up))))?;
        let sessions = "How often the server was logged in to";
        families.counters(
            ("astfs_server_sessions", None),
            sessions,
            each(|server| server.sessions as f64),
        )?;
        let in_flight = "Questions that the server is answering";
        let answering = each(|server| server.in_flight as f64);
        families.gauges(("astfs_questions_in_flight", None), in_flight, answering)?;
        let waiting = "Questions that wait for their turn";
        families.gauges(("astfs_questions_waiting", None), waiting, each(|server| server.waiting as f64))?;
        let actions = self.servers.iter().flat_map(|server| {
            server.actions.iter().flat_map(|(action, counts, _)| {
                OUTCOMES.iter().zip(counts).map(|(outcome, count)| {
                    let labels = [("server", &*server.name), ("action", &**action), ("outcome", *outcome)];
                    (labels, *count as f64)
                })
            })
        });
        let ended = "Actions by what came of them: answered, refused, timeout, or lost with the connection";
        families.counters(("astfs_ami_actions", None), ended, actions)?;
        let took = self.servers.iter().flat_map(|server| {
            let all = server.actions.iter();
            all.map(|(action, _, took)| ([("server", &*server.name), ("action", &**action)], took.clone()))
        });
        families.durations(
            "astfs_ami_action_duration",
            "How long actions took, whatever came of them",
            took,
        )?;
        let events = self.servers.iter().flat_map(|server| {
            let all = server.events.iter();
            all.map(|(event, count)| ([("server", &*server.name), ("event", &**event)], *count as f64))
        });
        families.counters(("astfs_ami_events", None), "Events that came", events)
    }

    fn queries(&self, families: &mut Families<'_>) -> fmt::Result {
        let each = |value: fn(&QueryStanding) -> Option<f64>| {
            self.queries.iter().filter_map(move |(server, one)| {
                let labels = [("query", &*one.name), ("server", server.as_deref().unwrap_or_default())];
                Some((labels, value(one)?))
            })
        };
        let asked = "Answers that were taken for a query, failures included";
        families.counters(("astfs_query_answers", None), asked, each(|one| Some(one.answers.all as f64)))?;
        let failures = "Answers that were failures";
        families.counters(
            ("astfs_query_failures", None),
            failures,
            each(|one| Some(one.answers.failures as f64)),
        )?;
        let took = "How long answers took from being asked to being there, all together";
        let seconds = || Some(Unit::Seconds);
        families.counters(
            ("astfs_query_duration", seconds()),
            took,
            each(|one| Some(one.answers.took.as_secs_f64())),
        )?;
        let longest = "The longest that an answer took since the mount began";
        families.gauges(
            ("astfs_query_longest_duration", seconds()),
            longest,
            each(|one| Some(one.answers.longest.as_secs_f64())),
        )?;
        let failing = "Questions whose last answer was a failure, but for what this server cannot answer";
        families.gauges(("astfs_query_failing", None), failing, each(|one| Some(one.failing() as f64)))?;
        let overdue = "Answers in use that are not fresh, for another reason than their age";
        families.gauges(("astfs_query_stale", None), overdue, each(|one| Some(one.overdue() as f64)))?;
        let age = "Age of the oldest answer that is held";
        let oldest = each(|one| one.age.map(|age| age.as_secs_f64()));
        families.gauges(("astfs_query_oldest_answer_age", seconds()), age, oldest)
    }

    fn files(&self, families: &mut Families<'_>) -> fmt::Result {
        let each = |value: fn(&PathUses) -> u64| {
            self.files.iter().map(move |file| ([("path", &*file.path)], value(file) as f64))
        };
        let lookups = "Names that were looked for and found, by the path of the tree file that they are of";
        families.counters(("astfs_file_lookups", None), lookups, each(|file| file.lookups))?;
        let reads = "Readings of files and links";
        families.counters(("astfs_file_reads", None), reads, each(|file| file.reads))?;
        let renders =
            "Contents that were computed or could not be: for a reader, ahead of one, after an event";
        families.counters(("astfs_file_renders", None), renders, each(|file| file.renders))
    }

    fn kernel(&self, families: &mut Families<'_>) -> fmt::Result {
        let counts = self.requests.iter().map(|(kind, count, _)| ([("kind", *kind)], *count as f64));
        families.counters(("astfs_fuse_requests", None), "Requests of the kernel", counts)?;
        let took = self.requests.iter().map(|(kind, _, took)| ([("kind", *kind)], took.clone()));
        families.durations(
            "astfs_fuse_request_duration",
            "How long requests took that were timed, one in eight of a kind",
            took,
        )?;
        for (name, help, count) in self.counts {
            families.counters((&format!("astfs_{name}"), None), help, [(UNLABELLED, count as f64)])?;
        }
        for (name, help, unit, value) in &self.gauges {
            let name = format!("astfs_{name}");
            families.gauges((&name, unit.clone()), help, [(UNLABELLED, *value as f64)])?;
        }
        Ok(())
    }

    fn bounds(&self, families: &mut Families<'_>) -> fmt::Result {
        let Bounds { events_lost, templates_stopped, event_logs_rotated, event_log_lines_lost } = self.bounds;
        let hit = [
            ("events", events_lost),
            ("template_steps", templates_stopped),
            ("event_log", event_log_lines_lost),
            ("log", self.log_lines.lost),
        ];
        let hit = hit.map(|(bound, count)| ([("bound", bound)], count as f64));
        let help = "What was left out because a bound was reached: events not looked at, templates stopped, lines \
                    of event logs, lines of the log";
        families.counters(("astfs_bounds_hit", None), help, hit)?;
        let repeated = "Lines of the log that are counted instead of told again";
        let count = self.log_lines.repeated as f64;
        families.counters(("astfs_log_lines_repeated", None), repeated, [(UNLABELLED, count)])?;
        let rotated = "Event logs that were full and begun anew";
        families.counters(
            ("astfs_event_log_rotations", None),
            rotated,
            [(UNLABELLED, event_logs_rotated as f64)],
        )
    }

    fn process(&self, families: &mut Families<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        families.gauges(("astfs_build_info", None), "The version that runs", [(version, 1.0)])?;
        let Process { resident, mapped, descriptors, processor, threads } = self.process;
        let one = |value: Option<u64>| value.map(|value| (UNLABELLED, value as f64));
        let bytes = || Some(Unit::Bytes);
        families.gauges(("process_resident_memory", bytes()), "Memory that is there", one(resident))?;
        families.gauges(("process_virtual_memory", bytes()), "Memory that is mapped", one(mapped))?;
        families.gauges(("process_open_fds", None), "File descriptors that are open", one(descriptors))?;
        families.gauges(("process_threads", None), "Threads", one(threads))?;
        let seconds = processor.map(|seconds| (UNLABELLED, seconds));
        families.counters(("process_cpu", Some(Unit::Seconds)), "Processor time", seconds)
    }
}
