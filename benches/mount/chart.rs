//! The ratios to tmpfs as a chart in SVG: for each server the warm and the cold commands, one group of
//! bars for each number of friends. Its colours follow the reader's light or dark theme.

use std::fmt::Write as _;

use crate::figures::{Column, CommandCost, Report};
use crate::goals::GOALS;
use crate::table::whole;

/// Colours of the commands, in their order, on light and on dark: told apart by readers who see few
/// colours too, and each bar bears its number.
const COLOURS: [(&str, &str); 6] = [
    ("#2a78d6", "#3987e5"),
    ("#1baf7a", "#199e70"),
    ("#eda100", "#c98500"),
    ("#008300", "#2c9a2c"),
    ("#4a3aa7", "#9085e9"),
    ("#e34948", "#e66767"),
];

const BAR: f64 = 22.0;
const GAP: f64 = 4.0;
const BETWEEN_GROUPS: f64 = 26.0;
const MARGIN: f64 = 46.0;
const PLOT_HEIGHT: f64 = 170.0;
/// A panel's height with its title and the names beneath.
const PANEL_HEIGHT: f64 = 250.0;
const HEAD: f64 = 78.0;

/// The chart of this build's columns.
pub fn chart(report: &Report) -> String {
    let columns: Vec<&Column> = report.columns.iter().filter(|column| column.build == "this").collect();
    let mut servers: Vec<&str> = columns.iter().map(|column| column.server).collect();
    servers.dedup();
    let bars = columns.first().map_or(0, |column| column.commands.len());
    let group = amount(bars) * (BAR + GAP) + BETWEEN_GROUPS;
    let panel_width = (MARGIN + amount(report.sizes.len()) * group + 10.0).max(400.0);
    let (width, height) = (panel_width * 2.0, HEAD + amount(servers.len()) * PANEL_HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>Commands on a mount: how long they take beside the same files on tmpfs</title>\n{}\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
        style()
    );
    let title = "Time beside the same files on tmpfs, by number of friends (less is better)";
    let _ = writeln!(
        svg,
        "<text class=\"ink\" x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\">{title}</text>"
    );
    if let Some(column) = columns.first() {
        legend(&mut svg, &column.commands);
    }
    for (row, server) in servers.iter().enumerate() {
        let of_server: Vec<&Column> =
            columns.iter().copied().filter(|column| column.server == *server).collect();
        let top = HEAD + amount(row) * PANEL_HEIGHT;
        let warm = Panel { left: 0.0, top, width: panel_width, goal: GOALS.warm_ratio };
        warm.draw(&mut svg, &format!("Asterisk {server}, warm"), &of_server, |cost| cost.warm.ratio);
        let cold = Panel { left: panel_width, top, width: panel_width, goal: GOALS.cold_ratio };
        cold.draw(&mut svg, &format!("Asterisk {server}, cold"), &of_server, |cost| cost.cold.ratio);
    }
    svg.push_str("</svg>\n");
    svg
}

fn style() -> String {
    let rules = |dark: bool| {
        let (page, ink, quiet, grid) = if dark {
            ("#1a1a19", "#ffffff", "#c3c2b7", "#383835")
        } else {
            ("#fcfcfb", "#0b0b0b", "#52514e", "#e1e0d9")
        };
        let mut rules = format!(
            ".page{{fill:{page}}} .ink{{fill:{ink}}} .quiet{{fill:{quiet}}} \
             .grid{{stroke:{grid}}} .base,.goal{{stroke:{quiet}}} "
        );
        for (number, (on_light, on_dark)) in COLOURS.iter().enumerate() {
            let _ = write!(rules, ".c{number}{{fill:{}}} ", if dark { on_dark } else { on_light });
        }
        rules
    };
    let (light, dark) = (rules(false), rules(true));
    format!("<style>\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n</style>\n")
}

fn legend(svg: &mut String, commands: &[CommandCost]) {
    for (number, command) in commands.iter().enumerate() {
        let left = 16.0 + amount(number) * 84.0;
        let _ = writeln!(
            svg,
            "<rect class=\"c{number}\" x=\"{left}\" y=\"42\" width=\"12\" height=\"12\" rx=\"2\"/>\
             <text class=\"quiet\" x=\"{}\" y=\"52.5\">{}</text>",
            left + 17.0,
            command.name
        );
    }
}

/// One plot.
struct Panel {
    left: f64,
    top: f64,
    width: f64,
    /// The ratio at which a dashed line stands.
    goal: f64,
}

impl Panel {
    fn draw(&self, svg: &mut String, title: &str, columns: &[&Column], ratio: fn(&CommandCost) -> f64) {
        let Panel { left, top, width, goal } = *self;
        let ratios = columns.iter().flat_map(|column| column.commands.iter().map(ratio));
        // with room for the number above the tallest bar
        let largest = ratios.fold(goal, f64::max) * 1.08;
        let step = step(largest);
        let steps = (largest / step).ceil();
        let base = top + 30.0 + PLOT_HEIGHT;
        let height = |ratio: f64| ratio / (steps * step) * PLOT_HEIGHT;
        let (start, end) = (left + MARGIN - 8.0, left + width - 16.0);
        let _ = writeln!(
            svg,
            "<text class=\"ink\" x=\"{}\" y=\"{}\" font-weight=\"600\">{title}</text>",
            left + 16.0,
            top + 14.0
        );
        let mut mark = 0.0;
        while mark <= steps {
            let (value, y) = (mark * step, base - height(mark * step));
            let class = if mark == 0.0 { "base" } else { "grid" };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{start}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"quiet\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"10\">{value}×</text>",
                start - 5.0,
                y + 3.5
            );
            mark += 1.0;
        }
        for (number, column) in columns.iter().enumerate() {
            let group = amount(column.commands.len()) * (BAR + GAP);
            let from = left + MARGIN + amount(number) * (group + BETWEEN_GROUPS);
            for (place, command) in column.commands.iter().enumerate() {
                let (x, ratio) = (from + amount(place) * (BAR + GAP), ratio(command));
                let (tall, y) = (height(ratio), base - height(ratio));
                // the upper corners are round, the lower ones stand on the line
                let round = 3.0_f64.min(tall);
                let _ = writeln!(
                    svg,
                    "<path class=\"c{place}\" d=\"M{x:.1} {base}V{:.1}q0 -{round:.1} {round:.1} -{round:.1}\
                     h{:.1}q{round:.1} 0 {round:.1} {round:.1}V{base}z\"><title>{}: {ratio:.2}×</title></path>\
                     <text class=\"ink\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"9.5\">{}</text>",
                    y + round,
                    BAR - 2.0 * round,
                    command.name,
                    x + BAR / 2.0,
                    y - 4.0,
                    short(ratio)
                );
            }
            let _ = writeln!(
                svg,
                "<text class=\"quiet\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\">{}</text>",
                from + (group - GAP) / 2.0,
                base + 18.0,
                whole(column.friends as u64)
            );
        }
        let y = base - height(goal);
        let _ = writeln!(
            svg,
            "<line class=\"goal\" x1=\"{start}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke-dasharray=\"5 4\"/>\
             <text class=\"quiet\" x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"10\">goal from {} on: {goal}×</text>",
            top + 14.0,
            whole(GOALS.from_friends as u64)
        );
    }
}

/// A round distance between about four marks up to that value.
fn step(end: f64) -> f64 {
    let rough = end / 4.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(power)
}

fn short(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

/// A small number of things as a length.
fn amount(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
