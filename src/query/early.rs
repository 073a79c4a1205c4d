//! Events that may come before what they tell of is so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ami::Message;

/// So long after such an event, what it concerns is asked for again: soon, since the server has mostly come to
/// it by then, and once more for one that is busy.
pub const AFTERWARDS: [Duration; 2] = [Duration::from_millis(15), Duration::from_millis(100)];

/// So many are remembered; what more of them concern is looked at again as a whole.
const MOST: usize = 10_000;

/// What is to be looked at once more after each time of [`AFTERWARDS`], and when.
#[derive(Default)]
pub struct Early([VecDeque<(Instant, Arc<Message>)>; AFTERWARDS.len()]);

impl Early {
    /// How many times something is to be looked at once more.
    pub fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// Remembers an event that came now; false if there are too many, which are then forgotten.
    pub fn remember(&mut self, event: &Arc<Message>) -> bool {
        let now = Instant::now();
        for (events, after) in self.0.iter_mut().zip(AFTERWARDS) {
            events.push_back((now + after, Arc::clone(event)));
        }
        let room = self.len() <= MOST;
        if !room {
            *self = Early::default();
        }
        room
    }

    /// The next that is due, when it is; for ever if there is none.
    pub async fn due(&mut self) -> Arc<Message> {
        let fronts = self.0.iter().enumerate().filter_map(|(index, events)| Some((events.front()?.0, index)));
        if let Some((due, index)) = fronts.min() {
            tokio::time::sleep_until(due).await;
            if let Some((_, event)) = self.0[index].pop_front() {
                return event;
            }
        }
        std::future::pending().await
    }
}

/// Whether the server may send an event before it changes what the event tells of, so that an answer just
/// after it is the old one. Asterisk 16's chan_sip was seen to, in about one of a thousand registrations
/// that ended: it publishes the event, then clears the peer's address (`expire_register` in
/// `channels/chan_sip.c`). Every status that is no good news is treated so.
pub fn is_early(event: &Message) -> bool {
    let status = event.get("PeerStatus");
    status.is_some_and(|status| !matches!(status, b"Registered" | b"Reachable"))
}
