//! What a write to a control file does, and how it is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use astfs::simulator::{Content, Fault, Peer, Version};
use nix::libc;

use super::{mount, python, shell};
use crate::support::mount::fuse_available;
use crate::support::simulated::{Simulated, TreeFile, text};
use crate::support::wait_until;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.peers]
action = "SIPpeers"
key    = "ObjectName"

[each.peer]
in = "peers"

[tree]
"control/qualify"        = { write = { command = "sip qualify peer {{ input }}", match = '\w+', timeout = "1s" } }
"control/pause"          = { write = { action = { Action = "QueuePause", Queue = "sales", Interface = "{{ input }}", Paused = "1" } } }
"control/any"            = { write = { command = "sip qualify peer {{ input }}" } }
"control/version"        = { command = "core show version", write = { command = "core set verbose {{ input }}" } }
"control/peer/{peer}"    = { write = { command = "sip qualify peer {{ peer.ObjectName }}", match = '1' } }
"control/whoami"         = { render = "{{ caller.user }} {{ caller.uid }} {{ caller.gid }} {{ caller.pid }}\n" }
"control/motd"           = { text = "hello\n" }
"elsewhere/whoami"       = { text = "not alive\n" }
"#;

const QUALIFIED: &str = "Response: Success\r\nMessage: Command output follows\r\n\
                         Output: Qualify peer alice\r\nOutput: \r\n\r\n";

fn command(command: &str) -> [(&str, &str); 2] {
    [("Action", "Command"), ("Command", command)]
}

fn pause(interface: &str) -> [(&str, &str); 4] {
    [("Action", "QueuePause"), ("Queue", "sales"), ("Interface", interface), ("Paused", "1")]
}

fn server() -> Simulated {
    let content = Content::new(Version::Asterisk16).peers(["alice", "bob"].map(Peer::new));
    let content = content
        .answer(&command("sip qualify peer alice"), QUALIFIED)
        .answer(&command("sip qualify peer bob"), QUALIFIED)
        .answer(&command("core set verbose 3"), QUALIFIED)
        .answer(&pause("SIP/alice"), "Response: Success\r\nMessage: Interface paused successfully\r\n\r\n")
        .answer(&pause("SIP/nosuch"), "Response: Error\r\nMessage: Interface not found\r\n\r\n")
        .answer(&pause("SIP/denied"), "Response: Error\r\nMessage: Permission denied\r\n\r\n");
    Simulated::start(content)
}

/// Writes in one `write(2)`; the errno, if that is refused.
fn write(path: &Path, input: impl AsRef<[u8]>) -> Result<usize, i32> {
    let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write(input.as_ref()));
    written.map_err(|error| error.raw_os_error().expect("an error of the kernel"))
}

#[test]
fn one_write_is_one_action_whatever_program_writes() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    server.forget_asked();
    for script in [
        "echo alice > control/qualify",
        "echo alice >> control/qualify",
        "printf alice > control/qualify",
        "printf 'alice\\r\\n' > control/qualify",
        "echo alice | tee control/qualify",
        "echo alice | tee -a control/qualify",
        "echo alice | dd of=control/qualify",
        "echo alice | dd of=control/qualify conv=notrunc,fsync",
        "echo alice > \"$TMPDIR/input.$$\" && cp \"$TMPDIR/input.$$\" control/qualify && rm \"$TMPDIR/input.$$\"",
    ] {
        let script = format!("TMPDIR=${{TMPDIR:-/tmp}}; {script}");
        let output = shell(&mounted, &script);
        assert!(output.status.success(), "{script}: {}", text(&output.stderr));
        assert_eq!(server.questions(), ["sip qualify peer alice"], "{script}");
        server.forget_asked();
        let shown = fs::read_to_string(mounted.join("control/qualify")).expect("it shows the answer");
        assert_eq!(shown, "Qualify peer alice\n\n", "{script}");
        assert_eq!(fs::metadata(mounted.join("control/qualify")).expect("it is there").len(), 20, "{script}");
    }
    let Some(output) = python(&mounted, "open('control/qualify', 'w').write('alice\\n')") else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(server.questions(), ["sip qualify peer alice"], "Python");
}

