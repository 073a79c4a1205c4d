//! What is going on on a server: calls, queues, conferences and the rest, made by the test dialplan.

mod agrees;
mod control;
mod follows;
mod rights;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ground::{ASTFS, User, mount_tree, names, shipped, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted};
use crate::support::wait_until;

/// How long a server may take until everything of [`busy`] stands.
const BOOT: Duration = Duration::from_secs(20);

/// A server with two channels in a bridge, a caller who waits in a queue, a conference and a parked
/// call; with states that are not the first ones, and keys in AstDB.
#[track_caller]
fn busy(version: Version) -> Option<Asterisk> {
    let server = Asterisk::start(version)?;
    for key in [
        "astfs plain value",
        "astfs nested two",
        "astfs/nested/deep key \"a value: with / colon\"",
        "cidname \"with space\" \"Ünï  Çode\"",
        "astfs/a/b/c/d/e deepest 1",
    ] {
        server.cli(&format!("database put {key}"));
    }
    server.cli("presencestate change CustomPresence:door available,open,hi");
    server.cli("devstate change Custom:lamp INUSE");
    for exten in ["talk@calls", "wait@calls", "park@calls", "8001@default"] {
        server.cli(&format!("channel originate Local/stay@calls/n extension {exten}"));
    }
    let stands = || {
        server.cli("bridge show all").matches("simple_bridge").count() == 1
            && server.cli("queue show sales").contains("Callers:")
            && server.cli("confbridge list").contains("8001")
            && server.cli("parking show default").contains("701\n")
            && server.cli("core show channels concise").contains("!Ringing!")
    };
    assert!(wait_until(BOOT, stands), "{}", server.cli("core show channels"));
    Some(server)
}

/// The same with the shipped tree mounted.
#[track_caller]
fn busy_and_mounted(version: Version) -> Option<(Asterisk, Mounted)> {
    if !mount::fuse_available() {
        return None;
    }
    let server = busy(version)?;
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    Some((server, mounted))
}

/// The tree with control files, mounted by a user who may use them.
#[track_caller]
fn busy_under_control(version: Version) -> Option<(Asterisk, Mounted)> {
    const ADMIN: User = User { name: "admin", secret: "s3cret" };
    if !mount::fuse_available() {
        return None;
    }
    let server = busy(version)?;
    let mounted = mount_tree(&with_control(), &server, ADMIN);
    Some((server, mounted))
}

fn with_control() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/asterisk-control.toml")
}

/// The directories in a directory, without those of links.
#[track_caller]
fn objects(directory: &Path) -> Vec<String> {
    let all = names(directory);
    let is_object = |name: &&String| !name.starts_with('_') && directory.join(name).is_dir();
    all.iter().filter(is_object).cloned().collect()
}

/// A file's one value.
#[track_caller]
fn value(path: &Path) -> String {
    let text = text(path);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// A channel's name as a file name.
fn as_name(channel: &str) -> String {
    channel.replace('/', "%2F")
}
