//! What systemd is told of a mount that runs as its service, see sd_notify(3). Where no service manager listens, each
//! of these does nothing.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{FUSE_SUPER_MAGIC, statfs};
use sd_notify::NotifyState;

/// The mount answers.
pub fn ready(mountpoint: &Path) {
    tell(&[NotifyState::Ready, status(&format!("mounted at {}", mountpoint.display()))]);
}

/// Answers are published there.
#[cfg(feature = "nats")]
pub fn publishing(address: &str) {
    tell(&[NotifyState::Ready, status(&format!("publishes to {address}"))]);
}

/// The tree is read again.
pub fn reloading() {
    // without the time, newer ones take it for a mistake
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// The tree was read again, or stays what it was.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// The mount is taken away, or has gone.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells again and again that the mount answers, as long as it does, if there is somebody who watches. To be called
/// on a runtime.
pub fn watch(mountpoint: PathBuf) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(async move {
        loop {
            // one may come late
            tokio::time::sleep(within / 3).await;
            let path = mountpoint.clone();
            // a mount that hangs holds up this thread for as long, and nothing is told
            let answers = tokio::task::spawn_blocking(move || answers(&path)).await;
            if answers.unwrap_or_default() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    });
}

/// Whether the process behind a mount answers; the kernel does not answer this for it.
fn answers(mountpoint: &Path) -> bool {
    statfs(mountpoint).is_ok_and(|told| told.filesystem_type() == FUSE_SUPER_MAGIC)
}

fn status(text: &str) -> NotifyState<'_> {
    // what follows a line end would be taken for another message
    NotifyState::Status(text.lines().next().unwrap_or_default())
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager is not told {states:?}: {error}");
    }
}
