//! Who leads: of several publishers of one server, the one that holds the lease.
//!
//! The lease is a key that lives as long as [`LIVES`] and is written anew every [`BEAT`], each time behind the
//! message that its holder wrote last. So nobody takes it who does not find it gone, and a holder that was taken for
//! gone finds out with its next beat. That it writes no answers meanwhile is not the lease's matter: each answer is
//! put behind the last message of the bucket, and the next leader puts one of its own first.

use std::time::Duration;

use super::names::{LEADER, Names, stream_of, subject_of};
use super::nats::{After, Nats, NatsError, Stored, bucket};
use async_nats::jetstream::stream::Stream;

/// So long a lease lives that is not written anew.
pub const LIVES: Duration = Duration::from_secs(2);

/// So often it is written anew.
pub const BEAT: Duration = Duration::from_millis(500);

/// What a holder writes when it gives the lease up.
const FREE: &[u8] = b"";

/// A lease that is held.
pub struct Lease {
    nats: Nats,
    stream: Stream,
    place: Place,
    holder: String,
    /// The number of the message that was written last.
    written: u64,
}

struct Place {
    stream: String,
    subject: String,
}

/// What is to be done about what lies where the lease is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It can be taken, behind that message.
    Free(u64),
    /// It is ours, with that message.
    Ours(u64),
    /// Somebody else holds it.
    Taken,
}

/// What a message means for `holder`; none means that there is none.
fn found(message: Option<&Stored>, holder: &str) -> Found {
    match message {
        None => Found::Free(0),
        Some(message) => match message.value.as_deref() {
            None | Some(FREE) => Found::Free(message.sequence),
            Some(value) if value == holder.as_bytes() => Found::Ours(message.sequence),
            Some(_) => Found::Taken,
        },
    }
}

impl Lease {
    /// Takes the lease, if nobody holds it.
    ///
    /// # Errors
    /// If NATS does not tell.
    pub async fn take(nats: &Nats, names: &Names, holder: &str) -> Result<Option<Lease>, NatsError> {
        let stream = nats.made_stream(bucket(&names.lease, LIVES)).await?;
        let place = Place { stream: stream_of(&names.lease), subject: subject_of(&names.lease, LEADER) };
        let holder = holder.to_owned();
        let mut lease = Lease { nats: nats.clone(), stream, place, holder, written: 0 };
        Ok(lease.win().await?.then_some(lease))
    }

    /// Takes what can be taken; whether it is held now.
    async fn win(&mut self) -> Result<bool, NatsError> {
        let last = self.nats.last_of(&self.stream, &self.place.subject).await?;
        let after = match found(last.as_ref(), &self.holder) {
            Found::Free(after) | Found::Ours(after) => after,
            Found::Taken => return Ok(false),
        };
        match self.write(self.holder.clone().into(), after).await {
            Ok(written) => {
                self.written = written;
                Ok(true)
            }
            // somebody was quicker
            Err(NatsError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, value: bytes::Bytes, after: u64) -> Result<u64, NatsError> {
        let Place { stream, subject } = &self.place;
        let put = self.nats.put(stream, subject.clone(), Some(value), After::LastOfSubject(after)).await?;
        put.done().await
    }

    /// Writes it anew, or takes it again if it lived no longer and nobody else has; whether it is held.
    ///
    /// # Errors
    /// If NATS does not tell: then it may be held or not.
    pub async fn hold(&mut self) -> Result<bool, NatsError> {
        match self.write(self.holder.clone().into(), self.written).await {
            Ok(written) => {
                self.written = written;
                Ok(true)
            }
            Err(NatsError::Conflict(_)) => self.win().await,
            Err(error) => Err(error),
        }
    }

    /// Gives it up.
    pub async fn give_up(self) {
        if let Err(error) = self.write(FREE.into(), self.written).await {
            tracing::debug!("the lease ends by itself: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Option<&'static [u8]>) -> Stored {
        Stored { sequence: 7, subject: String::new(), value: value.map(Into::into) }
    }

    #[test]
    fn a_lease_is_free_if_it_is_gone_or_given_up_and_nobody_elses_is_taken() {
        assert_eq!(found(None, "me"), Found::Free(0));
        assert_eq!(found(Some(&message(None)), "me"), Found::Free(7));
        assert_eq!(found(Some(&message(Some(b""))), "me"), Found::Free(7));
        assert_eq!(found(Some(&message(Some(b"me"))), "me"), Found::Ours(7));
        assert_eq!(found(Some(&message(Some(b"me2"))), "me"), Found::Taken);
    }

    #[test]
    fn two_beats_can_be_lost_before_somebody_else_takes_it() {
        assert!(LIVES > BEAT * 3);
    }
}
