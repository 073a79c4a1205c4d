//! What this process takes, as the kernel tells.

use std::fs;

use nix::time::{ClockId, clock_gettime};

/// What a process takes; none where the kernel does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    /// Memory that is there, in bytes.
    pub resident: Option<u64>,
    /// Memory that is mapped, in bytes.
    pub mapped: Option<u64>,
    /// Files and the like that are open.
    pub descriptors: Option<u64>,
    /// Processor time so far, in seconds.
    pub processor: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl Process {
    /// This one, now.
    pub fn this() -> Process {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let of = |name: &str| -> Option<u64> {
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        };
        // the one by which they are counted is among them
        let descriptors =
            fs::read_dir("/proc/self/fd").ok().map(|all| (all.count() as u64).saturating_sub(1));
        let processor = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok();
        Process {
            resident: of("VmRSS:").map(|kilobytes| kilobytes * 1024),
            mapped: of("VmSize:").map(|kilobytes| kilobytes * 1024),
            threads: of("Threads:"),
            descriptors,
            processor: processor.map(|time| time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_takes_something_of_everything() {
        let process = Process::this();
        assert!(process.resident.is_some_and(|bytes| bytes > 100_000), "{process:?}");
        assert!(process.mapped >= process.resident, "{process:?}");
        assert!(process.descriptors.is_some_and(|count| count >= 3), "{process:?}");
        assert!(process.threads.is_some_and(|count| count >= 1), "{process:?}");
        assert!(process.processor.is_some_and(|seconds| seconds > 0.0), "{process:?}");
    }
}