#[test]
fn reading_shows_the_last_answer_or_the_other_content() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let read = |path: &str| fs::read_to_string(mounted.join(path)).expect("it reads");
    assert_eq!(read("control/pause"), "", "nothing was written yet");
    assert_eq!(write(&mounted.join("control/pause"), "SIP/alice\n"), Ok(10));
    assert_eq!(read("control/pause"), "Response: Success\nMessage: Interface paused successfully\n\n");
    assert_eq!(write(&mounted.join("control/pause"), "SIP/nosuch"), Err(libc::EPERM));
    assert_eq!(read("control/pause"), "Response: Error\nMessage: Interface not found\n\n");

    let version = read("control/version");
    assert!(version.starts_with("Asterisk "), "{version}");
    assert_eq!(write(&mounted.join("control/version"), "3"), Ok(1));
    assert_eq!(read("control/version"), version);

    let mut both = OpenOptions::new().read(true).write(true).open(mounted.join("control/qualify"));
    let both = both.as_mut().expect("it opens for both");
    let mut answer = String::new();
    both.write_all(b"alice").and_then(|()| both.rewind()).expect("it is done");
    both.read_to_string(&mut answer).expect("it reads");
    assert_eq!(answer, "Qualify peer alice\n\n", "who writes and reads by one handle reads his answer");
}

#[test]
fn paths_with_variables_have_control_files_of_their_own() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let mut names: Vec<_> = fs::read_dir(mounted.join("control/peer"))
        .expect("it lists")
        .map(|entry| entry.expect("a name").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    assert_eq!(names, ["alice", "bob"]);
    server.forget_asked();
    assert_eq!(write(&mounted.join("control/peer/bob"), "1\n"), Ok(2));
    let asked = server.questions();
    assert_eq!(asked.last().map(String::as_str), Some("sip qualify peer bob"), "{asked:?}");
    let shown = |name: &str| fs::read(mounted.join("control/peer").join(name)).expect("it reads").len();
    assert_eq!((shown("alice"), shown("bob")), (0, 20));
}

#[test]
fn an_input_that_is_refused_here_never_reaches_the_server() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    server.forget_asked();
    let inject = "x\r\nAction: Originate\r\nChannel: SIP/alice";
    for (path, input, errno) in [
        ("control/qualify", "alice load\n", libc::EINVAL),
        ("control/qualify", "", 0),
        ("control/qualify", "alice\nbob\n", libc::EINVAL),
        ("control/qualify", "alice\n\n", libc::EINVAL),
        ("control/any", "alice\ncore stop now\n", libc::EINVAL),
        ("control/any", "alice\rcore stop now", libc::EINVAL),
        ("control/any", "alice\0core stop now", libc::EINVAL),
        ("control/pause", inject, libc::EINVAL),
        ("control/pause", "SIP/alice\n\nAction: Ping", libc::EINVAL),
        ("control/pause", &"x".repeat(2000), libc::EINVAL),
        ("control/any", &"x".repeat(4097), libc::EFBIG),
        ("control/any", &"x".repeat(300_000), libc::EFBIG),
    ] {
        let written = write(&mounted.join(path), input);
        let expected = if errno == 0 { Ok(0) } else { Err(errno) };
        assert_eq!(written, expected, "{path}: {input:.40}");
    }
    assert_eq!(server.questions(), [""; 0], "nothing of it was sent");
    let told = || mounted.stderr().contains("control/pause: Invalid argument");
    assert!(wait_until(super::PATIENCE, told), "{}", mounted.stderr());
    let said = mounted.stderr();
    assert!(!said.contains("Originate") && !said.contains("core stop"), "the log repeats inputs: {said}");
}

