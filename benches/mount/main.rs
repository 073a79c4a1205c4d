//! What a mounted PBX costs, beside the same tree on tmpfs: `cargo bench`.
//!
//! For each kind of server and number of SIP friends `tree.toml` beside this file is mounted; commands run on it
//! cold and warm, events are timed, a storm of changes is held. The figures come as a table, as JSON and
//! as a chart; `docs/performance.md` tells how to read them and which variables there are.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run has nothing to say")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52 become numbers to divide")]

mod chart;
mod commands;
mod connection;
mod events;
mod figures;
mod floor;
mod goals;
mod loops;
mod measure;
mod mounted;
mod output;
mod processors;
mod server;
mod settings;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;

use std::fs;

use figures::{Column, Growth, Report};
use measure::{Bench, Build};
use processors::Processors;
use server::Server;
use settings::Settings;

/// The number of friends that growth is measured from.
const SMALL: usize = 1000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(loops::ARGUMENT) => return loops::run(arguments),
        Some(floor::ARGUMENT) => return floor::run(arguments),
        _ => {}
    }
    if !support::mount::fuse_available() {
        return;
    }
    let settings = Settings::from_environment();
    let processors = Processors::choose();
    let this = Build { name: "this", program: env!("CARGO_BIN_EXE_astfs").into() };
    let previous = settings.previous.clone().map(|program| Build { name: "previous", program });
    let builds: Vec<Build> = [this].into_iter().chain(previous).collect();
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    for kind in &settings.servers {
        for size in &settings.sizes {
            eprintln!("{}, {} friends …", kind.name(), table::whole(*size as u64));
            let Some(server) = Server::start(*kind, *size, processors) else {
                notes.push(format!("{}: this machine cannot have it", kind.name()));
                break;
            };
            let mut bench = Bench { settings: &settings, processors, server: &server, notes: &mut notes };
            columns.extend(bench.columns(&builds));
        }
    }
    grow(&mut columns);
    let report = Report {
        astfs: env!("CARGO_PKG_VERSION"),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
        processors: processors.count,
        server_apart: processors.measured != processors.other,
        sizes: settings.sizes.clone(),
        runs: settings.runs,
        columns,
        notes,
    };
    output::write(&report, settings.write);
}

/// Compares what a file costs with the most friends to what it costs with a thousand.
fn grow(columns: &mut [Column]) {
    let walk = |column: &Column| {
        let walk = column.commands.iter().find(|command| command.name == commands::WALK.name());
        let per_file = |seconds: f64| seconds / column.files as f64;
        walk.map(|walk| [walk.cold.seconds, walk.warm.seconds, walk.tmpfs_seconds].map(per_file))
    };
    let largest = columns.iter().map(|column| column.friends).max().unwrap_or_default();
    for number in 0..columns.len() {
        let column = &columns[number];
        let same = |other: &&Column| {
            other.friends == SMALL && (other.server, other.build) == (column.server, column.build)
        };
        let small = columns.iter().find(same).and_then(walk);
        if let (Some(large), Some(small), true) =
            (walk(column), small, column.friends == largest && largest > SMALL)
        {
            let [cold, warm, tmpfs] = std::array::from_fn(|place| large[place] / small[place]);
            columns[number].growth = Some(Growth { cold, warm, tmpfs });
        }
    }
}
