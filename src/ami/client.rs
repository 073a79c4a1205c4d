//! The client: a server's name in, answers and events out, whatever happens to connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::action::Action;
use super::address::Address;
use super::answer::Answer;
use super::connection::{Connection, End, Request};
use super::error::{AskError, ConnectionError};
use super::message::Message;
use super::settings::Settings;

/// How many questions may wait to be written.
const UNSENT_REQUESTS: usize = 1024;

/// A session that lasted so long was a good one: the next attempt to connect is made soon.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// Whether a client can ask.
#[derive(Debug, Clone)]
pub enum State {
    /// The first attempt is under way.
    Connecting,
    /// Logged in.
    Connected {
        /// Grows by one with each login, from 1.
        session: u64,
        /// The banner's text, such as `Asterisk Call Manager/5.0.4`.
        version: String,
    },
    /// There is no connection; the next attempt comes by itself, unless the client was stopped.
    Down {
        /// Why.
        reason: AskError,
        /// Since when there has been none.
        since: SystemTime,
    },
}

/// A client of one server. Clones are the same client; with the last one the connection ends.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

/// What the client and its supervising task both hold.
#[derive(Debug)]
struct Shared {
    address: Address,
    state: watch::Sender<State>,
    events: broadcast::Sender<Arc<Message>>,
    /// How many there were.
    sessions: AtomicU64,
    /// The way to the session; of use only while connected.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
}

impl Client {
    /// Starts a task that connects, logs in, and reconnects for ever; returns at once.
    ///
    /// # Panics
    /// If called outside of a tokio runtime.
    pub fn start(settings: Settings) -> Client {
        let shared = Arc::new(Shared {
            address: settings.address.clone(),
            state: watch::Sender::new(State::Connecting),
            events: broadcast::Sender::new(settings.event_capacity.max(1)),
            sessions: AtomicU64::new(0),
            requests: Mutex::new(None),
        });
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Supervisor { settings, shared: Arc::clone(&shared), stop: stopped, session: 0 }.run());
        Client { inner: Arc::new(Inner { shared, stop }) }
    }

    /// Asks, and waits for the whole answer until `deadline` has passed.
    ///
    /// While the first attempt to connect is under way, it is waited for; when the server is known to
    /// be down, the reason is returned at once. Questions may be asked at the same time without
    /// number; they share the connection and are answered in order. The future may be dropped at any
    /// time: the question may have been sent then, and its answer will be discarded.
    ///
    /// # Errors
    /// [`AskError`], but not for `Response: Error`, which is an [`Answer`].
    pub async fn ask(&self, action: Action, deadline: Duration) -> Result<Answer, AskError> {
        let label = action.label();
        // A deadline beyond what the clock can count is none.
        let ask = self.ask_unbounded(action);
        let result = match Instant::now().checked_add(deadline) {
            Some(end) => timeout_at(end, ask).await,
            None => return ask.await,
        };
        result.unwrap_or(Err(AskError::Timeout { action: label, after: deadline }))
    }

    async fn ask_unbounded(&self, action: Action) -> Result<Answer, AskError> {
        let shared = &self.inner.shared;
        let mut state = shared.state.subscribe();
        // The sender lives in `shared`, so this cannot fail.
        if let Ok(state) = state.wait_for(|state| !matches!(state, State::Connecting)).await
            && let State::Down { reason, .. } = &*state
        {
            return Err(reason.clone());
        }
        let requests = shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(requests) = requests else { return Err(shared.lost()) };
        let (reply, answer) = oneshot::channel();
        if requests.send(Request { action, reply }).await.is_err() {
            return Err(shared.lost());
        }
        answer.await.unwrap_or_else(|_| Err(shared.lost()))
    }

    /// The server's address.
    pub fn address(&self) -> &Address {
        &self.inner.shared.address
    }

    /// The state, and what becomes of it.
    pub fn state(&self) -> watch::Receiver<State> {
        self.inner.shared.state.subscribe()
    }

    /// How often it has logged in.
    pub fn sessions(&self) -> u64 {
        self.inner.shared.sessions.load(Ordering::Relaxed)
    }

    /// The events from now on, across reconnects, without those that are parts of answers. A receiver
    /// that is too slow loses the oldest and is told how many; it never slows the connection.
    pub fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        self.inner.shared.events.subscribe()
    }

    /// Logs off and ends, for all clones; returns when that is done, after about a second at most.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        let mut state = self.state();
        let stopped = |state: &State| matches!(state, State::Down { reason: AskError::Stopped, .. });
        // The sender lives in `shared`, so this cannot fail.
        let _ = state.wait_for(stopped).await;
    }
}

