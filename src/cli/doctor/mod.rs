//! `astfs doctor`: what keeps a tree from being mounted and shown here, and what is to be done about it.

mod machine;
mod server;
mod tree;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::check::Format;
use super::{CliError, Exit, ServerSelection};

const AFTER_HELP: &str = "\
Examples:
  astfs doctor                                  can this machine mount a tree?
  astfs doctor /etc/astfs/pbx.toml /mnt/pbx     and this one, of its server, there?
  astfs doctor --format json tree.toml | jq -r '.findings[] | select(.state != \"ok\") | .remedy'

Nothing is mounted, changed or written. With a tree, its server is asked what `check --live` asks: each
query once, and no control file's action.

Exit status: 0 nothing fails (warnings may be there), 1 something fails, 2 wrong usage, 3 mistakes in the
tree file, 4 the server cannot be asked.";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DoctorArgs {
    /// The tree file that is to be mounted
    #[arg(value_name = "TREE")]
    tree: Option<PathBuf>,
    /// Where it is to be mounted
    #[arg(value_name = "DIR")]
    mountpoint: Option<PathBuf>,
    #[command(flatten)]
    server: ServerSelection,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and how it stands.
#[derive(Debug, Serialize)]
struct Finding {
    subject: String,
    state: State,
    told: String,
    /// What is to be done, unless all is well.
    remedy: Option<String>,
}

/// All findings, and the status that they end with.
#[derive(Default, Serialize)]
struct Findings {
    findings: Vec<Finding>,
    #[serde(skip)]
    exit: Option<Exit>,
}

impl Findings {
    fn ok(&mut self, subject: &str, told: impl Display) {
        self.add(subject, State::Ok, told, None);
    }

    fn warn(&mut self, subject: &str, told: impl Display, remedy: impl Display) {
        self.add(subject, State::Warn, told, Some(remedy.to_string()));
    }

    fn fail(&mut self, subject: &str, told: impl Display, remedy: impl Display) {
        self.fail_as(Exit::Failed, subject, told, remedy);
    }

    /// A failure with a status of its own, which goes before that of others.
    fn fail_as(&mut self, exit: Exit, subject: &str, told: impl Display, remedy: impl Display) {
        if self.exit.is_none_or(|before| before == Exit::Failed) {
            self.exit = Some(exit);
        }
        self.add(subject, State::Fail, told, Some(remedy.to_string()));
    }

    fn add(&mut self, subject: &str, state: State, told: impl Display, remedy: Option<String>) {
        let (subject, told) = (subject.to_owned(), one_line(&told.to_string()));
        self.findings.push(Finding { subject, state, told, remedy });
    }

    /// One line for each.
    fn text(&self) -> String {
        let width = self.findings.iter().map(|one| one.subject.chars().count()).max().unwrap_or_default();
        let line = |one: &Finding| {
            let state = match one.state {
                State::Ok => "ok",
                State::Warn => "warn",
                State::Fail => "fail",
            };
            let remedy = one.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
            format!("{state:4}  {:width$}  {}{remedy}\n", one.subject, one.told)
        };
        self.findings.iter().map(line).collect()
    }
}

/// What a server or the system said may go over several lines, and steer a terminal.
fn one_line(text: &str) -> String {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    line.replace(|character: char| character.is_control(), "?")
}

/// A path as one word of a shell, for a command that is to be carried out as it is told.
fn word(path: &Path) -> String {
    let path = path.to_string_lossy();
    match path.chars().all(|character| character.is_alphanumeric() || "/._-+:,@%".contains(character)) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

pub fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let mut findings = Findings::default();
    machine::look(&mut findings);
    if let Some(mountpoint) = &args.mountpoint {
        machine::look_at(mountpoint, &mut findings);
    }
    if let Some(path) = &args.tree
        && let Some(model) = tree::look(path, &args.server, &mut findings)
    {
        server::look(path, model, &args.server, &mut findings)?;
    }
    let mut output = std::io::stdout();
    match args.format {
        Format::Text => output.write_all(findings.text().as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut output, &findings).map_err(std::io::Error::from)?;
            output.write_all(b"\n")?;
        }
    }
    findings.exit.map_or(Ok(()), |exit| Err(CliError::Told(exit as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(word(Path::new("/mnt/pbx-1.a")), "/mnt/pbx-1.a");
        assert_eq!(word(Path::new("/mnt/a b's;$(x)")), r"'/mnt/a b'\''s;$(x)'");
    }

    #[test]
    fn each_finding_is_one_line_and_the_status_is_that_of_the_worst() {
        let mut findings = Findings::default();
        findings.ok("a", "is\nfine");
        findings.fail("bcd", "is \u{1b}[31mred", "paint it");
        findings.fail_as(Exit::Server, "e", "is gone", "call it");
        findings.fail("f", "is broken", "mend it");
        let told = "ok    a    is\nfail  bcd  is ?[31mred; paint it\nfail  e    is gone; call it\nfail  f    is broken; mend it\n";
        assert_eq!(findings.text(), told);
        assert_eq!(findings.exit, Some(Exit::Server));
    }
}
