//! Which message answers which question, when many are under way on one connection.
//!
//! Asterisk answers strictly in the order of the requests. So a message is matched by its ActionID,
//! and failing that by order; and an answer to a later question proves that the earlier ones will
//! never be answered (`IAXnetstats` without calls is not). A question that nobody waits for any more
//! stays in line, so that its late answer is recognised, and dropped, as what it is.
//!
//! A server that is still starting says of an action whose module is being loaded that permission is
//! denied, and hangs up (seen with Asterisk 22, for as long as `res_pjsip` reads its endpoints). So
//! this answer is held back until another message shows that it was meant.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::answer::{Answer, Assembly, Started, belongs, is_whole_answer};
use super::error::AskError;
use super::message::Message;

/// Where an answer is waited for.
pub(super) type Reply = oneshot::Sender<Result<Answer, AskError>>;

/// The questions that were sent and not answered, oldest first.
pub(super) struct Pipeline {
    questions: VecDeque<Question>,
    /// The last answer, if it denies permission and nothing has come since.
    denied: Option<(Reply, Answer)>,
    /// Whether one was answered.
    has_answered: bool,
    /// The longest list that is taken, in bytes.
    limit: usize,
}

struct Question {
    id: Vec<u8>,
    action: String,
    reply: Reply,
    list: Option<Assembly>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was (part of) the answer to a question, late or not.
    Answer,
    /// It is an event of its own.
    Event(Message),
    /// It is neither: stray text, or a response to nothing that was asked.
    Stray(Message),
}

impl Pipeline {
    /// No questions yet; of a list that is longer than so many bytes, nothing is kept.
    pub(super) fn new(limit: usize) -> Pipeline {
        Pipeline { questions: VecDeque::new(), denied: None, has_answered: false, limit }
    }

    /// How many questions wait for their answers, or for their place in line to come to its end.
    pub(super) fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether an answer is held back until the next message.
    pub(super) fn holds_back(&self) -> bool {
        self.denied.is_some()
    }

    /// Whether a question of this session was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Adds a question that is about to be sent.
    pub(super) fn ask(&mut self, id: Vec<u8>, action: String, reply: Reply) {
        self.questions.push_back(Question { id, action, reply, list: None });
    }

    /// Whether somebody still waits for the answer to a question older than `id`.
    pub(super) fn someone_waits_before(&self, id: &[u8]) -> bool {
        self.questions
            .iter()
            .take_while(|question| question.id != id)
            .any(|question| !question.reply.is_closed())
    }

    /// Gives a message to the question that it answers, or back.
    pub(super) fn take(&mut self, message: Message) -> Taken {
        if let Some((reply, answer)) = self.denied.take() {
            // Nobody may be waiting any more.
            let _ = reply.send(Ok(answer));
        }
        if message.response().is_some() {
            self.take_response(message)
        } else if message.event().is_some() {
            self.take_event(message)
        } else {
            Taken::Stray(message)
        }
    }

    /// Tells all who wait that there will be no answer.
    pub(super) fn fail(self, error: &AskError) {
        let denied = self.denied.into_iter().map(|(reply, _)| reply);
        for reply in denied.chain(self.questions.into_iter().map(|question| question.reply)) {
            // Nobody may be waiting any more.
            let _ = reply.send(Err(error.clone()));
        }
    }

    fn take_response(&mut self, message: Message) -> Taken {
        let id = message.action_id();
        let answered =
            |question: &Question| question.list.is_none() && id.is_none_or(|id| id == question.id.as_slice());
        match self.questions.iter().position(answered) {
            Some(index) => self.begin_answer(index, message),
            None => return Taken::Stray(message),
        }
        Taken::Answer
    }

    fn take_event(&mut self, event: Message) -> Taken {
        let front = self.questions.front_mut();
        if let Some(Question { id, list: Some(list), reply, action }) = front
            && belongs(&event, id)
        {
            if let Some(answer) = list.add(event, !reply.is_closed()) {
                self.finish(answer);
            } else if list.bytes() > self.limit && !reply.is_closed() {
                // nobody waits any more, and so nothing more is kept
                let reply = std::mem::replace(reply, oneshot::channel().0);
                let _ = reply.send(Err(AskError::TooLong { action: action.clone(), limit: self.limit }));
            }
            return Taken::Answer;
        }
        let answered = |question: &Question| {
            question.list.is_none() && event.action_id() == Some(question.id.as_slice())
        };
        if is_whole_answer(&event)
            && let Some(index) = self.questions.iter().position(answered)
        {
            self.begin_answer(index, event);
            return Taken::Answer;
        }
        Taken::Event(event)
    }

    /// The server has come to answer the question at `index`: those before are over.
    fn begin_answer(&mut self, index: usize, message: Message) {
        for _ in 0..index {
            if let Some(question) = self.questions.pop_front() {
                let ended = question.list.and_then(Assembly::end_by_order);
                // Nobody may be waiting any more.
                let _ = question.reply.send(ended.ok_or(AskError::Unanswered { action: question.action }));
            }
        }
        match Assembly::start(message) {
            Started::Whole(answer) => self.finish(answer),
            Started::List(list) => {
                if let Some(question) = self.questions.front_mut() {
                    question.list = Some(list);
                }
            }
        }
    }

    fn finish(&mut self, answer: Answer) {
        let Some(question) = self.questions.pop_front() else { return };
        self.has_answered = true;
        if answer.is_denied() {
            self.denied = Some((question.reply, answer));
        } else {
            // Nobody may be waiting any more.
            let _ = question.reply.send(Ok(answer));
        }
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