impl Shared {
    /// Why a session that was there a moment ago is not there any more.
    fn lost(&self) -> AskError {
        match &*self.state.borrow() {
            State::Down { reason, .. } => reason.clone(),
            // The next session has begun already.
            _ => AskError::Disconnected { address: self.address.clone(), reason: ConnectionError::Closed },
        }
    }
}

/// The task behind a client.
struct Supervisor {
    settings: Settings,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    session: u64,
}

impl Supervisor {
    async fn run(mut self) {
        let (mut backoff, mut login_backoff) =
            (self.settings.backoff.clone(), self.settings.login_backoff.clone());
        loop {
            let mut stop = self.stop.clone();
            let opened = tokio::select! {
                opened = Connection::open(&self.settings) => opened,
                () = told(&mut stop) => break,
            };
            let wait = match opened {
                Ok(connection) => {
                    let begun = Instant::now();
                    if self.serve(connection).await {
                        return;
                    }
                    login_backoff.reset();
                    if begun.elapsed() >= GOOD_SESSION {
                        backoff.reset();
                    }
                    backoff.next_wait()
                }
                Err(reason) => {
                    let unreachable = matches!(reason, AskError::NotConnected { .. });
                    self.down(reason);
                    if unreachable { backoff.next_wait() } else { login_backoff.next_wait() }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = told(&mut stop) => break,
            }
        }
        self.down(AskError::Stopped);
    }

    /// Runs a session to its end; whether that was because of a stop.
    async fn serve(&mut self, connection: Connection) -> bool {
        self.session += 1;
        self.shared.sessions.store(self.session, Ordering::Relaxed);
        if connection.is_exposed() && !std::mem::replace(&mut self.settings.exposed, true) {
            warn!(
                address = %self.settings.address,
                "the connection is not encrypted: whoever is on the way reads and changes what goes through; set \
                 `tls` in [server] and `tlsenable` in manager.conf, or `tls = false` if the network is trusted"
            );
        }
        let (session, version) = (self.session, connection.version().to_owned());
        let (requests, receiver) = mpsc::channel(UNSENT_REQUESTS);
        self.set_requests(Some(requests));
        info!(address = %self.settings.address, session, version, "connected");
        self.shared.state.send_replace(State::Connected { session, version });

        let mut stop = self.stop.clone();
        let (end, unfinished) =
            connection.run(&self.settings, receiver, &self.shared.events, &mut stop).await;
        let address = || self.settings.address.clone();
        let (down, lost) = match end {
            End::Lost(reason) => (
                AskError::NotConnected { address: address(), reason: reason.clone() },
                AskError::Disconnected { address: address(), reason },
            ),
            End::Stopped => (AskError::Stopped, AskError::Stopped),
        };
        // The state first: whoever asks again at once is not to find the old one.
        self.down(down);
        self.set_requests(None);
        unfinished.fail(&lost);
        matches!(lost, AskError::Stopped)
    }

    fn set_requests(&self, requests: Option<mpsc::Sender<Request>>) {
        *self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner) = requests;
    }

    /// Notes that there is no connection; logs it if that is news.
    fn down(&self, reason: AskError) {
        let (news, since) = match &*self.shared.state.borrow() {
            State::Down { reason: before, since } => (before.to_string() != reason.to_string(), *since),
            State::Connecting | State::Connected { .. } => (true, SystemTime::now()),
        };
        match &reason {
            _ if !news => debug!(%reason, "still down"),
            AskError::Stopped => info!(address = %self.settings.address, "stopped"),
            _ => warn!(%reason, "down"),
        }
        self.shared.state.send_replace(State::Down { reason, since });
    }
}

/// Waits until the client is stopped or nobody has it any more.
async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that all clients are gone, which is to be obeyed as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
