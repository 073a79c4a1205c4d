//! The servers of a tree: what `check --live` finds out, in few words, and their clocks.

use std::path::Path;

use super::super::check::{Live, ask, counted};
use super::super::{CliError, Exit, ServerSelection, connect, open};
use super::{Findings, word};
use crate::language::Model;

/// The versions that astfs is made for.
const SUPPORTED: std::ops::RangeInclusive<u32> = 13..=22;
/// Clocks that are further apart are told, in seconds: log lines of both can no longer be compared.
const APART: f64 = 5.0;
/// So many names are told of what fails.
const NAMES: usize = 3;

/// Looks at each server of the tree.
///
/// # Errors
/// If there is no runtime, or the tree file is another by now.
pub fn look(
    path: &Path,
    mut model: Model,
    selection: &ServerSelection,
    findings: &mut Findings,
) -> Result<(), CliError> {
    let targets = match connect::targets(&mut model, selection, None) {
        Ok(targets) => targets,
        Err(error @ CliError::File { .. }) => {
            findings.fail("server", error, "do what the line `secret` says, or give --secret-file");
            return Ok(());
        }
        Err(error) => {
            let (told, remedy) = split(error, "set it in [server] of the tree file, or by an option");
            findings.fail("server", told, remedy);
            return Ok(());
        }
    };
    if targets.is_empty() {
        findings.ok("server", "the tree asks none");
        return Ok(());
    }
    let runtime = open::runtime()?;
    for name in targets.keys() {
        let only = match name.is_empty() {
            true => selection.clone(),
            false => ServerSelection { server: vec![chosen(name, selection)], ..selection.clone() },
        };
        // each of a fleet is asked with a tree for it alone
        let (Some(model), _) = open::load(path, &only, None)? else { return Err(CliError::Mistakes) };
        let subject = |what: &str| if name.is_empty() { what.into() } else { format!("{what} {name}") };
        match runtime.block_on(ask(model, &only)) {
            Ok(live) => tell(&live, path, subject, findings),
            Err(error) => {
                let (told, remedy) =
                    split(error, "manager.conf of the server says who may log in from where");
                findings.fail_as(Exit::Server, &subject("server"), told, remedy);
            }
        }
    }
    runtime.shutdown_background();
    Ok(())
}

/// What an error tells, and what it says is to be done, or else the remedy.
fn split(error: CliError, remedy: &str) -> (String, String) {
    let error = error.to_string();
    let (told, remedy) = error.split_once("; ").unwrap_or((&error, remedy));
    (told.to_owned(), remedy.to_owned())
}

/// A server of several as the arguments name it: with another address, if one was given.
fn chosen(name: &str, selection: &ServerSelection) -> String {
    let of_name = |given: &&String| given.split_once('=').is_some_and(|(before, _)| before == name);
    selection.server.iter().find(of_name).cloned().unwrap_or_else(|| name.to_owned())
}

fn tell(live: &Live, tree: &Path, subject: impl Fn(&str) -> String, findings: &mut Findings) {
    let login = live.login_ms.map(|time| format!(", logged in within {time} ms")).unwrap_or_default();
    findings.ok(&subject("server"), format_args!("{}{login}", live.server));
    version(live, &subject("version"), findings);

    let more = format!("`astfs check --live {}` tells more, and the user that is enough", word(tree));
    let denied = live.queries.iter().filter(|query| query.state == "denied" && query.matters);
    let denied: Vec<&str> = denied.map(|query| query.name.as_str()).collect();
    match denied.is_empty() {
        true => findings.ok(&subject("rights"), "the manager user may do what the tree needs"),
        false => findings.fail(
            &subject("rights"),
            format_args!("{} denied: {}", counted(denied.len(), "query"), first(&denied)),
            &more,
        ),
    }
    let failing = live.entries.iter().filter(|entry| entry.state == "fails");
    let failing: Vec<&str> = failing.map(|entry| entry.path.as_str()).collect();
    match failing.is_empty() {
        true => findings.ok(&subject("answers"), "the server answers all that the tree asks"),
        false => findings.fail(
            &subject("answers"),
            format_args!("{} cannot be shown: {}", counted(failing.len(), "entry"), first(&failing)),
            &more,
        ),
    }
    if let Some(ahead) = live.clock_ahead {
        clock(ahead, &subject("clock"), findings);
    }
}

/// How far the server's clock is ahead of ours, in seconds.
fn clock(ahead: f64, subject: &str, findings: &mut Findings) {
    let way = if ahead < 0.0 { "behind" } else { "ahead of" };
    match ahead.abs() > APART {
        true => findings.warn(
            subject,
            format_args!("the server's clock is {:.0} s {way} ours", ahead.abs()),
            "set both by NTP (`timedatectl set-ntp true`): times in files are the server's, log lines ours",
        ),
        false => findings.ok(subject, "the server's and ours agree"),
    }
}

fn version(live: &Live, subject: &str, findings: &mut Findings) {
    let Some(version) = &live.version else {
        return findings.warn(
            subject,
            "the server does not tell it",
            "let the manager user have `system` or `reporting` to be sure",
        );
    };
    // some builds put a word before it: `certified/18.9-cert1`
    let number = version.trim_start_matches(|character: char| !character.is_ascii_digit());
    let major = number.split(|character: char| !character.is_ascii_digit()).next();
    match major.and_then(|major| major.parse().ok()) {
        Some(major) if SUPPORTED.contains(&major) => findings.ok(subject, format_args!("Asterisk {version}")),
        _ => findings.warn(
            subject,
            format_args!("Asterisk {version}"),
            format_args!("astfs is made for {} to {}", SUPPORTED.start(), SUPPORTED.end()),
        ),
    }
}

fn first(names: &[&str]) -> String {
    let more = if names.len() > NAMES { ", …" } else { "" };
    names[..names.len().min(NAMES)].join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_with_the_way_and_others_are_not() {
        let mut findings = Findings::default();
        for ahead in [-3600.2, 7.0, -4.9, 0.0] {
            clock(ahead, "clock", &mut findings);
        }
        let told = findings.text();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("warn  clock  the server's clock is 3600 s behind ours; "), "{told}");
        assert!(lines[1].starts_with("warn  clock  the server's clock is 7 s ahead of ours; "), "{told}");
        assert!(lines[2..].iter().all(|line| line.starts_with("ok ")), "{told}");
        assert_eq!(findings.exit, None);
    }
}
