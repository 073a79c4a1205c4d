//! The memory of a mount over time as a chart in SVG. Its colours follow the reader's light or dark theme.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::gauges::Gauges;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 780.0;
const TOP: f64 = 50.0;
const BASE: f64 = 220.0;
/// How many marks an axis has at most.
const MARKS: u64 = 8;

const STYLE: &str = "<style>\n\
    .page{fill:#fcfcfb} .ink{fill:#0b0b0b} .quiet{fill:#52514e} .grid{stroke:#e1e0d9} \
    .line{fill:none;stroke:#2a78d6;stroke-width:1.5}\n\
    @media (prefers-color-scheme: dark) {\n\
    .page{fill:#1a1a19} .ink{fill:#ffffff} .quiet{fill:#c3c2b7} .grid{stroke:#383835} .line{stroke:#3987e5}\n\
    }\n</style>\n";

/// The chart of what the mount held at these times.
pub fn chart(samples: &[(Duration, Gauges)]) -> String {
    let mib = |gauges: &Gauges| gauges.memory as f64 / 1024.0;
    let (step_x, end_x) = scale(samples.last().map_or(1, |(after, _)| after.as_secs().div_ceil(60)));
    let most = samples.iter().map(|(_, gauges)| gauges.memory.div_ceil(1024)).max();
    let (step_y, end_y) = scale(most.unwrap_or(1));
    let x = |minutes: f64| LEFT + minutes / end_x as f64 * (RIGHT - LEFT);
    let y = |mib: f64| BASE - mib / end_y as f64 * (BASE - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n\
         <title>Memory of a mount on which everything happens at once</title>\n{STYLE}\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"ink\" x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\">Memory in MiB, by minutes</text>\n"
    );
    for mark in (0..=end_y).step_by(step_y as usize) {
        let at = y(mark as f64);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"quiet\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for mark in (0..=end_x).step_by(step_x as usize) {
        let (at, below) = (x(mark as f64), BASE + 18.0);
        let _ = writeln!(
            svg,
            "<text class=\"quiet\" x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{mark}</text>"
        );
    }
    let points: Vec<String> = samples
        .iter()
        .map(|(after, gauges)| format!("{:.1},{:.1}", x(after.as_secs_f64() / 60.0), y(mib(gauges))))
        .collect();
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>\n</svg>", points.join(" "));
    svg
}

/// A round distance between marks from 0 on, and the last of them, which is `most` or more.
fn scale(most: u64) -> (u64, u64) {
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|factor| factor * 10_u64.pow(power)));
    let step = steps.take(30).find(|step| most <= step * MARKS).unwrap_or(most);
    (step, most.div_ceil(step).max(1) * step)
}
