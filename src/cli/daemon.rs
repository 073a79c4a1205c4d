//! `--daemon`: a background process whose parent waits until the mount answers.
//!
//! The program starts itself once more with the same arguments. The child says on its standard
//! output that it is ready; until then its messages go where the user sees them.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, logging};

const READY: &str = "ready";
/// Set for the background process by the one that starts it.
const BACKGROUND: &str = "ASTFS_BACKGROUND";

/// Whether this is the background process.
pub fn is_background() -> bool {
    std::env::var_os(BACKGROUND).is_some()
}

/// Starts the background process with these arguments, and waits for it to be ready, or to fail.
pub fn start(arguments: &[OsString], log_file: Option<&Path>) -> Result<(), CliError> {
    if let Some(path) = log_file {
        // found out now, not when nobody listens any more
        log(path)?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    // whatever this program is called by
    command.arg0("astfs").args(arguments).env(BACKGROUND, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut child = command.spawn()?;
        tokio::select! {
            done = ready(&mut child) => return done,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // it has a session of its own, so nobody else tells it
        if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        child.wait().await?;
        Err(CliError::Interrupted)
    })
}

async fn ready(child: &mut Child) -> Result<(), CliError> {
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line).await?;
    }
    if line.trim_end() == READY {
        return Ok(());
    }
    let status = child.wait().await?;
    Err(CliError::Told(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

fn log(path: &Path) -> Result<std::fs::File, CliError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| CliError::File { path: path.to_owned(), error })
}

/// Makes the process one of its own, which a closing terminal does not end.
pub fn leave_terminal() -> Result<(), CliError> {
    // a process that leads a session already has no terminal to leave
    let _ = nix::unistd::setsid();
    Ok(())
}

/// Tells the waiting parent that the mount answers, and lets go of its terminal. What is said from then on goes into
/// the log file; without one, into the journal if that listens already.
pub fn tell_ready(log_file: Option<&Path>) -> Result<(), CliError> {
    // what was said until now is for the user's eyes
    logging::flush();
    let mut output = std::io::stdout();
    writeln!(output, "{READY}")?;
    output.flush()?;
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    let log_file = log_file.map(log).transpose()?;
    nix::unistd::dup2_stdout(log_file.as_ref().unwrap_or(&nowhere)).map_err(std::io::Error::from)?;
    if log_file.is_some() || !said_in_journal() {
        nix::unistd::dup2_stderr(log_file.as_ref().unwrap_or(&nowhere)).map_err(std::io::Error::from)?;
    }
    Ok(())
}

/// Whether standard error is the connection to the journal that `JOURNAL_STREAM` names, by device and inode.
fn said_in_journal() -> bool {
    let here = nix::sys::stat::fstat(std::io::stderr());
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    here.is_ok_and(|here| named == format!("{}:{}", here.st_dev, here.st_ino))
}
