//! `astfs status`: how a mount stands, for people and for scripts.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::check::Format;
use super::running::Running;
use super::{CliError, Exit, terminal};
use crate::query::Bounds;
use crate::tree::{QueryStands, ServerStands, Stands, age_text};

const AFTER_HELP: &str = "\
Queries are listed that fail, or of which answers are in use that are not fresh for another reason than their age;
with --all, each. SINCE, AGE: in seconds, minutes or hours. Nothing is asked of a server.

Exit status: 0 all is well, 1 something is stale or fails, or a server is away, 2 wrong usage, 6 no astfs is
mounted there.";

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct StatusArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
    /// List every query
    #[arg(short, long)]
    all: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &StatusArgs) -> Result<(), CliError> {
    let mount = Running::at(&args.mountpoint)?;
    let (stands, told) = mount.stands()?;
    let text = match args.format {
        Format::Json => told,
        Format::Text => text(&stands, args.all),
    };
    std::io::stdout().write_all(&terminal::harmless(text.as_bytes()))?;
    if stands.well { Ok(()) } else { Err(CliError::Told(Exit::Failed as u8)) }
}

fn text(stands: &Stands, all: bool) -> String {
    let asked = stands.queries.iter().filter(|query| query.questions > 0).count();
    let count = |of: fn(&QueryStands) -> bool| stands.queries.iter().filter(|query| of(query)).count();
    let (stale, failing) = (count(|query| query.overdue > 0), count(|query| query.failing > 0));
    let mut text = format!(
        "astfs    {}, process {}\ntree     {}\nqueries  {} asked, {stale} stale, {failing} failing, of {}\n",
        stands.version,
        stands.process,
        stands.tree,
        asked,
        stands.queries.len()
    );
    let Bounds { events_lost, templates_stopped, event_logs_rotated, event_log_lines_lost } = stands.bounds;
    let bounds = [
        (events_lost, "events not looked at"),
        (templates_stopped, "templates stopped"),
        (event_log_lines_lost, "lines of event logs lost"),
        (event_logs_rotated, "event logs rotated"),
    ];
    let hit = bounds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let hit: Vec<String> = hit.collect();
    text +=
        &format!("bounds   {}\n", if hit.is_empty() { "none reached".to_owned() } else { hit.join(", ") });
    text += "\n";
    text += &columns(
        ["SERVER", "STATE", "SINCE", "SESSIONS", "IN FLIGHT", "WAITING", "ACTIONS", "EVENTS", "SAID"],
        stands.servers.iter().map(server),
    );
    let listed = |query: &&QueryStands| all || query.overdue > 0 || query.failing > 0;
    let mut listed = stands.queries.iter().filter(listed).peekable();
    if listed.peek().is_some() {
        text += "\n";
        let titles = ["QUERY", "STATE", "AGE", "STALE", "FAILING", "ANSWERS", "FAILURES", "ERROR"];
        text += &columns(titles, listed.map(query));
    }
    text
}

fn server(server: &ServerStands) -> [String; 9] {
    [
        if server.name.is_empty() { "-".to_owned() } else { server.name.clone() },
        if server.up { "up" } else { "away" }.to_owned(),
        time(server.since),
        server.sessions.to_string(),
        server.in_flight.to_string(),
        server.waiting.to_string(),
        server.actions.to_string(),
        server.events.to_string(),
        server.description.clone(),
    ]
}

fn query(query: &QueryStands) -> [String; 8] {
    [
        query.name.clone(),
        query.state.clone(),
        query.age.map_or_else(|| "-".to_owned(), time),
        query.overdue.to_string(),
        query.failing.to_string(),
        query.asked.to_string(),
        query.failures.to_string(),
        query.error.clone().unwrap_or_default(),
    ]
}

fn time(seconds: f64) -> String {
    age_text(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Lines of as many columns, each as wide as its widest cell; what a server said stays within its line.
fn columns<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let one_line = |cell: String| cell.replace(char::is_control, " ");
    let mut all = vec![titles.map(str::to_owned)];
    all.extend(rows.map(|row| row.map(one_line)));
    let widths: Vec<usize> =
        (0..N).map(|index| all.iter().map(|row| row[index].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_cell_leaves_its_line() {
        let rows = [["a", "1"], ["longer\nand\u{1b}[31m", "22"]].map(|row| row.map(str::to_owned));
        let told = columns(["NAME", "N"], rows.into_iter());
        assert_eq!(told, "NAME             N\na                1\nlonger and [31m  22\n");
    }
}
