//! Noticing that files were saved.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::language::Report;

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

    /// Reads files, and watches them from before they were read: what is saved after that is noticed.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<T, E>(&mut self, mut read: impl FnMut() -> Result<(T, Report), E>) -> Result<(T, Report), E> {
        loop {
            let (content, report) = read()?;
            // which files they are is known only now: again, until all were watched before
            if !self.follow(&report) {
                return Ok((content, report));
            }
        }
    }

    /// Watches the files and folders that a report is about, those among them that are not there yet included;
    /// with mistakes in them, others may be wanted still. Whether one of the folders was not watched before.
    fn follow(&mut self, report: &Report) -> bool {
        if !report.has_errors() {
            self.files.clear();
        }
        let mut is_new = false;
        for file in report.files() {
            is_new |= self.add(file);
            // one that is a link can be changed where it leads to
            if let Ok(real) = file.canonicalize()
                && real != *file
            {
                is_new |= self.add(&real);
            }
        }
        is_new
    }

    fn add(&mut self, file: &Path) -> bool {
        let mut is_new = false;
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
                Ok(descriptor) => is_new |= self.folders.insert(descriptor, watched.to_owned()).is_none(),
                Err(error) => tracing::debug!("{} is not watched: {error}", watched.display()),
            }
        }
        is_new
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::language::{LoadOptions, load};

    /// A tree file in a folder of its own, and what reads it; `edit` is done when it was read for the first time.
    fn edited_after_the_first_reading(edit: impl Fn(&Path)) -> (tempfile::TempDir, Watch, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tree.toml");
        fs::write(&file, "[tree]\n\"a\" = { text = \"old\" }\n").unwrap();
        let mut watch = Watch::new().unwrap();
        let mut is_first = true;
        let read = || -> std::io::Result<_> {
            let content = fs::read_to_string(&file)?;
            let (_, report) = load(&file, &LoadOptions::default())?;
            if std::mem::take(&mut is_first) {
                edit(&file);
            }
            Ok((content, report))
        };
        let (content, _) = watch.read(read).unwrap();
        (folder, watch, content)
    }

    #[test]
    fn what_is_saved_after_a_file_was_read_and_before_it_is_watched_is_read() {
        let new = "[tree]\n\"a\" = { text = \"new\" }\n";
        let (_folder, _, content) = edited_after_the_first_reading(|file| fs::write(file, new).unwrap());
        assert_eq!(content, new);
    }

    #[test]
    fn what_a_file_that_is_saved_then_includes_is_watched_before_it_is_read() {
        let new = "include = [\"parts/b.toml\"]\n[tree]\n\"a\" = { text = \"new\" }\n";
        let (folder, watch, content) = edited_after_the_first_reading(|file| {
            let parts = file.with_file_name("parts");
            fs::create_dir(&parts).unwrap();
            fs::write(parts.join("b.toml"), "[tree]\n\"b\" = { text = \"b\" }\n").unwrap();
            fs::write(file, new).unwrap();
        });
        assert_eq!(content, new);
        let part = folder.path().join("parts/b.toml");
        assert!(watch.files.contains(&part), "{:?}", watch.files);
        assert!(watch.folders.values().any(|watched| *watched == folder.path().join("parts")));
    }

    #[tokio::test]
    async fn what_is_saved_after_it_was_read_and_watched_is_noticed() {
        let (folder, mut watch, _) = edited_after_the_first_reading(|_| {});
        fs::write(folder.path().join("tree.toml"), "[tree]\n").unwrap();
        let noticed = tokio::time::timeout(Duration::from_secs(20), watch.saved()).await;
        assert!(noticed.is_ok());
    }
}
