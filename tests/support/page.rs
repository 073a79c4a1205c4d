//! Pages of the documentation that show commands and what they print: their files are written, their
//! commands run, and what is printed compared with the page.
//!
//! A fenced block `toml`, `jinja` or `sh` with a name behind it is a file of that name; `toml` alone is
//! `tree.toml`. Below `console`, each line behind `$ ` is a command, run by a shell in the folder of the
//! files, and what follows is what it prints; `…` at a line's end stands for anything. What stands behind
//! `console` says on what ground (see [`Ground`]). `/mnt` on the page is a folder of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use astfs::simulator::{Content, Version};
use tempfile::TempDir;

use super::mount::{Mounted, is_mounted};
use super::simulated::{Simulated, run_within, text, transcripts};
use super::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

/// A page, cut where its `## ` headings are.
pub struct Page {
    /// Its file.
    path: PathBuf,
    text: String,
}

/// What a `console` block stands on.
enum Ground {
    /// `shell`: nothing.
    Shell,
    /// `mounted SERVER`: the tree file, mounted at `/mnt` with that server.
    Mounted(String),
    /// `fleet NAME=SERVER …`: servers that are reached at `NAME:5038`, nothing mounted.
    Fleet(Vec<(String, String)>),
    /// `background`: its only command stays, and mounts at `/mnt`.
    Background,
}

/// Everything that runs for a section, until its end.
#[derive(Default)]
struct Running {
    servers: Vec<(String, Simulated)>,
    mounted: Option<Mounted>,
}

impl Page {
    /// A page of `docs/`.
    pub fn open(name: &str) -> Page {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        Page { text: fs::read_to_string(&path).expect("the page is there"), path }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The headings of its sections.
    pub fn headings(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("## ")).collect()
    }

    /// Runs everything on the page. With `UPDATE_EXPECTED=1`, what is printed is put into the page.
    ///
    /// `together` says that all sections are one course; otherwise each begins afresh.
    pub fn run(&self, together: bool) {
        let mut wrong = Vec::new();
        let mut page = String::new();
        let mut course = Section::new();
        for (number, section) in split_keeping(&self.text, "\n## ").into_iter().enumerate() {
            if number > 0 && !together {
                course = Section::new();
            }
            page.push_str(&course.run(section, &mut wrong));
        }
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&self.path, page).expect("the page can be written");
        } else {
            assert!(wrong.is_empty(), "{}\n{}", self.path.display(), wrong.join("\n"));
        }
    }
}

/// A section that is run: its folder, and what runs for it.
struct Section {
    folder: TempDir,
    running: Running,
}

impl Section {
    fn new() -> Section {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("mnt")).expect("a folder");
        Section { folder, running: Running::default() }
    }

    fn mnt(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    /// Runs the blocks of a section and gives its text with what they printed.
    fn run(&mut self, section: &str, wrong: &mut Vec<String>) -> String {
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
                "jinja" | "sh" if !rest.is_empty() => self.write(rest, body),
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
        for example in block.split("$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap_or((example, ""));
            let printed = match ground {
                Ground::Background => self.stay(command),
                _ => self.printed(command, expected),
            };
            if !matches(expected, &printed) {
                wrong.push(format!("$ {command}\n--- page:\n{expected}--- printed:\n{printed}"));
            }
            let printed = if matches(expected, &printed) { expected } else { &printed };
            shown.push_str(&format!("$ {command}\n{printed}"));
        }
        shown
    }

    fn prepare(&mut self, ground: &Ground) {
        let running = &mut self.running;
        match ground {
            Ground::Shell => {}
            Ground::Background => running.mounted = None,
            Ground::Fleet(servers) => {
                let started = servers.iter().map(|(name, server)| (name.clone(), start(server)));
                running.servers = started.collect();
            }
            Ground::Mounted(server) => {
                running.mounted = None;
                running.servers = vec![("127.0.0.1".into(), start(server))];
                let mut command = self.program("astfs");
                command.arg("mount").arg("tree.toml").arg(self.mnt());
                let mounted = Mounted::run(command, &self.mnt()).unwrap_or_else(|error| panic!("{error}"));
                let alive = self.alive();
                let ready = wait_until(PATIENCE, || {
                    mounted.stderr().contains("connected") && alive.iter().all(|path| is_mounted(path))
                });
                assert!(ready, "{}", mounted.stderr());
                self.running.mounted = Some(mounted);
                self.emit(server);
            }
        }
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
        let (_, simulator) = &self.running.servers[0];
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
        let mut here = command.replace("/mnt", &self.mnt().display().to_string());
        for (name, server) in &self.running.servers {
            here = here.replace(&format!("{name}:5038"), &server.address().to_string());
        }
        here
    }

    /// What a command prints. What follows a server takes a moment: the command is run again until it
    /// prints what is expected, for a while.
    fn printed(&self, command: &str, expected: &str) -> String {
        let mut printed = String::new();
        let run_once = || {
            let mut shell = self.program("sh");
            shell.args(["-c", &format!("exec 2>&1; {}", self.here(command))]);
            text(&run_within(PATIENCE, &mut shell).stdout).replace(&self.mnt().display().to_string(), "/mnt")
        };
        let settled = command.starts_with("astfs"); // these change something
        let patience = if settled { Duration::ZERO } else { Duration::from_secs(5) };
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
        shell.args(["-c", &format!("exec {}", self.here(command))]).stdin(Stdio::null());
        let mounted = Mounted::run(shell, &self.mnt()).unwrap_or_else(|error| panic!("{error}"));
        assert!(is_mounted(&self.mnt()), "{command}");
        self.running.mounted = Some(mounted);
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

impl Ground {
    fn read(text: &str) -> Ground {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        match kind {
            "shell" => Ground::Shell,
            "background" => Ground::Background,
            "mounted" => Ground::Mounted(rest.to_owned()),
            "fleet" => Ground::Fleet(
                rest.split(' ')
                    .filter_map(|server| server.split_once('='))
                    .map(|(name, server)| (name.to_owned(), server.to_owned()))
                    .collect(),
            ),
            other => panic!("a console block on `{other}`"),
        }
    }
}

/// A server: a recorded one, or `simulated`, an Asterisk 16 with 8 peers.
fn start(server: &str) -> Simulated {
    let recorded =
        |version| Content::new(version).recordings(transcripts(server)).expect("the recordings can be read");
    Simulated::start(match server {
        "13-calling" => {
            let waiting = fs::read(transcripts("13").join("action_QueueStatus_CALLER_WAITING.txt"));
            let content = Content::new(Version::Asterisk13);
            content.answer(&[("Action", "QueueStatus")], waiting.expect("the recording can be read"))
        }
        "16" => recorded(Version::Asterisk16),
        "22" => recorded(Version::Asterisk22),
        "simulated" => Content::generated(Version::Asterisk16, 8, 1),
        other => panic!("no server `{other}`"),
    })
}

/// Whether a text is the expected one; `…` at the end of an expected line stands for anything.
fn matches(expected: &str, printed: &str) -> bool {
    let same = |(expected, printed): (&str, &str)| match expected.strip_suffix('…') {
        Some(beginning) => printed.starts_with(beginning),
        None => expected == printed,
    };
    expected.lines().count() == printed.lines().count() && expected.lines().zip(printed.lines()).all(same)
}

/// The parts of a text before each place where `mark` begins, the mark's line end in the part before.
fn split_keeping<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(mark) {
        parts.push(&text[from..=at]);
        from = at + 1;
    }
    parts.push(&text[from..]);
    parts
}
