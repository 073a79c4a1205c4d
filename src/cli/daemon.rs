//! `--daemon`: a background process whose parent waits until the mount answers.
//!
//! The program starts itself once more with the same arguments. The child says on its standard
//! output that it is ready; until then its messages go where the user sees them.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{CliError, logging};

const READY: &str = "ready";
/// Set for the background process by the one that starts it.
const BACKGROUND: &str = "ASTFS_BACKGROUND";

/// Whether this is the background process.
pub fn is_background() -> bool {
    std::env::var_os(BACKGROUND).is_some()
}

/// Starts the background process and waits for it to be ready, or to fail.
pub fn start(log_file: Option<&Path>) -> Result<(), CliError> {
    if let Some(path) = log_file {
        // found out now, not when nobody listens any more
        log(path)?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(std::env::args_os().skip(1))
        .env(BACKGROUND, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    if line.trim_end() == READY {
        return Ok(());
    }
    let status = child.wait()?;
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

/// Tells the waiting parent that the mount answers, and lets go of its terminal.
pub fn tell_ready(log_file: Option<&Path>) -> Result<(), CliError> {
    // what was said until now is for the user's eyes
    logging::flush();
    let mut output = std::io::stdout();
    writeln!(output, "{READY}")?;
    output.flush()?;
    let sink = match log_file {
        Some(path) => log(path)?,
        None => OpenOptions::new().write(true).open("/dev/null")?,
    };
    nix::unistd::dup2_stdout(&sink).map_err(std::io::Error::from)?;
    nix::unistd::dup2_stderr(&sink).map_err(std::io::Error::from)?;
    Ok(())
}
