//! Whoever holds a file holds the version that it was; whoever follows its name gets the new ones.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use astfs::simulator::{Content, Version};
use nix::libc;

use super::PATIENCE;
use crate::support::answers::{command, event, printed};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::simulated::{Simulated, TreeFile};
use crate::support::wait_until;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[tree]
"text" = { command = "show text", refresh = { on = ["Marked"] } }
"#;

fn publish(server: &Simulated, text: &str) {
    server.answer(&command("show text"), printed(text.lines()));
    server.emit(event("Marked", ""));
}

fn mount(text: &str) -> Option<(Simulated, Mounted, TreeFile)> {
    if !fuse_available() {
        return None;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    publish(&server, text);
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    shows(&mounted, text);
    Some((server, mounted, tree))
}

#[track_caller]
fn shows(mounted: &Mounted, text: &str) {
    let path = mounted.join("text");
    let as_told = || fs::read_to_string(&path).is_ok_and(|read| read == text);
    assert!(wait_until(PATIENCE, as_told), "{:?}; {}", fs::read_to_string(&path), mounted.stderr());
}

#[test]
fn what_is_open_or_mapped_stays_whole_and_its_size_the_old_one() {
    let old = "the old line of this text\n".repeat(20_000);
    let new = "a new one\n".repeat(100);
    let Some((server, mounted, _tree)) = mount(&old) else { return };
    let path = mounted.join("text");
    let (mut file, mapped) = (File::open(&path).expect("it opens"), File::open(&path).expect("it opens"));
    // nothing of it is to be in the page cache
    // SAFETY: numbers only
    let advised = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(advised, 0);
    let length = old.len();
    // SAFETY: a mapping of its own, of a file that never shrinks
    let bytes = unsafe {
        let (flags, protection) = (libc::MAP_PRIVATE, libc::PROT_READ);
        let address = libc::mmap(std::ptr::null_mut(), length, protection, flags, mapped.as_raw_fd(), 0);
        assert_ne!(address, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        std::slice::from_raw_parts(address.cast::<u8>(), length)
    };
    assert_eq!(bytes[..26], old.as_bytes()[..26]);
    let inode = fs::metadata(&path).expect("it is there").ino();

    for version in 0..20 {
        publish(&server, &format!("{version}\n{new}"));
        shows(&mounted, &format!("{version}\n{new}"));
    }
    publish(&server, &new);
    shows(&mounted, &new);
    let about = file.metadata().expect("an open file has attributes");
    assert_eq!((about.len(), about.ino()), (old.len() as u64, inode));
    let mut read = String::new();
    file.read_to_string(&mut read).expect("it is read");
    assert!(read == old, "{} bytes, {:?}…", read.len(), &read[..read.len().min(80)]);
    file.seek(SeekFrom::Start(26)).expect("it seeks");
    let mut once_more = String::new();
    file.read_to_string(&mut once_more).expect("it is read");
    assert!(once_more == old[26..]);
    assert!(bytes == old.as_bytes(), "what is mapped");
    assert_ne!(fs::metadata(&path).expect("it is there").ino(), inode);
    // SAFETY: the slice is not used any more
    unsafe { libc::munmap(bytes.as_ptr().cast_mut().cast(), length) };
}

#[test]
fn tail_follows_the_name_from_version_to_version() {
    let Some((server, mounted, _tree)) = mount("version 0\n") else { return };
    let mut tail = Command::new("tail")
        .args(["-n", "+1", "-s", "0.05", "-F"])
        .arg(mounted.join("text"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tail starts");
    let (sender, lines) = channel();
    let output = tail.stdout.take().expect("its output");
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    for version in 0..5 {
        let text = format!("version {version}\n");
        publish(&server, &text);
        shows(&mounted, &text);
        let line = lines.recv_timeout(PATIENCE);
        assert_eq!(line.as_deref(), Ok(text.trim_end()), "{}", mounted.stderr());
    }
    tail.kill().expect("it ends");
    tail.wait().expect("it has ended");
}
