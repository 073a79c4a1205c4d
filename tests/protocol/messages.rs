//! What looking costs: nothing, where nothing changed; and what changed costs no more than itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use astfs::simulator::{Content, Version};

use super::{PATIENCE, a_while};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::simulated::{Simulated, peers_and_users, shell_in, text};
use crate::support::wait_until;

/// What the mount says that it was asked and asked itself.
fn counters(mounted: &Mounted) -> BTreeMap<String, u64> {
    let counters = fs::read_to_string(mounted.join(".astfs/counters")).expect("the counters are there");
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    counters.lines().filter_map(pair).collect()
}

/// How much the counters grew by something, without the looks at the counters themselves.
fn caused(mounted: &Mounted, run: impl FnOnce()) -> BTreeMap<String, u64> {
    let (first, before) = (counters(mounted), counters(mounted));
    run();
    let grown = counters(mounted).into_iter().map(|(name, after)| {
        let (first, before) = (first[&name], before[&name]);
        (name, after.saturating_sub(before).saturating_sub(before.saturating_sub(first)))
    });
    grown.collect()
}

/// How many messages of the kernel and questions to the server something cost.
fn cost(mounted: &Mounted, run: impl FnOnce()) -> (u64, u64) {
    let caused = caused(mounted, run);
    (caused["fuse_requests"], caused["ami_actions"])
}

/// Reads all there is.
fn read_all(directory: &Path, files: &mut usize) {
    for entry in fs::read_dir(directory).expect("it is listed") {
        let entry = entry.expect("an entry");
        let about = fs::symlink_metadata(entry.path()).expect("it is there");
        if about.is_dir() {
            read_all(&entry.path(), files);
        } else if about.is_symlink() {
            fs::read_link(entry.path()).expect("it leads somewhere");
        } else {
            let length = fs::read(entry.path()).map(|bytes| bytes.len() as u64);
            assert_eq!(length.ok(), Some(about.len()), "{}", entry.path().display());
            *files += 1;
        }
    }
}

#[test]
fn who_looks_again_at_what_has_not_changed_asks_nobody() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::generated(version, 300, 5));
        let mounted = server.mount(&peers_and_users());
        assert!(wait_until(PATIENCE, || fs::read_dir(mounted.join("users/sipfriends")).is_ok()));
        let shell = |script: &str| {
            let output = shell_in(mounted.path(), Duration::from_secs(120), script);
            assert!(output.status.success(), "{script}: {}", text(&output.stderr));
        };
        let mut files = 0;
        let programs: [(&str, u64); 5] = [
            ("find . > /dev/null", 0),
            ("find . -type f -size +1 -newermt 2001-01-01 > /dev/null", 0),
            // it looks for attributes that are extended, which the kernel does not remember
            ("ls -lR . > /dev/null", 2),
            ("tar cf - . | cat > /dev/null", 0),
            ("grep -r nothing-like-this . || test $? = 1", 0),
        ];
        read_all(mounted.path(), &mut files);
        programs.iter().for_each(|(script, _)| shell(script));
        assert!(files > 1000, "{files} files");

        server.forget_asked();
        let look = |what: &str, allowed: u64, run: &mut dyn FnMut()| {
            // a kernel that is short of memory, or told to, forgets; what it forgot it knows the next time
            let mut costs = Vec::new();
            while costs.last().is_none_or(|messages| *messages > allowed) {
                assert!(costs.len() < 4, "{version:?}: {what}: {costs:?} messages");
                let (messages, questions) = cost(&mounted, &mut *run);
                assert_eq!(questions, 0, "{version:?}: {what}");
                costs.push(messages);
            }
        };
        programs.iter().for_each(|(script, allowed)| look(script, *allowed, &mut || shell(script)));
        look("reading all", 0, &mut || read_all(mounted.path(), &mut files));
        let seconds = a_while(2).as_secs();
        shell(&format!(
            "end=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $end ]; do \
             grep -r nothing-like-this . || test $? = 1; done"
        ));
        assert_eq!(server.questions(), [""; 0], "{version:?}");
    }
}

