//! Noticing that files have changed.
//!
//! A file is watched by way of its folder, since many programs put a new file in the place of the old one.
//! What happens above that folder is not seen.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::sync::broadcast;

use super::Change;

/// How many changes are kept for a receiver that lags.
const CHANGES: usize = 1024;

/// Filesystems all of whose changes this kernel sees, by their numbers in statfs(2): ext2 to ext4, XFS,
/// Btrfs, F2FS, ZFS, tmpfs, ramfs, overlayfs. On others (networks, /proc) something changes unseen.
const SEEN_WHOLE: [u64; 8] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x2FC1_2FC1, 0x0102_1994, 0x8584_58F6, 0x794C_7630];

/// The files of a folder by their names there, each with the paths under which it was asked for.
type Names = HashMap<OsString, HashSet<Arc<Path>>>;

/// Files that are watched. The thread that waits for their changes ends with the program: nothing else would
/// wake it.
pub struct Watch {
    inotify: Arc<Inotify>,
    folders: Arc<Mutex<HashMap<WatchDescriptor, Names>>>,
    changes: broadcast::Sender<Change>,
}

impl Watch {
    /// Of nothing yet.
    ///
    /// # Errors
    /// If the system has no watches left.
    pub fn start() -> std::io::Result<Watch> {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_CLOEXEC)?);
        let folders: Arc<Mutex<HashMap<_, _>>> = Arc::default();
        let changes = broadcast::Sender::new(CHANGES);
        let watch =
            Watch { inotify: Arc::clone(&inotify), folders: Arc::clone(&folders), changes: changes.clone() };
        std::thread::Builder::new().name("watch-files".into()).spawn(move || {
            while let Ok(events) = inotify.read_events() {
                let told: HashSet<_> = events.iter().flat_map(|event| changed(&folders, event)).collect();
                for change in told {
                    // that nobody listens is no failure
                    let _ = changes.send(change);
                }
            }
        })?;
        Ok(watch)
    }

    /// What changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Watches a file, which need not be there yet; whether no change of it goes unseen.
    pub fn follow(&self, path: &Path) -> bool {
        let asked: Arc<Path> = path.into();
        let as_named = self.add(path, &asked);
        let Ok(real) = path.canonicalize() else { return false };
        // one that is a link can be changed where it leads to
        let as_real = real == path || self.add(&real, &asked);
        let seen = rustix::fs::statfs(&real).is_ok_and(|found| SEEN_WHOLE.contains(&(found.f_type as u64)));
        as_named && as_real && seen
    }

    fn add(&self, file: &Path, asked: &Arc<Path>) -> bool {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return false };
        let changes = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        // held from before the watch is there: its first event must find the name
        let mut folders = lock(&self.folders);
        match self.inotify.add_watch(folder, changes) {
            Ok(descriptor) => {
                let names = folders.entry(descriptor).or_default();
                names.entry(name.to_owned()).or_default().insert(Arc::clone(asked));
                true
            }
            Err(error) => {
                tracing::debug!("{} is not watched: {error}", folder.display());
                false
            }
        }
    }
}

fn lock(folders: &Mutex<HashMap<WatchDescriptor, Names>>) -> MutexGuard<'_, HashMap<WatchDescriptor, Names>> {
    folders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an event says has changed.
fn changed(folders: &Mutex<HashMap<WatchDescriptor, Names>>, event: &InotifyEvent) -> Vec<Change> {
    if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return vec![Change::Any];
    }
    let mut folders = lock(folders);
    let gone = event.mask.contains(AddWatchFlags::IN_IGNORED);
    let names = if gone { folders.remove(&event.wd) } else { folders.get(&event.wd).cloned() };
    let Some(names) = names else { return Vec::new() };
    let paths: Vec<_> = match &event.name {
        Some(name) => names.get(name).into_iter().flatten().cloned().collect(),
        // the folder itself
        None => names.into_values().flatten().collect(),
    };
    paths.into_iter().map(Change::File).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    async fn next(changes: &mut broadcast::Receiver<Change>) -> Change {
        tokio::time::timeout(Duration::from_secs(20), changes.recv()).await.unwrap().unwrap()
    }

    async fn tells_of(path: &Path, changes: &mut broadcast::Receiver<Change>) {
        assert_eq!(next(changes).await, Change::File(path.into()));
        // one deed can be several events
        while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(200), changes.recv()).await {}
    }

    #[tokio::test]
    async fn a_file_that_is_written_replaced_removed_or_made_is_told_of_and_its_neighbour_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let file = at("file");
        let watch = Watch::start().unwrap();
        let mut changes = watch.changes();
        watch.follow(&file);
        std::fs::write(&file, "made").unwrap();
        tells_of(&file, &mut changes).await;
        watch.follow(&file);
        std::fs::write(at("neighbour"), "new").unwrap();
        std::fs::rename(at("neighbour"), &file).unwrap();
        tells_of(&file, &mut changes).await;
        std::fs::remove_file(&file).unwrap();
        tells_of(&file, &mut changes).await;
    }

    #[tokio::test]
    async fn a_link_is_told_of_when_it_leads_elsewhere_and_when_what_it_leads_to_changes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| -> PathBuf { folder.path().join(name) };
        for name in ["a", "b"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("file"), name).unwrap();
        }
        let link = at("link");
        std::os::unix::fs::symlink("a/file", &link).unwrap();
        let watch = Watch::start().unwrap();
        let mut changes = watch.changes();
        watch.follow(&link);
        std::fs::write(at("a/file"), "more").unwrap();
        tells_of(&link, &mut changes).await;
        std::os::unix::fs::symlink("b/file", at("other")).unwrap();
        std::fs::rename(at("other"), &link).unwrap();
        tells_of(&link, &mut changes).await;
        std::fs::rename(at("a"), at("c")).unwrap();
        tells_of(&link, &mut changes).await;
    }

    #[test]
    fn what_the_kernel_makes_up_is_not_taken_for_seen() {
        assert!(!Watch::start().unwrap().follow(Path::new("/proc/uptime")));
    }
}
