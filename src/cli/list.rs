//! `astfs ls`: a directory's names, without a mount.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, TreeSelection, open, terminal};
use crate::parse::text;
use crate::tree::{Kind, Node, Tree, TreeError};

/// Arguments of `ls`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// A path below the mount point
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Show permissions, owner, size and where links lead
    #[arg(short, long)]
    long: bool,
}

pub fn run(args: &ListArgs) -> Result<(), CliError> {
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let opened = open::open(&args.selection, None)?;
        let failed = |error| CliError::Tree { path: args.path.display().to_string(), error };
        let directory = opened.tree.resolve(&args.path).await.map_err(failed)?;
        let mut output = Vec::new();
        if opened.tree.kind(&directory) == Kind::Directory {
            for (name, listed) in opened.tree.list(&directory).await.map_err(failed)?.iter() {
                let node = Tree::listed(&directory, name, listed);
                line(&opened.tree, &node, name, args.long, &mut output).await?;
            }
        } else {
            line(&opened.tree, &directory, &args.path.to_string_lossy(), args.long, &mut output).await?;
        }
        Ok(terminal::print(&output)?)
    })
}

async fn line(
    tree: &Tree,
    node: &Node,
    name: &str,
    long: bool,
    output: &mut Vec<u8>,
) -> Result<(), CliError> {
    let kind = tree.kind(node);
    let mark = if kind == Kind::Directory { "/" } else { "" };
    if !long {
        output.extend_from_slice(&text::encode(&format!("{name}{mark}\n")));
        return Ok(());
    }
    let attributes = tree.attributes(node);
    let letter = match kind {
        Kind::Directory => 'd',
        Kind::File => '-',
        Kind::Link => 'l',
    };
    let owner = |id: Option<u32>, own: u32| id.unwrap_or(own);
    let (size, target) = match kind {
        Kind::Directory => ("-".to_owned(), String::new()),
        _ => match tree.content(node).await {
            Ok(rendered) if kind == Kind::Link => {
                (rendered.bytes.len().to_string(), format!(" -> {}", text::decode(&rendered.bytes)))
            }
            Ok(rendered) => (rendered.bytes.len().to_string(), String::new()),
            Err(TreeError::NotFound) => return Ok(()), // gone meanwhile
            Err(error) => ("?".to_owned(), format!("  ({error})")),
        },
    };
    let line = format!(
        "{letter}{} {:>5} {:>5} {size:>8} {name}{mark}{target}\n",
        permissions(attributes.mode.unwrap_or_default()),
        owner(attributes.uid, nix::unistd::geteuid().as_raw()),
        owner(attributes.gid, nix::unistd::getegid().as_raw()),
    );
    output.extend_from_slice(&text::encode(&line));
    Ok(())
}

fn permissions(mode: u16) -> String {
    (0..9).map(|bit| if mode & (0o400 >> bit) != 0 { ['r', 'w', 'x'][bit % 3] } else { '-' }).collect()
}
