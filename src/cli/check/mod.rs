//! `astfs check`: every mistake of tree files, and what a server answers of one.

mod live;
mod looking;
mod rights;
mod told;
mod user;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};

pub(super) use live::{Live, ask};

use super::color::Color;
use super::{CliError, ServerSelection, logging, open};
use crate::language::{LoadOptions, Model, Report, Severity, load};

const AFTER_HELP: &str = "\
Examples:
  astfs check trees/asterisk.toml
  astfs check --deny-warnings trees/*.toml
  astfs check --format json tree.toml | jq -r '.findings[] | [.file, .line, .code] | @tsv'
  astfs check --live trees/asterisk.toml           what does this tree get of its server?

Findings go to standard error, with --format json to standard output. `astfs explain CODE` tells
more of one. Without --live nothing is asked of a server. Nothing is written, and no control file's
action is done.

Exit status: 0 no errors (with --deny-warnings: nothing found), 1 a tree file cannot be read, or with
--live something in the tree cannot be answered, 2 wrong usage, 3 mistakes, 4 the server cannot be
asked.";

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    /// The tree files
    #[arg(value_name = "TREE", required = true)]
    trees: Vec<PathBuf>,
    /// Ask the tree's server too: what can it answer, and which manager user is enough?
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    server: ServerSelection,
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
    /// The last tree's.
    model: Option<Model>,
}

impl Checked {
    fn add(&mut self, tree: &Path, options: &LoadOptions) {
        match load(tree, options) {
            Ok((model, report)) => {
                self.report.extend(report);
                self.entries += model.as_ref().map_or(0, |model| model.entries.len());
                self.queries += model.as_ref().map_or(0, Model::declared_queries);
                self.model = model;
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

/// What is wrong with arguments that can each be given. What stands in the environment is for other commands too.
pub fn misuse(given: &ArgMatches) -> Option<String> {
    let is_typed = |name: &&str| given.value_source(name) == Some(ValueSource::CommandLine);
    if !given.get_flag("live") {
        let asked = ["server", "user", "secret_file"].into_iter().find(is_typed)?;
        return Some(format!("--{} is of use only with --live", asked.replace('_', "-")));
    }
    let trees = given.get_many::<PathBuf>("trees").map_or(0, |trees| trees.len());
    (trees > 1).then(|| "--live asks one server for one tree; name one".into())
}

pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let options = LoadOptions { allow_exec: args.server.allow_exec, ..args.server.load_options() };
    let mut checked = Checked::default();
    for tree in &args.trees {
        checked.add(tree, &options);
    }
    let report = &checked.report;
    let found = !report.diagnostics().is_empty();
    let failed = match () {
        () if checked.unreadable => Some(CliError::Told(1)),
        () if report.has_errors() || (args.deny_warnings && found) => Some(CliError::Mistakes),
        () => None,
    };
    let mut output = std::io::stdout();
    if found && matches!(args.format, Format::Text) {
        let summary = checked.summary(&args.trees);
        logging::tell(format_args!("{}{summary}\n", report.render(args.color.on_stderr())));
    } else if matches!(args.format, Format::Text) {
        writeln!(output, "{}", checked.summary(&args.trees))?;
    }
    let mut json = report.to_json();
    let live = match checked.model.take() {
        Some(model) if args.live && failed.is_none() => {
            Some(open::runtime()?.block_on(live::ask(model, &args.server)))
        }
        _ => None,
    };
    let live = live.transpose()?;
    match (args.format, &live) {
        (Format::Text, Some(live)) => output.write_all(told::text(live).as_bytes())?,
        (Format::Text, None) => {}
        (Format::Json, live) => {
            if let Some(live) = live {
                json["live"] = serde_json::to_value(live).map_err(std::io::Error::from)?;
            }
            serde_json::to_writer_pretty(&mut output, &json).map_err(std::io::Error::from)?;
            output.write_all(b"\n")?;
        }
    }
    let live_fails = live.is_some_and(|live| live.fails());
    failed.or(live_fails.then_some(CliError::Told(1))).map_or(Ok(()), Err)
}

/// A number of things: `1 entry`, `2 entries`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {what}s"),
    }
}
