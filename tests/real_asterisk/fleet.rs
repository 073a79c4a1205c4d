//! A real 16 and a real 22 in one mount, beside a server that accepts and says nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::ground::{ASTFS, PATIENCE, measure, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted};
use crate::support::simulated::TreeFile;
use crate::support::walk::{Shown, Walk, walk};

fn fleet() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/fleet.toml")
}

fn mount_fleet(tree: &Path, servers: &[(&str, String)]) -> Mounted {
    let at = servers.iter().flat_map(|(name, address)| ["--server".into(), format!("{name}={address}")]);
    let arguments: Vec<String> = at.chain(["--user".into(), ASTFS.name.into()]).collect();
    Mounted::start(tree, arguments, &[("ASTFS_SECRET", ASTFS.secret)]).expect("the tree can be mounted")
}

/// What stands below a server, and whether it can be read: contents hold clocks and counters.
fn shape(seen: &Walk) -> BTreeSet<(String, bool)> {
    // our own connections are among those that it lists
    let own = |path: &str| path.starts_with("manager/connected/");
    let paths = seen.iter().filter(|(path, _)| !own(path));
    paths.map(|(path, shown)| (path.clone(), matches!(shown, Shown::Failed(_)))).collect()
}

#[test]
fn each_of_a_fleet_is_shown_as_it_is_alone_and_one_that_hangs_is_in_nobodys_way() {
    if !mount::fuse_available() {
        return;
    }
    let (Some(north), Some(south)) = (Asterisk::start(Version::V16), Asterisk::start(Version::V22)) else {
        return;
    };
    let addresses = [("north", north.ami_address().to_string()), ("south", south.ami_address().to_string())];
    let two = mount_fleet(&fleet(), &addresses);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let included = format!("\"{}\"", project.join("trees/asterisk.toml").display());
    let third = format!(
        "[defaults]\ntemplates = \"{}\"\n\n[server.hanging]\n\n[tree]",
        project.join("templates").display()
    );
    let shipped = fs::read_to_string(fleet()).expect("the shipped tree");
    let shipped = shipped.replace("\"asterisk.toml\"", &included).replacen("[tree]", &third, 1);
    let tree = TreeFile::new(&shipped);
    let hanging = ("hanging", silent.local_addr().expect("an address").to_string());
    let three = mount_fleet(&tree.path(), &[&addresses[..], &[hanging]].concat());

    let timed = |mounted: &Mounted, name: &str| {
        let begun = Instant::now();
        let seen = walk(&mounted.join(name));
        eprintln!("{name} of {}: {} paths in {:?}", mounted.path().display(), seen.len(), begun.elapsed());
    };
    for name in ["north", "south"] {
        timed(&three, name);
        timed(&two, name);
        // the server itself finds out meanwhile who can be reached
        let differ = || {
            let (beside, without) = (shape(&walk(&three.join(name))), shape(&walk(&two.join(name))));
            beside.symmetric_difference(&without).cloned().collect::<Vec<_>>()
        };
        measure(&format!("{name} the same in both"), PATIENCE, || differ().is_empty());
    }
    assert!(walk(&two.join("north")).len() > 400, "there is something to show");
    for mounted in [&two, &three] {
        let rows = || text(&mounted.join("totals")).lines().count();
        measure("the totals", PATIENCE, || rows() == 3);
    }
    let listed = fs::read_dir(three.join("_down")).expect("it is a directory");
    let down: Vec<_> = listed.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(down, ["hanging"]);
}
