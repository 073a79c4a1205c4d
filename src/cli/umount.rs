//! `astfs umount`.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::fs::{MountState, detach, inspect};

/// Arguments of `umount`.
#[derive(Debug, Args)]
pub struct UmountArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
}

pub fn run(args: &UmountArgs) -> Result<(), CliError> {
    let shown = args.mountpoint.display();
    let state =
        inspect(&args.mountpoint).map_err(|error| CliError::Mountpoint(format!("{shown}: {error}")))?;
    match state {
        MountState::Free => Err(CliError::Mountpoint(format!("{shown}: nothing is mounted there"))),
        MountState::Other => Err(CliError::Mountpoint(format!(
            "{shown}: what is mounted there is not an astfs; use umount(8)"
        ))),
        MountState::Astfs | MountState::Stale => {
            detach(&args.mountpoint).map_err(|error| CliError::Mountpoint(format!("{shown}: {error}")))
        }
    }
}
