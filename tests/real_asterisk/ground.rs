//! A real server and a mount of it, and how to look at them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted};

/// How long a test waits for what should come at once; `refresh.every` of the shipped tree, by which a
/// change would show even without an event, is 60 times as long.
pub const PATIENCE: Duration = Duration::from_secs(5);
pub const HOUR: Duration = Duration::from_secs(3600);

const POLL: Duration = Duration::from_millis(20);

/// A manager user of `tests/asterisk/common/manager.conf`.
#[derive(Clone, Copy, Debug)]
pub struct User {
    pub name: &'static str,
    pub secret: &'static str,
}

/// All that the shipped tree needs.
pub const ASTFS: User = User { name: "astfs", secret: "astfs-test" };
/// May ask for reports, and run no commands.
pub const REPORTING: User = User { name: "rep", secret: "reppass" };

/// The tree file that comes with astfs.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/asterisk.toml")
}

/// A server with chan_sip and the shipped tree mounted; `None` where the machine cannot have it.
#[track_caller]
pub fn shipped_on_16(files: &[(&str, &[u8])]) -> Option<(Asterisk, Mounted)> {
    if !mount::fuse_available() {
        return None;
    }
    let server = Asterisk::start_with(Version::V16, files)?;
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    Some((server, mounted))
}

/// Mounts a tree of this server.
#[track_caller]
pub fn mount_tree(tree: &Path, server: &Asterisk, user: User) -> Mounted {
    let arguments = ["--server", &server.ami_address().to_string(), "--user", user.name];
    Mounted::start(tree, arguments, &[("ASTFS_SECRET", user.secret)]).expect("the tree can be mounted")
}

/// Runs `astfs COMMAND TREE ARGUMENT...` on this server.
pub fn run(command: &str, tree: &Path, arguments: &[&Path], server: &Asterisk) -> Output {
    let mut astfs = mount::astfs();
    astfs.args(["--quiet", command]).arg(tree).args(arguments);
    astfs.args(["--server", &server.ami_address().to_string(), "--user", ASTFS.name]);
    astfs.env("ASTFS_SECRET", ASTFS.secret).output().expect("astfs runs")
}

/// A file's text.
#[track_caller]
pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields of a file with lines `NAME=VALUE`.
#[track_caller]
pub fn fields(path: &Path) -> BTreeMap<String, String> {
    let text = text(path);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A file's one value.
#[track_caller]
pub fn value(path: &Path) -> String {
    let text = text(path);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// The names in a directory, sorted.
#[track_caller]
pub fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names = entries.map(|entry| entry.expect("a directory can be read to its end").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The records in a directory, sorted: not the directories of states, and not the twins.
#[track_caller]
pub fn records(path: &Path) -> Vec<String> {
    let is_record = |name: &String| !name.starts_with('_') || name.ends_with("~2");
    names(path).into_iter().filter(|name| is_record(name) && !name.ends_with(".json")).collect()
}

/// Whether a directory can be listed: the first of its names tells.
pub fn listing(path: &Path) -> std::io::Result<()> {
    fs::read_dir(path)?.next().transpose().map(drop)
}

/// Everything below a directory, in no order, links not followed.
pub fn walk(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(path) {
        let path = path.join(name);
        if fs::symlink_metadata(&path).expect("what is listed is there").is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

/// Whether a link is there, wherever it leads.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Asks until the condition holds; how long it took, which is also printed.
#[track_caller]
pub fn measure(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < patience, "{what}: not after {patience:?}");
        std::thread::sleep(POLL);
    }
    let took = begin.elapsed();
    // not `eprintln!`, which the test runner swallows for a test that passes
    let _ = writeln!(io::stderr(), "{what}: {:.3} s", took.as_secs_f64());
    took
}
