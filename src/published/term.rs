//! The time that a publisher leads: what it hears is put into the bucket, for as long as nobody else leads.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Stream;

use super::encoding::{Encoded, Rows, bytes_of};
use super::lease::{BEAT, Lease};
use super::mirror::{Leader, Mirror};
use super::names::{Digest, Key, Names, stream_of, subject_of};
use super::nats::{After, From, Nats, NatsError, Putting, bucket, events};
use super::overheard::Heard;
use super::publisher::Publisher;
use super::shelf::{Shelf, Shelved, Write};
use crate::ami::Message;

/// So many messages are put before the first of them is known to have arrived.
const TOGETHER: usize = 256;

/// So long it may take to read what is in a bucket.
const READING: Duration = Duration::from_secs(30);

/// Events are kept so long, and so many bytes of them.
const EVENTS_LIVE: Duration = Duration::from_secs(3600);
const EVENTS_BYTES: i64 = 64 << 20;

/// Why a publisher does not lead any longer.
pub enum Ended {
    /// It is to end.
    Stopped,
    /// The connection to the server was lost, or is another.
    Server,
    /// Another one leads.
    Overtaken,
}

/// The time that a publisher leads.
pub struct Term {
    nats: Nats,
    names: Names,
    secrets: bool,
    pub lease: Lease,
    beaten: Instant,
    pub leader: Leader,
    bucket: Stream,
    /// When the bucket was made.
    made: String,
    /// What is in the bucket, and the number of its last message.
    shelf: Shelf,
    last: u64,
    /// Whether that is known: not after something failed.
    in_step: bool,
    /// What is to be put, the oldest first.
    next: VecDeque<Digest>,
    answers: HashMap<Digest, Encoded>,
    /// Lists of which single records are asked for, and when the last was asked that was another one.
    lists: HashSet<Digest>,
    list_changed: u64,
    /// The questions that are asked, when that was told.
    asked: Option<HashSet<Digest>>,
    whole: bool,
}

impl Term {
    /// Reads what is in the bucket, and says there who leads: whoever led before can put nothing from then on.
    pub async fn begin(publisher: &Publisher, lease: Lease, session: String) -> Result<Term, NatsError> {
        let (nats, names) = (publisher.nats.clone(), Names::of(&publisher.name));
        let bucket = nats.made_stream(bucket(&names.bucket, Duration::ZERO)).await?;
        nats.made_stream(events(&names.events, EVENTS_BYTES, EVENTS_LIVE)).await?;
        let leader = Leader { session, server: publisher.server.description(), whole: false };
        let mut term = Term {
            nats,
            names,
            secrets: publisher.secrets,
            lease,
            beaten: Instant::now(),
            leader,
            bucket,
            made: String::new(),
            shelf: Shelf::default(),
            last: 0,
            in_step: true,
            next: VecDeque::new(),
            answers: HashMap::new(),
            lists: HashSet::new(),
            list_changed: 0,
            asked: None,
            whole: false,
        };
        let mirror = term.read().await?;
        term.shelf = Shelf::of(&mirror);
        term.put_leader().await?;
        Ok(term)
    }

    /// Everything that is in the bucket.
    async fn read(&mut self) -> Result<Mirror, NatsError> {
        let info = self.nats.info(&self.bucket).await?;
        (self.made, self.last) = (format!("{:?}", info.created), info.state.last_sequence);
        let mut mirror = Mirror::default();
        if info.state.messages == 0 {
            return Ok(mirror);
        }
        let mut messages = self.nats.messages(&self.bucket, From::LastOfEach).await?;
        let prefix = subject_of(&self.names.bucket, "");
        let reading = async {
            while mirror.last() < self.last {
                let stored = messages.next().await?;
                let key = stored.subject.strip_prefix(&prefix).unwrap_or_default();
                mirror.take(key, stored.value.as_deref(), stored.sequence);
            }
            Ok(())
        };
        let read = tokio::time::timeout(READING, reading).await;
        read.unwrap_or_else(|_| Err(NatsError::Refused("the bucket cannot be read to its end".into())))?;
        Ok(mirror)
    }

    async fn put(&mut self, (key, value): Write) -> Result<Putting, NatsError> {
        let subject = subject_of(&self.names.bucket, &key.to_string());
        let stream = stream_of(&self.names.bucket);
        let putting = self.nats.put(&stream, subject, value, After::Last(self.last)).await?;
        self.last += 1;
        Ok(putting)
    }

    async fn put_leader(&mut self) -> Result<(), NatsError> {
        let value = serde_json::to_vec(&self.leader).unwrap_or_default();
        self.put((Key::Leader, Some(value.into()))).await?.done().await.map(drop)
    }

