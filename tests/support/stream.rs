//! What a server sends, cut into messages and changed.

/// The header by which an answer is told from others.
const ACTION_ID: &[u8] = b"ActionID: ";

/// What ends a message; of a session that is logged in, with headers only (14 and later).
const END: &[u8] = b"\r\n\r\n";

/// What is on its way from a server, and what is known of the session by it.
#[derive(Default)]
pub struct Outgoing {
    /// Whether the login was accepted.
    pub logged_in: bool,
    greeted: bool,
    /// The last bytes that were passed on as they came, no more than end a message.
    last: Vec<u8>,
}

impl Outgoing {
    /// All that is held, as it is.
    pub fn passed(&mut self, held: &mut Vec<u8>) -> Vec<u8> {
        self.greeted |= !held.is_empty();
        self.logged_in |= find(held, b"Authentication accepted").is_some();
        self.note(held);
        std::mem::take(held)
    }

    fn note(&mut self, passed: &[u8]) {
        self.last.extend_from_slice(passed);
        self.last.drain(..self.last.len().saturating_sub(END.len()));
    }

    /// What is still lacking of a message whose beginning was passed on: whatever is done to answers, it is done to
    /// whole ones. Whether all of it is here now.
    pub fn begun(&mut self, held: &mut Vec<u8>) -> (Vec<u8>, bool) {
        if self.last.is_empty() || self.last == END {
            return (Vec::new(), true);
        }
        let before = self.last.len();
        let end = find(&[&self.last[..], held].concat(), END).map(|at| at + END.len() - before);
        let rest: Vec<u8> = held.drain(..end.unwrap_or(held.len())).collect();
        self.note(&rest);
        (rest, end.is_some())
    }

    /// The same with another banner.
    pub fn greeted(&mut self, held: &mut Vec<u8>, banner: &str) -> Vec<u8> {
        if !self.greeted
            && let Some(end) = find(held, b"\r\n")
        {
            held.splice(..end, banner.bytes());
        }
        self.passed(held)
    }

    /// Whole lines in which a letter became another byte; those that hold answers together stay.
    pub fn spoilt(&mut self, held: &mut Vec<u8>, letter: u8, byte: u8) -> Vec<u8> {
        const KEPT: [&[u8]; 6] = [b"Response:", b"ActionID:", b"Event", b"ListItems:", b"Message:", b"--END"];
        let end = held.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut whole: Vec<u8> = held.drain(..end).collect();
        for line in whole.split_inclusive_mut(|&byte| byte == b'\n') {
            let value = line.windows(2).position(|pair| pair == b": ").map_or(0, |colon| colon + 2);
            if !KEPT.iter().any(|kept| line.starts_with(kept)) {
                line[value..].iter_mut().filter(|found| **found == letter).for_each(|found| *found = byte);
            }
        }
        whole
    }

    /// Whole answers, last first, or in their order with each other's ActionIDs.
    pub fn mixed(&mut self, held: &mut Vec<u8>, others: bool) -> Vec<u8> {
        let whole = own_messages(held);
        let mut answers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for message in messages(&whole) {
            let id = action_id(message).to_vec();
            match answers.last_mut() {
                Some((last, answer)) if *last == id => answer.extend_from_slice(message),
                _ => answers.push((id, message.to_vec())),
            }
        }
        if !others {
            return answers.into_iter().rev().flat_map(|(_, answer)| answer).collect();
        }
        let ids: Vec<Vec<u8>> =
            answers.iter().map(|(id, _)| id.clone()).filter(|id| !id.is_empty()).collect();
        let mut next = ids.iter().cycle().skip(1);
        let mut sent = Vec::new();
        for (id, answer) in answers {
            match next.next().filter(|_| !id.is_empty()) {
                Some(other) => sent.extend(replaced(&answer, &id, other)),
                None => sent.extend(answer),
            }
        }
        sent
    }
}

/// Takes the messages that are whole.
pub fn own_messages(held: &mut Vec<u8>) -> Vec<u8> {
    let end = held.windows(END.len()).rposition(|window| window == END).map_or(0, |end| end + END.len());
    held.drain(..end).collect()
}

fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some(end) = find(bytes, END) {
        let (message, rest) = bytes.split_at(end + END.len());
        messages.push(message);
        bytes = rest;
    }
    messages
}

fn action_id(message: &[u8]) -> &[u8] {
    let Some(begin) = find(message, ACTION_ID).map(|at| at + ACTION_ID.len()) else { return b"" };
    let rest = &message[begin..];
    &rest[..find(rest, b"\r\n").unwrap_or(rest.len())]
}

fn replaced(answer: &[u8], id: &[u8], other: &[u8]) -> Vec<u8> {
    let (old, new) = ([ACTION_ID, id, b"\r\n"].concat(), [ACTION_ID, other, b"\r\n"].concat());
    let (mut rest, mut sent) = (answer, Vec::new());
    while let Some(at) = find(rest, &old) {
        sent.extend_from_slice(&rest[..at]);
        sent.extend_from_slice(&new);
        rest = &rest[at + old.len()..];
    }
    sent.extend_from_slice(rest);
    sent
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
