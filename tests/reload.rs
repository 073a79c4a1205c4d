//! Trees that are edited while they are mounted: the mount follows, and what did not change stays what it was.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use astfs::simulator::{Content, Peer, Version};
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile, run_within};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory for each peer, a list of who is there, and things that read no peer.
const TREE: &str = r#"
[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = [{ PeerStatus = "event.Peer[4:]" }], one = "details" }
[query.details]
action  = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }
fields  = { IPaddress = "row['Address-IP'] | replace('(null)', '-none-')" }
refresh = { on = [{ PeerStatus = "event.Peer[4:]" }] }
[query.version]
command = "core show version"
[each.peer]
in = "peers"
[tree]
"motd"                   = { text = "hello\n" }
"version"                = { query = "version" }
"peers/{peer}/name"      = { render = "{{ peer.ObjectName }}\n" }
"peers/{peer}/codecs"    = { query = "details.Codecs" }
"peers/_online/{peer}"   = { symlink = "../{{ peer }}", when = "peer.IPaddress != '-none-'" }
"#;

struct Edited {
    server: Simulated,
    file: TreeFile,
    mounted: Mounted,
}

impl Edited {
    fn start(peers: usize, text: &str, arguments: &[&str]) -> Edited {
        let names: Vec<String> = (0..peers).map(|number| format!("peer{number}")).collect();
        let content = Content::new(Version::Asterisk16).peers(names.iter().map(Peer::new));
        let (server, file) = (Simulated::start(content), TreeFile::new(text));
        let mounted = server.mount_with(&file.path(), arguments);
        Edited { server, file, mounted }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.mounted.join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Saves the tree file, as editors do: a new file in its place.
    fn save(&self, text: &str) {
        let new = self.file.path().with_extension("new");
        fs::write(&new, text).expect("a new file");
        fs::rename(new, self.file.path()).expect("in the place of the old");
    }

    fn reload(&self) -> Output {
        run_within(PATIENCE, astfs().arg("reload").arg(self.path("")))
    }

    #[track_caller]
    fn reloads(&self, text: &str) -> String {
        self.save(text);
        let output = self.reload();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn counter(&self, name: &str) -> u64 {
        let counters = self.read(".astfs/counters");
        let line = counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {counters}"))
    }
}

/// The inode and the bytes of every file below a directory; links are left out.
fn files(root: &Path) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).expect("it can be listed").flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().expect("it is there"));
        if metadata.is_dir() {
            found.extend(files(&path));
        } else if metadata.is_file() {
            let bytes = fs::read(&path).expect("it can be read");
            found.insert(path, (metadata.ino(), bytes));
        }
    }
    found
}

#[test]
fn a_file_added_while_somebody_walks_appears_and_all_others_stay_what_they_are() {
    if !fuse_available() {
        return;
    }
    let edited = Edited::start(200, TREE, &["--watch"]);
    let before = files(&edited.path("peers"));
    assert_eq!(before.len(), 400);
    let (renders, actions) = (edited.counter("renders"), edited.counter("ami_actions"));
    let mut open = File::open(edited.path("peers/peer7/name")).expect("a file");
    let ended = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        let walker = scope.spawn(|| {
            let mut rounds = 0;
            while !ended.load(Ordering::Relaxed) {
                for (path, (_, bytes)) in &before {
                    assert_eq!(&fs::read(path).expect("no error while the tree changes"), bytes, "{path:?}");
                }
                rounds += 1;
            }
            rounds
        });
        edited.save(&format!(
            "{TREE}\"peers/{{peer}}/new\" = {{ render = \"new {{{{ peer.ObjectName }}}}\" }}\n"
        ));
        let appears = wait_until(PATIENCE, || edited.path("peers/peer3/new").exists());
        ended.store(true, Ordering::Relaxed);
        assert!(appears, "{}", edited.mounted.stderr());
        walker.join().expect("a walker without errors")
    });
    assert!(rounds > 0);
    assert_eq!(edited.read("peers/peer3/new"), "new peer3");
    let told = || edited.read(".astfs/reload").contains("difference=+ 1, - 0, ~ 0 paths");
    assert!(wait_until(PATIENCE, told));
    let mut after = files(&edited.path("peers"));
    after.retain(|path, _| !path.ends_with("new"));
    assert_eq!(after, before);
    let rendered = edited.counter("renders") - renders;
    // the new files, and what shows the mount's own state, which is made anew each time
    assert!((200..220).contains(&rendered), "{rendered} contents were rendered");
    assert_eq!(edited.counter("ami_actions"), actions, "nothing had to be asked");
    let mut text = String::new();
    open.read_to_string(&mut text).expect("what is open stays open");
    assert_eq!(text, "peer7\n");
}

