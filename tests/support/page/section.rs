//! A section of a page that is run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::super::counts::{self, Real};
use super::super::mount::{Mounted, is_mounted};
use super::super::simulated::{run_within, text, transcripts};
use super::super::wait_until;
use super::ground::{Ground, Server};
use super::printed::{in_the_words_of, matches};
use super::{is_updating, split_keeping};

const PATIENCE: Duration = Duration::from_secs(30);
/// The mount point of pages that need not be followed as root.
const PLAYGROUND: &str = "/tmp/pbx";

/// Everything that runs for a section, until its end.
#[derive(Default)]
struct Running {
    servers: Vec<(String, Server)>,
    mounted: Option<Mounted>,
}

/// A section that is run: its folder, and what runs for it.
pub struct Section {
    folder: TempDir,
    running: Running,
    /// The blocks up to the next ground stand on what this machine has not.
    lacking: bool,
}

impl Section {
    /// One in which nothing runs.
    pub fn new() -> Section {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("mnt")).expect("a folder");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("trees");
        std::os::unix::fs::symlink(shipped, folder.path().join("trees")).expect("a link");
        Section { folder, running: Running::default(), lacking: false }
    }

    fn mnt(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    /// Runs the blocks of a section and gives its text with what they printed.
    pub fn run(&mut self, section: &str, wrong: &mut Vec<String>) -> String {
        let mut shown = String::new();
        let mut lines = section.split_inclusive('\n');
        while let Some(line) = lines.next() {
            shown.push_str(line);
            let Some(info) = line.trim_end().strip_prefix("```") else { continue };
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != "```").collect();
            let body = block.concat();
            let (kind, rest) = info.split_once(' ').unwrap_or((info, ""));
            let body = match kind {
                "toml" => self.write(if rest.is_empty() { "tree.toml" } else { rest }, body),
                "jinja" | "sh" | "ini" if !rest.is_empty() => self.write(rest, body),
                "console" => self.console(&Ground::read(rest), &body, wrong),
                _ => body,
            };
            shown.push_str(&body);
            shown.push_str("```\n");
        }
        shown
    }

    fn write(&self, name: &str, body: String) -> String {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, body.replace("/mnt", &self.mnt().display().to_string())).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        body
    }

    fn console(&mut self, ground: &Ground, block: &str, wrong: &mut Vec<String>) -> String {
        self.prepare(ground);
        let mut shown = String::new();
        for example in split_keeping(block, "\n$ ") {
            let (line, expected) = example.split_once('\n').unwrap_or((example, ""));
            let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
            if self.lacking || !self.can_run(command) {
                shown.push_str(example);
                continue;
            }
            let printed = match ground {
                Ground::Background(_) => self.stay(command),
                _ => self.printed(command, expected),
            };
            if !matches(expected, &printed) {
                wrong.push(format!("$ {command}\n--- page:\n{expected}--- printed:\n{printed}"));
            }
            shown.push_str(&format!("$ {command}\n{}", in_the_words_of(expected, &printed)));
        }
        shown
    }

    /// Whether this machine has the command's program.
    fn can_run(&self, command: &str) -> bool {
        let program = command.split(' ').next().unwrap_or_default();
        let found = self.program("sh").args(["-c", "command -v \"$0\" >/dev/null", program]).status();
        let can = program.contains('=') || found.is_ok_and(|status| status.success());
        if !can {
            counts::skipped(&format!("`{command}`: {program} is not installed"));
        }
        can
    }

    fn prepare(&mut self, ground: &Ground) {
        match ground {
            Ground::Shell => return,
            Ground::Now(change) if !self.lacking => return self.server().change(change),
            Ground::Now(_) => return,
            Ground::Demo(_) | Ground::Background(_) | Ground::Mounted(_) | Ground::Servers(_) => {}
        }
        self.running.mounted = None;
        self.lacking = !match ground {
            Ground::Servers(servers) => self.start(servers),
            Ground::Mounted(server) | Ground::Background(Some(server)) => {
                self.start(&[("127.0.0.1".into(), server.clone())])
            }
            _ => self.start(&[]),
        };
        match ground {
            Ground::Demo(arguments) => {
                let mut command = self.program("astfs");
                command.arg("demo").arg(self.mnt()).args(arguments.split_whitespace());
                self.mount(command);
            }
            Ground::Mounted(server) => {
                let mut command = self.program("astfs");
                command.arg("mount").arg("tree.toml").arg(self.mnt());
                let alive = self.alive();
                let mounted = self.mount(command);
                let ready = wait_until(PATIENCE, || {
                    mounted.stderr().contains("connected") && alive.iter().all(|path| is_mounted(path))
                });
                assert!(ready, "{}", mounted.stderr());
                self.emit(server);
            }
            _ => {}
        }
    }

    /// Starts servers in place of those there are; says whether this machine can have them.
    fn start(&mut self, servers: &[(String, String)]) -> bool {
        self.running.servers.clear();
        for (name, server) in servers {
            let Some(server) = Server::start(server, self.folder.path()) else { return false };
            self.running.servers.push((name.clone(), server));
        }
        let file = self.folder.path().join("tree.toml");
        if let Ok(tree) = fs::read_to_string(&file) {
            fs::write(&file, self.with_addresses(&tree)).expect("a tree file");
        }
        true
    }

    fn server(&self) -> &Server {
        let (_, server) = self.running.servers.first().expect("a server is running");
        server
    }

    fn mount(&mut self, command: Command) -> &Mounted {
        let mounted = Mounted::run(command, &self.mnt()).unwrap_or_else(|error| panic!("{error}"));
        counts::touched(Real::Mount);
        self.running.mounted.insert(mounted)
    }

    /// The directories of the tree that are mounts of their own.
    fn alive(&self) -> Vec<PathBuf> {
        let file = fs::read_to_string(self.folder.path().join("tree.toml")).expect("a tree file");
        let file: toml::Table = file.parse().expect("TOML");
        let entries = file["tree"].as_table().expect("a table").iter();
        let alive = entries.filter(|(_, entry)| entry.get("events").or(entry.get("write")).is_some());
        alive.filter_map(|(path, _)| Some(self.mnt().join(path.split('/').next()?))).collect()
    }

    /// Has a recorded server tell what phones and attackers do, as it was recorded.
    fn emit(&self, server: &str) {
        let events = fs::read(transcripts(server).join("events.txt")).unwrap_or_default();
        let simulator = self.server().simulated();
        for event in text(&events).split("\r\n\r\n") {
            let event = event.trim_start();
            let told = ["PeerStatus", "InvalidPassword", "ChallengeResponseFailed"];
            if told.iter().any(|name| event.starts_with(&format!("Event: {name}\r\n"))) {
                simulator.emit(format!("{event}\r\n\r\n"));
            }
        }
    }

    /// A program in the section's folder, with its server.
    fn program(&self, program: &str) -> Command {
        let astfs = Path::new(env!("CARGO_BIN_EXE_astfs"));
        let own = astfs.parent().expect("a folder").display().to_string();
        let path = format!("{own}:{}", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(if program == "astfs" { astfs } else { Path::new(program) });
        command.current_dir(self.folder.path()).env("PATH", path).env("LC_ALL", "C.UTF-8");
        for (name, server) in &self.running.servers {
            for (variable, value) in server.environment() {
                if variable != "ASTFS_SERVER" || name == "127.0.0.1" {
                    command.env(variable, value);
                }
            }
        }
        command
    }

    /// The command with the test's names for what the page names.
    fn here(&self, command: &str) -> String {
        let mnt = self.mnt().display().to_string();
        self.with_addresses(&command.replace("/mnt", &mnt).replace(PLAYGROUND, &mnt))
    }

    /// A text with the servers' addresses for what the page calls them.
    fn with_addresses(&self, text: &str) -> String {
        let servers = self.running.servers.iter();
        servers.fold(text.to_owned(), |text, (name, server)| {
            text.replace(&format!("{name}:5038"), &server.address())
        })
    }

    /// What a command prints. What follows a server takes a moment: the command is run again until it
    /// prints what is expected, for a while.
    fn printed(&self, command: &str, expected: &str) -> String {
        let mut printed = String::new();
        let run_once = || {
            let mut shell = self.program("sh");
            shell.args(["-c", &format!("exec 2>&1; {}", self.here(command))]);
            let printed = text(&run_within(PATIENCE, &mut shell).stdout).replace('\u{a0}', " "); // `tree` draws with them
            let mnt = if command.contains(PLAYGROUND) { PLAYGROUND } else { "/mnt" };
            printed.replace(&self.mnt().display().to_string(), mnt)
        };
        let settled = command.contains("astfs "); // these change something
        let patience = match settled {
            true => Duration::ZERO,
            false if is_updating() => Duration::from_secs(2), // it may never print what the page has
            false => PATIENCE,
        };
        let _ = wait_until(patience, || {
            printed = run_once();
            matches(expected, &printed)
        });
        if !printed.is_empty() && !printed.ends_with('\n') {
            printed.push('\n');
        }
        printed
    }

    /// Starts a command that stays and mounts; what it prints is not looked at, but that it mounts is.
    fn stay(&mut self, command: &str) -> String {
        let mut shell = self.program("sh");
        shell.args(["-c", &format!("exec env {}", self.here(command))]).stdin(Stdio::null());
        self.mount(shell);
        assert!(is_mounted(&self.mnt()), "{command}");
        String::new()
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        self.running.mounted = None;
        // what a page leaves mounted in the background, where one of its commands failed
        for entry in fs::read_dir(self.mnt()).into_iter().flatten().flatten() {
            if is_mounted(&entry.path()) {
                let _ = self.program("astfs").arg("umount").arg(entry.path()).status();
            }
        }
    }
}
