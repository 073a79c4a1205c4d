//! Recordings of real servers: they show what the server shows, and no secret of it.
//!
//! `UPDATE_EXPECTED=1` writes the recordings in `tests/trees` anew, from the servers started here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ground::{ASTFS, HOUR, mount_tree, run, shipped};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted};
use crate::support::simulated::{peers_and_users, text};
use crate::support::sip::Register;
use crate::support::walk::{Shown, walk};

/// Beside what the tree asks, all that tells of passwords.
const TELLING: &str = r#"
[query.auths]
action = "PJSIPShowAuths"

[query.auth]
command = "pjsip show auth {{ endpoint.ObjectName }}"

[query.auths_as_text]
command = "pjsip show auths"

[query.pjsip_conf]
action = { Action = "GetConfig", Filename = "pjsip.conf" }

[query.iax_conf]
action = { Action = "GetConfigJSON", Filename = "iax.conf" }

[query.manager_conf]
action = { Action = "GetConfig", Filename = "manager.conf" }

[query.iax_users]
command = "iax2 show users"
"#;

fn pjsip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/pjsip.toml")
}

#[track_caller]
fn record(server: &Asterisk, tree: &Path, file: &Path, arguments: &[&str]) -> String {
    let output = file.to_string_lossy().into_owned();
    let arguments: Vec<&Path> =
        ["--events", "0s", "-o", &output].iter().chain(arguments).map(|one| Path::new(*one)).collect();
    let done = run("record", tree, &arguments, server);
    assert!(done.status.success(), "{}", text(&done.stderr));
    fs::read_to_string(file).expect("it is written")
}

/// The live tree and the recorded one, mounted and by `cat`.
#[track_caller]
fn compare(server: &Asterisk, tree: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    let replay = format!("replay:{}", file.display());
    let look = || {
        record(server, tree, &file, &["--keep", "all", "--force"]);
        let live = walk(mount_tree(tree, server, ASTFS).path());
        let mounted = Mounted::start(tree, ["--server", &replay], &[]).expect("a recording can be mounted");
        let files = live.iter().filter(|(_, shown)| matches!(shown, Shown::File(_)));
        let files: Vec<&Path> = files.map(|(path, _)| Path::new(path)).collect();
        assert!(files.len() > 10, "{files:?}");
        let printed = run("cat", tree, &files, server);
        let mut again = mount::astfs();
        let again = again.arg("cat").arg(tree).args(&files).args(["--server", &replay]).output();
        let printed = (text(&printed.stdout), text(&again.expect("astfs runs").stdout));
        (live.clone(), walk(mounted.path()), printed)
    };
    // just after its start, a server finds out whom it cannot reach: what it tells becomes another
    let mut looked = look();
    for _ in 0..4 {
        if looked.0 == looked.1 && looked.2.0 == looked.2.1 {
            return;
        }
        std::thread::sleep(Duration::from_secs(2));
        looked = look();
    }
    let (live, recorded, (printed, replayed)) = looked;
    assert_eq!(recorded, live);
    assert_eq!(replayed, printed);
}

/// Every secret of a server's configuration.
fn secrets(server: &Asterisk) -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for entry in fs::read_dir(server.configuration()).expect("the configuration").flatten() {
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let of_secrets = pairs
            .filter(|(name, _)| ["secret", "password", "md5secret", "remotesecret"].contains(&name.trim()));
        secrets.extend(of_secrets.map(|(_, value)| value.trim_start_matches('>').trim().to_owned()));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

#[test]
fn a_recording_of_22_shows_what_the_server_shows() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V22) else { return };
    compare(&server, &pjsip());
}

#[test]
fn a_recording_of_16_shows_what_the_server_shows() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V16) else { return };
    compare(&server, &peers_and_users());
}

#[test]
fn no_secret_of_the_configuration_is_in_a_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let telling = folder.path().join("telling.toml");
    let declared = fs::read_to_string(pjsip()).expect("a tree file");
    fs::write(&telling, declared.replace("\n[each.", &format!("{TELLING}\n[each."))).expect("a tree file");
    for (version, tree, told) in [(Version::V22, telling, 6), (Version::V16, shipped(), 3)] {
        let Some(server) = Asterisk::start(version) else { return };
        let secrets = secrets(&server);
        let whole =
            record(&server, &tree, &folder.path().join("whole.rec"), &["--keep", "secrets", "--force"]);
        let known: Vec<_> = secrets.iter().filter(|secret| whole.contains(*secret)).collect();
        assert!(known.len() >= told, "the server told only {known:?} of {secrets:?}");
        let replaced = record(&server, &tree, &folder.path().join("replaced.rec"), &["--force"]);
        let left: Vec<_> = secrets.iter().filter(|secret| replaced.contains(*secret)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn the_recordings_of_the_tests_are_of_these_servers() {
    let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees");
    let folder = tempfile::tempdir().expect("a folder");
    let keep = |server: &Asterisk, tree: &Path, name: &str| {
        let recorded = record(server, tree, &folder.path().join(name), &[]);
        let tree = tree.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a tree of ours");
        let recorded: String = recorded
            .lines()
            .map(|line| match line.starts_with("tree: ") {
                true => format!("tree: {}\n", tree.display()),
                // where these servers are unpacked is nobody's concern
                false => format!("{line}\n").replace(env!("CARGO_MANIFEST_DIR"), "/srv/asterisk"),
            })
            .collect();
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(trees.join(name), &recorded).expect("the recording can be written");
        }
        let kept = fs::read_to_string(trees.join(name)).expect("the recording is there");
        let questions = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with('>')).map(str::to_owned).collect()
        };
        assert_eq!(questions(&kept), questions(&recorded), "{name}: UPDATE_EXPECTED=1 writes it anew");
    };
    if let Some(server) = Asterisk::start(Version::V16) {
        keep(&server, &shipped(), "asterisk-16.rec");
        let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
        phone.register(HOUR).expect("6001 registers");
        keep(&server, &shipped(), "asterisk-16-registered.rec");
    }
    if let Some(server) = Asterisk::start(Version::V22) {
        keep(&server, &shipped(), "asterisk-22.rec");
        keep(&server, &pjsip(), "pjsip-22.rec");
        let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
        phone.register(HOUR).expect("6001 registers");
        keep(&server, &pjsip(), "pjsip-22-registered.rec");
    }
}