#[test]
fn a_tree_with_a_mistake_changes_nothing_and_its_repair_does() {
    if !fuse_available() {
        return;
    }
    let edited = Edited::start(3, TREE, &["--watch"]);
    let before = files(&edited.path(""));
    edited.save(&TREE.replace("render =", "rendr ="));
    let told = || edited.read(".astfs/reload").contains("outcome=mistakes");
    assert!(wait_until(PATIENCE, told), "{}", edited.mounted.stderr());
    let report = edited.read(".astfs/reload");
    assert!(report.contains("has no key `rendr`") && report.contains("tree.toml:17:"), "{report}");
    assert_eq!(files(&edited.path("")), before);
    let output = edited.reload();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `render`?"));
    fs::remove_file(edited.file.path()).expect("no tree file at all");
    assert!(wait_until(PATIENCE, || edited.read(".astfs/reload").contains("number=3")));
    let output = edited.reload();
    assert_eq!(output.status.code(), Some(1), "there is nothing to check");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No such file"), "{output:?}");
    assert_eq!(files(&edited.path("")), before);
    edited.save(&TREE.replace("hello", "repaired"));
    assert!(wait_until(PATIENCE, || edited.read("motd") == "repaired\n"), "{}", edited.mounted.stderr());
}

#[test]
fn where_no_astfs_is_mounted_nothing_is_reloaded_and_that_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reload = |place: &Path| {
        let output = run_within(PATIENCE, astfs().arg("reload").arg(place));
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(reload(folder.path()).contains("no astfs is mounted there; `astfs mount` mounts a tree"));
    assert!(reload(Path::new("/proc")).contains("is not an astfs"));
    assert!(reload(&folder.path().join("nowhere")).contains("no astfs is mounted there"));
    // a folder that looks like one: nobody's process gets a signal for it
    let mut process = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
    fs::create_dir(folder.path().join(".astfs")).expect("a folder");
    fs::write(folder.path().join(".astfs/status"), format!("process {}\n", process.id())).expect("a file");
    fs::write(folder.path().join(".astfs/reload"), "").expect("a file");
    assert!(reload(folder.path()).contains("no astfs is mounted there"));
    assert!(process.try_wait().expect("a child can be waited for").is_none(), "it lives");
    process.kill().and_then(|()| process.wait()).expect("it ends");
    if !fuse_available() {
        return;
    }
    let edited = Edited::start(
        1,
        "[tree]\n\"motd\" = { text = \"hello\\n\" }\n\"events/all\" = { events = \"*\" }\n",
        &[],
    );
    assert!(reload(&edited.path("events")).contains("a part of a mount"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(edited.path(""), &link).expect("a link");
    assert!(run_within(PATIENCE, astfs().arg("reload").arg(&link)).status.success());
}

#[test]
fn what_changed_is_another_file_and_what_went_is_gone_though_the_kernel_remembers_it() {
    if !fuse_available() {
        return;
    }
    let edited = Edited::start(3, TREE, &[]);
    let before = files(&edited.path(""));
    let mut open = File::open(edited.path("peers/peer1/name")).expect("a file");
    let text = TREE.replace("{{ peer.ObjectName }}\\n", "I am {{ peer.ObjectName }}\\n");
    let text: String =
        text.lines().filter(|line| !line.starts_with("\"motd\"")).map(|line| format!("{line}\n")).collect();
    assert_eq!(edited.reloads(&text), "+ 0, - 1, ~ 1 paths");
    assert!(!edited.path("motd").exists());
    assert_eq!(edited.read("peers/peer1/name"), "I am peer1\n");
    let after = files(&edited.path(""));
    for (path, (inode, bytes)) in before {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("motd") => assert!(!after.contains_key(&path)),
            Some("name") => assert_ne!(after[&path].0, inode, "{path:?} is another file"),
            _ => assert_eq!(after[&path], (inode, bytes), "{path:?} is the same"),
        }
    }
    let mut old = String::new();
    open.read_to_string(&mut old).expect("what is open stays what it was");
    assert_eq!(old, "peer1\n");
    // a directory in the place of a file, and a file in the place of directories
    let text = text.replace("\"version\"  ", "\"version/now\"  ").replace("peers/{peer}/", "peers/{peer}");
    edited.reloads(
        &text.replace("{peer}codecs", "{peer}.codecs").replace("\"peers/{peer}name\"", "\"peers/{peer}\""),
    );
    assert!(edited.path("version/now").is_file());
    assert_eq!(edited.read("peers/peer1"), "I am peer1\n");
    assert!(edited.path("peers/peer1.codecs").is_file());
    assert!(!edited.path("peers/peer1/name").exists());
}

#[test]
fn events_are_followed_by_the_new_tree_whatever_was_edited() {
    if !fuse_available() {
        return;
    }
    let edited = Edited::start(3, TREE, &[]);
    let edits = [
        TREE.to_owned(),
        TREE.replace("hello", "other"),
        // the list itself, what asks for one record, and which records there are
        TREE.replace("key     = \"ObjectName\"", "key     = \"ObjectName\"\ntimeout = \"7s\""),
        TREE.replace("[each.peer]", "[each.peer]\nwhere = \"peer.ObjectName != 'peer2'\""),
        TREE.replace("when = \"peer", "mode = \"0777\", when = \"peer"),
        TREE.to_owned(),
    ];
    let online = edited.path("peers/_online/peer1");
    assert!(!online.exists());
    for (round, text) in edits.iter().enumerate() {
        edited.reloads(text);
        // peers that are asked for just then have their names when the answer is here
        let shown = || edited.path("peers/peer2/name").exists() == (round != 3);
        assert!(wait_until(PATIENCE, shown), "round {round}: {}", edited.mounted.stderr());
        assert!(edited.server.register("peer1"));
        let comes = wait_until(PATIENCE, || online.symlink_metadata().is_ok());
        assert!(comes, "round {round}: {}", edited.mounted.stderr());
        edited.reloads(text);
        assert!(edited.server.unregister("peer1"));
        let goes = wait_until(PATIENCE, || online.symlink_metadata().is_err());
        assert!(goes, "round {round}: {}", edited.mounted.stderr());
    }
}

#[test]
fn an_edited_template_changes_what_is_made_from_it() {
    if !fuse_available() {
        return;
    }
    let file = TreeFile::new("");
    let folder = file.path().parent().expect("a folder").join("templates");
    fs::create_dir(&folder).expect("a templates folder");
    let tree = "[tree]\n\"one\" = { template = \"one.j2\" }\n\"two\" = { template = \"two.j2\" }\n";
    fs::write(folder.join("part.j2"), "part").expect("a template");
    fs::write(folder.join("one.j2"), "one: {% include \"part.j2\" %}").expect("a template");
    fs::write(folder.join("two.j2"), "two").expect("a template");
    fs::write(file.path(), tree).expect("a tree file");
    let server = Simulated::start(Content::new(Version::Asterisk16));
    let mounted = server.mount_with(&file.path(), &["--watch"]);
    let read = |name: &str| fs::read_to_string(mounted.join(name)).expect("it can be read");
    let inode = |name: &str| fs::metadata(mounted.join(name)).expect("it is there").ino();
    assert_eq!((read("one").as_str(), read("two").as_str()), ("one: part", "two"));
    let two = inode("two");
    fs::write(folder.join("part.j2"), "another part").expect("a template");
    assert!(wait_until(PATIENCE, || read("one") == "one: another part"), "{}", mounted.stderr());
    assert_eq!(inode("two"), two);
}

#[test]
fn another_server_is_connected_to_and_shown() {
    if !fuse_available() {
        return;
    }
    let servers = ["first", "second"]
        .map(|name| Simulated::start(Content::new(Version::Asterisk16).peers([Peer::new(name)])));
    let text = |server: &Simulated| {
        let (address, user, secret) = (server.address(), server.user(), server.secret());
        format!("[server]\naddress = \"{address}\"\nuser = \"{user}\"\nsecret = \"{secret}\"\n{TREE}")
    };
    let file = TreeFile::new(&text(&servers[0]));
    let mounted = Mounted::start(&file.path(), [""; 0], &[]).unwrap_or_else(|error| panic!("{error}"));
    assert!(mounted.join("peers/first/name").exists());
    fs::write(file.path(), text(&servers[1])).expect("a tree file");
    let output = run_within(PATIENCE, astfs().arg("reload").arg(mounted.join("")));
    assert!(output.status.success(), "{output:?}");
    assert!(mounted.join("peers/second/name").exists() && !mounted.join("peers/first").exists());
    assert!(servers[1].register("second"));
    assert!(wait_until(PATIENCE, || mounted.join("peers/_online/second").exists()));
    assert!(wait_until(PATIENCE, || servers[0].connections() == 0), "the first is left");
}

#[test]
fn what_is_alive_stays_while_other_things_are_edited_and_follows_its_own_edits() {
    if !fuse_available() {
        return;
    }
    let tree = format!("{TREE}\"events/all\" = {{ events = \"*\" }}\n");
    let edited = Edited::start(2, &tree, &[]);
    edited.read("version"); // it is connected
    assert!(edited.server.register("peer0"));
    assert!(wait_until(PATIENCE, || edited.read("events/all").contains("peer0")));
    edited.reloads(&tree.replace("hello", "other"));
    assert!(edited.read("events/all").contains("peer0"), "what the log held it holds");
    assert!(edited.server.register("peer1"));
    assert!(wait_until(PATIENCE, || edited.read("events/all").contains("peer1")));
    edited.reloads(&tree.replace("events/all", "logs/all"));
    assert!(!edited.path("events/all").exists());
    assert!(edited.server.unregister("peer1"));
    let logged = wait_until(PATIENCE, || edited.read("logs/all").contains("peer1"));
    assert!(logged, "{}", edited.mounted.stderr());
}