#[test]
fn an_input_is_one_argument_of_a_command_whatever_it_holds() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    server.forget_asked();
    for (input, sent) in [
        ("alice load", r#"sip qualify peer "alice load""#),
        (r#"a" b"#, r#"sip qualify peer "a\" b""#),
        (r"a\", r#"sip qualify peer "a\\""#),
        ("", r#"sip qualify peer """#),
        ("{{ peers }}", r#"sip qualify peer "{{ peers }}""#),
        ("ünï", "sip qualify peer ünï"),
    ] {
        assert_eq!(
            write(&mounted.join("control/any"), format!("{input}\n")),
            Err(libc::EOPNOTSUPP),
            "{input}"
        );
        assert_eq!(server.questions(), [sent], "{input}");
        server.forget_asked();
    }
}

#[test]
fn what_the_server_says_to_it_is_the_errno_of_the_write() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let write = |path: &str, input: &str| write(&mounted.join(path), input);
    assert_eq!(write("control/pause", "SIP/nosuch"), Err(libc::EPERM));
    assert_eq!(write("control/pause", "SIP/denied"), Err(libc::EACCES));
    assert_eq!(write("control/pause", "SIP/unknown"), Err(libc::EOPNOTSUPP));
    server.set_fault_for("sip qualify", Fault::Silent);
    assert_eq!(write("control/qualify", "alice"), Err(libc::ETIMEDOUT));
    server.set_fault_for("sip qualify", Fault::HangUpMidAnswer);
    assert_eq!(write("control/qualify", "alice"), Err(libc::EHOSTDOWN));
    server.set_fault(None);
    server.go_down();
    let down = || matches!(write("control/qualify", "alice"), Err(libc::ECONNREFUSED | libc::EHOSTDOWN));
    assert!(
        down() && wait_until(super::PATIENCE, || write("control/qualify", "bob") == Err(libc::ECONNREFUSED))
    );
    server.come_back();
    assert!(wait_until(super::PATIENCE * 3, || write("control/qualify", "alice") == Ok(5)));
    let output = shell(&mounted, "LC_ALL=C sh -c 'echo SIP/nosuch > control/pause' 2>&1; echo $?");
    let said = text(&output.stdout);
    assert!(said.ends_with("\n1\n"), "the shell tells: {said}");
}

#[test]
fn what_was_refused_is_not_asked_again_by_the_same_handle() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    server.forget_asked();
    let path = mounted.join("control/pause");
    let mut handle = File::options().write(true).open(&path).expect("it opens");
    let mut again = || handle.write(b"SIP/nosuch").map_err(|error| error.raw_os_error());
    for _ in 0..3 {
        assert_eq!(again(), Err(Some(libc::EPERM)));
    }
    assert_eq!(server.questions().len(), 1, "asked once");
    assert_eq!(handle.write(b"SIP/alice").ok(), Some(9), "another input is another question");
    assert_eq!(handle.write(b"SIP/alice").ok(), Some(9), "and what was done can be done again");
    assert_eq!(server.questions().len(), 3);
    assert_eq!(write(&path, "SIP/nosuch"), Err(libc::EPERM));
    assert_eq!(server.questions().len(), 4, "another handle asks anew");
    server.forget_asked();
    let Some(output) = python(&mounted, "open('control/pause', 'w').write('SIP/nosuch')") else { return };
    assert_eq!(server.questions(), ["QueuePause"], "{}", text(&output.stderr));
}

#[test]
fn nothing_but_control_files_can_be_written_even_by_root() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let at = |path: &str| mounted.join(path);
    let attempts: Vec<(&str, io::Result<()>)> = vec![
        ("write a text", fs::write(at("control/motd"), "x")),
        ("create", fs::write(at("control/new"), "x")),
        ("remove", fs::remove_file(at("control/qualify"))),
        ("make a directory", fs::create_dir(at("control/new"))),
        ("remove a directory", fs::remove_dir(at("control/peer"))),
        ("rename", fs::rename(at("control/qualify"), at("control/new"))),
        ("link", fs::hard_link(at("control/qualify"), at("control/new"))),
        ("symlink", std::os::unix::fs::symlink("x", at("control/new"))),
        (
            "change permissions",
            fs::set_permissions(at("control/qualify"), fs::metadata("/").expect("/").permissions()),
        ),
        ("write outside", fs::write(at("elsewhere/whoami"), "x")),
    ];
    for (what, result) in attempts {
        assert_eq!(result.expect_err(what).raw_os_error(), Some(libc::EROFS), "{what}");
    }
    let grown = File::options().write(true).open(at("control/qualify")).and_then(|file| file.set_len(10));
    assert_eq!(grown.expect_err("it has no length to set").raw_os_error(), Some(libc::EINVAL));
    assert_eq!(fs::read_to_string(at("control/motd")).expect("it reads"), "hello\n");
}

#[test]
fn a_template_beside_control_files_knows_the_process_that_reads() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().expect("we are known");
    let pid = std::process::id();
    let expected = format!("{} {} {} {pid}\n", user.name, user.uid, nix::unistd::getegid());
    assert_eq!(fs::read_to_string(mounted.join("control/whoami")).expect("it reads"), expected);
    let output = shell(&mounted, "echo $$; exec cat control/whoami");
    let output = text(&output.stdout);
    let (shell, line) = output.split_once('\n').expect("two lines");
    assert_eq!(line, format!("{} {} {} {shell}\n", user.name, user.uid, nix::unistd::getegid()));
    assert_eq!(fs::metadata(mounted.join("control/motd")).expect("it is there").mode() & 0o777, 0o444);
}
