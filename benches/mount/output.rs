//! Where the figures go: the table to standard output; table, JSON and chart to files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chart::chart;
use crate::figures::Report;
use crate::table::table;

/// The lines between which the table stands in `docs/performance.md`.
const MARKERS: [&str; 2] = ["<!-- figures of `cargo bench` -->", "<!-- end of the figures -->"];

/// Prints the table and writes the files: into `docs/` if `published`, else into cargo's target folder.
pub fn write(report: &Report, published: bool) {
    let (table, failures) = table(report);
    let text = format!("{}\n\n{table}\n{}", machine(report), remarks(report, failures));
    println!("\n{text}");
    let folder = if published {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
    } else {
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(PathBuf::from).unwrap_or_default()
    };
    let page = folder.join("performance.md");
    let written = if published {
        let before = fs::read_to_string(&page).expect("docs/performance.md");
        put_between(&before, &text)
    } else {
        text
    };
    let json = serde_json::to_string_pretty(report).expect("figures are plain");
    let files =
        [("performance.md", written), ("performance.json", json + "\n"), ("performance.svg", chart(report))];
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    println!("written to {}: performance.md, .json and .svg", folder.display());
}

fn put_between(page: &str, text: &str) -> String {
    let [start, end] = MARKERS.map(|marker| page.find(marker));
    let (Some(start), Some(end)) = (start, end) else {
        panic!("docs/performance.md lacks the line {:?} or {:?}", MARKERS[0], MARKERS[1])
    };
    format!("{}\n\n{text}\n{}", &page[..start + MARKERS[0].len()], &page[end..])
}

fn machine(report: &Report) -> String {
    let Report { astfs, kernel, processors, runs, .. } = report;
    let apart = if report.server_apart {
        "the server on another processor than astfs and the commands"
    } else {
        "everything on one processor"
    };
    format!(
        "astfs {astfs}, Linux {kernel}, {processors} processors, {apart}; medians of {runs} warm runs.\n\
         A command's cell is: FUSE messages / AMI actions / time beside tmpfs (that of a \
         filesystem that hands out the same files from memory)."
    )
}

fn remarks(report: &Report, failures: usize) -> String {
    let mut text = match failures {
        0 => "No figure misses its goal.\n".to_owned(),
        1 => "One figure misses its goal and is marked ✗.\n".to_owned(),
        _ => format!("{failures} figures miss their goals and are marked ✗.\n"),
    };
    if !report.notes.is_empty() {
        text.push_str("\nNot as it should be:\n\n");
        report.notes.iter().for_each(|note| text.push_str(&format!("- {note}\n")));
    }
    text
}
