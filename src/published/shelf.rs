//! What a publisher has put into a bucket, and what is to be put for the next answer: only what is another.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;

use super::encoding::{Encoded, Head, Rows};
use super::mirror::{Mirror, order_value};
use super::names::{Digest, Key};

/// A key, and its next value; none to delete it.
pub type Write = (Key, Option<Bytes>);

/// What is in a bucket, as far as it takes to find what is another: hashes, under a secret of this process.
#[derive(Debug, Default)]
pub struct Shelf {
    questions: HashMap<Digest, Shelved>,
    hasher: RandomState,
}

/// What is in a bucket of one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelved {
    /// Of what the head says, but for when that was asked, and by whom.
    head: u64,
    /// When it was asked whose answer is there, in microseconds since 1970.
    asked: u64,
    /// Of the row in each slot; none where there is no row.
    slots: Vec<Option<u64>>,
    /// The slots of its rows, in the rows' order.
    order: Vec<u32>,
}

impl Shelf {
    /// What a bucket holds.
    pub fn of(mirror: &Mirror) -> Shelf {
        let mut shelf = Shelf::default();
        for (digest, question) in mirror.questions() {
            let slots = question.slots().iter().map(|row| Some(shelf.hasher.hash_one(row.as_ref()?)));
            let mut shelved = Shelved { slots: slots.collect(), ..Shelved::default() };
            if let Some((head, body)) = question.head() {
                (shelved.head, shelved.asked) = (shelf.hash(head, body), head.asked);
                shelved.order = question.order().to_vec();
            }
            shelf.questions.insert(*digest, shelved);
        }
        shelf
    }

    fn hash(&self, head: &Head, body: &[u8]) -> u64 {
        let Head { question, asked: _, session: _, error, sizes, complete, rows } = head;
        self.hasher.hash_one((question, error, sizes, complete, *rows as u8, body))
    }

    /// What is to be written for an answer, in this order, and what is there then; none if it is there already. The
    /// head comes last: it makes an answer of the rest.
    pub fn writes(&self, digest: Digest, encoded: &Encoded) -> Option<(Vec<Write>, Shelved)> {
        let before = self.questions.get(&digest);
        let head = self.hash(&encoded.head, &encoded.body);
        let mut shelved = Shelved { head, asked: encoded.head.asked, ..Shelved::default() };
        let mut writes = Vec::new();
        let nothing = Shelved::default();
        let known = before.unwrap_or(&nothing);
        if encoded.head.error.is_some() {
            // what was told before stays
            (shelved.slots, shelved.order) = (known.slots.clone(), known.order.clone());
        } else {
            let hashes: Vec<u64> = encoded.rows.iter().map(|row| self.hasher.hash_one(row)).collect();
            (shelved.slots, shelved.order) = placed(known, &hashes);
            for (row, &slot) in encoded.rows.iter().zip(&shelved.order) {
                let same = known.slots.get(slot as usize) == shelved.slots.get(slot as usize);
                if !same {
                    writes.push((Key::Row(digest, slot), Some(row.clone())));
                }
            }
            if shelved.order != known.order {
                let order = Some(order_value(&shelved.order)).filter(|_| encoded.head.rows != Rows::None);
                writes.push((Key::Order(digest), order));
            }
        }
        if writes.is_empty() && before.is_some_and(|before| before.head == head) {
            return None;
        }
        writes.push((Key::Head(digest), Some(encoded.to_value())));
        let left = (0u32..).zip(&known.slots).filter(|(slot, known)| {
            known.is_some() && shelved.slots.get(*slot as usize).is_none_or(Option::is_none)
        });
        writes.extend(left.map(|(slot, _)| (Key::Row(digest, slot), None)));
        Some((writes, shelved))
    }

    /// The head alone once more, for an answer that is there already.
    pub fn head_again(&self, digest: Digest, encoded: &Encoded) -> (Vec<Write>, Shelved) {
        let known = self.questions.get(&digest).cloned().unwrap_or_default();
        let head = (Key::Head(digest), Some(encoded.to_value()));
        (vec![head], Shelved { asked: encoded.asked(), ..known })
    }

    /// What is to be deleted so that nothing is left of a question.
    pub fn removal(&self, digest: Digest) -> Vec<Write> {
        let Some(known) = self.questions.get(&digest) else { return Vec::new() };
        let rows = (0u32..).zip(&known.slots).filter(|(_, row)| row.is_some());
        let order = (!known.order.is_empty()).then_some((Key::Order(digest), None));
        let rows = rows.map(|(slot, _)| (Key::Row(digest, slot), None));
        rows.chain(order).chain([(Key::Head(digest), None)]).collect()
    }

    /// Notes what is there now.
    pub fn put(&mut self, digest: Digest, shelved: Shelved) {
        self.questions.insert(digest, shelved);
    }

    /// Notes that nothing is there any more.
    pub fn remove(&mut self, digest: Digest) {
        self.questions.remove(&digest);
    }

    /// When it was asked what is there, in microseconds since 1970.
    pub fn asked(&self, digest: Digest) -> Option<u64> {
        self.questions.get(&digest).map(|known| known.asked)
    }

    /// The questions that are there.
    pub fn questions(&self) -> impl Iterator<Item = Digest> + '_ {
        self.questions.keys().copied()
    }
}

/// Which row stands in which slot, so that as few as can be are written: a row that is in a slot already stays there,
/// another one takes the slot of the row in its place, or a free one.
fn placed(known: &Shelved, rows: &[u64]) -> (Vec<Option<u64>>, Vec<u32>) {
    let mut free = vec![true; known.slots.len()];
    let mut by_row: HashMap<u64, Vec<u32>> = HashMap::new();
    for &slot in known.order.iter().rev() {
        if let Some(row) = known.slots.get(slot as usize).copied().flatten() {
            by_row.entry(row).or_default().push(slot);
        }
    }
    let mut order: Vec<Option<u32>> = vec![None; rows.len()];
    let take = |place: &mut Option<u32>, slot: u32, free: &mut Vec<bool>| {
        if std::mem::take(&mut free[slot as usize]) {
            *place = Some(slot);
        }
    };
    // in its place, then anywhere
    for ((place, row), &slot) in order.iter_mut().zip(rows).zip(&known.order) {
        if known.slots.get(slot as usize) == Some(&Some(*row)) {
            take(place, slot, &mut free);
        }
    }
    for (place, row) in order.iter_mut().zip(rows) {
        while place.is_none()
            && let Some(slot) = by_row.get_mut(row).and_then(Vec::pop)
        {
            take(place, slot, &mut free);
        }
    }
    for (place, &slot) in order.iter_mut().zip(&known.order) {
        if place.is_none() && (slot as usize) < free.len() {
            take(place, slot, &mut free);
        }
    }
    let mut slots = vec![None; known.slots.len()];
    let mut next_free = 0;
    let order = order.into_iter().zip(rows).map(|(place, row)| {
        let slot = place.unwrap_or_else(|| {
            while free.get(next_free) == Some(&false) {
                next_free += 1;
            }
            next_free += 1;
            next_free as u32 - 1
        });
        if slot as usize >= slots.len() {
            slots.resize(slot as usize + 1, None);
        }
        slots[slot as usize] = Some(*row);
        slot
    });
    let order = order.collect();
    while slots.last() == Some(&None) {
        slots.pop();
    }
    (slots, order)
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
