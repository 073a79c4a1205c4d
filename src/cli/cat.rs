//! `astfs cat`: a file's bytes, without a mount.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{CliError, TreeSelection, open, terminal};
use crate::query::{Caller, Reads};
use crate::tree::{Kind, TreeError};

/// Arguments of `cat`.
#[derive(Debug, Args)]
pub struct CatArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// Paths below the mount point
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

pub fn run(args: &CatArgs) -> Result<(), CliError> {
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let opened = open::open(&args.selection, None)?;
        for path in &args.paths {
            let failed = |error| CliError::Tree { path: path.display().to_string(), error };
            let node = opened.tree.resolve(path).await.map_err(failed)?;
            if opened.tree.kind(&node) == Kind::Directory {
                return Err(failed(TreeError::IsADirectory));
            }
            let content = |reads: &Reads| opened.tree.content_now(&node, &reads.for_caller(Caller::own()));
            let rendered = opened.tree.settle(content).await.map_err(failed)?;
            terminal::print(&rendered.bytes)?;
        }
        std::io::stdout().flush()?;
        Ok(())
    })
}
