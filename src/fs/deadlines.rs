//! Answers that take time: given when they are known, and in any case at their deadline.
//!
//! What has to wait is done on the runtime, whose own clock ends the waiting. That clock stands still while all threads of
//! the runtime are busy, and reading an answer of 100 MB takes as long as it takes. So a thread that does nothing else
//! looks after the deadlines.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// So much later than the runtime, which may have better to say than that it is too late.
const GRACE: Duration = Duration::from_millis(100);

/// Where what has to wait is done, and who looks after its deadlines.
pub struct Deadlines {
    runtime: Handle,
    promises: Arc<Promises>,
}

/// What was promised, by when.
#[derive(Default)]
struct Promises {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be done at a moment unless it is withdrawn.
    late: BTreeMap<Key, Box<dyn FnOnce() + Send>>,
    made: u64,
    /// When somebody looks again without being woken.
    looks: Option<Instant>,
    ended: bool,
}

type Key = (Instant, u64);

/// A promise until it is kept, or given up.
struct Promise {
    promises: Arc<Promises>,
    key: Key,
}

impl Deadlines {
    /// For what is done on that runtime; the deadlines are looked after as long as this lives.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub fn new(runtime: Handle) -> io::Result<Deadlines> {
        let promises = Arc::<Promises>::default();
        let kept = Arc::clone(&promises);
        std::thread::Builder::new().name("deadlines".into()).spawn(move || kept.keep())?;
        Ok(Deadlines { runtime, promises })
    }

    /// Does work on the runtime, and gives `reply` what came of it; or none, if that is not known at the deadline.
    pub fn answer<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T> + Send + 'static,
        reply: impl FnOnce(Option<T>) + Send + 'static,
    ) {
        // whoever takes it replies
        let owed = Arc::new(Mutex::new(Some(reply)));
        let take = |owed: &Mutex<Option<_>>| owed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let late = {
            let owed = Arc::clone(&owed);
            move || {
                if let Some(reply) = take(&owed) {
                    reply(None);
                }
            }
        };
        let promise = self.promises.make(deadline + GRACE, Box::new(late));
        self.runtime.spawn(async move {
            let done = work.await;
            drop(promise);
            if let Some(reply) = take(&owed) {
                reply(Some(done));
            }
        });
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        self.promises.state().ended = true;
        self.promises.changed.notify_one();
    }
}

impl Promises {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(self: &Arc<Self>, at: Instant, late: Box<dyn FnOnce() + Send>) -> Promise {
        let mut state = self.state();
        state.made += 1;
        let key = (at, state.made);
        state.late.insert(key, late);
        if state.looks.is_none_or(|looks| at < looks) {
            self.changed.notify_one();
        }
        Promise { promises: Arc::clone(self), key }
    }

    /// Does what is late, until there can be no more.
    fn keep(&self) {
        let mut state = self.state();
        while !state.ended {
            let now = Instant::now();
            match state.late.first_key_value().map(|((at, _), _)| *at) {
                Some(at) if at <= now => {
                    let late = state.late.pop_first();
                    drop(state);
                    late.into_iter().for_each(|(_, late)| late());
                    state = self.state();
                }
                Some(at) => {
                    state.looks = Some(at);
                    let waited = self.changed.wait_timeout(state, at - now);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    state.looks = None;
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let late = self.promises.state().late.remove(&self.key);
        drop(late);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_deadline_is_kept_while_the_runtime_does_nothing_else_than_work() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let deadlines = Deadlines::new(runtime.handle().clone()).unwrap();
        let (sender, replies) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let busy = sender.clone();
        deadlines.answer(
            Instant::now() + PATIENCE * 10,
            // not asynchronous at all
            async move { ended.recv().is_ok() },
            move |done| busy.send(("busy", done.is_some())).unwrap(),
        );
        let waiting = sender.clone();
        let reply = move |done: Option<()>| waiting.send(("waiting", done.is_some())).unwrap();
        deadlines.answer(Instant::now(), async {}, reply);
        assert_eq!(replies.recv_timeout(PATIENCE), Ok(("waiting", false)), "in time, without a result");
        drop(end);
        assert_eq!(replies.recv_timeout(PATIENCE), Ok(("busy", true)));
        drop(sender);
        assert!(replies.recv_timeout(PATIENCE).is_err(), "each replied once");
        assert!(deadlines.promises.state().late.is_empty());
    }

    #[test]
    fn whoever_fails_without_a_reply_drops_it_at_once() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let deadlines = Deadlines::new(runtime.handle().clone()).unwrap();
        let (sender, replies) = mpsc::channel::<()>();
        let reply = move |_: Option<()>| drop(sender);
        deadlines.answer(Instant::now() + PATIENCE * 10, async { panic!("a mistake") }, reply);
        assert_eq!(replies.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
