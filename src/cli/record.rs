//! `astfs record`: all that a tree asks its server, kept in a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::check::counted;
use super::connect::{self, Target};
use super::progress::Progress;
use super::{CliError, TreeSelection, open};
use crate::ami::{Action, State};
use crate::language::{Question, duration};
use crate::query::{Queries, Server};
use crate::recording::{Kept, OriginRecorder, Recorder, Recording, Step, ask_everything, replace};
use crate::tree::Tree;

/// Arguments of `record`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct RecordArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// The file to write; nobody else can read it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Listen to events until so long after the last question, 0s: to none; Ctrl-C ends it earlier
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    events: Duration,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Leave something as it is that would be replaced
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    keep: Vec<Keep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// Secrets and passwords
    Secrets,
    /// Numbers of five digits and more
    Numbers,
    /// Public IP addresses
    Addresses,
    /// All of these
    All,
}

const AFTER_HELP: &str = "\
Secrets, numbers of five digits and more, and public addresses are replaced by others of the same length,
the same by the same. Names and shorter numbers stay: look through it before you give it away.

Examples:
  astfs record trees/asterisk.toml -o pbx.rec
  astfs cat --server replay:pbx.rec trees/asterisk.toml users/sipfriends/6001/full";

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit: 500ms, 10s, 5m".into())
}

pub fn run(args: &RecordArgs) -> Result<(), CliError> {
    let shown = args.output.display();
    if !args.force && args.output.symlink_metadata().is_ok() {
        return Err(CliError::Arguments(format!("{shown} is there already; --force replaces it")));
    }
    let runtime = open::runtime()?;
    let recording = runtime.block_on(record(args));
    runtime.shutdown_background();
    let recording = recording?;
    write(&args.output, recording.to_text().as_bytes(), args.force)?;
    let questions = counted(recording.len(), "question");
    let events = counted(recording.events.len(), "event");
    let replaced = if recording.replaced.is_empty() { "nothing" } else { &recording.replaced };
    Ok(writeln!(io::stdout(), "{shown}: {questions}, {events}; replaced: {replaced}")?)
}

async fn record(args: &RecordArgs) -> Result<Recording, CliError> {
    let mut model = open::model(&args.selection.tree, &args.selection.server)?;
    let target = connect::only_target(&mut model, &args.selection.server)?;
    open::permit(&model, &target, &args.selection.server)?;
    let connected = target.as_ref().map(Target::connect).transpose()?;
    if connected.is_none() && !model.queries.iter().any(|query| matches!(query.question, Question::Origin(_)))
    {
        let message = "this tree asks nothing: there is nothing to record";
        return Err(CliError::Arguments(message.into()));
    }
    let recorded = connected.iter().map(|connected| connected.origins.clone()).collect();
    let origins = open::origins(recorded, &args.selection.server);
    let beside = Arc::new(OriginRecorder::new(origins));
    let recorder = connected.as_ref().map(|one| Arc::new(Recorder::new(Arc::clone(&one.server))));
    let listener = recorder.clone().filter(|_| !args.events.is_zero());
    let listening = listener.map(|listener| tokio::spawn(async move { listener.listen().await }));
    let client = connected.as_ref().and_then(|connected| connected.client.as_ref());
    if let Some(client) = client {
        // whether anybody is there, before all that is asked fails one by one
        client.ask(Action::new("Ping").map_err(crate::ami::AskError::from)?, model.defaults.timeout).await?;
    }
    let server = recorder.clone().map(|recorder| recorder as Arc<dyn Server>);
    let servers = server.into_iter().collect();
    let tree = Tree::new(Queries::with_origins(Arc::new(model), servers, beside.clone()));
    let progress = Progress::start("asking");
    let tell = |step| match step {
        Step::Found(more) => progress.found(more),
        Step::Done(more) => progress.done(more),
    };
    let asked = tokio::select! {
        asked = ask_everything(&tree, &tell) => {
            asked.map_err(|error| CliError::Tree { path: "/".into(), error })
        }
        interrupted = tokio::signal::ctrl_c() => interrupted.and_then(|()| {
            let message = "interrupted before everything was asked; nothing is written";
            Err(io::Error::new(io::ErrorKind::Interrupted, message))
        }).map_err(CliError::from),
    };
    let lost = || recorder.as_ref().and_then(|recorder| recorder.lost());
    if asked.is_ok() && lost().is_none() && recorder.is_some() {
        if listening.is_some() {
            progress.turn_to(format!("listening for {:?}, Ctrl-C ends it", args.events));
        }
        tokio::select! {
            () = tokio::time::sleep(args.events) => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    progress.end();
    asked?;
    listening.inspect(|listening| listening.abort());
    if let Some(lost) = lost() {
        return Err(lost.into());
    }
    let mut recording = recorder.map(|recorder| recorder.recording()).unwrap_or_default();
    beside.add_to(&mut recording);
    recording.tree = args.selection.tree.display().to_string();
    let recorded = connected.as_ref().and_then(|connected| connected.recorded.clone());
    (recording.server, recording.replaced) = recorded.unwrap_or_default();
    if let Some(client) = client {
        if let State::Connected { version, .. } = &*client.state().borrow() {
            recording.server.clone_from(version);
        }
        client.stop().await;
    }
    let secret = connected.iter().filter_map(|connected| connected.secret.as_ref());
    let secret: Vec<&str> = secret.map(|secret| secret.expose()).collect();
    let keeps = |what| args.keep.contains(&what) || args.keep.contains(&Keep::All);
    let kept = Kept {
        secrets: keeps(Keep::Secrets),
        numbers: keeps(Keep::Numbers),
        addresses: keeps(Keep::Addresses),
    };
    Ok(replace(recording, kept, &secret))
}

/// Writes a file that only its owner can read, whole or not at all.
fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), CliError> {
    let failed = |error| CliError::File { path: path.to_owned(), error };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".astfs-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(drop).map_err(|error| failed(error.error))
}
