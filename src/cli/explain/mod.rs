//! `astfs explain`: why a path is what it is or is not there, and what a finding means.

mod absence;
mod codes;
mod explanation;
mod look;
mod mounted;
mod reading;
mod standing;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use self::explanation::Explanation;
use self::look::{Ground, Look};
use self::mounted::Mounted;
use super::check::Format;
use super::{CliError, Exit, ServerSelection, TreeSelection, open};
use crate::query::QueryError;
use crate::tree::TreeError;

const AFTER_HELP: &str = "\
Examples:
  astfs explain /mnt/users/sipfriends/6001/contexts      a path in a mount; the mount is asked
  astfs explain trees/asterisk.toml users/sipfriends/6001
  astfs explain --format json /mnt/users | jq -r '.queries[] | [.name, .state] | @tsv'
  astfs explain unknown-query

Exit status: 0 explained, 1 the path does not exist, 2 wrong usage, 3 mistakes in the tree file,
4 the server cannot be asked.";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// A path in a mount; or a tree file, with a path in it; or the code of a finding, as in
    /// `error[unknown-query]`. Without it, all codes are listed
    #[arg(value_name = "PATH|TREE|CODE")]
    what: Option<PathBuf>,
    /// A path below the mount point of the tree
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    #[command(flatten)]
    server: ServerSelection,
    /// How a path is explained
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &ExplainArgs) -> Result<(), CliError> {
    match (&args.what, &args.path) {
        (Some(tree), Some(path)) => in_tree(args, tree, path),
        (Some(path), None) if is_path(path) => in_mount(args, path),
        (what, _) => {
            let text = codes::text(what.as_ref().map(|code| code.to_string_lossy()).as_deref())?;
            Ok(std::io::stdout().write_all(text.as_bytes())?)
        }
    }
}

/// Whether a lone argument is a path: a code is one word.
fn is_path(given: &Path) -> bool {
    given.components().count() > 1 || given.is_absolute() || given.symlink_metadata().is_ok()
}

fn in_tree(args: &ExplainArgs, tree: &Path, path: &Path) -> Result<(), CliError> {
    let selection = TreeSelection { tree: tree.to_owned(), server: args.server.clone() };
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let opened = open::open(&selection, None)?;
        let explained = Look::new(&opened.tree, Ground::Server).explain(path).await;
        tell(args, path, explained)
    })
}

fn in_mount(args: &ExplainArgs, path: &Path) -> Result<(), CliError> {
    let (mounted, below) = Mounted::around(path)?;
    let templates = args.server.templates.clone().or(mounted.templates.clone());
    let server = ServerSelection { templates, ..ServerSelection::default() };
    let model = open::model(&mounted.tree, &server)?;
    let tree = mounted::offline(model);
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let (explanation, error) = Look::new(&tree, Ground::Mount(&mounted)).explain(&below).await;
        tell(args, path, (explanation, None)).map_err(|told| match error {
            // the explanation has told why; the mount knows whether it is the server
            Some(_) if mounted.lacks_server(&below) => CliError::Told(Exit::Server as u8),
            _ => told,
        })
    })
}

fn tell(
    args: &ExplainArgs,
    path: &Path,
    (explanation, error): (Explanation, Option<QueryError>),
) -> Result<(), CliError> {
    let mut output = std::io::stdout();
    match args.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut output, &explanation).map_err(std::io::Error::from)?;
            output.write_all(b"\n")?;
        }
        Format::Text => output.write_all(&text::text(&explanation))?,
    }
    match error {
        Some(error) => {
            Err(CliError::Tree { path: path.display().to_string(), error: TreeError::Query(error) })
        }
        None if explanation.missing.is_some() => Err(CliError::Told(1)),
        None => Ok(()),
    }
}
