//! The connection to NATS: who it is with, what proves who we are, and what is done over it.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::header::{
    HeaderMap, HeaderValue, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
};
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::context::{GetStreamErrorKind, PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;

use super::settings::NatsSettings;

/// What says that a key was deleted.
const OPERATION: &str = "KV-Operation";

/// A request that is not answered within that time never will be.
const PATIENCE: Duration = Duration::from_secs(2);

/// So often it is looked whether the server is still there.
const PING: Duration = Duration::from_secs(1);

/// Between two attempts to connect at most.
const PAUSE: Duration = Duration::from_secs(1);

/// Why something cannot be done over NATS.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NatsError {
    /// The address is none.
    #[error(
        "`{address}` is no address of a NATS server ({reason}); write nats://HOST:PORT or tls://HOST:PORT"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials cannot be used. What stands in them is not repeated.
    #[error("the NATS credentials cannot be used: {0}")]
    Credentials(String),
    /// The authority's certificates cannot be used.
    #[error("the certificates that are to be believed of NATS cannot be used: {0}")]
    Certificates(String),
    /// There is no connection.
    #[error("NATS is away: {0}")]
    Away(String),
    /// Nobody has made the bucket or stream.
    #[error("NATS has no stream {0}; has anybody published?")]
    NoStream(String),
    /// Somebody else has written.
    #[error("somebody else has written to {0}")]
    Conflict(String),
    /// What is to be put is longer than the server takes.
    #[error("a message is longer than NATS takes; raise its max_payload")]
    TooLong,
    /// NATS refuses, or does not answer.
    #[error("NATS does not do it: {0}; check the account's rights and JetStream")]
    Refused(String),
}

fn refused(error: impl fmt::Display) -> NatsError {
    NatsError::Refused(error.to_string())
}

impl NatsSettings {
    /// Starts a connection, which is made again for ever when it is lost. To be called on a runtime.
    ///
    /// # Errors
    /// If the settings cannot be used; that the server is away is no error.
    pub async fn connect(&self) -> Result<Nats, NatsError> {
        let (sender, up) = watch::channel(false);
        let trouble = Arc::<Mutex<String>>::default();
        let said = Arc::clone(&trouble);
        let address = self.address().to_owned();
        let sender = Arc::new(sender);
        let options = ConnectOptions::new()
            .name("astfs")
            .retry_on_initial_connect()
            .ping_interval(PING)
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .reconnect_delay_callback(|attempts| {
                PAUSE.min(Duration::from_millis(20) * 2u32.saturating_pow(attempts.min(10) as u32))
            })
            .event_callback(move |event| {
                let (sender, said, address) = (Arc::clone(&sender), Arc::clone(&said), address.clone());
                async move {
                    match event {
                        Event::Connected => {
                            if !sender.send_replace(true) {
                                tracing::info!("connected to {address}");
                            }
                        }
                        Event::Disconnected | Event::Closed => {
                            if sender.send_replace(false) {
                                tracing::warn!("the connection to {address} was lost");
                            }
                        }
                        event => {
                            let event = event.to_string();
                            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                            if *said != event {
                                tracing::warn!("{address}: {event}");
                                *said = event;
                            }
                        }
                    }
                }
            });
        let options = self.applied_to(options)?;
        let client =
            options.connect(self.address()).await.map_err(|error| NatsError::Away(error.to_string()))?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(PATIENCE);
        Ok(Nats { client, context, up, trouble })
    }
}

/// A connection to NATS. Clones are the same one.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    context: Context,
    up: watch::Receiver<bool>,
    trouble: Arc<Mutex<String>>,
}

/// A message of a stream.
pub struct Stored {
    /// Its number in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Its value; none if it says that there is none any more.
    pub value: Option<Bytes>,
}

/// A stream's messages as they come.
pub struct Messages(Pin<Box<push::Ordered>>);

impl Messages {
    /// The next one.
    ///
    /// # Errors
    /// If they cannot be had any more.
    pub async fn next(&mut self) -> Result<Stored, NatsError> {
        let message = self.0.next().await.ok_or_else(|| refused("the messages ended"))?.map_err(refused)?;
        let sequence = message.info().map_err(refused)?.stream_sequence;
        let deleted = message.headers.as_ref().is_some_and(|headers| headers.get(OPERATION).is_some());
        let value = (!deleted).then(|| message.payload.clone());
        Ok(Stored { sequence, subject: message.subject.to_string(), value })
    }
}

/// An answer to something put that is still to come.
pub struct Putting(PublishAckFuture, String);

impl Putting {
    /// The number of the message.
    ///
    /// # Errors
    /// [`NatsError::Conflict`] if another message came before.
    pub async fn done(self) -> Result<u64, NatsError> {
        let Putting(ack, stream) = self;
        match ack.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error) => Err(match error.kind() {
                PublishErrorKind::WrongLastSequence => NatsError::Conflict(stream),
                PublishErrorKind::StreamNotFound => NatsError::NoStream(stream),
                _ => refused(error),
            }),
        }
    }
}

