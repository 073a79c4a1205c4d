//! `astfs test`: what a tree shows, compared with what a test file expects.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use similar::{ChangeTag, TextDiff};

use super::check::counted;
use super::color::Color;
use super::progress::Progress;
use super::{CliError, logging};
use crate::language::{LoadOptions, Model, Reader, load};
use crate::testing::{Blessing, Case, Failure, TestFile, bless, run as run_case};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Test files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Write what is seen into the files, in place of what was expected
    #[arg(long)]
    bless: bool,
}

/// What came of the tests.
#[derive(Default)]
struct Tally {
    cases: usize,
    expectations: usize,
    failures: usize,
    blessed: usize,
    /// Whether a file has mistakes, or its tree has.
    mistaken: bool,
}

/// Runs the tests; with `verbose`, each case is told.
pub fn run(args: &TestArgs, verbose: bool) -> Result<(), CliError> {
    let mut tally = Tally::default();
    let mut output = std::io::stdout();
    let colours = Colours { on: output.is_terminal() };
    let progress = Progress::start("testing");
    for path in &args.files {
        test_file(path, args, verbose, colours, &progress, &mut tally, &mut output)?;
    }
    progress.end();
    let counts = format!("{}, {}", counted(tally.cases, "case"), counted(tally.expectations, "expectation"));
    if tally.mistaken {
        writeln!(output, "{counts}: not all could be tested")?;
        return Err(CliError::Mistakes);
    }
    if tally.cases == 0 {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(CliError::Arguments(format!("there is no case with `{filter}` in its name")));
    }
    if tally.blessed > 0 {
        writeln!(output, "{counts}: {} rewritten to what was seen", tally.blessed)?;
    }
    match tally.failures {
        0 if tally.blessed > 0 => Ok(()),
        0 => Ok(writeln!(output, "{counts}: all as expected")?),
        failures => {
            writeln!(output, "{counts}: {failures} not as expected")?;
            Err(CliError::Told(1))
        }
    }
}

fn test_file(
    path: &Path,
    args: &TestArgs,
    verbose: bool,
    colours: Colours,
    progress: &Progress,
    tally: &mut Tally,
    output: &mut impl Write,
) -> Result<(), CliError> {
    let failed = |error| CliError::File { path: path.to_owned(), error };
    let (file, report) = TestFile::load(path).map_err(failed)?;
    progress.aside(|| logging::tell(report.render(Color::Auto.on_stderr())));
    let Some(file) = file else {
        tally.mistaken = true;
        return Ok(());
    };
    let mut blessings = Vec::new();
    let is_wanted = |case: &Case| args.filter.as_ref().is_none_or(|filter| case.name.contains(filter));
    let cases: Vec<_> = file.cases.iter().enumerate().filter(|(_, case)| is_wanted(case)).collect();
    progress.found(cases.len());
    for (index, case) in cases {
        let Some(model) = progress.aside(|| model(&file, case))? else {
            tally.mistaken = true;
            continue;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut failures = runtime.block_on(run_case(case, model));
        if args.bless {
            failures.retain_mut(|(step, failure)| match failure.seen.take() {
                Some(seen) => {
                    let path = failure.path.clone();
                    blessings.push(Blessing { case: index, step: *step, path, seen });
                    false
                }
                None => true,
            });
        }
        tally.cases += 1;
        tally.expectations += case.expectations();
        tally.failures += failures.len();
        progress.done(1);
        progress.aside(|| {
            if verbose || !failures.is_empty() {
                let verdict = if failures.is_empty() { colours.good("ok") } else { colours.bad("FAILED") };
                writeln!(output, "{}: {} ... {verdict}", path.display(), case.name)?;
            }
            failures.iter().try_for_each(|(_, failure)| show(output, &file, failure, colours))
        })?;
    }
    if !blessings.is_empty() {
        let (text, count) = bless(file.source.text(), &blessings)
            .map_err(|error| CliError::Arguments(format!("{}: {error}", path.display())))?;
        std::fs::write(path, text).map_err(failed)?;
        tally.blessed += count;
    }
    Ok(())
}

/// The case's tree, with what stands in for its server; none if that has mistakes, which are printed.
fn model(file: &TestFile, case: &Case) -> Result<Option<Model>, CliError> {
    let options = LoadOptions { templates: file.templates.clone(), only: None, allow_exec: true };
    let failed = |error| CliError::File { path: file.tree.clone(), error };
    let (model, report) = load(&file.tree, &options).map_err(failed)?;
    let styled = Color::Auto.on_stderr();
    let Some(mut model) = model else {
        logging::tell(report.render(styled));
        return Ok(None);
    };
    let mut reader = Reader::new(std::sync::Arc::clone(&file.source));
    case.answer_in_place(&mut model, &mut reader);
    logging::tell(reader.report.render(styled));
    Ok((!reader.report.has_errors()).then_some(model))
}

fn show(
    output: &mut impl Write,
    file: &TestFile,
    failure: &Failure,
    colours: Colours,
) -> Result<(), CliError> {
    let (line, _) = file.source.position(failure.span.start);
    writeln!(output, "  {}:{line}: `{}` {}", file.source.path().display(), failure.path, failure.message)?;
    let Some((expected, seen)) = &failure.difference else { return Ok(()) };
    writeln!(output, "{}\n{}", colours.bad("--- expected"), colours.good("+++ seen"))?;
    let difference = TextDiff::from_lines(expected, seen);
    for hunk in difference.unified_diff().context_radius(CONTEXT).iter_hunks() {
        writeln!(output, "{}", hunk.header())?;
        for change in hunk.iter_changes() {
            let line = change.value();
            let end = if change.missing_newline() { "\n\\ no line end\n" } else { "" };
            let (line, cut) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            let line = match change.tag() {
                ChangeTag::Delete => colours.bad(&format!("-{line}")),
                ChangeTag::Insert => colours.good(&format!("+{line}")),
                ChangeTag::Equal => format!(" {line}"),
            };
            write!(output, "{line}{cut}{end}")?;
        }
    }
    Ok(())
}

/// Colours, on a terminal.
#[derive(Clone, Copy)]
struct Colours {
    on: bool,
}

impl Colours {
    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
