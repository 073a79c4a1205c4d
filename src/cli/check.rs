//! `astfs check`: every mistake of a tree file.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::language::{LoadOptions, Severity, load};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The tree file
    tree: PathBuf,
    /// The folder of template files
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let options = LoadOptions { templates: args.templates.clone() };
    let loaded =
        load(&args.tree, &options).map_err(|error| CliError::File { path: args.tree.clone(), error })?;
    let (model, report) = loaded;
    eprint!("{}", report.render(std::io::stderr().is_terminal()));
    let errors = report.count(Severity::Error);
    let warnings = report.count(Severity::Warning);
    let found = match (errors, warnings) {
        (0, 0) => "no mistakes".to_owned(),
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    let path = args.tree.display();
    match model {
        Some(model) => {
            println!(
                "{path}: {} and {}, {found}",
                counted(model.entries.len(), "entry"),
                counted(model.queries.len(), "query")
            );
            Ok(())
        }
        None => {
            eprintln!("{path}: {found}");
            Err(CliError::Mistakes)
        }
    }
}

/// A number of things: `1 entry`, `2 entries`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {what}s"),
    }
}
