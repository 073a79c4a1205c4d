//! What a mount has given up while it serves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use astfs::simulator::{Content, Peer, Version};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::PATIENCE;
use crate::support::counts;
use crate::support::mount::{Mounted, astfs, fuse_available};
use crate::support::nobody::{NOBODY, as_nobody, assert_refused, can_become_nobody, open_the_device};
use crate::support::simulated::{Simulated, TreeFile, run_within, text};
use crate::support::wait_until;

const TREE: &str = r#"
[query.peers]
action = "SIPpeers"
key    = "ObjectName"
[each.peer]
in = "peers"
[tree]
"peers/{peer}" = { render = "{{ peer.ObjectName }}\n" }
"control/ping" = { write = { action = "Ping" } }
"events/all"   = { events = "*" }
"#;

fn server() -> Simulated {
    Simulated::start(Content::new(Version::Asterisk16).peers([Peer::new("1001")]))
}

/// A thread: its name, and the lines of its `status` by their names.
struct Thread {
    name: String,
    status: String,
}

impl Thread {
    fn get(&self, name: &str) -> &str {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim()
    }

    fn capabilities(&self) -> u64 {
        u64::from_str_radix(self.get("CapPrm"), 16).expect("a number")
    }
}

fn threads(process: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the program runs");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let thread = |path: &Path| Thread {
        name: read(&path.join("comm")).trim().to_owned(),
        status: read(&path.join("status")),
    };
    // one may have ended meanwhile
    tasks.flatten().map(|task| thread(&task.path())).filter(|thread| !thread.status.is_empty()).collect()
}

/// Has the mount do what it does, so that all its threads are there.
fn use_it(mounted: &Mounted) {
    assert_eq!(fs::read_to_string(mounted.join("peers/1001")).expect("a file"), "1001\n");
    // what is alive is mounted a moment later
    let writes = || fs::write(mounted.join("control/ping"), "\n").is_ok();
    assert!(wait_until(PATIENCE, writes), "{}", mounted.stderr());
}

#[test]
fn every_thread_that_serves_has_given_up_privileges_programs_and_sockets() {
    if !geteuid().is_root() {
        return counts::skipped("only root has something to give up");
    }
    if !fuse_available() {
        return;
    }
    const MOUNTING: u64 = 1 << 21 | 1 << 2; // CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount_with(&tree.path(), &["-v", "--watch"]);
    use_it(&mounted);
    let threads = threads(mounted.pid());
    assert!(threads.len() > 8, "only {} threads", threads.len());
    let (mounter, others): (Vec<_>, Vec<_>) = threads.iter().partition(|thread| thread.name == "mounts");
    assert_eq!(mounter.len(), 1);
    assert_eq!(mounter[0].capabilities() & !MOUNTING, 0);
    for thread in others {
        let found = (thread.capabilities(), thread.get("NoNewPrivs"), thread.get("Seccomp"));
        assert_eq!(found, (0, "1", "2"), "{}", thread.name);
    }
    let told = mounted.stderr();
    for part in ["capabilities kept: none", "files that can be reached", "sockets kept: inet"] {
        assert!(told.contains(part), "{told}");
    }
    let (status, log) = mounted.unmount();
    assert!(status.success(), "{log}");
}

#[test]
fn who_asks_for_no_sandbox_gets_none() {
    if !geteuid().is_root() {
        return counts::skipped("only root has something to give up");
    }
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount_with(&tree.path(), &["--no-sandbox"]);
    use_it(&mounted);
    for thread in threads(mounted.pid()) {
        assert_eq!(thread.get("Seccomp"), "0", "{}", thread.name);
        assert_ne!(thread.capabilities(), 0, "{}", thread.name);
    }
}

