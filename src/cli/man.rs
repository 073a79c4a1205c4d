//! `astfs man`: the manual pages, made from the same words as `--help`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::{Cli, CliError};

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
To read it at once:  astfs man | man -l -
To install all:      astfs man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for astfs and one for each command into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &ManArgs) -> Result<(), CliError> {
    match &args.out {
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page)?;
            std::io::stdout().write_all(&page)?;
        }
        Some(folder) => {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
            written.map_err(|error| CliError::File { path: folder.clone(), error })?;
        }
    }
    Ok(())
}
