//! The tree file with its templates and secrets.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::check::counted;
use super::super::connect::SECRET_VARIABLE;
use super::super::{Exit, ServerSelection, open};
use super::{Findings, word};
use crate::language::{Model, Report, SecretSource, Severity};

const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o077;

/// Looks at a tree file; gives what it says, if it can be said.
pub fn look(path: &Path, server: &ServerSelection, findings: &mut Findings) -> Option<Model> {
    let shown = path.display();
    let (model, report) = match open::load(path, server, None) {
        Ok(read) => read,
        Err(error) => {
            findings.fail("tree", error, "name a tree file; `astfs init` writes a first one");
            return None;
        }
    };
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let remedy = format!("`astfs check {}` tells more", word(path));
    match &model {
        None => findings.fail_as(
            Exit::TreeFile,
            "tree",
            format_args!("{shown}: {}", counted(errors, "error")),
            remedy,
        ),
        Some(_) if warnings > 0 => {
            findings.warn("tree", format_args!("{shown}: {}", counted(warnings, "warning")), remedy);
        }
        Some(model) => {
            let (entries, queries) =
                (counted(model.entries.len(), "entry"), counted(model.declared_queries(), "query"));
            findings.ok("tree", format_args!("{shown}: {entries} and {queries}"));
        }
    }
    permissions(&report, findings);
    let model = model?;
    templates(&model, findings);
    secrets(&model, server, findings);
    Some(model)
}

fn mode(path: &Path) -> Option<u32> {
    Some(path.metadata().ok()?.permissions().mode())
}

/// Whoever may change one of these files decides what the server is asked.
fn permissions(report: &Report, findings: &mut Findings) {
    let is_open = |path: &&std::path::PathBuf| mode(path).is_some_and(|mode| mode & OTHERS_WRITE != 0);
    match report.files().iter().find(is_open) {
        Some(path) => {
            let shown = path.display();
            let told = format!("{shown} can be changed by everybody, and so what the server is asked");
            findings.warn("permissions", told, format_args!("`chmod o-w {}`", word(path)));
        }
        None => findings.ok("permissions", "nobody else can change the tree"),
    }
}

fn templates(model: &Model, findings: &mut Findings) {
    let subject = "templates";
    let Some(folder) = &model.templates_folder else {
        return findings.ok(subject, "none in files of their own");
    };
    let used = model.files.iter().filter(|file| file.starts_with(folder) && file.is_file()).count();
    findings.ok(subject, format_args!("{} in {}", counted(used, "file"), folder.display()));
}

/// The secrets of servers that stand in files.
fn secrets(model: &Model, server: &ServerSelection, findings: &mut Findings) {
    let declared = model.servers.values().filter_map(|server| match &server.secret {
        Some(SecretSource::File(path)) => Some(path),
        _ => None,
    });
    let files: Vec<_> = match &server.secret_file {
        Some(given) => vec![given],
        None => declared.collect(),
    };
    if !files.is_empty() && server.secret_file.is_none() && std::env::var_os(SECRET_VARIABLE).is_some() {
        return findings.ok("secret", format_args!("{SECRET_VARIABLE} has it"));
    }
    for path in files {
        let (subject, shown) = ("secret", path.display());
        let remedy = format!("`chmod 600 {}`", word(path));
        match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let word = word(path);
                let remedy = format!(
                    "`install -m 600 /dev/null {word}`, then write the manager user's secret into it"
                );
                findings.fail(subject, format_args!("{shown}: {error}"), remedy);
            }
            Err(error) => {
                findings.fail(subject, format_args!("{shown}: {error}"), "let who mounts read it");
            }
            Ok(text) if text.is_empty() || text.starts_with(b"\n") => {
                let told = format_args!("{shown} is empty, or its first line is");
                findings.fail(subject, told, "write the manager user's secret into it");
            }
            Ok(_) if mode(path).is_none_or(|mode| mode & OTHERS_READ != 0) => {
                findings.warn(subject, format_args!("{shown} can be read by others"), remedy);
            }
            Ok(_) => findings.ok(subject, format_args!("{shown} is its owner's alone")),
        }
    }
}
