//! The pages that show what to type and what comes of it are true.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

#[path = "pages/complete.rs"]
mod complete;
mod support;

use std::fs;

use nix::unistd::geteuid;
use regex::Regex;
use support::counts;
use support::mount::fuse_available;
use support::page::Page;
use support::simulated::{text, transcripts};

/// Whether this machine can do what the pages show: control files and logs are for root to mount.
fn can_follow_a_page() -> bool {
    if !geteuid().is_root() {
        counts::skipped("only root mounts control files and event logs");
        return false;
    }
    fuse_available()
}

#[test]
fn every_recipe_of_the_cookbook_works_as_printed() {
    let page = Page::open("docs/cookbook.md");
    assert!(page.headings().len() >= 10, "{:?}", page.headings());
    if can_follow_a_page() {
        page.run(false);
    }
}

#[test]
fn the_tutorial_can_be_followed_to_its_end() {
    let page = Page::open("docs/tutorial.md");
    assert_eq!(page.headings().last(), Some(&"A file of your own"));
    if can_follow_a_page() {
        page.run(true);
    }
}

#[test]
fn the_readme_shows_what_there_is() {
    let page = Page::open("README.md");
    let demo = page.text().lines().find_map(|line| line.strip_prefix("cargo run --release -- demo /tmp/pbx"));
    assert!(demo.is_some(), "the block at its top stands on what that mounts");
    if can_follow_a_page() {
        page.run(false);
    }
}

#[test]
fn what_the_semantics_promise_holds_on_a_mount() {
    let page = Page::open("docs/semantics.md");
    if can_follow_a_page() {
        page.run(true);
    }
}

#[test]
fn what_the_reference_of_the_tree_file_prints_is_printed() {
    let page = Page::open("docs/tree-language.md");
    if can_follow_a_page() {
        page.run(false);
    }
}

#[test]
fn the_session_of_the_page_about_testing_can_be_typed() {
    let page = Page::open("docs/testing.md");
    assert!(page.text().matches("\n$ ").count() >= 12, "{}", page.text());
    if can_follow_a_page() {
        page.run(true);
    }
}

#[test]
fn the_cookbooks_fail2ban_filter_finds_the_address_in_a_recorded_attack() {
    let page = Page::open("docs/cookbook.md");
    let filter = page.text().lines().find_map(|line| line.strip_prefix("failregex   = ")).expect("a filter");
    let filter = Regex::new(&filter.replace("<HOST>", "(?P<host>[^/]+)")).expect("a regular expression");
    let mut found = 0;
    for version in ["13", "16", "22"] {
        let events = fs::read(transcripts(version).join("events.txt")).expect("a recording");
        for event in text(&events).split("\r\n\r\n").filter(|event| event.contains("Privilege: security")) {
            // as an event log has it
            let headers = event.trim_start().lines().filter_map(|line| line.split_once(": "));
            let headers: serde_json::Map<_, _> =
                headers.map(|(name, value)| (name.to_owned(), value.into())).collect();
            let failed = event.contains("Event: InvalidPassword") || event.contains("ResponseFailed");
            let line = serde_json::Value::from(headers).to_string();
            let host = filter.captures(&line).map(|captures| captures["host"].to_owned());
            assert_eq!(host.as_deref(), failed.then_some("127.0.0.1"), "{line}");
            found += usize::from(failed);
        }
    }
    assert_eq!(found, 3);
}
