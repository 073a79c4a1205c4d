//! `astfs init`: what it makes of a machine's configuration.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use astfs::simulator::{Content, Version};
use support::nobody::{as_nobody, can_become_nobody};
use support::simulated::{Simulated, run_within, text, transcripts};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// Debian's `modules.conf` of Asterisk 16, without its comments.
const AUTOLOAD: &str = "[modules]\nautoload=yes\npreload => pbx_config.so\npreload => chan_local.so\n\
    noload => app_trunkisavail.so\nnoload => chan_woomera.so\nnoload => pbx_ael.so\nnoload => res_hep.so\n";

/// A machine: a configuration folder, a folder of modules, a program `asterisk`.
struct Machine {
    folder: TempDir,
}

/// What `init` did.
struct Done {
    status: Option<i32>,
    said: String,
    complained: String,
}

impl Machine {
    fn new(version: &str, modules: &[&str], files: &[(&str, &str)]) -> Machine {
        let machine = Machine { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["etc", "modules"] {
            fs::create_dir(machine.path(folder)).expect("a folder");
        }
        fs::set_permissions(machine.path(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
        for module in modules {
            fs::write(machine.path("modules").join(format!("{module}.so")), "").expect("a module");
        }
        let places = format!("[directories](!)\nastmoddir => {}\n", machine.path("modules").display());
        fs::write(machine.path("etc/asterisk.conf"), places).expect("a file");
        for (name, text) in files {
            fs::write(machine.path("etc").join(name), text).expect("a file");
        }
        let program = format!("#!/bin/sh\n[ \"$1\" = -V ] && echo '{version}'\n");
        fs::write(machine.path("asterisk"), program).expect("a program");
        fs::set_permissions(machine.path("asterisk"), fs::Permissions::from_mode(0o755)).expect("it is ours");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The options that make `init` look at this machine, and write to `out`.
    fn options(&self) -> Vec<String> {
        let path = |name: &str| self.path(name).display().to_string();
        let (out, etc, program) = (path("out"), path("etc"), path("asterisk"));
        ["init", &out, "--asterisk-config", &etc, "--asterisk", &program].map(str::to_owned).into()
    }

    fn init(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_astfs"));
        let output = run_within(PATIENCE, command.args(self.options()).args(arguments));
        Done { status: output.status.code(), said: text(&output.stdout), complained: text(&output.stderr) }
    }

    /// `init` as it must go, and the tree that it wrote, in which `check` finds nothing.
    #[track_caller]
    fn tree(&self, arguments: &[&str]) -> (Done, String) {
        let done = self.init(arguments);
        assert_eq!(done.status, Some(0), "{}{}", done.said, done.complained);
        let mut check = Command::new(env!("CARGO_BIN_EXE_astfs"));
        let checked = run_within(PATIENCE, check.arg("check").arg(self.path("out/tree.toml")));
        assert!(checked.status.success(), "{}", text(&checked.stderr));
        assert!(text(&checked.stdout).ends_with("no mistakes\n"), "{}", text(&checked.stderr));
        (done, self.read("out/tree.toml"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn debian_16() -> Machine {
    let manager = "[general]\nenabled = no\nport = 5038\nbindaddr = 127.0.0.1\n;debug = on\n";
    let files = [
        ("modules.conf", AUTOLOAD),
        ("sip.conf", "[general]\n"),
        ("iax.conf", ""),
        ("manager.conf", manager),
    ];
    Machine::new("Asterisk 16.28.0~dfsg-0+deb11u4", &["chan_sip", "chan_iax2", "chan_pjsip"], &files)
}

fn pjsip_22() -> Machine {
    let manager = "[general]\nenabled = yes\nport = 5039\nbindaddr = ::1\n\
        [astfs]\nsecret = known\\;before ; so\nread = system, call\nwrite = reporting\n[other]\nsecret = theirs\n";
    let files = [
        ("modules.conf", "[modules]\nautoload = no\nload = chan_pjsip.so\nload => chan_sip.so\n"),
        ("pjsip.conf", ""),
        ("sip.conf", "; left behind by an older version\n"),
        ("manager.conf", manager),
    ];
    Machine::new("Asterisk 22.10.1", &["chan_pjsip", "chan_iax2"], &files)
}

#[test]
fn a_debian_16_gets_the_shipped_tree_a_secret_of_its_own_and_a_manager_user() {
    let machine = debian_16();
    let (done, tree) = machine.tree(&[]);
    assert!(
        tree.contains("Asterisk 16.28.0~dfsg") && tree.contains("It shows chan_sip, chan_iax2"),
        "{tree}"
    );
    for path in ["users/sipfriends/{sip_friend}/credentials", "peers/iax2/{iax_peer}/full"] {
        assert!(tree.contains(path), "{path}");
    }
    assert!(!tree.contains("PJSIP"), "pjsip.conf is not there");
    assert!(done.said.contains("manager: not enabled, at 127.0.0.1:5038"), "{}", done.said);
    assert!(done.said.contains("set `enabled = yes`"), "{}", done.said);

    let secret = machine.read("out/secret");
    let secret = secret.trim_end();
    assert!(secret.len() == 32 && secret.chars().all(|one| one.is_ascii_hexdigit()), "a secret to guess");
    for file in ["secret", "manager-user.conf"] {
        assert_eq!(mode(&machine.path("out").join(file)), 0o600, "{file}");
    }
    let user = machine.read("out/manager-user.conf");
    assert!(user.starts_with(&format!("[astfs]\nsecret = {secret}\n")), "{user}");
    assert!(user.contains("write  = system,reporting,command\n"), "{user}");
    assert!(!tree.contains(secret) && !done.said.contains(secret), "the secret is told");
    let commands: Vec<_> = done.said.split("Go on with:\n").nth(1).expect("advice").lines().collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    assert_eq!(machine.read("etc/manager.conf").matches("astfs").count(), 0, "Asterisk's file was changed");
}

#[test]
fn a_22_with_pjsip_only_gets_endpoints_and_the_manager_user_that_it_has() {
    let machine = pjsip_22();
    let (done, tree) = machine.tree(&[]);
    assert!(tree.contains("It shows chan_pjsip,"), "{tree}");
    assert!(
        tree.contains("endpoints/{endpoint}/state") && !tree.contains("sip_peers") && !tree.contains("iax")
    );
    assert!(tree.contains("address = \"[::1]:5039\""), "{tree}");
    assert_eq!(machine.read("out/secret"), "known;before\n");
    assert!(!machine.path("out/manager-user.conf").exists(), "the user is there already");
    assert!(!machine.path("out/templates").exists(), "nothing uses them");
    assert!(done.said.contains("add to its `read`: reporting\n"), "{}", done.said);
    assert!(done.said.contains("add to its `write`: system\n"), "{}", done.said);
    assert!(!done.said.contains("known;before") && !done.said.contains("theirs"), "{}", done.said);
}

#[test]
fn the_trees_show_a_server() {
    for (machine, version, recordings, path, expected) in [
        (pjsip_22(), Version::Asterisk22, "22", "endpoints/6001/contacts", "6001/sip:6001@127.0.0.1:50852\n"),
        (debian_16(), Version::Asterisk16, "16", "peers/iax2/iax2/full", "IPaddress=127.0.0.1\n"),
        (debian_16(), Version::Asterisk16, "16", "version", "16."),
    ] {
        machine.tree(&[]);
        let content = Content::new(version).recordings(transcripts(recordings)).expect("recordings");
        let server = Simulated::start(content);
        let output = server.run("cat", &machine.path("out/tree.toml"), [path.into()]);
        let shown = text(&output.stdout);
        assert!(shown.contains(expected), "{path}: {shown}{}", text(&output.stderr));
    }
}

#[test]
fn flags_go_before_what_is_found() {
    let machine = pjsip_22();
    let secret = machine.path("mine");
    fs::write(&secret, "mine\nsecond line\n").expect("a file");
    let file = secret.display().to_string();
    let flags = ["--address", "pbx.example:5040", "--user", "me", "--secret-file", &file, "--yes"];
    let (done, tree) = machine.tree(&flags);
    assert!(tree.contains("address = \"pbx.example:5040\"\nuser    = \"me\"\n"), "{tree}");
    assert!(tree.contains(&format!("secret  = {{ file = \"{file}\" }}")), "{tree}");
    assert!(!machine.path("out/secret").exists());
    assert!(machine.read("out/manager-user.conf").starts_with("[me]\nsecret = mine\n"));
    assert!(!done.said.contains("mine\n"), "{}", done.said);
}

#[test]
fn a_machine_without_asterisk_or_with_files_that_cannot_be_read_gets_a_tree_with_everything() {
    let machine = debian_16();
    fs::remove_dir_all(machine.path("etc")).expect("it is ours");
    let (done, tree) = machine.tree(&[]);
    assert!(tree.contains("is not known: delete what it has not"), "{tree}");
    for path in ["sipfriends", "iax2", "endpoints"] {
        assert!(tree.contains(path), "{path}");
    }
    assert!(done.said.contains("not read: ") && done.said.contains("modules.conf"), "{}", done.said);

    if !can_become_nobody() {
        return;
    }
    let machine = debian_16();
    fs::set_permissions(machine.path("etc"), fs::Permissions::from_mode(0o700)).expect("it is ours");
    fs::create_dir(machine.path("out")).expect("a folder");
    fs::set_permissions(machine.path("out"), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let program = machine.path("astfs"); // where anybody may run it
    fs::copy(env!("CARGO_BIN_EXE_astfs"), &program).expect("a copy");
    let said = as_nobody(&program.display().to_string(), machine.options()).expect("it is done");
    assert!(said.contains("manager.conf: Permission denied"), "{said}");
    assert!(machine.read("out/tree.toml").contains("endpoints"));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_written_by_halves() {
    let machine = debian_16();
    fs::create_dir(machine.path("out")).expect("a folder");
    fs::write(machine.path("out/tree.toml"), "mine").expect("a file");
    let done = machine.init(&[]);
    assert_eq!(done.status, Some(1), "{}", done.said);
    assert!(done.complained.contains("tree.toml: is there already"), "{}", done.complained);
    assert_eq!(machine.read("out/tree.toml"), "mine");
    assert_eq!(fs::read_dir(machine.path("out")).expect("a folder").count(), 1);
}

#[test]
fn what_could_break_a_file_is_refused_with_status_2() {
    let machine = debian_16();
    for flags in [["--user", "a]\nwrite=all"], ["--user", "general"], ["--user", ""], ["--address", "a:b:c"]]
    {
        let done = machine.init(&flags);
        assert_eq!(done.status, Some(2), "{flags:?}: {}", done.said);
        assert!(!machine.path("out").exists());
    }
}
