//! Several servers in one mount: each on its own connection, and none in the way of another.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Peer, Version};
use nix::errno::Errno;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

/// Each server's peers, what all of them come to, and a control file and a log for each.
const TREE: &str = r#"
[server]
user    = "admin"
secret  = { env = "ASTFS_SECRET" }
[server.north]
[server.south]

[defaults]
timeout = "2s"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = [{ PeerStatus = "event.Peer[4:]" }], one = "details" }
[query.details]
action  = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }
fields  = { IPaddress = "row['Address-IP'] | replace('(null)', '-none-')" }
refresh = { on = [{ PeerStatus = "event.Peer[4:]" }] }
[query.named]
value = "server.name ~ ' has ' ~ peers | length"

[each.peer]
in = "peers"

[tree]
"_down/{server}"               = { symlink = "../{{ server }}", when = "not server.up" }
"{server}/{peer}/address"      = { render = "{{ peer.IPaddress }}\n" }
"{server}/{peer}/codecs"       = { query = "details.Codecs" }
"{server}/named"               = { query = "named" }
"total"                        = { render = "{% for server in servers if server.up %}{{ server.peers | length }} {% endfor %}\n" }
"control/{server}/say"         = { write = { action = { Action = "Ping", Word = "{{ input }}" } } }
"events/{server}/all"          = { events = "*" }
"#;

fn server(version: Version, peers: usize) -> Simulated {
    let names: Vec<String> = (0..peers).map(|number| format!("peer{number}")).collect();
    let server = Simulated::start(Content::new(version).peers(names.iter().map(Peer::new)));
    server.set_credentials("admin", "secret");
    server
}

fn at(name: &str, server: &Simulated) -> [String; 2] {
    ["--server".into(), format!("{name}={}", server.address())]
}

/// The tree with the servers' addresses in it.
fn tree_of(north: &Simulated, south: &Simulated) -> String {
    let with = |text: String, name: &str, server: &Simulated| {
        let table = format!("[server.{name}]\n");
        text.replace(&table, &format!("{table}address = \"{}\"\n", server.address()))
    };
    with(with(TREE.to_owned(), "north", north), "south", south)
}

fn mount(tree: &Path, arguments: &[String]) -> Mounted {
    Mounted::start(tree, arguments, &[("ASTFS_SECRET", "secret")]).unwrap_or_else(|error| panic!("{error}"))
}

/// Two servers, mounted.
struct Fleet {
    north: Simulated,
    south: Simulated,
    mounted: Mounted,
    _tree: TreeFile,
}

impl Fleet {
    /// With 3 and 5 peers; none where this machine cannot mount.
    fn start() -> Option<Fleet> {
        if !fuse_available() {
            return None;
        }
        let (north, south) = (server(Version::Asterisk16, 3), server(Version::Asterisk16, 5));
        let tree = TreeFile::new(TREE);
        let mounted = mount(&tree.path(), &[at("north", &north), at("south", &south)].concat());
        Some(Fleet { north, south, mounted, _tree: tree })
    }
}

/// A file's text, or why it cannot be read.
fn read(mounted: &Mounted, path: &str) -> String {
    fs::read_to_string(mounted.join(path)).unwrap_or_else(|error| error.to_string())
}

#[test]
fn each_server_has_its_own_tree_and_its_own_events() {
    let Some(Fleet { north, south, mounted, _tree }) = Fleet::start() else { return };
    let read = |path: &str| read(&mounted, path);
    assert!(wait_until(PATIENCE, || read("total") == "3 5 "), "{}", read("total"));
    assert_eq!(read("north/named").trim(), "north has 3");
    assert_eq!(read("south/named").trim(), "south has 5");
    let addresses = || [read("north/peer1/address"), read("south/peer1/address")];
    let before = addresses();
    let asked = south.questions().len();
    assert!(north.register("peer1"));
    assert!(wait_until(PATIENCE, || addresses()[0] != before[0]), "{before:?}");
    assert_eq!(addresses()[1], before[1]);
    assert_eq!(south.questions().len(), asked, "an event of one server is no question to another");
    fs::write(mounted.join("control/south/say"), "word\n").expect("a control file can be written");
    let said = |server: &Simulated| server.asked().iter().any(|request| request.get("Word") == Some(b"word"));
    assert!(said(&south) && !said(&north), "an input goes to the server whose control file it is");
    let logged = |name: &str| read(&format!("events/{name}/all")).contains("SIP/peer1");
    assert!(wait_until(PATIENCE, || logged("north")));
    assert!(!logged("south"));
}

#[test]
fn a_server_that_is_down_is_linked_as_such_and_the_others_go_on() {
    let Some(Fleet { north, south, mounted, _tree }) = Fleet::start() else { return };
    let read = |path: &str| read(&mounted, path);
    let down = || {
        let listed = fs::read_dir(mounted.join("_down")).expect("the directory can be read");
        listed
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect::<Vec<_>>()
    };
    assert!(wait_until(PATIENCE, || read("total") == "3 5 " && down().is_empty()), "{:?}", down());
    south.go_down();
    assert!(wait_until(PATIENCE, || down() == ["south"]), "{:?}", down());
    assert_eq!(fs::read_link(mounted.join("_down/south")).expect("a link"), Path::new("../south"));
    assert!(wait_until(PATIENCE, || read("total") == "3 "), "{}", read("total"));
    assert!(north.register("peer2"));
    let address = || read("north/peer2/address");
    assert!(wait_until(PATIENCE, || !address().contains("-none-")), "{}", address());
    south.come_back();
    assert!(wait_until(PATIENCE, || down().is_empty() && read("total") == "3 5 "), "{:?}", down());
}

