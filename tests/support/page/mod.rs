//! Pages of the documentation that show commands and what they print: their files are written, their
//! commands run, and what is printed compared with the page.
//!
//! A fenced block `toml`, `jinja`, `ini` or `sh` with a name behind it is a file of that name; `toml` alone is
//! `tree.toml`. Below `console`, each line that begins with `$ ` is a command, run by a shell in the folder of the
//! files, and what follows is what it prints, errors included; `…` in a line stands for anything (see
//! [`printed`]). What stands behind `console` says on what ground (see [`Ground`]). `/mnt` and `/tmp/pbx` on the
//! page are a folder of the test. A command whose program this machine has not is skipped, and that is noted.

mod ground;
mod printed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::counts::{self, Real};
use super::mount::{Mounted, is_mounted};
use super::simulated::{run_within, text, transcripts};
use super::wait_until;
use ground::{Ground, Server};
use printed::{in_the_words_of, matches};

const PATIENCE: Duration = Duration::from_secs(30);
/// The mount point of pages that need not be followed as root.
const PLAYGROUND: &str = "/tmp/pbx";

/// A page, cut where its `## ` headings are.
pub struct Page {
    /// Its file.
    path: PathBuf,
    text: String,
}

/// Everything that runs for a section, until its end.
#[derive(Default)]
struct Running {
    servers: Vec<(String, Server)>,
    mounted: Option<Mounted>,
}

impl Page {
    /// A page, its name seen from the project's folder.
    pub fn open(name: &str) -> Page {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
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
    /// The blocks up to the next ground stand on what this machine has not.
    lacking: bool,
}

impl Section {
    fn new() -> Section {
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
        let mut here = command.replace("/mnt", &mnt).replace(PLAYGROUND, &mnt);
        for (name, server) in &self.running.servers {
            here = here.replace(&format!("{name}:5038"), &server.address());
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
            let printed = text(&run_within(PATIENCE, &mut shell).stdout);
            let mnt = if command.contains(PLAYGROUND) { PLAYGROUND } else { "/mnt" };
            printed.replace(&self.mnt().display().to_string(), mnt)
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
