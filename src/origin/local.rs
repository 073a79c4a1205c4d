//! This machine's files and programs, and URLs as they are reached from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast};

use super::error::OriginError;
use super::request::{Request, host};
use super::url::Agents;
use super::watch::Watch;
use super::{Change, Content, Origins, Reading, file, program};

/// So many are asked at a time: files of each folder, runs of each program, URLs of each host.
const FILES: usize = 16;
const RUNS: usize = 8;
const URLS: usize = 16;

/// This machine.
pub struct Local {
    allow_exec: bool,
    /// By folder, program and host: one that is slow or hangs holds up only who asks of it.
    permits: Mutex<HashMap<String, Arc<Semaphore>>>,
    agents: Arc<Agents>,
    /// There when somebody listens to changes; none if the system has no watches.
    watch: OnceLock<Option<Arc<Watch>>>,
}

impl Local {
    /// This machine; programs are run only if `allow_exec` says so.
    pub fn new(allow_exec: bool) -> Local {
        Local { allow_exec, permits: Mutex::default(), agents: Arc::default(), watch: OnceLock::new() }
    }

    /// The permits of what is asked of; those of whom nothing is asked are forgotten.
    fn permits(&self, request: &Request) -> Arc<Semaphore> {
        let (of, most) = match request {
            Request::File(path) => (path.parent().unwrap_or(path).display().to_string(), FILES),
            Request::Program { name, .. } => (format!("run {name}"), RUNS),
            Request::Url { url, .. } => (format!("ask {}", host(url)), URLS),
        };
        let mut all = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, permits| Arc::strong_count(permits) > 1);
        Arc::clone(all.entry(of).or_insert_with(|| Arc::new(Semaphore::new(most))))
    }

    async fn read(&self, request: &Request, deadline: Duration) -> Result<Content, OriginError> {
        let mut watched = false;
        let permits = self.permits(request);
        let bytes = match request {
            Request::File(path) => {
                let (path, watch) = (path.clone(), self.watch.get().cloned().flatten());
                // watched first: then no change is overlooked
                let read = move || {
                    let seen = watch.is_some_and(|watch| watch.follow(&path));
                    file::read(&path).map(|bytes| (bytes, seen))
                };
                let (bytes, seen) = waiting(permits, read).await?;
                watched = seen;
                bytes
            }
            Request::Program { name, .. } if !self.allow_exec => {
                return Err(OriginError::NotAllowed { program: name.clone() });
            }
            Request::Program { name, arguments } => {
                let _permit = permits.acquire().await;
                program::run(name, arguments).await?
            }
            Request::Url { url, authorization, certificates } => {
                let agents = Arc::clone(&self.agents);
                let (url, authorization) = (url.clone(), authorization.clone());
                let certificates = certificates.clone();
                let ask = move || agents.ask(&url, authorization.as_ref(), certificates.as_deref(), deadline);
                waiting(permits, ask).await?
            }
        };
        Ok(Content { bytes: bytes.into(), watched })
    }
}

impl Origins for Local {
    fn ask<'a>(&'a self, request: &'a Request, deadline: Duration) -> Reading<'a> {
        Box::pin(async move {
            let late = |_| OriginError::Timeout { what: request.label(), after: deadline };
            tokio::time::timeout(deadline, self.read(request, deadline)).await.map_err(late)?
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        let watch = self.watch.get_or_init(|| {
            let started = Watch::start().map(Arc::new);
            started.inspect_err(|error| tracing::warn!("files are not watched: {error}")).ok()
        });
        match watch {
            Some(watch) => watch.changes(),
            // whose other end is gone: nothing will come
            None => broadcast::Sender::new(1).subscribe(),
        }
    }
}

/// Runs what may wait on a thread of its own. It keeps its permit for as long as it does: also when nobody
/// waits for it any more, no more than so many threads are held up by a dead filesystem.
async fn waiting<T: Send + 'static>(
    permits: Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, OriginError> + Send + 'static,
) -> Result<T, OriginError> {
    // never closed
    let permit = permits.acquire_owned().await.ok();
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    // if it panics, so does this; it is ended from outside only when all is
    match done.await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
