//! Whether there is a connection, and since when.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::queries::Queries;

/// The connection as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The number of the session; none while there is no connection.
    pub session: Option<u64>,
    /// Grows by one whenever the session is another, or lost.
    pub epoch: u64,
    /// Since when it is so.
    since: Instant,
    /// Whether `data get` can be asked in this session.
    pub data_get: DataGet,
}

/// What is known of `data get` in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataGet {
    /// Nothing, or that it answers.
    #[default]
    Unknown,
    /// The server has it not.
    Missing,
    /// The manager user may not use commands.
    Denied,
}

impl Default for Link {
    fn default() -> Link {
        Link { session: None, epoch: 0, since: Instant::now(), data_get: DataGet::Unknown }
    }
}

impl Link {
    /// How long it has been so.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Since when there is no connection any more; none while there is one, or was none ever.
    pub fn down_since(&self) -> Option<Instant> {
        (self.session.is_none() && self.epoch > 0).then_some(self.since)
    }
}

impl Queries {
    /// The connection as it is now.
    pub(super) fn link_now(&self) -> Link {
        let session = self.server.as_ref().and_then(|server| server.session());
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.session != session {
            *link =
                Link { session, epoch: link.epoch + 1, since: Instant::now(), data_get: DataGet::Unknown };
        }
        *link
    }

    /// Grows with every connection and every loss of one.
    pub fn connection(&self) -> u64 {
        self.link_now().epoch
    }
}
