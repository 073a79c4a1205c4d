//! A real nats-server, each test its own, and `astfs publish` beside it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::counts;
use super::mount::{Mounted, astfs};
use super::simulated::Simulated;
use super::wait_until;

/// `fetch`'s exit code for a nats-server that cannot be had on this machine.
const UNOBTAINABLE: i32 = 3;

/// Who may do what, in a server that is started with [`Nats::with_accounts`]: as docs/security.md says of the tree
/// of one server without a name.
const ACCOUNTS: &str = r#"
authorization {
  users = [
    { user: publisher, password: "of the publisher" }
    { user: reader, password: "of the reader", permissions: {
        publish: [
          "$JS.API.STREAM.INFO.KV_astfs", "$JS.API.CONSUMER.CREATE.KV_astfs",
          "$JS.API.STREAM.INFO.KV_astfs-lease", "$JS.API.CONSUMER.CREATE.KV_astfs-lease",
          "$JS.API.STREAM.INFO.astfs_events", "$JS.API.CONSUMER.CREATE.astfs_events",
          "$JS.FC.>"
        ]
        subscribe: ["_INBOX.>"]
    } }
  ]
}
"#;

/// A running nats-server with JetStream. Dropping it kills it and removes its folder.
pub struct Nats {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Nats {
    /// Starts a server that everybody may use; none, with the reason on standard error, where it cannot be had.
    #[track_caller]
    pub fn start() -> Option<Nats> {
        Nats::start_with("")
    }

    /// Starts one with the accounts `publisher` and `reader`.
    #[track_caller]
    pub fn with_accounts() -> Option<Nats> {
        Nats::start_with(ACCOUNTS)
    }

    #[track_caller]
    fn start_with(more: &str) -> Option<Nats> {
        if let Err(reason) = program() {
            counts::skipped(reason);
            return None;
        }
        let folder = tempfile::Builder::new().prefix("nats").tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let store = folder.path().join("store");
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {:?} }}\n{more}",
            store.display().to_string()
        );
        fs::write(folder.path().join("nats.conf"), config).expect("a file can be written");
        let mut nats = Nats { folder, port, server: None };
        nats.start_again();
        Some(nats)
    }

    /// Starts it again after [`Nats::kill`], with all that it had stored.
    pub fn start_again(&mut self) {
        let program = program().as_ref().expect("it was there before");
        let log = fs::File::create(self.folder.path().join("log")).expect("a file can be made");
        let server = Command::new(program)
            .arg("--config")
            .arg(self.folder.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server starts");
        self.server = Some(server);
        let port = self.port;
        let answers = wait_until(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(answers, "{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
    }

    /// Kills it: connections end, and nothing is told.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().map_or(0, Child::id)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Mounts a tree from what is published here.
    #[track_caller]
    pub fn mount(&self, tree: &Path, environment: &[(&str, &str)]) -> Mounted {
        let arguments = ["--from".to_owned(), self.address()];
        Mounted::start(tree, arguments, environment).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The nats-server of this project, which is fetched if need be.
fn program() -> &'static Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = std::env::var_os("ASTFS_NATS_DIR").map_or(project.join("target/nats"), PathBuf::from);
        let fetched = Command::new(project.join("tests/nats/fetch")).arg(&folder).output();
        let fetched = fetched.map_err(|error| format!("tests/nats/fetch: {error}"))?;
        match fetched.status.code() {
            Some(0) => Ok(folder.join("nats-server")),
            Some(UNOBTAINABLE) => Err(String::from_utf8_lossy(&fetched.stderr).trim().to_owned()),
            _ => panic!("tests/nats/fetch: {}", String::from_utf8_lossy(&fetched.stderr)),
        }
    })
}

/// A running `astfs publish`. Dropping it kills it.
pub struct Publishing {
    program: Child,
    log: PathBuf,
}

impl Publishing {
    /// Publishes what a tree asks of a simulated server.
    pub fn start(tree: &Path, server: &Simulated, nats: &Nats, more: &[(&str, &str)]) -> Publishing {
        Publishing::start_with(tree, server, nats, more, &[])
    }

    /// The same with more arguments.
    pub fn start_with(
        tree: &Path,
        server: &Simulated,
        nats: &Nats,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Publishing {
        let mut program = astfs();
        program.args(["--verbose", "publish"]).arg(tree).args(arguments).envs(server.environment());
        Publishing::run(program, nats, environment)
    }

    /// Runs `astfs publish` as it is given, to this server.
    pub fn run(mut program: Command, nats: &Nats, environment: &[(&str, &str)]) -> Publishing {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = nats.folder.path().join(format!("publisher{count}.log"));
        let program = program
            .args(["--to", &nats.address()])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a file can be made"))
            .spawn()
            .expect("astfs starts");
        Publishing { program, log }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it leads, or has led.
    pub fn leads(&self) -> bool {
        self.said().contains("leads as")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program.id()
    }

    /// Kills it: nothing is given up in order.
    pub fn kill(self) {}
}

impl Drop for Publishing {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