    pub async fn send_event(&self, event: &Message) {
        self.nats.send(self.names.events.clone(), bytes_of(event, self.secrets).into()).await;
    }

    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Answer { action, outcome, asked } => {
                let digest = Digest::of(&action);
                let encoded = Encoded::of(&action, &outcome, (asked, &self.leader.session), self.secrets);
                if self.answers.insert(digest, encoded).is_none() {
                    self.next.push_back(digest);
                }
            }
            Heard::Lists(actions) => {
                for digest in actions.iter().map(Digest::of) {
                    if self.lists.insert(digest) {
                        self.list_changed =
                            self.list_changed.max(self.shelf.asked(digest).unwrap_or_default());
                    }
                }
            }
            Heard::Asked(actions) => self.asked = Some(actions.iter().map(Digest::of).collect()),
            Heard::Whole => self.whole = true,
        }
    }

    /// Holds the lease, and puts what is to be put.
    pub async fn go_on(&mut self) -> Result<(), Ended> {
        if !self.nats.is_up() {
            self.in_step = false;
            return Ok(());
        }
        let done = if self.in_step {
            match self.beat().await? {
                true => self.put_all().await,
                false => return Ok(()),
            }
        } else {
            // readers take a beat for a sign that they have been told everything, so it comes after the answers
            match self.step_in().await {
                Ok(true) => self.put_all().await,
                Ok(false) => return Err(Ended::Overtaken),
                Err(error) => Err(error),
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                // what did arrive is read from the bucket, and with it whether somebody else leads
                self.in_step = false;
                tracing::debug!("{}: {error}", self.names.bucket);
                Ok(())
            }
        }
    }

    /// Writes the lease anew when it is time; whether it is held as far as is known.
    async fn beat(&mut self) -> Result<bool, Ended> {
        // one that comes a moment early is as good
        if self.beaten.elapsed() < BEAT.mul_f32(0.8) {
            return Ok(true);
        }
        self.beaten = Instant::now();
        match self.lease.hold().await {
            Ok(true) => Ok(true),
            Ok(false) => Err(Ended::Overtaken),
            Err(error) => {
                tracing::debug!("{}: the lease was not written: {error}", self.names.bucket);
                self.in_step = false;
                Ok(false)
            }
        }
    }

    /// Reads the bucket again after something failed; whether nobody else leads.
    async fn step_in(&mut self) -> Result<bool, NatsError> {
        self.nats.flush().await?;
        let (made, reached) = (self.made.clone(), self.last);
        let mirror = self.read().await?;
        let ours = mirror.leader().is_some_and(|leader| leader.session == self.leader.session);
        if !ours || self.made != made {
            return Ok(false);
        }
        self.shelf = Shelf::of(&mirror);
        // what NATS lost when it was killed may have been read: no other message is to have its number
        while self.last < reached {
            self.put_leader().await?;
        }
        self.in_step = true;
        Ok(true)
    }

    /// Puts all answers that are another, then what is to be known of all.
    async fn put_all(&mut self) -> Result<(), NatsError> {
        while !self.next.is_empty() {
            let mut putting = Window::default();
            let mut batch = Vec::new();
            let put = self.put_some(&mut putting, &mut batch).await;
            let put = match put {
                Ok(()) => putting.end().await,
                failed => failed,
            };
            for (digest, encoded, shelved) in batch {
                match &put {
                    Ok(()) => self.shelf.put(digest, shelved),
                    // again, unless there is a later one by then
                    Err(_) => {
                        if let std::collections::hash_map::Entry::Vacant(place) = self.answers.entry(digest) {
                            place.insert(encoded);
                            self.next.push_back(digest);
                        }
                    }
                }
            }
            put?;
        }
        if self.whole && !self.leader.whole {
            self.leader.whole = true;
            if let Err(error) = self.put_leader().await {
                self.leader.whole = false;
                return Err(error);
            }
            tracing::info!("{}: everything is published", self.names.bucket);
        }
        self.sweep().await
    }

    /// Puts answers until there are enough on their way; what is put is added to `batch`.
    async fn put_some(
        &mut self,
        putting: &mut Window,
        batch: &mut Vec<(Digest, Encoded, Shelved)>,
    ) -> Result<(), NatsError> {
        while putting.all < TOGETHER
            && let Some(digest) = self.next.pop_front()
        {
            let Some(encoded) = self.answers.remove(&digest) else { continue };
            let is_list = self.lists.contains(&digest);
            let (writes, shelved) = match self.shelf.writes(digest, &encoded) {
                Some(writes) => {
                    if is_list {
                        self.list_changed = self.list_changed.max(encoded.asked());
                    }
                    writes
                }
                None if is_list || self.was_overtaken(digest, &encoded) => {
                    self.shelf.head_again(digest, &encoded)
                }
                None => continue,
            };
            batch.push((digest, encoded, shelved));
            for write in writes {
                match self.put(write).await {
                    Ok(put) => putting.add(put).await?,
                    Err(NatsError::TooLong) => {
                        let error = NatsError::TooLong;
                        tracing::warn!("{}: question {digest} is left out: {error}", self.names.bucket);
                        // part of it may be there
                        self.in_step = false;
                        batch.pop();
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Whether the same answer is to be put again, since a list that tells of it too has become another since.
    fn was_overtaken(&self, digest: Digest, encoded: &Encoded) -> bool {
        let known = self.shelf.asked(digest).unwrap_or_default();
        encoded.head.rows == Rows::None && known < self.list_changed && self.list_changed < encoded.asked()
    }

    /// Deletes the answers to what is not asked any more.
    async fn sweep(&mut self) -> Result<(), NatsError> {
        if !self.leader.whole {
            return Ok(());
        }
        let Some(asked) = self.asked.take() else { return Ok(()) };
        let gone: Vec<Digest> = self.shelf.questions().filter(|digest| !asked.contains(digest)).collect();
        for digest in gone {
            let mut putting = Window::default();
            for write in self.shelf.removal(digest) {
                let put = self.put(write).await?;
                putting.add(put).await?;
            }
            putting.end().await?;
            self.shelf.remove(digest);
        }
        Ok(())
    }
}

/// Messages on their way, the oldest first.
#[derive(Default)]
struct Window {
    under_way: VecDeque<Putting>,
    /// How many there were in all.
    all: usize,
}

impl Window {
    /// Adds one; the oldest is waited for if there are many.
    async fn add(&mut self, putting: Putting) -> Result<(), NatsError> {
        self.under_way.push_back(putting);
        self.all += 1;
        if self.under_way.len() > TOGETHER
            && let Some(oldest) = self.under_way.pop_front()
        {
            oldest.done().await?;
        }
        Ok(())
    }

    /// Waits for all.
    async fn end(self) -> Result<(), NatsError> {
        for putting in self.under_way {
            putting.done().await?;
        }
        Ok(())
    }
}
