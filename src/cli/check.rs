//! `astfs check`: every mistake of tree files.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::CliError;
use super::color::Color;
use crate::language::{LoadOptions, Report, Severity, load};

const AFTER_HELP: &str = "\
Examples:
  astfs check trees/asterisk.toml
  astfs check --deny-warnings trees/*.toml
  astfs check --format json tree.toml | jq -r '.findings[] | [.file, .line, .code] | @tsv'

Findings go to standard error, with --format json to standard output. `astfs explain CODE` tells
more of one. Nothing is asked of a server, and nothing is written.

Exit status: 0 no errors (with --deny-warnings: nothing found), 1 a tree file cannot be read,
2 wrong usage, 3 mistakes.";

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    /// The tree files
    #[arg(value_name = "TREE", required = true)]
    trees: Vec<PathBuf>,
    /// The folder of template files
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Let warnings fail as errors do
    #[arg(long)]
    deny_warnings: bool,
    /// When to print in colour
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: one JSON document
    Json,
}

/// What was checked.
#[derive(Default)]
struct Checked {
    report: Report,
    entries: usize,
    queries: usize,
    unreadable: bool,
}

impl Checked {
    fn add(&mut self, tree: &Path, options: &LoadOptions) {
        match load(tree, options) {
            Ok((model, report)) => {
                self.report.extend(report);
                self.entries += model.as_ref().map_or(0, |model| model.entries.len());
                self.queries += model.as_ref().map_or(0, |model| model.queries.len());
            }
            Err(error) => {
                self.unreadable = true;
                self.report.extend(Report::unreadable(tree, &error));
            }
        }
    }

    /// The last line: what was found, or else what there is.
    fn summary(&self, trees: &[PathBuf]) -> String {
        let counts = [(Severity::Error, "error"), (Severity::Warning, "warning")];
        let counts = counts.map(|(severity, word)| (self.report.count(severity), word));
        let found = counts.iter().filter(|(count, _)| *count > 0);
        let found: Vec<_> = found.map(|(count, word)| counted(*count, word)).collect();
        if !found.is_empty() {
            return format!("{} in {}", found.join(", "), counted(self.report.files_with_findings(), "file"));
        }
        let what = match trees {
            [tree] => tree.display().to_string(),
            trees => counted(trees.len(), "tree"),
        };
        let (entries, queries) = (counted(self.entries, "entry"), counted(self.queries, "query"));
        format!("{what}: {entries} and {queries}, no mistakes")
    }
}

pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let options = LoadOptions { templates: args.templates.clone() };
    let mut checked = Checked::default();
    for tree in &args.trees {
        checked.add(tree, &options);
    }
    let report = &checked.report;
    let found = !report.diagnostics().is_empty();
    match args.format {
        Format::Json => {
            let mut output = std::io::stdout();
            serde_json::to_writer_pretty(&mut output, &report.to_json()).map_err(std::io::Error::from)?;
            output.write_all(b"\n")?;
        }
        Format::Text if found => {
            eprintln!("{}{}", report.render(args.color.on_stderr()), checked.summary(&args.trees));
        }
        Format::Text => writeln!(std::io::stdout(), "{}", checked.summary(&args.trees))?,
    }
    match () {
        () if checked.unreadable => Err(CliError::Told(1)),
        () if report.has_errors() || (args.deny_warnings && found) => Err(CliError::Mistakes),
        () => Ok(()),
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
