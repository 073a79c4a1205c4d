//! A server whose answers are taken from where others publish them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Stream;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::lease::LIVES;
use super::mirror::{Changed, Leader, Mirror};
use super::names::{Digest, Names, stream_of};
use super::nats::{From, Messages, Nats, NatsError, Stored};
use super::settings::NatsSettings;
use crate::ami::{Action, AskError, Message};
use crate::query::{Asking, Published, Server};

/// So many events, or changed answers, wait for whoever is slow.
const CAPACITY: usize = 8192;

/// So often it is looked whether the lease lives still.
const LOOK: Duration = Duration::from_millis(250);

/// So long after something failed it is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// So long a lease is believed without a new beat: it lives so long, and its beats take a moment.
const BELIEVED: Duration = LIVES.saturating_add(Duration::from_millis(500));

/// The answers of one server, mirrored for as long as this lives.
pub struct Reader {
    shared: Arc<Shared>,
    following: AbortHandle,
}

/// Whether what is here is what the server tells.
#[derive(Debug, Clone)]
enum State {
    /// It was not found out yet.
    Unknown,
    /// It is: whoever leads keeps it fresh.
    Up {
        /// Grows by one whenever somebody else leads.
        session: u64,
        leader: Leader,
    },
    /// Nobody keeps it fresh.
    Down(String),
}

impl State {
    fn session(&self) -> Option<u64> {
        match self {
            State::Up { session, .. } => Some(*session),
            _ => None,
        }
    }
}

struct Shared {
    /// For people: the address and the bucket.
    place: String,
    names: Names,
    mirror: Mutex<Mirror>,
    /// The questions that somebody asked, or wants to be told of.
    wanted: Mutex<HashMap<Digest, Action>>,
    state: watch::Sender<State>,
    sessions: AtomicU64,
    events: broadcast::Sender<Arc<Message>>,
    overtaken: broadcast::Sender<Action>,
}

/// What is known of a connection to the bucket.
struct Follower {
    shared: Arc<Shared>,
    /// When the bucket was made that the mirror is of.
    made: Option<String>,
    /// The last event that came.
    event: Option<u64>,
    /// Who holds the lease, and when that was last written.
    beat: Option<(String, Instant)>,
    /// The message up to which the mirror is to be read before it is as the bucket is.
    target: u64,
    /// Since when the bucket is followed without a gap.
    since: Instant,
    /// The session of the leader that was followed last.
    led: Option<String>,
}

impl Reader {
    /// Reads the answers of the server of that name. To be called on a runtime; returns at once.
    pub fn start(settings: NatsSettings, server: &str) -> Reader {
        let names = Names::of(server);
        let shared = Arc::new(Shared {
            place: format!("{} bucket {}", settings.address(), names.bucket),
            names,
            mirror: Mutex::default(),
            wanted: Mutex::default(),
            state: watch::Sender::new(State::Unknown),
            sessions: AtomicU64::new(0),
            events: broadcast::Sender::new(CAPACITY),
            overtaken: broadcast::Sender::new(CAPACITY),
        });
        let (made, event, beat, led) = Default::default();
        let since = Instant::now();
        let follower = Follower { shared: Arc::clone(&shared), made, event, beat, target: 0, since, led };
        let following = tokio::spawn(follower.follow(settings)).abort_handle();
        Reader { shared, following }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Shared {
    fn mirror(&self) -> MutexGuard<'_, Mirror> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<Digest, Action>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn want(&self, action: &Action) {
        self.wanted().entry(Digest::of(action)).or_insert_with(|| action.clone());
    }

    async fn ask(&self, action: Action, deadline: Duration) -> Result<crate::ami::Answer, AskError> {
        self.want(&action);
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Unknown));
        let label = action.label();
        let known = match tokio::time::timeout(deadline, known).await {
            Ok(Ok(state)) => state.clone(),
            _ => return Err(AskError::Timeout { action: label, after: deadline }),
        };
        if let State::Down(reason) = known {
            return Err(AskError::NoPublisher { place: self.place.clone(), reason });
        }
        match self.mirror().answer(&action) {
            None => Err(AskError::NotPublished { place: self.place.clone(), question: label }),
            Some(Ok(Ok(answer))) => Ok(answer),
            Some(Ok(Err(reason))) => Err(AskError::Relayed { reason }),
            Some(Err(error)) => Err(AskError::Relayed { reason: error.to_string() }),
        }
    }

    /// Tells that a question has another answer, if that is of interest.
    fn tell(&self, digest: Digest) {
        if let Some(action) = self.wanted().get(&digest) {
            // that nobody follows is no failure
            let _ = self.overtaken.send(action.clone());
        }
    }

    fn turn(&self, state: State) {
        self.state.send_if_modified(|before| {
            let same = before.session() == state.session() && before.session().is_some()
                || matches!((&*before, &state), (State::Down(one), State::Down(other)) if one == other);
            if !same {
                match &state {
                    State::Up { leader, .. } => {
                        tracing::info!("{}: published by {}", self.place, leader.session);
                    }
                    State::Down(reason) => tracing::warn!("{}: {reason}", self.place),
                    State::Unknown => {}
                }
                *before = state;
            }
            !same
        });
    }
}

impl Follower {
    /// Follows the bucket for ever.
    async fn follow(mut self, settings: NatsSettings) {
        let nats = match settings.connect().await {
            Ok(nats) => nats,
            Err(error) => return self.shared.turn(State::Down(error.to_string())),
        };
        loop {
            if !nats.is_up() {
                tokio::select! {
                    () = nats.turns(true) => {}
                    () = tokio::time::sleep(PAUSE * 2) => {
                        let trouble = nats.trouble();
                        let reason = if trouble.is_empty() { "no connection".to_owned() } else { trouble };
                        self.shared.turn(State::Down(NatsError::Away(reason).to_string()));
                        nats.turns(true).await;
                    }
                }
            }
            let error = tokio::select! {
                error = self.follow_once(&nats) => error,
                () = nats.turns(false) => NatsError::Away("the connection was lost".into()),
            };
            self.beat = None;
            self.shared.turn(State::Down(error.to_string()));
            tokio::time::sleep(if nats.is_up() { PAUSE } else { Duration::ZERO }).await;
        }
    }

