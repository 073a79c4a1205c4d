//! What a bucket of answers holds, kept here.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::encoding::{self, Encoded, EncodingError, Head, Rows};
use super::names::{Digest, Key};
use crate::ami::{Action, Answer};

/// Who leads, and what the others are to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The publisher, and the how manieth time that it leads: no other says the same.
    pub session: String,
    /// The server that it asks, and what that said of itself.
    pub server: String,
    /// Whether it has asked everything once: only then what is here is what the server tells.
    pub whole: bool,
}

/// A bucket's answers. What comes in is to come in the bucket's order.
#[derive(Debug, Default)]
pub struct Mirror {
    questions: HashMap<Digest, Question>,
    leader: Option<Leader>,
    /// The number of the last message that is in it; 0 if none is.
    last: u64,
}

/// A question's answer: as it is, and what has come of the next one, which its head will complete.
#[derive(Debug, Default)]
pub struct Question {
    head: Option<(Head, Bytes)>,
    order: Arc<[u32]>,
    rows: Vec<Option<Bytes>>,
    next_order: Option<Arc<[u32]>>,
    next_rows: Vec<(u32, Option<Bytes>)>,
}

/// What a message made another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing that anybody reads yet.
    Nothing,
    /// Who leads.
    Leader,
    /// The answer to a question.
    Answer(Digest),
}

impl Mirror {
    /// Takes in the value of a key, or that it was deleted. A value that cannot be read counts as none.
    pub fn take(&mut self, key: &str, value: Option<&[u8]>, sequence: u64) -> Changed {
        self.last = sequence;
        // a piece of its own: what came is a part of a larger one
        let value = value.map(Bytes::copy_from_slice);
        match Key::read(key) {
            None => Changed::Nothing,
            Some(Key::Leader) => {
                self.leader = value.and_then(|value| serde_json::from_slice(&value).ok());
                Changed::Leader
            }
            Some(Key::Row(digest, slot)) => {
                self.questions.entry(digest).or_default().next_rows.push((slot, value));
                Changed::Nothing
            }
            Some(Key::Order(digest)) => {
                let order = value.as_deref().map(read_order).unwrap_or_default();
                self.questions.entry(digest).or_default().next_order = Some(order);
                Changed::Nothing
            }
            Some(Key::Head(digest)) => {
                match value.and_then(|value| Encoded::read_value(&value).ok()) {
                    Some(head) => self.questions.entry(digest).or_default().complete(head),
                    None => drop(self.questions.remove(&digest)),
                }
                Changed::Answer(digest)
            }
        }
    }

    /// The number of the last message that was taken in; 0 if none was.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Who leads, or led last.
    pub fn leader(&self) -> Option<&Leader> {
        self.leader.as_ref()
    }

    /// How many questions have an answer.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// All questions.
    pub fn questions(&self) -> impl Iterator<Item = (&Digest, &Question)> {
        self.questions.iter()
    }

    /// The answer to a question: if there is one, that, or why whoever publishes has none.
    pub fn answer(&self, action: &Action) -> Option<Result<Result<Answer, String>, EncodingError>> {
        let question = self.question(action)?;
        let (head, body) = question.head.as_ref()?;
        if let Some(error) = &head.error {
            return Some(Ok(Err(error.clone())));
        }
        Some(encoding::answer(head, body, question.rows_in_order()).map(Ok))
    }

    /// When a question was asked whose answer is here, in microseconds since 1970.
    pub fn asked(&self, action: &Action) -> Option<u64> {
        Some(self.question(action)?.head.as_ref()?.0.asked)
    }

    fn question(&self, action: &Action) -> Option<&Question> {
        let question = self.questions.get(&Digest::of(action))?;
        // one that was made to look like another one is not it
        question.head.as_ref().filter(|(head, _)| head.question == action.shown())?;
        Some(question)
    }
}

impl Question {
    fn complete(&mut self, head: (Head, Bytes)) {
        for (slot, row) in self.next_rows.drain(..) {
            let slot = slot as usize;
            if slot >= self.rows.len() {
                self.rows.resize(slot + 1, None);
            }
            self.rows[slot] = row;
        }
        self.order = self.next_order.take().unwrap_or_else(|| Arc::clone(&self.order));
        if head.0.rows == Rows::None && head.0.error.is_none() {
            (self.order, self.rows) = Default::default();
        }
        self.head = Some(head);
    }

    /// What is said of it, and the messages behind that.
    pub fn head(&self) -> Option<(&Head, &Bytes)> {
        self.head.as_ref().map(|(head, body)| (head, body))
    }

    /// The slots of its rows, in the rows' order.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The slots, with what is in them.
    pub fn slots(&self) -> &[Option<Bytes>] {
        &self.rows
    }

    fn rows_in_order(&self) -> impl Iterator<Item = Option<Bytes>> + '_ {
        self.order.iter().map(|&slot| self.rows.get(slot as usize).cloned().flatten())
    }
}

/// The value of an order's key: each slot in four bytes, the lowest first.
pub fn order_value(order: &[u32]) -> Bytes {
    order.iter().flat_map(|slot| slot.to_le_bytes()).collect()
}

fn read_order(value: &[u8]) -> Arc<[u32]> {
    let (slots, _) = value.as_chunks::<4>();
    slots.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}
