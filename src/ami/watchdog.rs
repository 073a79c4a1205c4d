//! Notices when a server is gone though its connection is not closed.

use std::time::Duration;

use tokio::time::Instant;

use super::error::ConnectionError;
use super::settings::Settings;

/// After a time without a byte it wants a Ping, and after another one it gives up.
///
/// A server works on one question at a time, so while somebody waits for the answer to a question
/// asked before the Ping, silence proves nothing: that question has a deadline of its own.
pub(super) struct Watchdog {
    keep_alive: Duration,
    ping_timeout: Duration,
    heard: Instant,
    pinged: Option<Instant>,
    /// The last Ping's ActionID.
    pub(super) ping: Vec<u8>,
}

impl Watchdog {
    /// For a session that begins now.
    pub(super) fn new(settings: &Settings) -> Watchdog {
        let Settings { keep_alive, ping_timeout, .. } = *settings;
        Watchdog { keep_alive, ping_timeout, heard: Instant::now(), pinged: None, ping: Vec::new() }
    }

    /// To be called when bytes came.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        self.pinged = None;
    }

    /// When to look again.
    pub(super) fn due(&self) -> Instant {
        match self.pinged {
            Some(pinged) => pinged + self.ping_timeout,
            None => self.heard + self.keep_alive,
        }
    }

    /// To be called when that is past: whether a Ping is to be sent now. `busy` is whether somebody
    /// waits for the answer to a question asked before the last one.
    pub(super) fn wants_ping(&mut self, busy: bool) -> Result<bool, ConnectionError> {
        let unanswered = self.pinged.is_some();
        if unanswered && !busy {
            return Err(ConnectionError::Silent { after: self.ping_timeout });
        }
        self.pinged = Some(Instant::now());
        Ok(!unanswered)
    }
}
