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
mod section;

use std::fs;
use std::path::{Path, PathBuf};

use section::Section;

/// A page, cut where its `## ` headings are.
pub struct Page {
    /// Its file.
    path: PathBuf,
    text: String,
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
        if is_updating() {
            fs::write(&self.path, page).expect("the page can be written");
        } else {
            assert!(wrong.is_empty(), "{}\n{}", self.path.display(), wrong.join("\n"));
        }
    }
}

/// Whether the page is to be written anew.
fn is_updating() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
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
