//! `astfs demo`: a simulated PBX, mounted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::mount::{self, HowToMount};
use super::reload::Reloader;
use super::{CliError, ServerSelection, TreeSelection, open};
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

/// The tree and templates that come with astfs.
pub(super) const SHIPPED: [(&str, &str); 5] = [
    ("trees/asterisk.toml", include_str!("../../trees/asterisk.toml")),
    ("templates/sip/credentials.j2", include_str!("../../templates/sip/credentials.j2")),
    ("templates/sip/contexts.j2", include_str!("../../templates/sip/contexts.j2")),
    ("templates/sip/codecs.j2", include_str!("../../templates/sip/codecs.j2")),
    ("templates/sip/huntgroups.j2", include_str!("../../templates/sip/huntgroups.j2")),
];

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
        let opened = open::open(&selection, Some(SECRET))?;
        let reloader = Reloader::new(&selection, Some(SECRET), &opened);
        let moving = move_peers(&simulator, args.pace);
        let ready = || {
            introduce(args, &tree);
            Ok(())
        };
        tokio::select! {
            done = mount::serve(opened.tree, reloader, true, &args.mountpoint, &args.how, ready) => done,
            () = moving => Ok(()),
        }
    });
    runtime.shutdown_background();
    done
}

/// Says plainly that this is no PBX, and what to try.
fn introduce(args: &DemoArgs, tree: &Path) {
    let at = args.mountpoint.display();
    println!("This is a simulation of an Asterisk with {} SIP peers, all of them made up.", args.peers);
    println!("It is mounted at {at}. In another terminal, try:");
    println!("  ls {at}/users/sipfriends/_online");
    println!("  grep -r useragent {at}/users/sipfriends");
    println!("The tree file is {}. Ctrl-C ends it.", tree.display());
}

/// Writes the shipped tree and templates into a folder; gives the tree file.
fn unpack(folder: &Path) -> Result<PathBuf, CliError> {
    for (name, text) in SHIPPED {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| CliError::File { path: path.clone(), error })?;
    }
    Ok(folder.join(SHIPPED[0].0))
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