/// What is to be the last message before one that is put.
#[derive(Debug, Clone, Copy)]
pub enum After {
    /// Of the stream.
    Last(u64),
    /// Of the subject; 0 if there is to be none.
    LastOfSubject(u64),
}

impl Nats {
    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Waits until there is a connection, or none.
    pub async fn turns(&self, up: bool) {
        // the client, which is held here, holds the other end
        let _ = self.up.clone().wait_for(|now| *now == up).await;
    }

    /// What NATS last said that is wrong; empty if nothing.
    pub fn trouble(&self) -> String {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A stream that is there.
    ///
    /// # Errors
    /// If it is not there, or may not be looked at.
    pub async fn stream(&self, name: &str) -> Result<Stream, NatsError> {
        self.context.get_stream(name).await.map_err(|error| match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                NatsError::NoStream(name.to_owned())
            }
            _ => refused(error),
        })
    }

    /// A stream, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be had.
    pub async fn made_stream(&self, config: Config) -> Result<Stream, NatsError> {
        self.context.get_or_create_stream(config).await.map_err(refused)
    }

    /// A stream as it is now.
    ///
    /// # Errors
    /// If NATS does not tell.
    pub async fn info(&self, stream: &Stream) -> Result<Info, NatsError> {
        stream.get_info().await.map_err(refused)
    }

    /// The messages of a stream: those from the one behind `known`; or the last of each subject and all that follow.
    ///
    /// # Errors
    /// If they may not be read.
    pub async fn messages(&self, stream: &Stream, from: From) -> Result<Messages, NatsError> {
        let deliver_policy = match from {
            From::LastOfEach => DeliverPolicy::LastPerSubject,
            From::New => DeliverPolicy::New,
            From::Behind(known) => DeliverPolicy::ByStartSequence { start_sequence: known + 1 },
        };
        let deliver_subject = self.client.new_inbox();
        // each stream has one; without, the last of each subject are not given
        let filter_subject = stream.cached_info().config.subjects.first().cloned().unwrap_or_default();
        let config = push::OrderedConfig {
            deliver_subject,
            deliver_policy,
            filter_subject,
            ..push::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(refused)?;
        Ok(Messages(Box::pin(consumer.messages().await.map_err(refused)?)))
    }

    /// The last message of a subject.
    ///
    /// # Errors
    /// If NATS does not tell.
    pub async fn last_of(&self, stream: &Stream, subject: &str) -> Result<Option<Stored>, NatsError> {
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(Stored {
                sequence: message.sequence,
                subject: subject.to_owned(),
                value: message.headers.get(OPERATION).is_none().then_some(message.payload),
            })),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    /// Puts a value, or that there is none, if that message was the last. What was put before has its number before.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub async fn put(
        &self,
        stream: &str,
        subject: String,
        value: Option<Bytes>,
        after: After,
    ) -> Result<Putting, NatsError> {
        let mut headers = HeaderMap::new();
        let (name, number) = match after {
            After::Last(number) => (NATS_EXPECTED_LAST_SEQUENCE, number),
            After::LastOfSubject(number) => (NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, number),
        };
        headers.insert(name, HeaderValue::from(number));
        if value.is_none() {
            headers.insert(OPERATION, "DEL");
        }
        let message = PublishMessage::build().payload(value.unwrap_or_default()).headers(headers);
        let put = self.context.send_publish(subject, message).await;
        let put = put.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => NatsError::TooLong,
            _ => refused(error),
        })?;
        Ok(Putting(put, stream.to_owned()))
    }

    /// Sends a message to whoever listens, and waits for nobody; without a connection it is lost.
    pub async fn send(&self, subject: String, value: Bytes) {
        if self.is_up()
            && let Err(error) = self.client.publish(subject, value).await
        {
            tracing::debug!("an event was not published: {error}");
        }
    }

    /// Waits until all that was sent has left.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn flush(&self) -> Result<(), NatsError> {
        let flushed = tokio::time::timeout(PATIENCE, self.client.flush()).await;
        flushed.map_err(|_| NatsError::Away("it takes nothing".into()))?.map_err(refused)
    }
}

/// From where on a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The last message of each subject, and all that follow.
    LastOfEach,
    /// What comes from now on.
    New,
    /// Behind the message of that number.
    Behind(u64),
}

/// A bucket of which each key has one value, for so long if that is not for ever.
pub fn bucket(name: &str, lives: Duration) -> Config {
    Config {
        name: super::names::stream_of(name),
        subjects: vec![super::names::subject_of(name, ">")],
        max_messages_per_subject: 1,
        max_age: lives,
        duplicate_window: if lives.is_zero() { Duration::from_secs(120) } else { lives },
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        num_replicas: 1,
        ..bounds(-1)
    }
}

/// A stream of events, so many bytes and so old at most.
pub fn events(name: &str, bytes: i64, lives: Duration) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![name.to_owned()],
        max_age: lives,
        duplicate_window: lives.min(Duration::from_secs(120)),
        num_replicas: 1,
        ..bounds(bytes)
    }
}

fn bounds(max_bytes: i64) -> Config {
    Config {
        max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        ..Config::default()
    }
}
