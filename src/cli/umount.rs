//! `astfs umount`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CliError;
use crate::fs::{MountState, detach, detach_unanswering, inspect_within};

/// So long a mount may take to answer; one that does not is taken away all the same.
const PATIENCE: Duration = Duration::from_secs(3);

/// Arguments of `umount`.
#[derive(Debug, Args)]
pub struct UmountArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
}

pub fn run(args: &UmountArgs) -> Result<(), CliError> {
    let shown = args.mountpoint.display();
    let failed = |error| CliError::Mountpoint(format!("{shown}: {error}"));
    match inspect_within(&args.mountpoint, PATIENCE).map_err(failed)? {
        None => detach_unanswering(&args.mountpoint).map_err(failed),
        Some(MountState::Free) => Err(CliError::Mountpoint(format!("{shown}: nothing is mounted there"))),
        Some(MountState::Other) => Err(CliError::Mountpoint(format!(
            "{shown}: what is mounted there is not an astfs; use umount(8)"
        ))),
        Some(MountState::Astfs | MountState::Stale) => detach(&args.mountpoint).map_err(failed),
    }
}
