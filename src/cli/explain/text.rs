//! An explanation for people: aligned lines.

use super::explanation::{Asking, Explanation, Line};
use crate::parse::text::encode;

/// So many of the entries below a directory are shown.
const BELOW: usize = 6;

/// The explanation, its control characters escaped: names and answers can hold anything.
pub fn text(explanation: &Explanation) -> Vec<u8> {
    let lines: Vec<(&str, String)> = lines(explanation);
    let width = lines.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let mut text: String =
        lines.iter().map(|(title, line)| format!("{title:<width$}  {}\n", plain(line))).collect();
    text.push_str(&queries(&explanation.queries, &explanation.tree));
    encode(&text).into_owned()
}

fn plain(line: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    line.chars().map(shown).collect()
}

fn at(line: &Line, tree: &str) -> String {
    match line.file == tree {
        true => format!("line {}", line.line),
        false => format!("{}:{}", line.file, line.line),
    }
}

fn lines(explained: &Explanation) -> Vec<(&'static str, String)> {
    let mut lines = vec![("path", explained.path.clone()), ("tree", explained.tree.clone())];
    let at = |line: &Line| at(line, &explained.tree);
    let name = match explained.kind {
        Some("control") => "control file".to_owned(),
        Some("status") => "what astfs tells of itself".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "not there".to_owned(),
    };
    let owner = |id: Option<u32>| id.map_or_else(|| "whoever mounts".to_owned(), |id| id.to_string());
    let rights = explained
        .mode
        .as_ref()
        .map(|mode| format!(", mode {mode}, owner {}, group {}", owner(explained.uid), owner(explained.gid)));
    lines.push(("is", name + &rights.unwrap_or_default()));
    if let Some(missing) = &explained.missing {
        lines.push(("missing", format!("`{}` in `{}`", missing.name, missing.directory)));
        for reason in &missing.reasons {
            let place = reason.declared.as_ref().map(|line| format!(" ({})", at(line)));
            lines.push(("why", format!("{}{}", reason.text, place.unwrap_or_default())));
        }
        if !missing.nearest.is_empty() {
            lines.push(("nearest", missing.nearest.join(", ")));
        }
    }
    if let Some(entry) = &explained.entry {
        lines.push(("entry", format!("{}  {}", at(entry), entry.text)));
    }
    for (index, below) in explained.parent_of.iter().take(BELOW).enumerate() {
        let title = if explained.exists { "parent of" } else { "there is" };
        let title = if index == 0 { title } else { "" };
        lines.push((title, format!("{}  {}", at(below), below.text)));
    }
    if explained.parent_of.len() > BELOW {
        lines.push(("", format!("and {} more", explained.parent_of.len() - BELOW)));
    }
    for record in &explained.variables {
        let key = record.key.as_ref().map_or_else(|| "not known".to_owned(), |key| format!("\"{key}\""));
        let mut line =
            format!("{{{}}} = `{}`, key {key}, {}", record.variable, record.name, at(&record.declared));
        for given in &record.given {
            line.push_str(match *given {
                "escaped" => "; escaped: the key holds what no file name can",
                "cut" => "; cut: the key is too long for a file name",
                _ => "; with a suffix: another has that name already",
            });
        }
        lines.push(("record", line));
    }
    lines.extend(explained.templates.iter().map(|file| ("template", file.clone())));
    if let Some(on_error) = explained.on_error {
        let does = match on_error {
            "stale" => "the last good content is shown for a while",
            "error" => "reading fails at once",
            _ => "the file is empty",
        };
        lines.push(("on_error", format!("{on_error}: {does}")));
    }
    if let Some(age) = explained.age {
        let stale = if explained.stale == Some(true) { "stale" } else { "fresh" };
        lines.push(("answers", format!("{stale}, the oldest {age:.1}s old")));
    }
    lines.extend(explained.error.iter().map(|error| ("error", error.clone())));
    lines
}

/// The queries as a table, indented by what reads what.
fn queries(queries: &[Asking], tree: &str) -> String {
    if queries.is_empty() {
        return String::new();
    }
    let titles = ["QUERY", "BY", "STATE", "AGE", "AT", "ASKS"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(titles).chain(queries.iter().map(|query| row(query, tree))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = "\n".to_owned();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match widths.get(column) {
            Some(width) => format!("{cell:<width$}  "),
            None => cell.clone(),
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

fn row(query: &Asking, tree: &str) -> [String; 6] {
    let asked = match (&query.answered, &query.questions[..]) {
        (Some(member), _) => format!("{member} answers"),
        (_, []) => String::new(),
        (_, [first]) => question(first),
        (_, [first, more @ ..]) => format!("{}, and {} more", question(first), more.len()),
    };
    // which query it is stands at the beginning of the line
    let own = format!("query `{}`: ", query.name);
    let error = query.error.as_ref().map(|error| error.strip_prefix(&own).unwrap_or(error).to_owned());
    let told = [Some(asked).filter(|asked| !asked.is_empty()), error];
    let asks = told.into_iter().flatten().collect::<Vec<_>>().join("; ");
    [
        format!("{}{}", "  ".repeat(query.depth), plain(&query.name)),
        query.by.to_owned(),
        query.state.clone().unwrap_or_else(|| "-".to_owned()),
        query.age.map_or_else(|| "-".to_owned(), |age| format!("{age:.1}s")),
        at(&query.declared, tree),
        plain(&asks),
    ]
}

/// A CLI command as it is typed, an action as its headers.
fn question(lines: &[(String, String)]) -> String {
    match lines {
        [(_, action), (header, command)] if action == "Command" && header == "Command" => command.clone(),
        lines => {
            let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            lines.join(", ")
        }
    }
}