#[test]
fn a_reload_reads_what_is_new_in_the_folders_of_the_tree_and_says_what_is_elsewhere() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    let folder = tree.path().parent().expect("a folder").to_owned();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let part = "[tree]\n\"more\" = { text = \"more\\n\" }\n";
    let reload = || run_within(PATIENCE, astfs().arg("reload").arg(mounted.path()));

    // as editors save it: a new file in the place of the old; what is new is beside and below it
    let save = |include: &Path| {
        let new = folder.join("tree.new");
        fs::write(&new, format!("include = [{include:?}]\n{TREE}")).expect("a file");
        fs::rename(new, tree.path()).expect("in the place of the old");
    };
    fs::create_dir(folder.join("parts")).expect("a folder");
    fs::write(folder.join("parts/more.toml"), part).expect("a file");
    save(Path::new("parts/more.toml"));
    let output = reload();
    assert!(output.status.success(), "{}{}", text(&output.stderr), mounted.stderr());
    assert_eq!(fs::read_to_string(mounted.join("more")).expect("a file"), "more\n");
    use_it(&mounted);

    let other = elsewhere.path().join("other.toml");
    fs::write(&other, part).expect("a file");
    save(&other);
    let output = reload();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("out of reach") && told.contains("--no-sandbox"), "{told}");
    assert_eq!(fs::read_to_string(mounted.join("more")).expect("it stays as it was"), "more\n");
}

#[test]
fn a_tree_that_becomes_alive_by_a_reload_is_mounted_and_unmounted_by_the_thread_that_may() {
    if !geteuid().is_root() {
        return counts::skipped("only root mounts control files and event logs");
    }
    if !fuse_available() {
        return;
    }
    let plain = "[tree]\n\"motd\" = { text = \"hello\\n\" }\n";
    let (server, tree) = (server(), TreeFile::new(plain));
    let mut mounted = server.mount(&tree.path());
    fs::write(tree.path(), TREE).expect("a file");
    let output = run_within(PATIENCE, astfs().arg("reload").arg(mounted.path()));
    assert!(output.status.success(), "{}{}", text(&output.stderr), mounted.stderr());
    use_it(&mounted);
    fs::write(tree.path(), plain).expect("a file");
    let output = run_within(PATIENCE, astfs().arg("reload").arg(mounted.path()));
    assert!(output.status.success(), "{}{}", text(&output.stderr), mounted.stderr());
    assert_eq!(fs::read_to_string(mounted.join("motd")).expect("a file"), "hello\n");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the list of mounts");
    let point = mounted.path().display().to_string();
    assert_eq!(mounts.lines().filter(|line| line.contains(&point)).count(), 1, "{mounts}");
    mounted.signal(Signal::SIGTERM);
    assert!(mounted.wait(PATIENCE).is_some_and(|status| status.success()), "{}", mounted.stderr());
    assert!(!mounted.is_mounted());
}

#[test]
fn an_ordinary_user_mounts_and_unmounts_and_the_memory_of_the_mount_is_kept_from_him() {
    if !can_become_nobody() || !fuse_available() {
        return;
    }
    let (server, tree) =
        (server(), TreeFile::new("[tree]\n\"version\" = { command = \"core show version\" }\n"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount_point = folder.path().join("tree");
    fs::create_dir(&mount_point).expect("a folder");
    for path in [folder.path(), &mount_point, tree.path().parent().expect("a folder"), &tree.path()] {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root gives away what it has");
    }
    open_the_device(folder.path());
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
    command
        .arg(astfs().get_program())
        .arg("mount")
        .arg(tree.path())
        .arg(&mount_point)
        .envs(server.environment());
    let mut mounted = Mounted::run(command, &mount_point).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(as_nobody("ls", [&mount_point]).as_deref(), Ok("version\n"));
    assert!(fs::read_dir(&mount_point).is_err(), "root is another user");
    let environment = format!("/proc/{}/environ", mounted.pid());
    let owner = fs::metadata(&environment).expect("the program runs").uid();
    assert_eq!(owner, 0, "root's since nobody else may look");
    assert_refused(as_nobody("cat", [environment]));

    // and what it needs to unmount, which is another program here, is left to it
    mounted.signal(Signal::SIGTERM);
    assert!(mounted.wait(PATIENCE).is_some_and(|status| status.success()), "{}", mounted.stderr());
    assert!(!mounted.is_mounted());
}
