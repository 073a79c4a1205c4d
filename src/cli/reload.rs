//! `astfs reload`, and what a mount does about it: another reading of its tree file takes the place of the one
//! that is shown.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indexmap::IndexMap;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::color::Color;
use super::connect::{self, Target};
use super::open::{self, Clients, Connections, OpenTree};
use super::{CliError, TreeSelection};
use crate::fs::Mount;
use crate::language::{Report, STATUS_DIRECTORY};
use crate::query::Queries;
use crate::tree::{RELOAD, Successor};

/// So long a reload may take before `astfs reload` gives up waiting for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(10);

/// Arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ReloadArgs {
    /// Where the tree is mounted
    mountpoint: PathBuf,
}

const AFTER_HELP: &str = "\
The mount reads its tree file and templates again. With a mistake in them it stays as it is, and the mistakes
are printed; they also stand in MOUNTPOINT/.astfs/reload. Without, the new tree takes the place of the old one at
once: what is the same keeps its inode and its content, what is open stays open, and the connection stays up,
unless [server] is another.

`mount --watch` does the same whenever the files are saved, SIGHUP whenever it comes.";

/// Has a mount reload its tree, and tells what came of it.
pub fn run(args: &ReloadArgs) -> Result<(), CliError> {
    let status = args.mountpoint.join(STATUS_DIRECTORY);
    let read = |name: &str| {
        let path = status.join(name);
        std::fs::read_to_string(&path).map_err(|error| CliError::File { path, error })
    };
    let (summary, before) = (read("status")?, read(RELOAD)?);
    let process = summary.lines().find_map(|line| line.strip_prefix("process ")?.trim().parse().ok());
    let nothing =
        || CliError::Mountpoint(format!("{}: no astfs is mounted there", args.mountpoint.display()));
    kill(Pid::from_raw(process.ok_or_else(nothing)?), Signal::SIGHUP).map_err(std::io::Error::from)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        std::thread::sleep(LOOK);
        let now = read(RELOAD)?;
        let (head, findings) = now.split_once("\n\n").unwrap_or((&now, ""));
        if now != before && !head.is_empty() {
            eprint!("{findings}");
            let said = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            if said("outcome=") == "kept" {
                return Err(CliError::Mistakes);
            }
            println!("{}", said("difference="));
            return Ok(());
        }
        if Instant::now() > deadline {
            let late = format!("no answer within {} s; its log tells more", PATIENCE.as_secs());
            return Err(CliError::Mountpoint(format!("{}: {late}", args.mountpoint.display())));
        }
    }
}

/// What is needed to read a mount's tree again.
pub struct Reloader {
    selection: TreeSelection,
    secret: Option<String>,
    targets: IndexMap<String, Target>,
    clients: Clients,
    files: BTreeSet<PathBuf>,
    count: u64,
}

impl Reloader {
    /// For a tree that was opened so.
    pub fn new(selection: &TreeSelection, secret: Option<&str>, opened: &OpenTree) -> Reloader {
        Reloader {
            selection: selection.clone(),
            secret: secret.map(str::to_owned),
            targets: opened.targets.clone(),
            clients: opened.clients.clone(),
            files: opened.tree.queries().model().files.clone(),
            count: 0,
        }
    }

    /// The files and folders that the tree was read from, or was looked for in.
    pub fn files(&self) -> &BTreeSet<PathBuf> {
        &self.files
    }

    /// Ends the connections.
    pub async fn stop(self) {
        for client in self.clients.into_values() {
            client.stop().await;
        }
    }

    /// Reads the tree again; with a mistake in it the mount stays what it is. What came of it is logged, and
    /// can be read in the mount.
    pub async fn reload(&mut self, mount: &mut Mount) {
        self.count += 1;
        let mut findings = String::new();
        let done = self.replace(mount, &mut findings).await;
        let tree = self.selection.tree.display();
        let outcome = match &done {
            Ok(difference) => {
                tracing::info!("{tree} was read again: {difference}");
                format!("outcome=replaced\ndifference={difference}\n")
            }
            Err(error) => {
                tracing::warn!("{tree} was read again, and the mount stays as it is: {error}");
                if !matches!(error, CliError::Mistakes) {
                    findings += &format!("error: {error}\n");
                }
                "outcome=kept\n".into()
            }
        };
        let at = jiff::Timestamp::now();
        mount.tree().tell_of_reload(format!("number={}\nat={at:.3}\n{outcome}\n{findings}", self.count));
    }

    async fn replace(&mut self, mount: &mut Mount, findings: &mut String) -> Result<String, CliError> {
        let (model, report) = open::load(&self.selection.tree, &self.selection.server)?;
        self.watch_also(&report);
        *findings = report.render(false);
        eprint!("{}", report.render(Color::Auto.on_stderr()));
        let model = model.ok_or(CliError::Mistakes)?;
        let targets = connect::targets(&model, &self.selection.server, self.secret.as_deref())?;
        open::permit(&model, targets.values(), &self.selection.server)?;
        let before = mount.tree();
        let fleets = model.is_fleet() && before.queries().model().is_fleet();
        let succeeds = fleets || targets == self.targets;
        let mut changed = targets.clone();
        changed.retain(|name, target| !succeeds || self.targets.get(name) != Some(target));
        let Connections { servers, clients, origins } = open::connect(&changed, &self.selection.server)?;
        let Successor { tree, difference } = if succeeds {
            let server = |name| changed.get_index_of(name).map(|index| Arc::clone(&servers[index]));
            before.succeeded_by(model, &targets.keys().map(server).collect::<Vec<_>>())
        } else {
            before.replaced_by(Queries::with_origins(Arc::new(model), servers, origins))
        };
        let stays = |name: &String| targets.contains_key(name) && !changed.contains_key(name);
        let (stay, ended): (Clients, Clients) =
            std::mem::take(&mut self.clients).into_iter().partition(|(name, _)| stays(name));
        self.clients = stay.into_iter().chain(clients).collect();
        self.targets = targets;
        // a directory of many records takes a moment, and requests go on meanwhile
        let replaced = tokio::task::block_in_place(|| mount.replace(tree));
        for client in ended.into_values() {
            client.stop().await;
        }
        replaced?;
        Ok(difference.to_string())
    }

    /// With mistakes in the files, those that were found are no fewer than before.
    fn watch_also(&mut self, report: &Report) {
        if report.has_errors() {
            self.files.extend(report.files().iter().cloned());
        } else {
            self.files.clone_from(report.files());
        }
    }
}
