//! What a program prints: a list of arguments and no shell, nothing to read, an environment of its own, and
//! an end, for it and for all that it has started.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::LIMIT;
use super::error::OriginError;

/// Where programs are found that are given by their name.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// So much of its standard error is looked at.
const SAID: usize = 4096;

/// When it has ended, so long its output may come yet: something that it has started and that has left its
/// process group can hold the other end of the pipe for ever.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// Runs a program to its end; gives its standard output. When this is dropped, it is killed.
///
/// # Errors
/// When it cannot be started, prints too much, or ends with another status than 0.
pub async fn run(name: &str, arguments: &[OsString]) -> Result<Vec<u8>, OriginError> {
    let failed =
        |error: std::io::Error| OriginError::Program { program: name.into(), error: Arc::new(error) };
    let mut command = Command::new(name);
    command.args(arguments).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").current_dir(Path::new("/"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let mut running = Running::new(child).map_err(failed)?;
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    {
        let outputs = async { tokio::try_join!(whole(output, &mut printed), beginning(errors, &mut said)) };
        tokio::pin!(outputs);
        let read = tokio::select! {
            read = &mut outputs => read,
            ended = running.ended() => {
                ended.map_err(failed)?;
                running.kill();
                // what does not come any more is not waited for
                tokio::time::timeout(AFTERWARDS, outputs).await.unwrap_or(Ok(((), ())))
            }
        };
        read.map_err(|TooLong| OriginError::TooLong { what: format!("program `{name}`"), limit: LIMIT })?;
    }
    let status = running.finish().await.map_err(failed)?;
    if status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned();
    let said = if said.is_empty() { status.to_string() } else { said };
    Err(OriginError::Failed { program: name.into(), said })
}

struct TooLong;

/// Reads a pipe to its end; one that cannot be read has ended.
async fn whole(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> Result<(), TooLong> {
    if let Some(pipe) = pipe {
        let _ = pipe.take(LIMIT as u64 + 1).read_to_end(bytes).await;
    }
    if bytes.len() > LIMIT { Err(TooLong) } else { Ok(()) }
}

/// Reads a pipe's beginning, and takes the rest so that nobody waits for that.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> Result<(), TooLong> {
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(SAID as u64).read_to_end(bytes).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    Ok(())
}

/// A program and whatever it has started and is still in its process group. They are killed together, before
/// the program's number can be another's.
struct Running {
    child: Child,
    leader: Pid,
    is_killed: bool,
}

impl Running {
    fn new(child: Child) -> std::io::Result<Running> {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let leader = leader.ok_or_else(|| std::io::Error::other("it has no process"))?;
        Ok(Running { child, leader, is_killed: false })
    }

    /// Waits until it has ended, and leaves it there: as long as nobody takes its status, its number is its
    /// own.
    async fn ended(&self) -> std::io::Result<()> {
        let leader = self.leader;
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let waited = tokio::task::spawn_blocking(move || waitid(Id::Pid(leader), flags));
        waited.await.map_err(std::io::Error::other)?.map(drop).map_err(std::io::Error::from)
    }

    fn kill(&mut self) {
        if !std::mem::replace(&mut self.is_killed, true) {
            // nobody may be left
            let _ = killpg(self.leader, Signal::SIGKILL);
        }
    }

    /// Waits for its end, ends what it has left behind, and takes its status.
    async fn finish(mut self) -> std::io::Result<ExitStatus> {
        self.ended().await?;
        self.kill();
        self.child.wait().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
