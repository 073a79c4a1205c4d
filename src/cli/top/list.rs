//! Lists of what a mount tells: columns, and the order by one of them.

use std::cmp::Ordering;
use std::time::Duration;

use super::reading::{Reading, Since};
use crate::tree::{FileStands, QueryStands, ServerStands, age_text};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// There is nothing to say.
    Usual,
    /// It is older than it is to be.
    Stale,
    /// It fails, or is away.
    Failing,
}

/// What stands in a column of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words; sorted by them.
    Words(String),
    /// A number, and how it is shown; the largest first. None is least.
    Number(Option<f64>, String),
    /// A word for how it stands; the worst first.
    State(Mood, String),
}

impl Cell {
    /// As it is shown. What a server said stays within its line.
    pub fn text(&self) -> String {
        let (Cell::Words(text) | Cell::Number(_, text) | Cell::State(_, text)) = self;
        text.replace(char::is_control, " ")
    }

    /// Whether it stands at the right of its column.
    pub fn is_number(&self) -> bool {
        matches!(self, Cell::Number(..))
    }

    /// Which of two in a column comes first.
    fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Words(one), Cell::Words(two)) => one.cmp(two),
            (Cell::Number(one, _), Cell::Number(two, _)) => {
                let least = |number: &Option<f64>| number.unwrap_or(f64::NEG_INFINITY);
                least(two).total_cmp(&least(one))
            }
            (Cell::State(one, _), Cell::State(two, _)) => two.cmp(one),
            // of one kind in each column
            _ => Ordering::Equal,
        }
    }
}

/// A row, and how what it tells of stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub cells: Vec<Cell>,
    pub mood: Mood,
}

/// Rows of the same columns.
#[derive(Debug, Clone)]
pub struct List {
    /// The titles of the columns. Where one is for words, it is the first or the last, or for a state.
    pub titles: &'static [&'static str],
    pub rows: Vec<Row>,
}

impl List {
    /// Puts the rows in the order of a column; those that are alike there stay as they are.
    pub fn sort(&mut self, column: usize) {
        self.rows.sort_by(|one, other| match (one.cells.get(column), other.cells.get(column)) {
            (Some(one), Some(other)) => one.order(other),
            _ => Ordering::Equal,
        });
    }
}

