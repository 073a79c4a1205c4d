//! What events have made stale: all of a query's results, or what concerns one record.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Of so many records it is remembered when they became stale; beyond, all are.
const REMEMBERED: usize = 100_000;

/// When events last made results of one query stale.
#[derive(Debug, Default)]
pub struct Staleness {
    all: Option<Instant>,
    records: HashMap<Arc<str>, Instant>,
}

impl Staleness {
    /// All results are stale from now on.
    pub fn mark_all(&mut self) {
        self.all = Some(Instant::now());
        self.records.clear();
    }

    /// What concerns the record of that key is stale from now on.
    pub fn mark_record(&mut self, key: &str) {
        if self.records.len() >= REMEMBERED && !self.records.contains_key(key) {
            return self.mark_all();
        }
        self.records.insert(key.into(), Instant::now());
    }

    /// When the results that concern these records last became stale.
    pub fn since(&self, keys: &[Arc<str>]) -> Option<Instant> {
        keys.iter().filter_map(|key| self.records.get(key).copied()).chain(self.all).max()
    }

    /// The records that became stale after a question about all of them was asked.
    pub fn records_after(&self, asked: Instant) -> Vec<Arc<str>> {
        let later = self.records.iter().filter(|(_, at)| **at >= asked);
        later.map(|(key, _)| Arc::clone(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_stale_by_itself_and_with_all() {
        let mut staleness = Staleness::default();
        let (one, two): (Arc<str>, Arc<str>) = ("6001".into(), "6002".into());
        let before = Instant::now();
        staleness.mark_record("6001");
        assert!(staleness.since(&[Arc::clone(&one)]).is_some_and(|at| at >= before));
        assert_eq!(staleness.since(&[Arc::clone(&two)]), None);
        assert_eq!(staleness.records_after(before), [Arc::clone(&one)]);
        assert!(staleness.records_after(Instant::now()).is_empty());
        staleness.mark_all();
        assert!(staleness.since(&[two]).is_some() && staleness.records_after(before).is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut staleness = Staleness::default();
        let before = Instant::now();
        (0..=REMEMBERED).for_each(|number| staleness.mark_record(&number.to_string()));
        assert!(staleness.records_after(before).is_empty());
        assert!(staleness.since(&[]).is_some_and(|at| at >= before));
    }
}
