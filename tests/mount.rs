//! What a mount shows, and to whom: sizes, permissions, links, and that nothing can be written.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use astfs::simulator::{Content, Version};
use nix::libc::{EACCES, EROFS};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;
use support::mount::{Mounted, fuse_available};
use support::nobody::{NOBODY, as_nobody, assert_refused, can_become_nobody, let_others_near};
use support::simulated::{Simulated, TreeFile, peers_and_users, run_within, shipped, text};
use support::walk::{names, walk};

const PATIENCE: Duration = Duration::from_secs(20);

const SMALL: &str = r#"
[defaults]
mode     = "0440"
dir_mode = "0550"
gid      = 1234

[tree]
"as by default" = { text = "default\n" }
"open"          = { text = "for all\n", mode = "0444" }
"theirs"        = { text = "for nobody, so to speak\n", mode = "0400", uid = 65534, gid = 65534 }
"ours"          = { text = "for root\n", mode = "0400", uid = 0, gid = 0 }
"group's"       = { text = "for a group\n", mode = "0640", uid = 0, gid = 65534 }
"shut/"         = { mode = "0700", uid = 0 }
"shut/inside"   = { text = "behind a door\n", mode = "0444" }
"passage/"      = { mode = "0755" }
"passage/inside" = { text = "reachable\n", mode = "0444" }
"passage/ünïcode name" = { text = "ü\n", mode = "0444" }
"link"          = { symlink = "passage/inside" }
"large"         = { render = "{% for i in range(20000) %}line {{ i }}\n{% endfor %}", mode = "0444" }
"#;

fn mount(tree: &Path, arguments: &[&str]) -> Mounted {
    Mounted::start(tree, arguments, &[]).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

#[test]
fn the_size_of_every_file_is_the_number_of_bytes_read_whoever_reads() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::generated(Version::Asterisk13, 5, 3));
    let small = TreeFile::new(SMALL);
    for mounted in
        [server.mount(&peers_and_users()), mount(&shipped("basic.toml"), &[]), mount(&small.path(), &[])]
    {
        // sizes first, on a mount where nobody has read anything
        let mut find = Command::new("find");
        find.arg(mounted.path()).args(["-type", "f", "-printf", "%s %b %p\\n"]);
        let found = text(&run_within(PATIENCE, &mut find).stdout);
        assert!(found.lines().count() > 7, "{found}");
        for line in found.lines() {
            let mut parts = line.splitn(3, ' ');
            let mut part = || parts.next().unwrap_or_else(|| panic!("{line}"));
            let (size, blocks, path): (u64, u64, _) = (number(part()), number(part()), part());
            let whole = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!((size, blocks), (whole.len() as u64, size.div_ceil(512)), "{path}");
            let mut opened = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let by_handle = opened.metadata().map(|metadata| metadata.len());
            let mut read = Vec::new();
            assert_eq!(opened.read_to_end(&mut read).ok(), Some(whole.len()), "{path}");
            assert_eq!(by_handle.ok(), Some(size), "{path}");
        }
    }
}

