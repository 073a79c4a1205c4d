//! What a mount holds: memory, threads, descriptors, and what its own counters tell.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use super::mount::Mounted;

/// What a mount holds at a moment.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// The memory in use, in KiB.
    pub memory: u64,
    /// The most memory that was ever in use, in KiB.
    pub peak: u64,
    /// How many threads it has.
    pub threads: u64,
    /// How many descriptors are open.
    pub descriptors: u64,
    /// How many inodes the kernel knows.
    pub inodes: u64,
    /// The bytes of the contents that are kept for them.
    pub kept: u64,
}

impl Gauges {
    /// Reads them, from the system and from `.astfs/counters`.
    pub fn of(mounted: &Mounted) -> Gauges {
        let process = format!("/proc/{}", mounted.pid());
        let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
        let status: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
        let number = |name: &str| -> u64 {
            let value = status.get(name).and_then(|value| value.split_whitespace().next());
            value.and_then(|value| value.parse().ok()).expect("a number")
        };
        let counters = fs::read_to_string(mounted.join(".astfs/counters")).expect("it needs no server");
        let counters: BTreeMap<&str, &str> =
            counters.lines().filter_map(|line| line.split_once('=')).collect();
        let counter =
            |name: &str| counters.get(name).and_then(|value| value.parse().ok()).expect("it is counted");
        Gauges {
            memory: number("VmRSS"),
            peak: number("VmHWM"),
            threads: number("Threads"),
            descriptors: fs::read_dir(format!("{process}/fd")).expect("it runs").count() as u64,
            inodes: counter("inodes"),
            kept: counter("rendered_bytes"),
        }
    }

    /// Whether these are no more than those `before`, but for `memory` KiB and what a few readers more or
    /// less make of the rest.
    pub fn are_back(&self, before: &Gauges, memory: u64) -> bool {
        self.memory <= before.memory + memory
            && self.threads <= before.threads + 2
            && self.descriptors <= before.descriptors + 1
            && self.inodes <= before.inodes + before.inodes / 2 + 16
            && self.kept <= before.kept * 2 + 64 * 1024
    }
}

impl fmt::Display for Gauges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gauges { memory, peak, threads, descriptors, inodes, kept } = self;
        write!(
            formatter,
            "{memory} KiB (most {peak}), {threads} threads, {descriptors} descriptors, {inodes} inodes, {kept} bytes"
        )
    }
}
