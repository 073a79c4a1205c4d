//! The figures as one table in Markdown, which is as readable on a terminal: a column for each server,
//! number of friends and build, counts before times. What misses its goal is marked.

use std::fmt::Write as _;

use crate::figures::{Column, Cost, Latency, Report};
use crate::goals::GOALS;

/// Stands where nothing was measured or counted.
const NOTHING: &str = "-";

struct Row {
    label: String,
    goal: String,
    cells: Vec<String>,
}

/// The table, and how many of its figures miss their goal.
pub fn table(report: &Report) -> (String, usize) {
    let columns = &report.columns;
    let mut failures = 0;
    let mut row = |label: &str, goal: String, cell: &dyn Fn(&Column) -> (String, bool)| {
        let judged = columns.iter().map(|column| match cell(column) {
            (text, true) => text,
            (text, false) => {
                failures += 1;
                format!("**✗ {text}**")
            }
        });
        Row { label: label.into(), goal, cells: judged.collect() }
    };
    let mut rows = vec![
        row("names / files", NOTHING.into(), &|column| {
            (format!("{} / {}", whole(column.names), whole(column.files)), true)
        }),
        row("populated: actions / time / beside one connection", populated_goal(), &|column| {
            let populated = &column.populated;
            let beside = populated.seconds / populated.one_connection_seconds;
            let text =
                format!("{} / {} / {beside:.1}×", count(populated.questions), seconds(populated.seconds));
            (text, GOALS.populated(column))
        }),
    ];
    let commands = columns.first().map_or(0, |column| column.commands.len());
    for number in 0..commands {
        let name = columns[0].commands[number].name;
        let goal = format!("0 / 0 / {}×", GOALS.warm_ratio);
        rows.push(row(&format!("{name}, warm"), goal, &|column| {
            let command = &column.commands[number];
            let cost = &command.warm;
            (cost_text(cost, command.floor_ratios[1]), GOALS.warm(column.friends, cost))
        }));
    }
    for number in 0..commands {
        let name = columns[0].commands[number].name;
        rows.push(row(&format!("{name}, cold"), format!("{}×", GOALS.cold_ratio), &|column| {
            let command = &column.commands[number];
            let cost = &command.cold;
            (cost_text(cost, command.floor_ratios[0]), GOALS.cold(column.friends, cost))
        }));
    }
    rows.push(row(
        "start and cold walk: actions / time / one connection / `-rx`",
        NOTHING.into(),
        &|column| {
            let fetch = &column.fetch;
            let console = fetch.console_seconds.map_or(NOTHING.into(), seconds);
            let (mount, one) = (seconds(fetch.mount_seconds), seconds(fetch.one_connection_seconds));
            (format!("{} / {mount} / {one} / {console}", whole(fetch.questions as u64)), true)
        },
    ));
    let beyond = || format!("{} / {} ms beyond the answer", GOALS.p50_ms, GOALS.p99_ms);
    rows.push(row("event seen, idle: p50 / p99 (answer)", beyond(), &|column| latency(&column.idle)));
    rows.push(row("event seen, during a walk", beyond(), &|column| latency(&column.walking)));
    rows.push(row("held changes: rate / late / missed", "0 / 0".into(), &|column| {
        column.storm.as_ref().map_or((NOTHING.into(), true), |storm| {
            let text = format!(
                "{}/s / {} / {}",
                whole(storm.rate as u64),
                whole(storm.late as u64),
                whole(storm.missed as u64)
            );
            (text, storm.late == 0 && storm.missed == 0)
        })
    }));
    rows.push(row("held changes: processor / slowest step of a walk", NOTHING.into(), &|column| {
        column.storm.as_ref().map_or((NOTHING.into(), true), |storm| {
            (format!("{:.0} % / {:.1} ms", storm.processor_percent, storm.slowest_step_ms), true)
        })
    }));
    let limits = GOALS.memory_mb.map(|(size, limit)| format!("{limit} MB to {}", whole(size as u64)));
    rows.push(row("memory: resident / peak", limits.join(", "), &|column| {
        let memory = &column.memory;
        let text = format!("{:.0} / {:.0} MB", memory.resident_mb, memory.peak_mb);
        (text, GOALS.memory(column.friends, memory.resident_mb))
    }));
    rows.push(row(
        "a file's cost beside 1,000 friends: cold / warm (tmpfs)",
        format!("{}×", GOALS.growth),
        &|column| {
            column.growth.as_ref().map_or((NOTHING.into(), true), |growth| {
                let text = format!("{:.2}× / {:.2}× ({:.2}×)", growth.cold, growth.warm, growth.tmpfs);
                (text, GOALS.growth(growth))
            })
        },
    ));
    (layout(columns, &rows), failures)
}

fn populated_goal() -> String {
    format!("{}× with a real server", GOALS.populated_ratio)
}

fn cost_text(cost: &Cost, floor: f64) -> String {
    format!("{} / {} / {:.1}× ({floor:.1}×)", count(cost.messages), count(cost.questions), cost.ratio)
}

fn latency(latency: &Latency) -> (String, bool) {
    let Latency { missed, p50_ms, p99_ms, answer_p50_ms, answer_p99_ms, .. } = latency;
    let missing = if *missed > 0 { format!(", {missed} missed") } else { String::new() };
    let text = format!("{p50_ms:.1} / {p99_ms:.1} ms ({answer_p50_ms:.1} / {answer_p99_ms:.1}){missing}");
    (text, GOALS.latency(latency))
}

/// Pads the cells so that the columns stand under each other.
fn layout(columns: &[Column], rows: &[Row]) -> String {
    let heading = |column: &Column| {
        let build = if column.build == "this" { String::new() } else { format!(", {}", column.build) };
        format!("{}, {}{build}", column.server, whole(column.friends as u64))
    };
    let head = [String::new(), "goal".into()].into_iter().chain(columns.iter().map(heading)).collect();
    let mut lines: Vec<Vec<String>> = vec![head];
    for row in rows {
        let start = [row.label.clone(), row.goal.clone()];
        lines.push(start.into_iter().chain(row.cells.iter().cloned()).collect());
    }
    let width = |place: usize| lines.iter().map(|line| line[place].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(text, "| {} ", "-".repeat(*width));
            }
            text.push_str("|\n");
        }
    }
    text
}

fn count(number: Option<u64>) -> String {
    number.map_or(NOTHING.into(), whole)
}

/// A number with its thousands apart.
pub fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}
