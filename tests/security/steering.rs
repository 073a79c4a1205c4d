//! What a server, or who gives names to what it tells of, can do with what he says.

use std::process::Command;

use astfs::simulator::{Content, Peer, Version};

use super::PATIENCE;
use crate::support::mount::{astfs, fuse_available};
use crate::support::simulated::{Simulated, TreeFile, run_within, text};
use crate::support::wait_until;

/// Sets a terminal's title, and makes some of them type it.
const HOSTILE: &str = "\x1b]0;pwned\x07\x1b[21t";

const TREE: &str = r#"
[query.peers]
action = "SIPpeers"
key    = "ObjectName"
[query.told]
action = "Told"
[each.peer]
in = "peers"
[tree]
"peers/{peer}"  = { text = "\n" }
"links/{peer}"  = { symlink = "{{ peer.ObjectName }}" }
"told"          = { render = "{{ told.Word }}\n" }
"by-link"       = { symlink = "{{ told.Word }}" }
"#;

fn hostile() -> Simulated {
    let name = format!("1001{HOSTILE}");
    let server = Simulated::start(Content::new(Version::Asterisk16).peers([Peer::new(name.as_bytes())]));
    server.answer(&[("Action", "Told")], format!("Response: Success\r\nWord: {HOSTILE}\r\n\r\n"));
    server
}

#[test]
fn nothing_that_a_server_tells_steers_the_terminal_on_which_it_is_shown() {
    let server = hostile();
    let tree = TreeFile::new(TREE);
    for (arguments, shown) in
        [("tree", "%1B"), ("ls -l", "%1B"), ("cat", "\\x1b]0;pwned\\x07\\x1b[21t"), ("query", "\\u001b")]
    {
        let (command, options) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let what = match command {
            "ls" => "links",
            "cat" | "query" => "told",
            _ => "",
        };
        let program = env!("CARGO_BIN_EXE_astfs");
        let typed = format!("NO_COLOR=1 {program} {command} {options} {} {what}", tree.path().display());
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &typed, "/dev/null"]).envs(server.environment());
        let output = run_within(PATIENCE, &mut terminal);
        assert!(output.status.success(), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
        let on_terminal = text(&output.stdout);
        assert!(on_terminal.contains(shown), "{command}: {on_terminal:?}");
        assert!(!on_terminal.contains(['\x1b', '\x07']), "{command}: {on_terminal:?}");
    }
    // whoever pipes it elsewhere gets the bytes
    let output = server.run("cat", &tree.path(), ["told".into()]);
    assert_eq!(text(&output.stdout), format!("{HOSTILE}\n"));
}

#[test]
fn nothing_that_a_server_tells_steers_the_terminal_by_an_error_or_a_log_line() {
    let server = hostile();
    server.answer(&[("Action", "Told")], format!("Response: Error\r\nMessage: no{HOSTILE}\r\n\r\n"));
    let tree = TreeFile::new(TREE);
    let output = server.run("cat", &tree.path(), ["told".into()]);
    let told = text(&output.stderr);
    assert!(told.contains("pwned") && !told.contains(['\x1b', '\x07']), "{told:?}");

    if !fuse_available() {
        return;
    }
    let mounted = server.mount_with(&tree.path(), &["-vv"]);
    let _ = std::fs::read(mounted.join("told"));
    let is_told = || mounted.stderr().contains("pwned");
    assert!(wait_until(PATIENCE, is_told), "{}", mounted.stderr());
    let _ = mounted.join("peers").read_dir().map(Iterator::count);
    let (_, log) = mounted.unmount();
    assert!(!log.contains(['\x1b', '\x07']), "{log:?}");
}

#[test]
fn a_template_reads_neither_files_nor_the_environment() {
    for (template, code) in [
        ("{{ env('HOME') }}", "unknown-name"),
        ("{{ environ.HOME }}", "unknown-name"),
        ("{{ open('/etc/passwd') }}", "unknown-name"),
        ("{{ '/etc/passwd' | read }}", "unknown-filter"),
        ("{% include '/etc/passwd' %}", "unreadable-template"),
        ("{% include '../../../../../../etc/passwd' %}", "unreadable-template"),
    ] {
        let tree = TreeFile::new(&format!("[tree]\n\"x\" = {{ render = \"{template}\" }}\n"));
        let output = run_within(PATIENCE, astfs().arg("check").arg(tree.path()));
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{template}: {told}");
        assert!(told.contains(&format!("[{code}]")) && !told.contains("root:"), "{template}: {told}");
    }
}