#[test]
fn a_first_find_renders_nothing_and_asks_about_no_record_and_what_it_listed_is_there_in_full() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::generated(version, 1000, 5));
        let mounted = server.mount(&peers_and_users());
        let friends = mounted.join("users/sipfriends");
        assert!(wait_until(PATIENCE, || fs::read_dir(&friends).is_ok()), "{}", mounted.stderr());
        let names = fs::read_dir(&friends).expect("it is listed").flatten();
        let names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(names.len() > 500, "{} friends", names.len());
        let shell = |script: &str| {
            let output = shell_in(mounted.path(), Duration::from_secs(120), script);
            assert!(output.status.success(), "{script}: {}", text(&output.stderr));
            text(&output.stdout)
        };

        server.forget_asked();
        let mut found = String::new();
        let find = caused(&mounted, || found = shell("find . -printf '%y %p\\n'"));
        assert!(found.lines().count() > 5000, "{version:?}: {} names", found.lines().count());
        assert_eq!(find["renders"], 0, "{version:?}: {find:?}");
        let about = |asked: &String| asked.split(' ').any(|word| names.iter().any(|name| name == word));
        let asked = server.questions();
        assert!(!asked.iter().any(about), "{version:?}: {asked:?}");

        // sizes, modes and targets are those that reading gives, whatever was listed before
        let listed = shell("ls -lR . | grep -c '^[-l]'");
        let of_kind = |kind: &str| found.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(listed.trim(), (of_kind("f") + of_kind("l")).to_string(), "{version:?}");
        let mut files = 0;
        read_all(mounted.path(), &mut files);
        assert_eq!(files, of_kind("f"), "{version:?}");

        // a kernel that is short of memory forgets; what it forgot it knows the next time
        let again = (0..4).any(|_| cost(&mounted, || drop(shell("find ."))).0 == 0);
        assert!(again, "{version:?}: who looks again at names that have not changed asks nobody");
    }
}

#[test]
fn who_looks_at_each_file_that_he_lists_is_given_their_attributes_with_their_names() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::generated(Version::Asterisk13, 1000, 5));
    let mounted = server.mount(&peers_and_users());
    let friends = mounted.join("users/sipfriends");
    assert!(wait_until(PATIENCE, || fs::read_dir(&friends).is_ok()), "{}", mounted.stderr());
    for script in ["ls -lR . > /dev/null", "find . > /dev/null"] {
        let looked = caused(&mounted, || {
            let output = shell_in(mounted.path(), Duration::from_secs(120), script);
            assert!(output.status.success(), "{script}: {}", text(&output.stderr));
        });
        assert!(looked["fuse_lookup"] < 300, "{script}: {looked:?}");
        assert_eq!(looked["renders"] > 5000, script.starts_with("ls"), "{script}: {looked:?}");
    }
    let mut files = 0;
    read_all(mounted.path(), &mut files);
    assert!(files > 4000, "{files} files");
}

/// The inode at every path.
fn inodes(directory: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    for entry in fs::read_dir(directory).expect("it is listed").flatten() {
        let about = fs::symlink_metadata(entry.path()).expect("it is there");
        found.insert(entry.path(), about.ino());
        if about.is_dir() {
            inodes(&entry.path(), found);
        }
    }
}

#[test]
fn an_event_about_one_of_a_thousand_peers_asks_about_that_one_and_changes_only_its_files() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::generated(version, 1000, 11));
        let mounted = server.mount(&peers_and_users());
        let friends = mounted.join("users/sipfriends");
        assert!(wait_until(PATIENCE, || fs::read_dir(&friends).is_ok()), "{}", mounted.stderr());
        let name = fs::read_dir(friends.join("_offline")).expect("it is listed").flatten().next();
        let name = name.expect("somebody is offline").file_name().to_string_lossy().into_owned();
        let mut files = 0;
        read_all(mounted.path(), &mut files);
        let mut before = BTreeMap::new();
        inodes(mounted.path(), &mut before);
        assert!(before.len() > 3000, "{} names", before.len());

        server.forget_asked();
        assert!(server.register(&name), "{name}");
        let online = || fs::symlink_metadata(friends.join("_online").join(&name)).is_ok();
        assert!(wait_until(PATIENCE, online), "{}", mounted.stderr());
        // whatever else may follow has followed
        std::thread::sleep(Duration::from_millis(300));
        // a registration is told by two events, the second when the peer was found to answer
        let mut asked = server.questions();
        assert!(asked.len() <= 4, "{version:?}: {asked:?}");
        asked.sort();
        asked.dedup();
        let about = [format!("SIPshowpeer {name}"), format!("sip show user {name}")];
        let allowed = if version == Version::Asterisk16 { &about[..] } else { &about[..1] };
        assert!(asked.contains(&about[0]) && asked.iter().all(|asked| allowed.contains(asked)), "{asked:?}");

        let mut after = BTreeMap::new();
        inodes(mounted.path(), &mut after);
        let own = friends.join(&name);
        let presence = ["_online", "_offline"].map(|presence| friends.join(presence).join(&name));
        for path in before.keys().chain(after.keys()) {
            let same = before.get(path) == after.get(path);
            assert!(
                same || path.starts_with(&own) || presence.contains(path),
                "{version:?}: {}",
                path.display()
            );
        }
        let full = own.join("full");
        assert_ne!(before[&full], after[&full], "a new version is a new inode");
        assert_eq!(before[&own], after[&own], "the directory is the same");
    }
}
