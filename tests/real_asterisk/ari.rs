//! ARI beside AMI: the same server, asked over HTTP.

use std::fs;

use nix::libc;

use crate::ground::{ASTFS, PATIENCE, mount_tree, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::{mount, wait_until};

const TREE: &str = r#"
[query.info]
http = "http://HOST/ari/asterisk/info"
auth = { user = "astfs", secret = { file = "FOLDER/ari" } }

[query.variable]
http    = "http://HOST/ari/asterisk/variable?variable={{ 'NAME' }}"
auth    = { user = "astfs", secret = { file = "FOLDER/ari" } }
refresh = { on = ["Reload"] }

[tree]
"by-ari"   = { render = "{{ info.system.version }}\n" }
"by-ami"   = { action = "CoreSettings", render = "{{ result.AsteriskVersion }}\n" }
"variable" = { query = "variable.value" }
"nobody"   = { http = "http://HOST/ari/asterisk/info" }
"nothing"  = { http = "http://HOST/ari/nothing", auth = { user = "astfs", secret = { file = "FOLDER/ari" } } }
"#;

fn ari_is_mounted(version: Version) {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(version) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree.toml");
    let secret = folder.path().join("ari");
    fs::write(&secret, "ari-test\n").expect("a file");
    let written = TREE.replace("HOST", &server.ari_address().to_string());
    let written = written.replace("FOLDER", &folder.path().display().to_string());
    fs::write(&tree, written).expect("a file");
    let mounted = mount_tree(&tree, &server, ASTFS);
    let by_ami = text(&mounted.join("by-ami"));
    assert!(by_ami.starts_with(match version {
        Version::V16 => "16.",
        Version::V22 => "22.",
    }));
    assert_eq!(text(&mounted.join("by-ari")), by_ami);
    // a user is asked for, and what ARI does not know it does not give
    let errno = |name: &str| fs::read(mounted.join(name)).expect_err("it cannot be read").raw_os_error();
    assert_eq!((errno("nobody"), errno("nothing")), (Some(libc::EACCES), Some(libc::ENOENT)));
    // an event of AMI refreshes what ARI told
    assert_eq!(text(&mounted.join("variable")), "\n");
    server.cli("dialplan set global NAME value");
    server.cli("module reload cdr");
    let follows = wait_until(PATIENCE, || text(&mounted.join("variable")) == "value\n");
    assert!(follows, "{}", text(&mounted.join("variable")));
}

#[test]
fn ari_of_16_is_mounted_beside_ami() {
    ari_is_mounted(Version::V16);
}

#[test]
fn ari_of_22_is_mounted_beside_ami() {
    ari_is_mounted(Version::V22);
}
