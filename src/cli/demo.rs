//! `astfs demo`: a simulated PBX, mounted.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::mount::{self, HowToMount};
use super::reload::Reloader;
use super::{CliError, ServerSelection, TreeSelection, open};
use crate::fs::Mounter;
use crate::simulator::{Content, Simulator, Version};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// An empty directory; it is made if it is not there
    mountpoint: PathBuf,
    /// How many SIP peers the simulated PBX has
    #[arg(long, default_value_t = 100)]
    peers: usize,
    /// Which Asterisk to simulate
    #[arg(long, value_enum, default_value_t = Simulated::V13)]
    asterisk: Simulated,
    /// Peers come and go at that interval, in seconds; 0: nobody moves
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pace: f64,
    /// Another tree file than the one that comes with astfs
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    #[command(flatten)]
    how: HowToMount,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Simulated {
    /// 13, the last with `data get`
    #[value(name = "13")]
    V13,
    /// 16, with SIPpeers and SIPshowpeer
    #[value(name = "16")]
    V16,
}

/// The tree that comes with astfs, its parts and templates: each file by its path in the project.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    (SHIPPED_TREE, include_str!("../../trees/asterisk.toml")),
    ("trees/asterisk/channels.toml", include_str!("../../trees/asterisk/channels.toml")),
    ("trees/asterisk/conferences.toml", include_str!("../../trees/asterisk/conferences.toml")),
    ("trees/asterisk/dahdi.toml", include_str!("../../trees/asterisk/dahdi.toml")),
    ("trees/asterisk/database.toml", include_str!("../../trees/asterisk/database.toml")),
    ("trees/asterisk/dialplan.toml", include_str!("../../trees/asterisk/dialplan.toml")),
    ("trees/asterisk/events.toml", include_str!("../../trees/asterisk/events.toml")),
    ("trees/asterisk/hints.toml", include_str!("../../trees/asterisk/hints.toml")),
    ("trees/asterisk/iax2.toml", include_str!("../../trees/asterisk/iax2.toml")),
    ("trees/asterisk/parking.toml", include_str!("../../trees/asterisk/parking.toml")),
    ("trees/asterisk/phones.toml", include_str!("../../trees/asterisk/phones.toml")),
    ("trees/asterisk/pjsip.toml", include_str!("../../trees/asterisk/pjsip.toml")),
    ("trees/asterisk/queues.toml", include_str!("../../trees/asterisk/queues.toml")),
    ("trees/asterisk/realtime.toml", include_str!("../../trees/asterisk/realtime.toml")),
    ("trees/asterisk/sip.toml", include_str!("../../trees/asterisk/sip.toml")),
    ("trees/asterisk/system.toml", include_str!("../../trees/asterisk/system.toml")),
    ("trees/asterisk/voicemail.toml", include_str!("../../trees/asterisk/voicemail.toml")),
    ("templates/dialplan/extension.j2", include_str!("../../templates/dialplan/extension.j2")),
    ("templates/sip/codecs.j2", include_str!("../../templates/sip/codecs.j2")),
    ("templates/sip/contexts.j2", include_str!("../../templates/sip/contexts.j2")),
    ("templates/sip/credentials.j2", include_str!("../../templates/sip/credentials.j2")),
    ("templates/sip/huntgroups.j2", include_str!("../../templates/sip/huntgroups.j2")),
];
const SHIPPED_TREE: &str = "trees/asterisk.toml";

/// The population is the same in every run.
const SEED: u64 = 1;
const SECRET: &str = "simulated";
/// How many peers come and go.
const MOVING: usize = 10;

pub fn run(args: &DemoArgs) -> Result<(), CliError> {
    // a stale mount cannot be looked at either, but is there
    let made = fs::metadata(&args.mountpoint).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if made {
        fs::create_dir_all(&args.mountpoint)
            .map_err(|error| CliError::File { path: args.mountpoint.clone(), error })?;
    }
    let done = demonstrate(args);
    if made {
        // it stays if it is still mounted or has become useful to somebody
        let _ = fs::remove_dir(&args.mountpoint);
    }
    done
}

fn demonstrate(args: &DemoArgs) -> Result<(), CliError> {
    args.how.prepare(&args.mountpoint)?;
    let folder = tempfile::Builder::new().prefix("astfs-demo-").tempdir()?;
    let tree = match &args.tree {
        Some(tree) => tree.clone(),
        None => unpack(folder.path())?,
    };
    let endpoint = args.how.endpoint()?;
    let mounter = Mounter::start()?;
    let runtime = open::runtime()?;
    let done = runtime.block_on(async {
        let version = match args.asterisk {
            Simulated::V13 => Version::Asterisk13,
            Simulated::V16 => Version::Asterisk16,
        };
        let content = Content::generated(version, args.peers, SEED).credentials("astfs", SECRET);
        let simulator = Simulator::start(content).await?;
        let server = ServerSelection {
            server: vec![simulator.address().to_string()],
            user: Some("astfs".into()),
            ..ServerSelection::default()
        };
        let selection = TreeSelection { tree: tree.clone(), server };
        let (opened, reloader) = Reloader::open(&selection, Some(SECRET), true)?;
        let moving = move_peers(&simulator, args.pace);
        let ready = || {
            introduce(args, &tree);
            Ok(())
        };
        tokio::select! {
            done = mount::serve(opened, reloader, &args.mountpoint, &args.how, (mounter, endpoint), ready) => done,
            () = moving => Ok(()),
        }
    });
    runtime.shutdown_background();
    done
}

/// Says plainly that this is no PBX, and what to try.
fn introduce(args: &DemoArgs, tree: &Path) {
    let at = args.mountpoint.display();
    let text = format!(
        "This is a simulation of an Asterisk with {} SIP peers, all of them made up.\n\
         It is mounted at {at}. In another terminal, try:\n\
         \x20 ls {at}/users/sipfriends/_online\n\
         \x20 grep -r useragent {at}/users/sipfriends\n\
         The tree file is {}. Ctrl-C ends it.\n",
        args.peers,
        tree.display()
    );
    // it is mounted, whether anybody listens or not
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes the shipped tree and templates into a folder; gives the tree file.
fn unpack(folder: &Path) -> Result<PathBuf, CliError> {
    for (name, text) in SHIPPED {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| CliError::File { path: path.clone(), error })?;
    }
    Ok(folder.join(SHIPPED_TREE))
}

/// Lets a few peers come and go in turn, for ever.
async fn move_peers(simulator: &Simulator, pace: f64) {
    let names = simulator.peer_names();
    let mut moving: Vec<_> =
        names.iter().step_by(names.len().div_ceil(MOVING).max(1)).map(|name| (name, true)).collect();
    let pause = Duration::try_from_secs_f64(pace).unwrap_or_default();
    if pause.is_zero() || moving.is_empty() {
        return std::future::pending().await;
    }
    loop {
        for (name, online) in &mut moving {
            tokio::time::sleep(pause).await;
            *online = !*online;
            if *online {
                simulator.register(name)
            } else {
                simulator.unregister(name)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn files_below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files_below(&path, found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn no_part_and_no_template_of_the_tree_is_left_behind() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut there = BTreeSet::from([project.join(SHIPPED_TREE)]);
        files_below(&project.join("trees/asterisk"), &mut there);
        files_below(&project.join("templates"), &mut there);
        let shipped: BTreeSet<_> = SHIPPED.iter().map(|(name, _)| project.join(name)).collect();
        assert_eq!(shipped, there);
    }
}
