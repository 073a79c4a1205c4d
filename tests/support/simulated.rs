//! A simulated Asterisk on a runtime of its own, and trees mounted from it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use astfs::ami::{Client, Settings};
use astfs::language::{LoadOptions, load};
use astfs::query::Queries;
use astfs::simulator::{Content, Simulator};
use astfs::tree::Tree;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::mount::{Mounted, astfs};

/// A running simulator, which ends with this value.
pub struct Simulated {
    simulator: Simulator,
    runtime: Runtime,
}

impl Deref for Simulated {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}

impl Simulated {
    /// Starts a server with this content.
    pub fn start(content: Content) -> Simulated {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let simulator = runtime.block_on(Simulator::start(content)).expect("the simulator starts");
        Simulated { simulator, runtime }
    }

    /// The runtime, for what has to be awaited.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Goes down and refuses connections until [`Simulated::come_back`].
    pub fn go_down(&self) {
        self.runtime.block_on(self.simulator.refuse_connections());
    }

    /// Accepts connections again.
    pub fn come_back(&self) {
        let _entered = self.runtime.enter();
        self.simulator.accept_connections().expect("the port opens again");
    }

    /// The variables that make `astfs` talk to this server.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("ASTFS_SERVER", self.address().to_string()),
            ("ASTFS_USER", self.user()),
            ("ASTFS_SECRET", self.secret()),
        ]
    }

    /// Mounts a tree that shows this server.
    #[track_caller]
    pub fn mount(&self, tree: &Path) -> Mounted {
        self.mount_with(tree, &[])
    }

    /// The same with more arguments for `astfs mount`.
    #[track_caller]
    pub fn mount_with(&self, tree: &Path, arguments: &[&str]) -> Mounted {
        let environment = self.environment();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match Mounted::start(tree, arguments.iter().copied(), &environment) {
            Ok(mounted) => mounted,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `astfs COMMAND TREE ARGUMENT...` on this server.
    pub fn run(&self, command: &str, tree: &Path, arguments: impl IntoIterator<Item = PathBuf>) -> Output {
        let mut program = astfs();
        program.arg(command).arg(tree).args(arguments).envs(self.environment());
        run_within(Duration::from_secs(30), &mut program)
    }

    /// The same tree without a program around it, as the library gives it. To be read on [the
    /// runtime](Simulated::runtime).
    pub fn open(&self, tree: &Path) -> Tree {
        let (model, report) = load(tree, &LoadOptions::default()).expect("the tree file is there");
        let model = model.unwrap_or_else(|| panic!("{}", report.render(false)));
        let _entered = self.runtime.enter();
        let address = self.address().to_string().parse().expect("a socket address is an address");
        let client = Client::start(Settings::new(address, self.user(), self.secret()));
        Tree::new(Queries::new(Arc::new(model), Some(Arc::new(client))))
    }

    /// What clients have asked, besides session matters: the CLI command, or the action with its
    /// `Peer`.
    pub fn questions(&self) -> Vec<String> {
        let of_session = ["Login", "Challenge", "Logoff", "Events", "Ping"];
        let asked = self.asked().into_iter().filter(|request| !of_session.contains(&&*request.action()));
        let question = |request: &astfs::simulator::Request| match (&*request.command(), request.get("Peer"))
        {
            ("", None) => request.action().into_owned(),
            ("", Some(peer)) => format!("{} {}", request.action(), String::from_utf8_lossy(peer)),
            (command, _) => command.to_owned(),
        };
        asked.map(|request| question(&request)).collect()
    }
}

/// A tree file that comes with the project.
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("trees").join(name)
}

/// The tree of peers, friends and users that the benchmark mounts: for what is no matter of the shipped tree.
/// What a simulated server lacks is not in it, and nothing of it becomes stale by itself while a test runs.
pub fn peers_and_users() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mount/tree.toml")
}

/// Recordings of a real server.
pub fn transcripts(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(version)
}

/// A tree file of a test's own, in a folder that ends with it.
pub struct TreeFile {
    folder: TempDir,
}

impl TreeFile {
    /// Writes the tree file.
    pub fn new(text: &str) -> TreeFile {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = TreeFile { folder };
        std::fs::write(file.path(), text).expect("a file in it");
        file
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("tree.toml")
    }
}

/// Runs a program to its end; one that takes longer than `limit` is killed and fails the test.
#[track_caller]
pub fn run_within(limit: Duration, command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let mut status = None;
    let ended = super::wait_until(limit, || {
        status = child.try_wait().expect("a child can be waited for");
        status.is_some()
    });
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} has not ended within {limit:?}");
    }
    let read = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().expect("pipes can be read");
    Output { status: status.expect("it has ended"), stdout: read(stdout), stderr: read(stderr) }
}

fn collect(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Runs a shell script in a directory; its end must come within `limit`. `$1`, `$2` … are `arguments`.
#[track_caller]
pub fn shell_in(directory: &Path, limit: Duration, script: &str) -> Output {
    run_within(limit, Command::new("sh").args(["-c", script]).current_dir(directory))
}

/// What a program printed, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
