//! Who has to be told when a result changes.

use std::collections::HashSet;

use crate::language::QueryId;

/// Something that was computed from results, and is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dependent {
    /// The table of that query.
    Table(QueryId),
    /// What a layer above keeps under a number of its own.
    Kept(u32),
}

/// More than that many are kept in a set: files that read one setting can be a hundred thousand.
const FEW: usize = 16;

/// The dependents of one result.
#[derive(Debug)]
pub enum Dependents {
    /// Mostly the files of one record.
    Few(Vec<Packed>),
    /// Any number.
    #[expect(clippy::box_collection, reason = "a pointer, so that the others stay as small")]
    Many(Box<HashSet<Packed>>),
}

/// A dependent in a quarter of the room: every record has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packed(u32);

/// Set where the rest is a query's number.
const TABLE: u32 = 1 << 31;

impl From<Dependent> for Packed {
    fn from(dependent: Dependent) -> Packed {
        match dependent {
            Dependent::Table(QueryId(number)) => Packed(number as u32 | TABLE),
            Dependent::Kept(number) => Packed(number),
        }
    }
}

impl From<Packed> for Dependent {
    fn from(Packed(number): Packed) -> Dependent {
        match number & TABLE {
            0 => Dependent::Kept(number),
            _ => Dependent::Table(QueryId((number & !TABLE) as usize)),
        }
    }
}

impl Default for Dependents {
    fn default() -> Dependents {
        Dependents::Few(Vec::new())
    }
}

impl Dependents {
    /// Adds one, unless it is there.
    pub fn add(&mut self, dependent: Dependent) {
        let packed = dependent.into();
        match self {
            Dependents::Few(few) if few.contains(&packed) => {}
            Dependents::Few(few) if few.len() < FEW => few.push(packed),
            Dependents::Few(few) => {
                *self = Dependents::Many(Box::new(few.drain(..).chain([packed]).collect()));
            }
            Dependents::Many(many) => {
                many.insert(packed);
            }
        }
    }

    /// Takes one away, if it is there.
    pub fn remove(&mut self, dependent: Dependent) {
        let packed = dependent.into();
        match self {
            Dependents::Few(few) => few.retain(|known| *known != packed),
            Dependents::Many(many) => {
                many.remove(&packed);
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Dependent> {
        match self {
            Dependents::Few(few) => few.iter().copied().map(Dependent::from).collect(),
            Dependents::Many(many) => many.iter().copied().map(Dependent::from).collect(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            Dependents::Few(few) => few.is_empty(),
            Dependents::Many(many) => many.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_or_many_they_are_added_once_and_taken_away() {
        let mut dependents = Dependents::default();
        for round in 0..2 {
            (0..100).for_each(|number| dependents.add(Dependent::Kept(number)));
            assert_eq!(dependents.all().len(), 100, "round {round}");
        }
        (0..100).for_each(|number| dependents.remove(Dependent::Kept(number)));
        assert!(dependents.is_empty());
        dependents.add(Dependent::Table(QueryId(1)));
        dependents.remove(Dependent::Kept(1));
        assert_eq!(dependents.all(), [Dependent::Table(QueryId(1))]);
    }
}
