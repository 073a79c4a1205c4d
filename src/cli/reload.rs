//! `astfs reload`, and what a mount does about it: another reading of its tree file takes the place of the one
//! that is shown.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indexmap::IndexMap;
use nix::sys::signal::Signal;

use super::color::Color;
use super::connect::{self, Target};
use super::open::{self, Clients, Connections, OpenTree};
use super::running::Running;
use super::watch::Watch;
use super::{CliError, Exit, TreeSelection, confine, logging};
use crate::fs::Mount;
use crate::query::Queries;
use crate::tree::{RELOAD, Successor, Tree};

/// So long a reload may take before `astfs reload` gives up waiting for it.
const PATIENCE: Duration = Duration::from_secs(60);

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

`mount --watch` does the same whenever the files are saved, SIGHUP whenever it comes.

Exit status: 0 the new tree is shown, 1 it cannot be, 2 wrong usage, 3 mistakes in the tree file, 5 no answer,
6 no astfs is mounted there.";

/// Has a mount reload its tree, and tells what came of it.
pub fn run(args: &ReloadArgs) -> Result<(), CliError> {
    let mount = Running::at(&args.mountpoint)?;
    let before = mount.read(RELOAD)?;
    mount.signal(Signal::SIGHUP)?;
    let is_news = |now: &str| now != before && now.lines().next().is_some_and(|line| !line.is_empty());
    let now = mount.await_in(RELOAD, PATIENCE, is_news)?;
    let (head, findings) = now.split_once("\n\n").unwrap_or((&now, ""));
    logging::tell(findings);
    let said = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    match said("outcome=") {
        "mistakes" => Err(CliError::Mistakes),
        "kept" => Err(CliError::Told(Exit::Failed as u8)),
        _ => Ok(writeln!(std::io::stdout(), "{}", said("difference="))?),
    }
}

/// What is needed to read a mount's tree again.
pub struct Reloader {
    selection: TreeSelection,
    secret: Option<String>,
    targets: IndexMap<String, Target>,
    clients: Clients,
    watch: Option<Watch>,
    count: u64,
    /// Whether only what was known at the start can be read.
    pub confined: bool,
}

impl Reloader {
    /// Opens the tree that the arguments select, to be read again; with `watch`, whenever its files are saved. To
    /// be called on a runtime.
    pub fn open(
        selection: &TreeSelection,
        secret: Option<&str>,
        watch: bool,
    ) -> Result<(Arc<Tree>, Reloader), CliError> {
        let mut watch = if watch { Some(Watch::new()?) } else { None };
        let OpenTree { tree, targets, clients } = open::watched(selection, secret, watch.as_mut())?;
        let (selection, secret) = (selection.clone(), secret.map(str::to_owned));
        Ok((tree, Reloader { selection, secret, targets, clients, watch, count: 0, confined: false }))
    }

    /// Waits until the files that the tree was read from, or was looked for in, were saved.
    pub async fn saved(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.saved().await,
            None => std::future::pending().await,
        }
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
        let denied = match &done {
            Err(CliError::File { path, error }) if error.kind() == ErrorKind::PermissionDenied => {
                Some(path.clone())
            }
            _ => None,
        };
        if let Some(path) = denied.filter(|_| self.confined) {
            findings += &confine::out_of_reach(&path);
        }
        let tree = self.selection.tree.display();
        let outcome = match &done {
            Ok(difference) => {
                tracing::info!("{tree} was read again: {difference}");
                format!("outcome=replaced\ndifference={difference}\n")
            }
            Err(error) => {
                tracing::warn!("{tree} was read again, and the mount stays as it is: {error}");
                match error {
                    CliError::Mistakes => "outcome=mistakes\n".into(),
                    _ => {
                        findings += &format!("error: {error}\n");
                        "outcome=kept\n".into()
                    }
                }
            }
        };
        let at = jiff::Timestamp::now();
        mount.tree().tell_of_reload(format!("number={}\nat={at:.3}\n{outcome}\n{findings}", self.count));
    }

    async fn replace(&mut self, mount: &mut Mount, findings: &mut String) -> Result<String, CliError> {
        let (model, report) = open::load(&self.selection.tree, &self.selection.server, self.watch.as_mut())?;
        *findings = report.render(false);
        if self.confined
            && let Some(path) = confine::unreadable(report.files())
        {
            *findings += &confine::out_of_reach(path);
            tracing::warn!("{}", confine::out_of_reach(path).trim_end());
        }
        logging::tell(report.render(Color::Auto.on_stderr()));
        let mut model = model.ok_or(CliError::Mistakes)?;
        let targets = connect::targets(&mut model, &self.selection.server, self.secret.as_deref())?;
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
}
