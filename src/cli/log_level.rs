//! `astfs log-level`: how much a mount logs, asked and changed while it runs.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nix::sys::signal::Signal;

use super::CliError;
use super::logging::Level;
use super::running::Running;
use crate::tree::LOG_LEVEL;

/// So long a step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `log-level`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct LogLevelArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
    /// How much is to be logged; without it, what is so now is printed
    #[arg(value_enum)]
    level: Option<Level>,
}

const AFTER_HELP: &str = "\
The mount's process gets a signal for each step: SIGUSR1 has it log one level more, SIGUSR2 one less. What
it has logged last stands in MOUNTPOINT/.astfs/log.

Exit status: 0 it is so, 1 this user may not, 2 wrong usage, 5 no answer, 6 no astfs is mounted there.";

pub fn run(args: &LogLevelArgs) -> Result<(), CliError> {
    let mount = Running::at(&args.mountpoint)?;
    let unknown = || mount.lacks("the astfs that is mounted there does not say how much it logs");
    let level = |text: &str| Level::named(text.trim());
    let mut present = level(&mount.read(LOG_LEVEL)?).ok_or_else(unknown)?;
    // signals of one kind that come at once are one: each step is waited for
    while let Some(wanted) = args.level.filter(|wanted| *wanted != present) {
        mount.signal(if wanted > present { Signal::SIGUSR1 } else { Signal::SIGUSR2 })?;
        let changed = mount.await_in(LOG_LEVEL, PATIENCE, |text| level(text) != Some(present))?;
        present = level(&changed).ok_or_else(unknown)?;
    }
    Ok(writeln!(std::io::stdout(), "{}", present.word())?)
}
