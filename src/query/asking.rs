//! How many questions are asked at a time, and which first: of a server, and of all else together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::inquiry::{Inquiry, Reply};

/// Questions in flight at most. A server answers one after the other: more would only wait there.
const IN_FLIGHT: usize = 64;
/// Of these, so many at most for which nobody waits: a reader's question never stands behind more.
const IN_BACKGROUND: usize = 24;
/// And of these, for contents: in a storm the questions that names depend on come first.
const FOR_CONTENTS: usize = 4;

/// Whether somebody waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// A reader does.
    Interactive,
    /// It keeps what is known fresh.
    Background,
}

/// A reply with the moment its question was sent, and the session it came over.
#[derive(Debug, Clone)]
pub struct Told {
    pub reply: Reply,
    pub asked: Instant,
    pub session: Option<u64>,
}

/// The questions in flight to one server, or to what is beside it.
#[derive(Debug)]
pub struct Asking {
    permits: Semaphore,
    background: Semaphore,
    contents: Semaphore,
    in_flight: Mutex<HashMap<Inquiry, watch::Receiver<Option<Told>>>>,
    sent: AtomicU64,
}

impl Default for Asking {
    fn default() -> Asking {
        Asking {
            permits: Semaphore::new(IN_FLIGHT),
            background: Semaphore::new(IN_BACKGROUND),
            contents: Semaphore::new(FOR_CONTENTS),
            in_flight: Mutex::default(),
            sent: AtomicU64::new(0),
        }
    }
}

impl Asking {
    fn in_flight(&self) -> MutexGuard<'_, HashMap<Inquiry, watch::Receiver<Option<Told>>>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no question is in flight.
    pub fn is_idle(&self) -> bool {
        self.in_flight().is_empty()
    }

    /// How many questions are being answered, and how many wait for their turn.
    pub fn under_way(&self) -> (usize, usize) {
        let all = self.in_flight().len();
        let answering = (IN_FLIGHT - self.permits.available_permits()).min(all);
        (answering, all - answering)
    }

    /// How many questions were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The turn of a question that only contents depend on, and that nobody waits for.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // never closed
        self.contents.acquire().await.ok()
    }

    /// Has a question sent when it is its turn, or joins the same one in flight, whichever query it was asked
    /// for.
    pub async fn ask<F: Future<Output = Told>>(
        &self,
        inquiry: &Inquiry,
        urgency: Urgency,
        send: impl Fn() -> F,
    ) -> Told {
        loop {
            let sender = {
                let mut in_flight = self.in_flight();
                match in_flight.get(inquiry) {
                    Some(waiting) => Err(waiting.clone()),
                    None => {
                        let (sender, receiver) = watch::channel(None);
                        in_flight.insert(inquiry.clone(), receiver);
                        Ok(sender)
                    }
                }
            };
            match sender {
                Ok(sender) => {
                    let flight = Flight { asking: self, inquiry };
                    let told = self.send(urgency, &send).await;
                    drop(flight);
                    // that nobody has joined is no failure
                    sender.send_replace(Some(told.clone()));
                    return told;
                }
                Err(mut waiting) => {
                    if let Ok(told) = waiting.wait_for(Option::is_some).await
                        && let Some(told) = told.clone()
                    {
                        return told;
                    }
                }
            }
        }
    }

    /// Sends a question when it is its turn.
    async fn send<F: Future<Output = Told>>(&self, urgency: Urgency, send: impl Fn() -> F) -> Told {
        // the semaphores are never closed: without a permit it is asked all the same
        let _in_background = match urgency {
            Urgency::Background => self.background.acquire().await.ok(),
            Urgency::Interactive => None,
        };
        let _permit = self.permits.acquire().await.ok();
        self.sent.fetch_add(1, Ordering::Relaxed);
        send().await
    }
}

/// A question in flight. However its asking ends, it is so no more: whoever joined it asks it himself, if he was not
/// told.
struct Flight<'a> {
    asking: &'a Asking,
    inquiry: &'a Inquiry,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.asking.in_flight().remove(self.inquiry);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;
    use crate::ami::AskError;
    use crate::origin::Request;

    /// What is told of a server that is not asked any more.
    fn stopped() -> Told {
        Told { reply: Reply::Answer(Err(AskError::Stopped)), asked: Instant::now(), session: None }
    }

    /// Has so many questions asked, each answered when `gate` opens, and everything happen that can.
    async fn ask_many(
        asking: &Arc<Asking>,
        urgency: Urgency,
        count: usize,
        gate: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut asked = JoinSet::new();
        for number in 0..count {
            let (asking, gate) = (Arc::clone(asking), gate.clone());
            asked.spawn(async move {
                let inquiry = Inquiry::Request(Request::File(format!("/{urgency:?}/{number}").into()));
                let answered = || async {
                    let _ = gate.clone().wait_for(|open| *open).await;
                    stopped()
                };
                asking.ask(&inquiry, urgency, answered).await;
            });
        }
        for _ in 0..count * 10 {
            tokio::task::yield_now().await;
        }
        asked
    }

    #[tokio::test]
    async fn no_more_than_64_questions_are_answered_at_a_time_nor_24_of_those_for_which_nobody_waits() {
        let (asking, (open, gate)) = (Arc::<Asking>::default(), watch::channel(false));
        let background = ask_many(&asking, Urgency::Background, 100, &gate).await;
        assert_eq!((asking.sent(), asking.under_way()), (24, (24, 76)));
        let readers = ask_many(&asking, Urgency::Interactive, 100, &gate).await;
        assert_eq!((asking.sent(), asking.under_way()), (64, (64, 136)));
        open.send_replace(true);
        background.join_all().await;
        readers.join_all().await;
        assert_eq!((asking.sent(), asking.under_way()), (200, (0, 0)), "each has had its turn");
    }

    #[tokio::test]
    async fn a_question_whose_asker_gave_up_can_be_asked_again() {
        let asking = Asking::default();
        let inquiry = Inquiry::Request(Request::File("/of/questions".into()));
        let given_up = asking.ask(&inquiry, Urgency::Interactive, std::future::pending);
        assert!(tokio::time::timeout(Duration::from_millis(5), given_up).await.is_err());
        assert!(asking.is_idle());
        let told = asking.ask(&inquiry, Urgency::Interactive, || async { stopped() }).await;
        assert!(matches!(told.reply, Reply::Answer(Err(AskError::Stopped))));
    }
}