#[test]
fn tar_cp_and_dd_copy_the_tree_byte_for_byte() {
    if !fuse_available() {
        return;
    }
    let small = TreeFile::new(SMALL);
    let mounted = mount(&small.path(), &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "set -e\n\
        tar -C \"$1\" -cf all.tar . && mkdir tar && tar -C tar -xf all.tar --no-same-permissions\n\
        cp -r -P \"$1\" cp\n\
        dd if=\"$1/large\" of=dd bs=777 2>/dev/null\n\
        dd if=\"$1/large\" of=part bs=1 skip=100000 count=50 2>/dev/null\n";
    let mut copy = Command::new("sh");
    copy.args(["-c", script, "sh"]).arg(mounted.path()).current_dir(folder.path());
    let copied = run_within(PATIENCE, &mut copy);
    assert!(copied.status.success() && copied.stderr.is_empty(), "{}", text(&copied.stderr));

    let original = walk(mounted.path());
    let large = fs::read(mounted.join("large")).expect("it reads");
    assert!(large.ends_with(b"line 19999\n") && large.len() > 200_000, "{}", large.len());
    for by in ["tar", "cp"] {
        assert_eq!(walk(&folder.path().join(by)), original, "{by}");
    }
    assert!(fs::read(folder.path().join("dd")).expect("a copy") == large, "dd copied something else");
    assert_eq!(fs::read(folder.path().join("part")).expect("a part"), &large[100_000..100_050]);
}

#[test]
fn modes_and_owners_are_those_that_the_tree_file_declares() {
    if !fuse_available() {
        return;
    }
    let small = TreeFile::new(SMALL);
    let mounted = mount(&small.path(), &[]);
    let us = geteuid().as_raw();
    for (path, mode, uid, gid) in [
        ("", 0o550, us, 1234),
        ("as by default", 0o440, us, 1234),
        ("open", 0o444, us, 1234),
        ("theirs", 0o400, NOBODY, NOBODY),
        ("ours", 0o400, 0, 0),
        ("group's", 0o640, 0, NOBODY),
        ("shut", 0o700, 0, 1234),
        ("passage", 0o755, us, 1234),
        ("passage/ünïcode name", 0o444, us, 1234),
        ("link", 0o777, us, 1234),
    ] {
        let metadata =
            fs::symlink_metadata(mounted.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let seen = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
        assert_eq!(seen, (mode, uid, gid), "{path}: {:o}", seen.0);
    }
    let basic = mount(&shipped("basic.toml"), &[]);
    for (path, mode) in [
        ("motd", 0o444),
        ("private", 0o600),
        ("nested", 0o755),
        ("nested/script", 0o755),
        ("nested/readable", 0o644),
        ("nested/deeper", 0o555),
        ("nested/deeper/secret", 0o400),
        ("empty", 0o555),
    ] {
        let seen = fs::metadata(basic.join(path)).expect("it is there").mode() & 0o7777;
        assert_eq!(seen, mode, "{path}: {seen:o}");
    }
}

#[test]
fn with_allow_other_the_kernel_lets_everybody_do_what_the_modes_say_and_no_more() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let tree = TreeFile::new(&SMALL.replace("dir_mode = \"0550\"", "dir_mode = \"0555\""));
    let mounted = mount(&tree.path(), &["--allow-other"]);
    let_others_near(&mounted);
    let cat = |path: &str| as_nobody("cat", [&mounted.join(path)]);
    assert_eq!(cat("open").as_deref(), Ok("for all\n"));
    assert_eq!(cat("theirs").as_deref(), Ok("for nobody, so to speak\n"));
    assert_eq!(cat("group's").as_deref(), Ok("for a group\n"));
    assert_eq!(cat("passage/inside").as_deref(), Ok("reachable\n"));
    assert_eq!(cat("link").as_deref(), Ok("reachable\n"));
    for closed in ["ours", "as by default", "shut/inside"] {
        assert_refused(cat(closed));
    }
    assert_refused(as_nobody("ls", [&mounted.join("shut")]));
    let listed = as_nobody("ls", [mounted.path()]).expect("the mount point is open to all");
    assert!(listed.lines().any(|name| name == "ours"), "what may not be read is listed: {listed}");

    let basic = mount(&shipped("basic.toml"), &["--allow-other"]);
    let_others_near(&basic);
    assert_eq!(as_nobody("cat", [&basic.join("motd")]).as_deref(), Ok("the PBX as files\n"));
    assert_refused(as_nobody("cat", [&basic.join("private")]));
    assert_refused(as_nobody("cat", [&basic.join("nested/deeper/secret")]));
}

#[test]
fn without_allow_other_nobody_but_the_owner_enters() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let mounted = mount(&shipped("basic.toml"), &[]);
    let_others_near(&mounted);
    assert_refused(as_nobody("cat", [&mounted.join("motd")]));
    assert_refused(as_nobody("ls", [mounted.path()]));
    assert_eq!(fs::read_to_string(mounted.join("motd")).expect("we are the owner"), "the PBX as files\n");
}

