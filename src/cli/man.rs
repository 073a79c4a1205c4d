//! `astfs man`: the manual pages, made from the same words as `--help`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::mount_helper::{self, HelperArgs};
use super::{Cli, CliError};

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
To read it at once:  astfs man | man -l -
To install all:      astfs man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for astfs, one for each command and mount.astfs.8 into this folder, which is made if it is not
    /// there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &ManArgs) -> Result<(), CliError> {
    match &args.out {
        None => std::io::stdout().write_all(&page(Cli::command(), "1")?)?,
        Some(folder) => {
            let helper = page(HelperArgs::command(), "8")?;
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
                .and_then(|()| std::fs::write(folder.join(format!("{}.8", mount_helper::NAME)), helper));
            written.map_err(|error| CliError::File { path: folder.clone(), error })?;
        }
    }
    Ok(())
}

fn page(command: Command, section: &str) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).section(section).render(&mut page)?;
    Ok(page)
}
