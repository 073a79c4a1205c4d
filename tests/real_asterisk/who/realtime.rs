//! Rows of a database that were never loaded, with the driver for SQLite, which tells of one row at a time.

use std::fs;

use crate::ground::{ASTFS, mount_tree, names, records, shipped, text, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

/// Families beside that of chan_sip.
const FAMILIES: &[u8] = b"iaxpeers => sqlite3,astdb,iaxfriends\nqueues => sqlite3,astdb,queues\n\
    queue_members => sqlite3,astdb,queue_members\nvoicemail => sqlite3,astdb,voicemail\n";

#[test]
fn rows_of_every_family_are_shown_and_peers_of_iax_are_brought_into_memory() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = Asterisk::start_with(version, &[("extconfig_more.conf", FAMILIES)]) else {
            return;
        };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let realtime = mounted.join("realtime");
        let families = ["iaxpeers", "queue_members", "queues", "sippeers", "voicemail"];
        assert_eq!(records(&realtime), families, "{version:?}");
        for (family, field, first) in [
            ("queue_members", "queue_name", "night"),
            ("voicemail", "mailbox", "7001"),
            ("queues", "name", "night"),
        ] {
            let rows: serde_json::Value =
                serde_json::from_str(&text(&realtime.join(format!("{family}.json")))).expect("JSON");
            assert_eq!(rows[0][field], first, "{version:?}: {family}");
            assert!(server.cli(&format!("realtime load {family} 1 1")).contains(first));
        }

        assert!(!server.cli("iax2 show peers").contains("rowpeer"), "nobody has looked yet");
        let peers = mounted.join("peers/iax2");
        assert!(records(&peers).contains(&"rowpeer".to_owned()), "{version:?}: {:?}", names(&peers));
        assert!(server.cli("iax2 show peers").contains("rowpeer"));
        assert_eq!(value(&peers.join("rowpeer/context")), "from-a-row");
        assert_eq!(names(&peers.join("_by_context/from-a-row")), ["rowpeer"]);

        let members = mounted.join("queues/night/members");
        assert_eq!(records(&members), ["Row Member"], "the server looks queues up itself");
        assert!(server.cli("queue show night").contains("Row Member"));
    }
}

/// The tree of docs/tree.md, with names out of a file.
const NAMES: &str = r#"
include = ["@trees/asterisk/sip.toml", "@trees/asterisk/iax2.toml"]
[defaults]
templates = "@templates"
[server]
address = "127.0.0.1:5038"
user    = "astfs"
secret  = { env = "ASTFS_SECRET" }
[query.sip_realtime]
file  = "NAMES"
parse = "lines"
[query.sip_realtime_load]
command = "sip show peer {{ row_in_database }} load"
refresh = { every = "5m" }
[query.iax_realtime_load]
value = "[]"
[each.row_in_database]
in = "sip_realtime"
"#;

#[test]
fn who_knows_the_names_of_rows_has_all_of_them_loaded() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let listed = folder.path().join("names");
    fs::write(&listed, "zhecka\nrtpeer\nnobody\n").expect("a file");
    let tree = folder.path().join("tree.toml");
    let project = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    let text = NAMES.replace('@', &project).replace("NAMES", &listed.display().to_string());
    fs::write(&tree, text).expect("a file");

    assert!(!server.cli("sip show peers").contains("rtpeer"), "nobody has looked yet");
    let mounted = mount_tree(&tree, &server, ASTFS);
    assert_eq!(names(&mounted.join("users/sipfriends/_realtime")), ["rtpeer", "zhecka"]);
    assert!(server.cli("sip show peers").contains("rtpeer"));
}