#[test]
fn a_server_that_accepts_and_says_nothing_holds_up_only_its_own_paths() {
    if !fuse_available() {
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let north = server(Version::Asterisk16, 3);
    let tree = TreeFile::new(TREE);
    let silent = format!("south={}", silent.local_addr().expect("an address"));
    let arguments = [&at("north", &north)[..], &["--server".into(), silent]].concat();
    let mounted = mount(&tree.path(), &arguments);
    let read = |path: &str| fs::read_to_string(mounted.join(path));
    assert!(wait_until(PATIENCE, || read("total").is_ok_and(|total| total == "3 ")));
    // both at once: the slow one is answered last
    let (slow, quick) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| (read("south/peer1/codecs").map_err(errno), Instant::now()));
        std::thread::sleep(Duration::from_millis(100));
        let quick: Vec<_> = (0..3).map(|number| read(&format!("north/peer{number}/codecs"))).collect();
        let done = Instant::now();
        (slow.join().expect("no panic"), (quick, done))
    });
    assert!(quick.0.iter().all(Result::is_ok), "{:?}", quick.0);
    assert!(matches!(slow.0, Err(Errno::EHOSTDOWN | Errno::ETIMEDOUT | Errno::ECONNREFUSED)), "{:?}", slow.0);
    let total = read("total").expect("what is up can be told");
    assert_eq!(total, "3 ");
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

#[test]
fn another_address_of_one_server_reconnects_only_that() {
    if !fuse_available() {
        return;
    }
    let (north, south, other) =
        (server(Version::Asterisk16, 3), server(Version::Asterisk16, 5), server(Version::Asterisk16, 7));
    let tree = TreeFile::new(&tree_of(&north, &south));
    let mounted = mount(&tree.path(), &[]);
    let read = |path: &str| read(&mounted, path);
    assert!(wait_until(PATIENCE, || read("total") == "3 5 "), "{}", read("total"));
    let inode = || fs::metadata(mounted.join("north/peer1/codecs")).expect("it is there").ino();
    let (before, connections) = (inode(), north.connections());
    fs::write(tree.path(), tree_of(&north, &other)).expect("the tree file is written");
    let reloaded = run_within(PATIENCE, astfs().arg("reload").arg(mounted.path()));
    assert!(reloaded.status.success(), "{}", text(&reloaded.stderr));
    assert!(wait_until(PATIENCE, || read("total") == "3 7 "), "{}", read("total"));
    assert_eq!(read("south/named").trim(), "south has 7");
    assert_eq!((inode(), north.connections()), (before, connections));
    // neighbours of what was looked at may be read ahead
    let mut asked = north.questions();
    asked.sort();
    assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "asked again: {asked:?}");
    assert!(wait_until(PATIENCE, || south.connections() == 0), "the old connection ends");
}

#[test]
fn the_shipped_fleet_has_the_shipped_tree_below_each_server() {
    if !fuse_available() {
        return;
    }
    let (north, south) = (server(Version::Asterisk13, 4), server(Version::Asterisk16, 2));
    let arguments = [&at("north", &north)[..], &at("south", &south)[..], &["--user".into(), "admin".into()]];
    let mounted = mount(&shipped("fleet.toml"), &arguments.concat());
    let friends = |name: &str| {
        fs::read_dir(mounted.join(name).join("users/sipfriends")).map_or(0, |listed| listed.count())
    };
    // the directories of states besides
    assert!(wait_until(PATIENCE, || friends("north") >= 4 && friends("south") >= 2));
    let totals = || read(&mounted, "totals");
    let peers_of = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    let counted = || totals().lines().skip(1).map(peers_of).collect::<Vec<_>>();
    let wanted = [["north", "4"], ["south", "2"]];
    assert!(wait_until(PATIENCE, || counted() == wanted), "{}", totals());
}

#[test]
fn one_server_of_several_is_chosen_by_its_name() {
    let tree = TreeFile::new(TREE);
    let (north, south) = (server(Version::Asterisk16, 3), server(Version::Asterisk16, 5));
    fs::write(tree.path(), tree_of(&north, &south)).expect("the tree file is written");
    let cat = |server: &str, path: &str| {
        let mut command = astfs();
        command.args(["cat", "--server", server]).arg(tree.path()).arg(path).env("ASTFS_SECRET", "secret");
        run_within(PATIENCE, &mut command)
    };
    let one = cat("south", "south/named");
    assert_eq!(text(&one.stdout).trim(), "south has 5", "{}", text(&one.stderr));
    assert_eq!(north.questions(), Vec::<String>::new(), "the other is not asked");
    let wrong = cat("west", "south/named");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("`west` is none of north, south"), "{}", text(&wrong.stderr));
}