/// A list that is sorted by a column.
pub struct Sorted {
    /// What is on it.
    pub list: fn(&Reading, Since<'_>) -> List,
    /// The column at first.
    pub column: usize,
}

/// The lists that are sorted, in the order in which they are shown.
pub const SORTED: [Sorted; 3] = [
    Sorted { list: queries, column: 1 },
    Sorted { list: files, column: 4 },
    Sorted { list: questions, column: 4 },
];

/// The servers.
pub fn servers(now: &Reading, since: Since<'_>) -> List {
    let titles = &[
        "SERVER",
        "STATE",
        "SINCE",
        "SESSIONS",
        "IN FLIGHT",
        "WAITING",
        "ACTIONS",
        "ACTIONS/S",
        "EVENTS",
        "EVENTS/S",
        "SAID",
    ];
    let row = |server: &ServerStands| {
        let rate = |of: fn(&ServerStands) -> u64| {
            since.rate(of(server) as f64, |before| {
                let mut servers = before.stands.servers.iter();
                servers.find(|before| before.name == server.name).map(|before| of(before) as f64)
            })
        };
        let (mood, state) = if server.up { (Mood::Usual, "up") } else { (Mood::Failing, "away") };
        let name = if server.name.is_empty() { "-" } else { &server.name };
        let cells = vec![
            Cell::Words(name.to_owned()),
            Cell::State(mood, state.to_owned()),
            time(Some(server.since)),
            count(server.sessions),
            count(server.in_flight as u64),
            count(server.waiting as u64),
            count(server.actions),
            number(rate(|server| server.actions)),
            count(server.events),
            number(rate(|server| server.events)),
            Cell::Words(server.description.clone()),
        ];
        Row { cells, mood }
    };
    List { titles, rows: now.stands.servers.iter().map(row).collect() }
}

/// The queries that were asked, the oldest answers first.
fn queries(now: &Reading, _: Since<'_>) -> List {
    let titles = &["QUERY", "STATE", "AGE", "ANSWERS", "FAILURES", "STALE", "FAILING", "ERROR"];
    let row = |query: &QueryStands| {
        let mood = match (query.failing, query.overdue) {
            (1.., _) => Mood::Failing,
            (_, 1..) => Mood::Stale,
            _ => Mood::Usual,
        };
        let cells = vec![
            Cell::Words(query.name.clone()),
            Cell::State(mood, query.state.clone()),
            time(query.age),
            count(query.asked),
            count(query.failures),
            count(query.overdue as u64),
            count(query.failing as u64),
            Cell::Words(query.error.clone().unwrap_or_default()),
        ];
        Row { cells, mood }
    };
    let mut list = List { titles, rows: asked(now).map(row).collect() };
    list.sort(2);
    list
}

/// The files and links that were used, those that were used most first.
fn files(now: &Reading, since: Since<'_>) -> List {
    let titles = &["FILE", "LOOKUPS", "READS", "RENDERS", "USES/S"];
    let all = |file: &FileStands| (file.lookups + file.reads + file.renders) as f64;
    let row = |file: &FileStands| {
        let before = |before: &Reading| before.stands.files.iter().find(|one| one.path == file.path).map(all);
        let cells = vec![
            Cell::Words(file.path.clone()),
            count(file.lookups),
            count(file.reads),
            count(file.renders),
            number(since.rate(all(file), before)),
        ];
        Row { cells, mood: Mood::Usual }
    };
    let mut files: Vec<_> = now.stands.files.iter().collect();
    files.sort_by(|one, other| all(other).total_cmp(&all(one)));
    List { titles, rows: files.into_iter().map(row).collect() }
}

/// The same queries, by how long their questions take.
fn questions(now: &Reading, since: Since<'_>) -> List {
    let titles = &["QUESTION", "ANSWERS", "ANSWERS/S", "MEAN", "LONGEST", "TOGETHER"];
    let row = |query: &QueryStands| {
        let asked = |query: &QueryStands| query.asked as f64;
        let before =
            |before: &Reading| before.stands.queries.iter().find(|one| one.name == query.name).map(asked);
        let cells = vec![
            Cell::Words(query.name.clone()),
            count(query.asked),
            number(since.rate(asked(query), before)),
            duration(query.mean),
            duration(query.longest),
            duration(query.mean.map(|mean| mean * asked(query))),
        ];
        Row { cells, mood: Mood::Usual }
    };
    List { titles, rows: asked(now).map(row).collect() }
}

fn asked(now: &Reading) -> impl Iterator<Item = &QueryStands> {
    now.stands.queries.iter().filter(|query| query.asked > 0)
}

fn count(count: u64) -> Cell {
    Cell::Number(Some(count as f64), count.to_string())
}

/// A number for people; none is a dash.
fn number(number: Option<f64>) -> Cell {
    Cell::Number(number, number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}")))
}

fn time(seconds: Option<f64>) -> Cell {
    let text = |seconds: f64| age_text(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    Cell::Number(seconds, seconds.map_or_else(|| "-".to_owned(), text))
}

/// A time that is mostly shorter than a second.
fn duration(seconds: Option<f64>) -> Cell {
    match seconds {
        Some(seconds) if seconds < 1.0 => Cell::Number(Some(seconds), format!("{:.1}ms", seconds * 1e3)),
        seconds => time(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_the_worst_and_the_first_word_come_first_and_nothing_comes_last() {
        let row = |word: &str, state, value: Option<f64>| Row {
            cells: vec![Cell::Words(word.into()), Cell::State(state, String::new()), number(value)],
            mood: state,
        };
        let rows = vec![
            row("b", Mood::Usual, Some(2.0)),
            row("a", Mood::Stale, None),
            row("c", Mood::Failing, Some(10.0)),
            row("d", Mood::Usual, Some(2.0)),
        ];
        let sorted = |column| {
            let mut list = List { titles: &["WORD", "STATE", "NUMBER"], rows: rows.clone() };
            list.sort(column);
            list.rows.iter().map(|row| row.cells[0].text()).collect::<String>()
        };
        assert_eq!([sorted(0), sorted(1), sorted(2)], ["abcd", "cabd", "cbda"]);
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_fits() {
        let texts =
            [None, Some(0.0004), Some(0.25), Some(1.5), Some(200.0)].map(|time| duration(time).text());
        assert_eq!(texts, ["-", "0.4ms", "250.0ms", "1.5s", "3m20s"]);
    }
}
