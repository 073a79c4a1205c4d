//! Trees that show files, programs and URLs: without a server, and beside one.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "sources/files.rs"]
mod files;
#[path = "sources/fleet.rs"]
mod fleet;
#[path = "sources/programs.rs"]
mod programs;
#[path = "sources/recorded.rs"]
mod recorded;
#[path = "sources/told.rs"]
mod told;
#[path = "sources/urls.rs"]
mod urls;
#[path = "sources/web.rs"]
mod web;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::run_within;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a tree file and what it shows.
struct Ground {
    folder: TempDir,
}

impl Ground {
    /// With this tree file, in which `@` is the folder.
    fn new(tree: &str) -> Ground {
        let folder = tempfile::tempdir().expect("a folder");
        let ground = Ground { folder };
        ground.write("tree.toml", &tree.replace('@', &ground.at("").display().to_string()));
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tree(&self) -> PathBuf {
        self.at("tree.toml")
    }

    /// Puts a file in place of the one that stands there.
    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(self.at(".new"), text).expect("a file");
        fs::rename(self.at(".new"), path).expect("a file");
    }

    /// Mounts the tree; none where this machine cannot.
    #[track_caller]
    fn mount(&self, arguments: &[&str]) -> Option<Mounted> {
        let mounted = || Mounted::start(&self.tree(), arguments, &[]).expect("the tree can be mounted");
        fuse_available().then(mounted)
    }

    /// Runs `astfs COMMAND TREE ARGUMENT...`.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        run_within(PATIENCE, astfs().arg(command).arg(self.tree()).args(arguments))
    }

    /// What `astfs COMMAND TREE ARGUMENT...` prints.
    #[track_caller]
    fn prints(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The errno with which a file cannot be read.
#[track_caller]
fn errno(path: &Path) -> i32 {
    let error = fs::read(path).expect_err("it cannot be read");
    error.raw_os_error().expect("an errno")
}
