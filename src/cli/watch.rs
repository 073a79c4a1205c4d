//! Noticing that files were saved.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A save is over when nothing more has happened for so long: editors write several files, and some write
/// one several times.
const SETTLED: Duration = Duration::from_millis(50);

/// Files that are watched by way of their folders, since many editors put a new file in the place of the old.
pub struct Watch {
    inotify: Arc<Inotify>,
    happened: UnboundedReceiver<Vec<InotifyEvent>>,
    folders: HashMap<WatchDescriptor, PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl Watch {
    /// Of nothing yet.
    ///
    /// # Errors
    /// If the system has no watches left.
    pub fn new() -> std::io::Result<Watch> {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_CLOEXEC)?);
        let (sender, happened) = unbounded_channel();
        let waiting = Arc::clone(&inotify);
        std::thread::Builder::new().name("watch".into()).spawn(move || {
            // ends with the program, or when nobody listens
            while let Ok(events) = waiting.read_events()
                && sender.send(events).is_ok()
            {}
        })?;
        let (folders, files) = Default::default();
        Ok(Watch { inotify, happened, folders, files })
    }

    /// Watches these files and folders, those among them that are not there yet included.
    pub fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        self.files.clear();
        for file in files {
            self.add(file);
            // one that is a link can be changed where it leads to
            if let Ok(real) = file.canonicalize()
                && real != *file
            {
                self.add(&real);
            }
        }
    }

    fn add(&mut self, file: &Path) {
        self.files.insert(file.to_owned());
        let above =
            file.parent().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
        let folder = file.is_dir().then_some(file);
        let changes = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE;
        for watched in [above, folder].into_iter().flatten() {
            match self.inotify.add_watch(watched, changes) {
                Ok(descriptor) => drop(self.folders.insert(descriptor, watched.to_owned())),
                Err(error) => tracing::debug!("{} is not watched: {error}", watched.display()),
            }
        }
    }

    /// Waits until one of them was saved, and nothing more happens.
    pub async fn saved(&mut self) {
        while !self.changed().await {}
        while tokio::time::timeout(SETTLED, self.changed()).await.is_ok() {}
    }

    /// Waits for something to happen; whether it is about one of the files.
    async fn changed(&mut self) -> bool {
        let Some(events) = self.happened.recv().await else { return std::future::pending().await };
        events.iter().any(|event| {
            let (Some(folder), Some(name)) = (self.folders.get(&event.wd), &event.name) else {
                // more happened than the system kept
                return event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
            };
            let folder = if folder == Path::new(".") { Path::new("") } else { folder };
            self.files.contains(&folder.join(name)) || self.files.contains(folder)
        })
    }
}
