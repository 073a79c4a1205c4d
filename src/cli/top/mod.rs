//! `astfs top`: what a mount does, on a terminal, drawn again every few seconds.

mod list;
mod reading;
mod screen;
#[cfg(test)]
mod screen_tests;
mod terminal;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CliError;
use super::color::Color;
use reading::read;
use screen::{Palette, Screen};

const AFTER_HELP: &str = "\
Shown are the servers; the queries, and how fresh their answers are; the questions that take longest; and the files
that are used most, by their paths in the tree file. All of it is read in .astfs: nothing is asked of a server for it.
AGE, MEAN, LONGEST: in seconds, minutes or hours. What the kernel holds it does not ask for, and it is not counted.

Keys: q, Esc or Ctrl-C ends it; Tab: the next list; s, Right, Left: the column by which that is sorted; Up, Down: further
on in it; p: pause; ?: these keys.

A mount that goes away is looked for until it is there again. Exit status: 0 it was ended, 2 wrong usage, 6 no astfs
is mounted there.";

/// Arguments of `top`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TopArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
    /// How often it is looked, in seconds
    #[arg(short = 'n', long, value_name = "SECONDS", default_value = "2", value_parser = interval)]
    interval: Duration,
    /// Print everything once, as plain text; so it is where standard output is no terminal
    #[arg(long)]
    once: bool,
}

/// An interval in which a mount is not kept busy by telling of itself.
fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    match seconds {
        0.1..=3600.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give 0.1 to 3600 seconds".to_owned()),
    }
}

pub fn run(args: &TopArgs) -> Result<(), CliError> {
    let first = read(&args.mountpoint)?;
    let mut screen = Screen::new(&args.mountpoint, args.interval);
    if args.once || !std::io::stdout().is_terminal() {
        screen.take(first, now());
        std::io::stdout().write_all(screen.text().as_bytes())?;
        return Ok(());
    }
    screen.palette = if Color::Auto.on_stdout() { Palette::Colors } else { Palette::Plain };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(terminal::show(screen, first, args));
    // a mount that does not answer must not keep the program
    runtime.shutdown_background();
    done
}

/// The time of day, for people.
fn now() -> String {
    jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_of_seconds_that_leaves_the_mount_in_peace() {
        assert_eq!(interval("2"), Ok(Duration::from_secs(2)));
        assert_eq!(interval("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "0.01", "1e9", "nan", "inf", "2s", ""] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
