use super::*;
use crate::ami::{Action, Answer};

/// A bucket, what was put into it, and how often.
#[derive(Default)]
struct Bucket {
    mirror: Mirror,
    shelf: Shelf,
    sequence: u64,
}

fn action() -> Action {
    Action::new("SIPpeers").unwrap()
}

fn list(rows: impl Iterator<Item = String>) -> Answer {
    let rows: String = rows.map(|row| format!("Event: PeerEntry\r\nObjectName: {row}\r\n\r\n")).collect();
    let text = format!(
        "Response: Success\r\nEventList: start\r\n\r\n{rows}Event: End\r\nEventList: Complete\r\n\r\n"
    );
    Answer::read(text.as_bytes()).unwrap()
}

fn named(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("peer{number} {}", "x".repeat(20))).collect()
}

impl Bucket {
    /// Puts an answer, and looks whether a reader gets it; how many messages that took.
    fn put(&mut self, answer: &Answer) -> usize {
        let encoded = Encoded::of(&action(), &Ok(answer.clone()), (7, "p#1"), false);
        let digest = Digest::of(&action());
        let Some((writes, shelved)) = self.shelf.writes(digest, &encoded) else { return 0 };
        for (key, value) in &writes {
            self.sequence += 1;
            self.mirror.take(&key.to_string(), value.as_deref(), self.sequence);
        }
        self.shelf.put(digest, shelved);
        assert_eq!(self.mirror.answer(&action()).unwrap().unwrap().unwrap(), *answer);
        writes.len()
    }
}

#[test]
fn a_changed_row_is_two_messages_however_many_rows_there_are() {
    for count in [1000, 5000] {
        let mut bucket = Bucket::default();
        let mut rows = named(count);
        assert_eq!(bucket.put(&list(rows.iter().cloned())), count + 2);
        assert_eq!(bucket.put(&list(rows.iter().cloned())), 0, "the same again is nothing");
        rows[count / 2] = "another one".into();
        assert_eq!(bucket.put(&list(rows.iter().cloned())), 2);
    }
}

#[test]
fn rows_that_come_go_and_change_their_order_are_few_messages() {
    let mut bucket = Bucket::default();
    let mut rows = named(1000);
    bucket.put(&list(rows.iter().cloned()));
    rows.insert(3, "new".into());
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 3, "row, order, head");
    rows.remove(500);
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 3, "order, head, and the row is deleted");
    rows.swap(1, 900);
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 2, "order and head");
    rows[7] = rows[8].clone();
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 2, "two rows can be the same");
    rows.truncate(3);
    bucket.put(&list(rows.iter().cloned()));
    bucket.put(&list(named(1000).into_iter()));
}

#[test]
fn a_failure_leaves_the_rows_and_the_answer_after_it_is_one_message() {
    let mut bucket = Bucket::default();
    let answer = list(named(1000).into_iter());
    bucket.put(&answer);
    let error = crate::ami::AskError::Stopped;
    let failed = Encoded::of(&action(), &Err(error), (8, "p#1"), false);
    let digest = Digest::of(&action());
    let (writes, shelved) = bucket.shelf.writes(digest, &failed).unwrap();
    assert_eq!(writes.len(), 1);
    let (key, value) = &writes[0];
    bucket.mirror.take(&key.to_string(), value.as_deref(), 5000);
    bucket.shelf.put(digest, shelved);
    assert!(bucket.mirror.answer(&action()).unwrap().unwrap().is_err());
    assert_eq!(bucket.put(&answer), 1);
}

#[test]
fn whoever_takes_over_finds_what_is_there() {
    let mut bucket = Bucket::default();
    let mut rows = named(1000);
    bucket.put(&list(rows.iter().cloned()));
    bucket.shelf = Shelf::of(&bucket.mirror);
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 0);
    rows[1] = "another one".into();
    assert_eq!(bucket.put(&list(rows.iter().cloned())), 2);
    let digest = Digest::of(&action());
    for (key, value) in bucket.shelf.removal(digest) {
        bucket.mirror.take(&key.to_string(), value.as_deref(), 9000);
    }
    assert!(bucket.mirror.answer(&action()).is_none());
}

#[test]
fn rows_without_their_head_are_not_read() {
    let mut bucket = Bucket::default();
    let mut rows = named(1000);
    let before = list(rows.iter().cloned());
    bucket.put(&before);
    rows[5] = "another one".into();
    let encoded = Encoded::of(&action(), &Ok(list(rows.iter().cloned())), (8, "p#1"), false);
    let (writes, _) = bucket.shelf.writes(Digest::of(&action()), &encoded).unwrap();
    let (key, value) = &writes[0];
    bucket.mirror.take(&key.to_string(), value.as_deref(), 4000);
    assert_eq!(bucket.mirror.answer(&action()).unwrap().unwrap().unwrap(), before);
}
