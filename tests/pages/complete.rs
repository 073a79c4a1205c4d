//! No example is left out, no errno is without one, and what is said to be proved by a test is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::libc;
use regex::Regex;

/// The pages whose sessions and files are run above.
const RUN: [&str; 6] = [
    "README.md",
    "docs/cookbook.md",
    "docs/semantics.md",
    "docs/testing.md",
    "docs/tree-language.md",
    "docs/tutorial.md",
];

/// Examples that are tested otherwise, or cannot be: the page, what stands behind the fence, and why.
const ELSEWHERE: [(&str, &str, &str); 19] = [
    ("README.md", "sh", "cargo and the tests themselves: they run already"),
    ("docs/architecture.md", "", "drawings"),
    ("docs/cookbook.md", "sh", "how each recipe is begun, with a secret left out"),
    ("docs/cookbook.md", "ini", "its pattern is tried on recorded attacks; fail2ban is not there"),
    ("docs/operations.md", "fstab", "tests/package/run"),
    ("docs/operations.md", "ini", "settings that systemd reads"),
    ("docs/operations.md", "sh", "tests/package/run, in a Debian of its own, and tests/doctor.rs"),
    ("docs/operations.md", "text", "what tests/package/run ends with, and what tests/top.rs draws"),
    ("docs/performance.md", "sh", "measuring takes an hour"),
    ("docs/reliability.md", "sh", "fuzzing takes hours, and a nightly toolchain"),
    ("docs/security.md", "text", "the rights of a reader in tests/published.rs"),
    ("docs/semantics.md", "explain", "tests/explain.rs"),
    ("docs/template-library.md", "example", "src/language/library/tests.rs"),
    ("docs/tree-language.md", "json", "tests/language/documentation.rs"),
    ("docs/tree-language.md", "parse", "tests/language/documentation.rs"),
    ("docs/tree-language.md", "report", "tests/language/documentation.rs"),
    ("docs/tree-language.md", "toml fragment", "it includes files that are not there"),
    ("docs/tree.md", "sh", "tests/real_asterisk/calls/control.rs"),
    ("docs/tree.md", "toml fragment", "tests/real_asterisk/who/realtime.rs"),
];

/// The errnos that a mount gives.
const ERRNOS: [(&str, i32); 12] = [
    ("EACCES", libc::EACCES),
    ("ECONNREFUSED", libc::ECONNREFUSED),
    ("EFBIG", libc::EFBIG),
    ("EHOSTDOWN", libc::EHOSTDOWN),
    ("EINVAL", libc::EINVAL),
    ("EIO", libc::EIO),
    ("EISDIR", libc::EISDIR),
    ("ENOENT", libc::ENOENT),
    ("ENOTDIR", libc::ENOTDIR),
    ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ("EPERM", libc::EPERM),
    ("ETIMEDOUT", libc::ETIMEDOUT),
];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// README.md and what is in `docs/`, their names seen from the project's folder.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(project().join("docs")).expect("the documentation");
    let names = docs.map(|entry| format!("docs/{}", entry.expect("a file").file_name().display()));
    names.chain(["README.md".to_owned()]).filter(|name| name.ends_with(".md")).collect()
}

/// What stands behind the opening fences of a page.
fn fences(page: &str) -> Vec<String> {
    let text = read(page);
    let fences = text.lines().filter_map(|line| line.strip_prefix("```"));
    fences.step_by(2).map(ToOwned::to_owned).collect()
}

#[test]
fn every_example_is_run_or_it_is_said_why_not() {
    let mut excused = BTreeSet::new();
    for page in pages() {
        for fence in fences(&page) {
            let (kind, name) = fence.split_once(' ').unwrap_or((&fence, ""));
            let runs = match kind {
                "console" | "toml" => name != "fragment",
                "jinja" | "sh" | "ini" => !name.is_empty(), // a file of that name
                _ => false,
            };
            if runs && RUN.contains(&&*page) {
                continue;
            }
            let excuse = ELSEWHERE.iter().find(|(there, found, _)| {
                *there == page && (*found == fence || *found == kind && kind != "toml")
            });
            let excuse = excuse.unwrap_or_else(|| panic!("{page}: nothing runs ```{fence}"));
            excused.insert(excuse);
        }
    }
    let idle: Vec<_> = ELSEWHERE.iter().filter(|excuse| !excused.contains(excuse)).collect();
    assert!(idle.is_empty(), "no such examples are left: {idle:?}");
}

#[test]
fn every_errno_is_explained_and_shown() {
    let given = Regex::new(r"Errno::(E\w+)").expect("a pattern");
    let source = read("src/fs/errno.rs");
    let given: BTreeSet<_> = given.captures_iter(&source).map(|found| found[1].to_owned()).collect();
    assert_eq!(given, ERRNOS.iter().map(|(name, _)| (*name).to_owned()).collect());
    let page = read("docs/semantics.md");
    for (name, number) in ERRNOS {
        let explained =
            page.lines().any(|line| line.starts_with("| `E") && line.contains(&format!("`{name}`")));
        assert!(explained, "{name}");
        let words = std::io::Error::from_raw_os_error(number).to_string();
        let words = words.split(" (").next().unwrap_or_default();
        assert!(
            page.lines().any(|line| line.ends_with(&format!(": {words}"))),
            "no example of {name}: {words}"
        );
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let name = Regex::new(r"`([\w/.]+)`").expect("a pattern");
    for (page, least) in [("docs/operations.md", 12), ("docs/semantics.md", 20), ("docs/security.md", 35)] {
        let text = read(page);
        let (_, proofs) = text.split_once("\n## What the tests show\n").expect("the list of tests");
        let mut count = 0;
        for row in proofs.lines().filter_map(|line| line.strip_prefix("| ")) {
            let tests = row.rsplit(" | ").next().unwrap_or_default();
            let mut file = String::new();
            for found in name.captures_iter(tests).map(|found| found[1].to_owned()) {
                if found.ends_with(".rs") {
                    file = read(&found);
                } else {
                    let test = format!(r"#\[(tokio::)?test.*\]\n *(async )?fn {found}\(\)");
                    let test = Regex::new(&test).expect("a pattern");
                    assert!(test.is_match(&file), "{row}\nnames `{found}`, which is no test there");
                    count += 1;
                }
            }
        }
        assert!(count > least, "{page}: only {count} tests are named");
    }
}