#[test]
fn whatever_tries_to_write_is_told_that_the_filesystem_is_read_only() {
    if !fuse_available() {
        return;
    }
    let mounted = mount(&shipped("basic.toml"), &[]);
    let before = walk(mounted.path());
    let at = |path: &str| mounted.join(path);
    let now = fs::FileTimes::new().set_modified(SystemTime::now());
    let attempts: Vec<(&str, io::Result<()>)> = vec![
        ("create", File::create_new(at("new")).map(drop)),
        ("create below", fs::write(at("nested/new"), "x")),
        (">", fs::write(at("motd"), "x")),
        (">>", OpenOptions::new().append(true).open(at("motd")).map(drop)),
        ("read and write", OpenOptions::new().read(true).write(true).open(at("motd")).map(drop)),
        ("truncate", nix::unistd::truncate(&at("motd"), 0).map_err(io::Error::from)),
        ("mkdir", fs::create_dir(at("directory"))),
        ("rmdir", fs::remove_dir(at("empty"))),
        ("rm", fs::remove_file(at("motd"))),
        ("rm of a link", fs::remove_file(at("tmp"))),
        ("mv", fs::rename(at("motd"), at("moved"))),
        ("mv over", fs::rename(at("motd"), at("help"))),
        ("chmod", fs::set_permissions(at("motd"), fs::Permissions::from_mode(0o666))),
        ("chown", std::os::unix::fs::chown(at("motd"), Some(1), Some(1))),
        ("ln", fs::hard_link(at("motd"), at("hard"))),
        ("ln -s", std::os::unix::fs::symlink("motd", at("soft"))),
        ("touch", File::open(at("motd")).and_then(|file| file.set_times(now))),
        ("mkfifo", nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).map_err(io::Error::from)),
    ];
    for (what, result) in attempts {
        let error = result.expect_err(what);
        assert_eq!(error.raw_os_error(), Some(EROFS), "{what}: {error}");
    }
    assert_eq!(walk(mounted.path()), before);
}

#[test]
fn links_directories_times_and_the_filesystem_itself_look_as_they_should() {
    if !fuse_available() {
        return;
    }
    let before = SystemTime::now() - Duration::from_secs(2);
    let mounted = mount(&shipped("basic.toml"), &[]);
    assert_eq!(fs::read_link(mounted.join("tmp")).expect("a link"), Path::new("/tmp"));
    assert_eq!(fs::symlink_metadata(mounted.join("tmp")).expect("a link").len(), "/tmp".len() as u64);
    assert!(fs::metadata(mounted.join("tmp")).expect("it leads somewhere").is_dir());
    assert_eq!(fs::read_dir(mounted.join("empty")).expect("a directory").count(), 0);
    assert_eq!(fs::read(mounted.join("nothing")).expect("a file"), b"");
    let seen = walk(mounted.path());
    assert_eq!(names(&seen, "nested"), ["deeper", "readable", "script"]);
    assert_eq!(
        fs::metadata(mounted.join("no such file")).expect_err("it is not there").kind(),
        io::ErrorKind::NotFound
    );

    for path in ["", "empty", "nested/deeper", "motd", "help", "nothing"] {
        let changed =
            fs::metadata(mounted.join(path)).and_then(|metadata| metadata.modified()).expect("a time");
        assert!(before <= changed && changed <= SystemTime::now(), "{path}: {changed:?}");
    }
    let filesystem = statvfs(mounted.path()).expect("statfs is answered");
    assert_eq!(filesystem.name_max(), 255);
    assert_eq!((filesystem.blocks(), filesystem.blocks_available()), (0, 0), "nothing can be stored");
    let flags = FsFlags::ST_RDONLY | FsFlags::ST_NOSUID;
    assert!(filesystem.flags().contains(flags), "{:?}", filesystem.flags());
    let script =
        run_within(PATIENCE, Command::new("cat").arg(mounted.join("nested/script")).env("LC_ALL", "C"));
    assert_eq!(text(&script.stdout), "#!/bin/sh\necho hello\n");
    let started = Command::new(mounted.join("nested/script")).status().expect_err("the mount is noexec");
    assert_eq!(started.raw_os_error(), Some(EACCES));
}
