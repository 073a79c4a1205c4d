//! The session of `docs/testing.md`, line by line: its `toml NAME` blocks are files, and each command of a
//! `console` block prints what stands behind it.

use std::fs;
use std::path::Path;
use std::process::Command;

use astfs::simulator::{Content, Peer, Version};

use super::PATIENCE;
use crate::support::simulated::{Simulated, run_within, text};

const DOCUMENT: &str = include_str!("../../docs/testing.md");

/// The server of the page: two phones, one of them registered.
fn server() -> Simulated {
    let mut bo = Peer::new("6001").registered("192.0.2.1:54203".parse().expect("an address"), "Phone", 3600);
    bo.caller_name = b"Bo"[..].into();
    bo.caller_number = b"03012345678"[..].into();
    Simulated::start(Content::new(Version::Asterisk16).peer(bo).peer(Peer::new("6002")))
}

/// The fenced blocks: what stands behind the fence, and the text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]);
            blocks.push((kind, text.collect()));
        }
    }
    blocks
}

#[test]
fn every_command_of_the_page_prints_what_stands_there() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, content) in blocks() {
        if let Some(name) = kind.strip_prefix("toml ") {
            fs::write(folder.path().join(name), content).expect("a file of the page");
        }
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_astfs")).parent().expect("a folder of programs");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("a PATH"));
    let mut count = 0;
    for (_, content) in blocks().into_iter().filter(|(kind, _)| *kind == "console") {
        for command in content.split("$ ").filter(|command| !command.is_empty()) {
            let (command, expected) = command.split_once('\n').expect("a command is a line");
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).current_dir(folder.path()).env("PATH", &path);
            let output = run_within(PATIENCE, shell.envs(server.environment()));
            assert_eq!(text(&output.stdout), expected, "{command}\n{}", text(&output.stderr));
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} commands were found");
}
