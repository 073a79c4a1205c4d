//! The commands of the program: one file each, and what they share.

// they end the program when nobody listens any more
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cat;
mod check;
mod color;
mod completions;
mod confine;
mod connect;
mod daemon;
mod demo;
mod doctor;
mod error;
mod explain;
mod init;
mod list;
mod log_level;
mod logging;
mod man;
mod metrics;
mod mount;
mod mount_helper;
mod open;
mod progress;
mod query;
mod record;
mod reload;
mod running;
mod schema;
mod service;
mod status;
mod terminal;
mod test;
mod top;
mod tree;
mod umount;
mod watch;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::language::LoadOptions;
use logging::{LogFormat, Telling};

pub use error::{CliError, Exit};

/// Mount a running Asterisk as a directory tree that you describe in a TOML file.
#[derive(Debug, Parser)]
#[command(name = "astfs", version, about, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    /// Tell more: what is asked and answered; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Tell only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// How log lines look
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, env = "ASTFS_LOG_FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Try it without an Asterisk:
  astfs demo /tmp/pbx              a simulated PBX, mounted at /tmp/pbx
  ls /tmp/pbx/users/sipfriends     (in another terminal)

With one:
  astfs init                       a first tree file for this machine
  astfs check trees/asterisk.toml  is a tree file all right?
  astfs doctor trees/asterisk.toml and this machine, and the server?
  ASTFS_SECRET=… astfs mount trees/asterisk.toml /mnt

Exit status: 0 done, 1 failed, 2 wrong usage, 3 mistakes in the tree file or test file,
4 the server cannot be asked, 5 cannot mount or unmount, 6 no astfs is mounted there.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Mount a tree; stays in the foreground unless told otherwise
    Mount(mount::MountArgs),
    /// Unmount a tree, also a stale one that a crash left behind
    Umount(umount::UmountArgs),
    /// Have a mount read its tree file and templates again
    Reload(reload::ReloadArgs),
    /// Tell how a mount stands: its servers, and what is stale or fails
    Status(status::StatusArgs),
    /// Show what a mount does, and what takes long, as it happens
    Top(top::TopArgs),
    /// Tell how much a mount logs, or have it log more or less
    LogLevel(log_level::LogLevelArgs),
    /// Mount a simulated PBX, to look around without an Asterisk
    Demo(demo::DemoArgs),
    /// Write a first tree file for this machine's Asterisk
    Init(init::InitArgs),
    /// Report every mistake in tree files; with --live, what their server can answer
    Check(check::CheckArgs),
    /// Tell what keeps a tree from being mounted and shown here, and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Print the JSON Schema of tree files, for editors
    Schema,
    /// Tell why a path of a tree or mount is what it is, or what a finding of `check` means
    Explain(explain::ExplainArgs),
    /// Show the tree as `tree` would show the mount
    Tree(tree::TreeArgs),
    /// List a directory of the tree, without a mount
    Ls(list::ListArgs),
    /// Print a file of the tree, without a mount: the same bytes
    Cat(cat::CatArgs),
    /// Print a query's parsed result as JSON
    Query(query::QueryArgs),
    /// Record all that a tree asks its server, into a text file to replay, compare or send
    Record(record::RecordArgs),
    /// Test a tree: what it shows of recordings, or of results that stand in the test file
    Test(test::TestArgs),
    /// Print what a shell needs to complete astfs' arguments
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(man::ManArgs),
}

/// Which tree, and which server it shows.
#[derive(Debug, Clone, Args)]
struct TreeSelection {
    /// The tree file
    #[arg(value_name = "TREE")]
    tree: PathBuf,
    #[command(flatten)]
    server: ServerSelection,
}

/// What overrides `[server]` of the tree file.
#[derive(Debug, Clone, Default, Args)]
struct ServerSelection {
    /// The AMI of the server to ask, instead of the tree file's; or replay:FILE, a recording in its place.
    /// Of several servers: NAME alone for only that one, or NAME=HOST:PORT, once for each
    #[arg(long, value_name = "HOST:PORT|replay:FILE", env = "ASTFS_SERVER")]
    server: Vec<String>,
    /// The manager user to log in as
    #[arg(long, value_name = "NAME", env = "ASTFS_USER")]
    user: Option<String>,
    /// A file whose first line is the manager user's secret; or set ASTFS_SECRET
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The folder of template files
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Let the tree run programs on this machine (`exec`), as the user that astfs runs as
    #[arg(long)]
    allow_exec: bool,
}

impl ServerSelection {
    /// What it says of reading a tree file.
    fn load_options(&self) -> LoadOptions {
        // whether programs may be run is told when the tree is opened
        LoadOptions { templates: self.templates.clone(), only: self.server.last().cloned(), allow_exec: true }
    }
}

/// Runs the program: reads the arguments, does what they say, tells what went wrong.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if mount_helper::is_called(&arguments) {
        return mount_helper::run(&arguments);
    }
    let mut command = Cli::command();
    let given = command.try_get_matches_from_mut(&arguments).unwrap_or_else(|error| error.exit());
    if let Some(("check", check)) = given.subcommand()
        && let Some(misuse) = check::misuse(check)
    {
        command.error(ErrorKind::ArgumentConflict, misuse).exit();
    }
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    match perform(cli, arguments.get(1..).unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.exit(),
    }
}

/// Does what a command says, and tells what went wrong. The arguments are those that say the same.
fn perform(cli: Cli, arguments: &[OsString]) -> Result<(), CliError> {
    if matches!(cli.command, Command::Mount(_) | Command::Demo(_)) {
        // where that fails, they end the program as they do others
        let _ = mount::outlive_signals();
    }
    // a thread of the log would keep it from that
    let entered = match &cli.command {
        Command::Mount(args) => args.enter_namespace(),
        _ => Ok(()),
    };
    let telling = match cli.command {
        Command::Mount(_) | Command::Demo(_) => Telling::Deeds,
        Command::Record(_) | Command::Test(_) => Telling::Progress,
        _ => Telling::Failures,
    };
    // here, the first `--verbose` tells each case
    let verbose = cli.verbose.saturating_sub(u8::from(matches!(cli.command, Command::Test(_))));
    // what fails there is its report
    let quiet = cli.quiet || (verbose == 0 && matches!(cli.command, Command::Check(_) | Command::Doctor(_)));
    logging::start(verbose, quiet, telling, cli.log_format);
    let done = entered.and_then(|()| match cli.command {
        Command::Mount(args) => mount::run(args, arguments),
        Command::Umount(args) => umount::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Top(args) => top::run(&args),
        Command::LogLevel(args) => log_level::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Schema => schema::run(),
        Command::Tree(args) => tree::run(&args),
        Command::Ls(args) => list::run(&args),
        Command::Cat(args) => cat::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Test(args) => test::run(&args, cli.verbose > 0),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    });
    let done = match done {
        // whoever reads our output has had enough of it
        Err(CliError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if !error.is_told() => {
            // what a server said may stand in it
            let said = error.to_string();
            logging::tell(format_args!(
                "astfs: {}\n",
                String::from_utf8_lossy(&terminal::harmless(said.as_bytes()))
            ));
            Err(error)
        }
        done => done,
    };
    logging::flush();
    done
}
