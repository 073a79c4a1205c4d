//! Whoever reads sees one version, whole, however he reads and however fast it changes.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Version};
use nix::libc;

use super::{PATIENCE, a_while};
use crate::support::answers::{command, event, printed};
use crate::support::mount::fuse_available;
use crate::support::simulated::{Simulated, TreeFile};
use crate::support::wait_until;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[tree]
"small"  = { command = "show small", refresh = { on = ["Marked"] } }
"middle" = { command = "show middle", refresh = { on = ["Marked"] } }
"large"  = { command = "show large", refresh = { on = ["Marked"] } }
"#;

/// Files and how many lines of a hundred bytes each has at least.
const FILES: [(&str, usize); 3] = [("small", 10), ("middle", 640), ("large", 3000)];

fn line(version: usize) -> String {
    format!("version {version:07} ").repeat(6) + "96"
}

fn lines(version: usize, least: usize) -> usize {
    // the sizes differ too
    least + version % 3
}

/// The version that these bytes are, whole; none if they are none.
fn version(bytes: &[u8], least: usize) -> Option<usize> {
    let version = std::str::from_utf8(bytes.get(8..15)?).ok()?.parse().ok()?;
    let whole = (line(version) + "\n").repeat(lines(version, least));
    (whole.as_bytes() == bytes).then_some(version)
}

fn in_pieces(path: &Path, size: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut whole, mut piece) = (Vec::new(), vec![0; size]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(whole),
            length => whole.extend_from_slice(&piece[..length]),
        }
    }
}

fn mapped(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len() as usize;
    if length == 0 {
        return Ok(Vec::new());
    }
    let (flags, protection) = (libc::MAP_PRIVATE, libc::PROT_READ);
    // SAFETY: a mapping of its own, which is read while it is there; the file never shrinks
    unsafe {
        let address = libc::mmap(std::ptr::null_mut(), length, protection, flags, file.as_raw_fd(), 0);
        if address == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let bytes = std::slice::from_raw_parts(address.cast::<u8>(), length).to_vec();
        libc::munmap(address, length);
        Ok(bytes)
    }
}

type Reader = fn(&Path) -> std::io::Result<Vec<u8>>;

const READERS: [(&str, Reader); 4] = [
    ("700 bytes at a time", |path| in_pieces(path, 700)),
    ("64 KB at a time", |path| in_pieces(path, 64 * 1024)),
    ("mapped into memory", mapped),
    ("at once", |path| std::fs::read(path)),
];

#[test]
fn no_read_is_torn_or_mixed_or_zeros_while_the_content_changes_as_fast_as_it_can() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    let publish = |version: usize| {
        for (name, least) in FILES {
            let text = line(version);
            let answer = printed(std::iter::repeat_n(text.as_str(), lines(version, least)));
            server.answer(&command(&format!("show {name}")), answer);
        }
        server.emit(event("Marked", ""));
    };
    publish(1);
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    let readable = || FILES.iter().all(|(name, _)| std::fs::read(mounted.join(name)).is_ok());
    assert!(wait_until(PATIENCE, readable), "{}", mounted.stderr());

    let ended = AtomicBool::new(false);
    let (reads, published) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let seen = std::thread::scope(|threads| {
        let readers = READERS.map(|(manner, read)| {
            let (mounted, ended, reads) = (&mounted, &ended, &reads);
            threads.spawn(move || {
                let mut seen = [(); 3].map(|()| HashSet::new());
                while !ended.load(Ordering::Relaxed) {
                    for ((name, least), seen) in FILES.iter().zip(&mut seen) {
                        let bytes = read(&mounted.join(name)).map_err(|error| format!("{name}: {error}"))?;
                        let Some(version) = version(&bytes, *least) else {
                            let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
                            return Err(format!("{name}, {manner}: {} bytes: {begin:?}…", bytes.len()));
                        };
                        seen.insert(version);
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(seen)
            })
        });
        let begin = Instant::now();
        while begin.elapsed() < a_while(5) && readers.iter().all(|reader| !reader.is_finished()) {
            publish(published.fetch_add(1, Ordering::Relaxed) + 1);
            std::thread::sleep(Duration::from_millis(2));
        }
        ended.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().expect("a reader ends"))
    });
    let mut versions = [(); 3].map(|()| HashSet::new());
    for seen in seen {
        let seen = seen.unwrap_or_else(|torn| panic!("{torn}\n{}", mounted.stderr()));
        versions.iter_mut().zip(seen).for_each(|(versions, seen)| versions.extend(seen));
    }
    let (reads, published) = (reads.into_inner(), published.into_inner());
    let counts = versions.map(|versions| versions.len());
    println!("{reads} reads, {published} versions, of which were seen {counts:?}");
    assert!(reads > 100 && counts.iter().all(|count| *count > 3), "too few: {reads} reads, {counts:?}");
}
