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

/// So many of each are asked at a time; of URLs, of each host.
const FILES: usize = 16;
const PROGRAMS: usize = 8;
const URLS: usize = 16;

/// This machine.
pub struct Local {
    allow_exec: bool,
    files: Arc<Semaphore>,
    programs: Semaphore,
    /// By host: a slow one holds up who asks of it.
    urls: Mutex<HashMap<String, Arc<Semaphore>>>,
    agents: Arc<Agents>,
    /// There when somebody listens to changes; none if the system has no watches.
    watch: OnceLock<Option<Arc<Watch>>>,
}

impl Local {
    /// This machine; programs are run only if `allow_exec` says so.
    pub fn new(allow_exec: bool) -> Local {
        Local {
            allow_exec,
            files: Arc::new(Semaphore::new(FILES)),
            programs: Semaphore::new(PROGRAMS),
            urls: Mutex::default(),
            agents: Arc::default(),
            watch: OnceLock::new(),
        }
    }

    /// The permits of a host; those of hosts that nothing is asked of are forgotten.
    fn of_host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, permits| Arc::strong_count(permits) > 1);
        let permits = hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(URLS)));
        Arc::clone(permits)
    }

    async fn read(&self, request: &Request, deadline: Duration) -> Result<Content, OriginError> {
        let mut watched = false;
        let bytes = match request {
            Request::File(path) => {
                let (path, watch) = (path.clone(), self.watch.get().cloned().flatten());
                // watched first: then no change is overlooked
                let read = move || {
                    let seen = watch.is_some_and(|watch| watch.follow(&path));
                    file::read(&path).map(|bytes| (bytes, seen))
                };
                let (bytes, seen) = waiting(&self.files, read).await?;
                watched = seen;
                bytes
            }
            Request::Program { name, .. } if !self.allow_exec => {
                return Err(OriginError::NotAllowed { program: name.clone() });
            }
            Request::Program { name, arguments } => {
                let _permit = self.programs.acquire().await;
                program::run(name, arguments).await?
            }
            Request::Url { url, authorization, certificates } => {
                let (agents, asked) = (Arc::clone(&self.agents), url);
                let (url, authorization) = (url.clone(), authorization.clone());
                let certificates = certificates.clone();
                let ask = move || agents.ask(&url, authorization.as_ref(), certificates.as_deref(), deadline);
                waiting(&self.of_host(host(asked)), ask).await?
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
    permits: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, OriginError> + Send + 'static,
) -> Result<T, OriginError> {
    // never closed
    let permit = Arc::clone(permits).acquire_owned().await.ok();
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