    /// Follows the bucket for as long as there is a connection; why not any longer.
    async fn follow_once(&mut self, nats: &Nats) -> NatsError {
        match self.follow_streams(nats).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn follow_streams(&mut self, nats: &Nats) -> Result<std::convert::Infallible, NatsError> {
        let names = self.shared.names.clone();
        let bucket = nats.stream(&stream_of(&names.bucket)).await?;
        let lease = nats.stream(&stream_of(&names.lease)).await?;
        let mut answers = self.answers(nats, &bucket).await?;
        // one of before may be by a leader whom NATS has not told yet that it is there again
        let mut beats = nats.messages(&lease, From::New).await?;
        self.since = Instant::now();
        let events = nats.stream(&names.events).await?;
        let from = self.event.map_or(From::New, From::Behind);
        let mut events = nats.messages(&events, from).await?;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                biased;
                stored = answers.next() => self.take(&names, &stored?),
                stored = beats.next() => self.take_beat(&stored?),
                stored = events.next() => {
                    self.take_event(stored?);
                    continue;
                }
                _ = look.tick() => {}
            }
            self.judge();
        }
    }

    /// The bucket's messages that are not in the mirror yet; all, if it is another bucket.
    async fn answers(&mut self, nats: &Nats, bucket: &Stream) -> Result<Messages, NatsError> {
        let info = nats.info(bucket).await?;
        let made = format!("{:?}", info.created);
        self.target = info.state.last_sequence;
        let known = self.shared.mirror().last();
        if self.made.as_ref() != Some(&made) || known > self.target {
            self.made = Some(made);
            *self.shared.mirror() = Mirror::default();
            return nats.messages(bucket, From::LastOfEach).await;
        }
        nats.messages(bucket, From::Behind(known)).await
    }

    fn take(&self, names: &Names, stored: &Stored) {
        let key =
            stored.subject.strip_prefix("$KV.").and_then(|rest| rest.strip_prefix(names.bucket.as_str()));
        let key = key.and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let changed = self.shared.mirror().take(key, stored.value.as_deref(), stored.sequence);
        if let Changed::Answer(digest) = changed {
            self.shared.tell(digest);
        }
    }

    fn take_beat(&mut self, stored: &Stored) {
        let holder = stored.value.as_deref().map(|holder| String::from_utf8_lossy(holder).into_owned());
        self.beat = holder.filter(|holder| !holder.is_empty()).map(|holder| (holder, Instant::now()));
    }

    fn take_event(&mut self, stored: Stored) {
        self.event = Some(stored.sequence);
        if let Some(Ok(event)) = stored.value.map(|value| Message::read(&value)) {
            let _ = self.shared.events.send(Arc::new(event));
        }
    }

    /// Finds out whether what is here is what the server tells.
    fn judge(&mut self) {
        let shared = Arc::clone(&self.shared);
        let (last, leader) = {
            let mirror = shared.mirror();
            (mirror.last(), mirror.leader().cloned())
        };
        let alive = self.beat.as_ref().filter(|(_, at)| at.elapsed() < BELIEVED);
        let down = |reason: &str| shared.turn(State::Down(reason.to_owned()));
        match (alive, leader) {
            // what there is is being read, or a beat is on its way
            _ if last < self.target => {}
            (None, _) if self.since.elapsed() < BELIEVED => {}
            (None, _) | (_, None) => down("no publisher leads"),
            (Some((holder, _)), Some(leader)) if *holder != leader.session => {
                down("another publisher takes over");
            }
            (_, Some(leader)) if !leader.whole => down("the publisher has not asked everything yet"),
            (_, Some(leader)) => {
                if self.led.as_ref() != Some(&leader.session) {
                    self.led = Some(leader.session.clone());
                    shared.sessions.fetch_add(1, Ordering::Relaxed);
                }
                shared.turn(State::Up { session: shared.sessions.load(Ordering::Relaxed), leader });
            }
        }
    }
}

impl Server for Reader {
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_> {
        Box::pin(self.shared.ask(action, deadline))
    }

    fn session(&self) -> Option<u64> {
        self.shared.state.borrow().session()
    }

    fn sessions(&self) -> u64 {
        self.shared.sessions.load(Ordering::Relaxed)
    }

    fn description(&self) -> String {
        let said = match &*self.shared.state.borrow() {
            State::Unknown => "connecting".to_owned(),
            State::Up { leader, .. } => {
                let count = self.shared.mirror().len();
                format!("{count} answers by {} of {}", leader.session, leader.server)
            }
            State::Down(reason) => reason.clone(),
        };
        format!("{} ({said})", self.shared.place)
    }

    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut state = self.shared.state.subscribe();
            // the sender is held here
            let _ = state.wait_for(|state| state.session() != known).await;
        })
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        self.shared.events.subscribe()
    }

    fn published(&self) -> Option<&dyn Published> {
        Some(self)
    }
}

impl Published for Reader {
    fn overtaken(&self) -> broadcast::Receiver<Action> {
        self.shared.overtaken.subscribe()
    }

    fn is_later(&self, one: &Action, than: &Action) -> bool {
        self.shared.want(one);
        let mirror = self.shared.mirror();
        matches!((mirror.asked(one), mirror.asked(than)), (Some(one), Some(than)) if one > than)
    }
}
