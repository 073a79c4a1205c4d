//! What a mount tells of itself at a moment, and how much happened since the one before.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cli::CliError;
use crate::cli::running::Running;
use crate::tree::{METRICS, Stands};

/// What a mount told at a moment.
#[derive(Debug, Clone)]
pub struct Reading {
    pub at: Instant,
    pub stands: Stands,
    pub totals: Totals,
}

/// What is counted of a mount as a whole. None: it did not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Requests of the kernel.
    pub requests: Option<f64>,
    /// Contents rendered for them.
    pub renders: Option<f64>,
    /// Processor time, in seconds.
    pub processor: Option<f64>,
    /// Memory that is there, in bytes.
    pub resident: Option<f64>,
}

impl Totals {
    /// Those in metrics as Prometheus reads them.
    pub fn of(metrics: &str) -> Totals {
        let sum = |name: &str| {
            let samples = metrics.lines().filter_map(|line| {
                let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
                rest.rsplit_once(' ')?.1.parse::<f64>().ok()
            });
            samples.reduce(|one, other| one + other)
        };
        Totals {
            requests: sum("astfs_fuse_requests_total"),
            renders: sum("astfs_renders_total"),
            processor: sum("process_cpu_seconds_total"),
            resident: sum("process_resident_memory_bytes"),
        }
    }
}

/// What the mount there tells now.
///
/// # Errors
/// If no astfs is mounted there, it cannot be read, or tells of itself as another version does.
pub fn read(mountpoint: &Path) -> Result<Reading, CliError> {
    let mount = Running::at(mountpoint)?;
    let (stands, _) = mount.stands()?;
    let totals = Totals::of(&mount.read(METRICS)?);
    Ok(Reading { at: Instant::now(), stands, totals })
}

/// Two readings of one mount, as far as there are two.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// The one before, and how long ago that was.
    before: Option<(&'a Reading, Duration)>,
}

impl<'a> Since<'a> {
    /// What happened from `before` to `now`: unknown if another process serves the mount since.
    pub fn new(before: Option<&'a Reading>, now: &Reading) -> Since<'a> {
        let same = before.filter(|before| before.stands.process == now.stands.process);
        let before = same.map(|before| (before, now.at.saturating_duration_since(before.at)));
        Since { before: before.filter(|(_, passed)| !passed.is_zero()) }
    }

    /// How often a second something happened that is counted: `now`, and `then` in the reading before; what that did
    /// not tell of had not happened.
    pub fn rate(&self, now: f64, then: impl FnOnce(&Reading) -> Option<f64>) -> Option<f64> {
        let (before, passed) = self.before?;
        Some((now - then(before).unwrap_or(0.0)).max(0.0) / passed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_a_family_are_added_and_others_are_not() {
        let metrics = "# HELP astfs_renders Contents\n# TYPE astfs_renders counter\nastfs_renders_total 7\n\
                       astfs_fuse_requests_total{kind=\"lookup\"} 3\nastfs_fuse_requests_total{kind=\"read\"} 4.5\n\
                       astfs_fuse_requests_totally 100\nprocess_cpu_seconds_total 0.25\n";
        let expected =
            Totals { requests: Some(7.5), renders: Some(7.0), processor: Some(0.25), resident: None };
        assert_eq!(Totals::of(metrics), expected);
    }
}
