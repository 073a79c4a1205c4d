//! A layout as the successor of another one: what is the same is at the same place.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::layout::{Layout, Place, PlaceId};
use super::lookup::Tree;
use super::node::Node;
use crate::language::Model;
use crate::query::{Queries, Server};

/// A tree that takes the place of another one.
pub struct Successor {
    /// The tree. What is the same is at the same nodes, and what was known of it is known.
    pub tree: Arc<Tree>,
    /// How it differs.
    pub difference: Difference,
}

/// How many paths of the tree file came, went, or are others now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Paths that were not there.
    pub added: usize,
    /// Paths that are not there any more.
    pub removed: usize,
    /// Paths at which something else stands.
    pub changed: usize,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { added, removed, changed } = self;
        write!(formatter, "+ {added}, - {removed}, ~ {changed} paths")
    }
}

impl Layout {
    /// This layout with the places of an older one, wherever the same stands there: the same path with the same
    /// content, in directories for the same records. Places that nothing leads to any more stay what they
    /// were, for whoever has them open.
    /// Without a `connection` in common nothing is the same but the status directory.
    pub fn succeed(
        self,
        model: &Model,
        (old, old_model): (&Layout, &Model),
        connection: bool,
    ) -> (Layout, Difference) {
        let known: HashMap<(Option<PlaceId>, String), PlaceId> = (0..old.places.len())
            .map(PlaceId)
            .filter(|id| old.place(*id).gone.is_none() && (connection || old.is_status(*id)))
            .map(|id| ((old.place(id).parent, old.definition(id, old_model)), id))
            .collect();
        let mut next = old.places.len();
        let mut numbers: Vec<PlaceId> = vec![Layout::ROOT];
        for id in (1..self.places.len()).map(PlaceId) {
            // a place of a layout that is nobody's successor yet stands behind the one that it is in
            let above = self.place(id).parent.map(|above| numbers[above.0]);
            let same = known.get(&(above, self.definition(id, model))).copied();
            numbers.push(same.unwrap_or_else(|| {
                next += 1;
                PlaceId(next - 1)
            }));
        }
        let difference = difference((old, old_model), (&self, model), &numbers);
        let of = |id: PlaceId| numbers[id.0];
        let mut places: Vec<Place> = (0..next)
            .map(|place| old.places.get(place).map_or_else(Place::default, |old| old.leave(old_model)))
            .collect();
        let hidden = self.hidden.map(of);
        for (mut place, number) in self.places.into_iter().zip(&numbers) {
            place.parent = place.parent.map(of);
            place.literals.values_mut().for_each(|id| *id = of(*id));
            place.variables.iter_mut().for_each(|id| *id = of(*id));
            if let Some(same) = old.places.get(number.0) {
                place.uses = Arc::clone(&same.uses);
            }
            places[number.0] = place;
        }
        (Layout { places, hidden }, difference)
    }

    /// Whether a place is the status directory or in it.
    fn is_status(&self, id: PlaceId) -> bool {
        self.place(id).status.is_some() || self.hidden == Some(id)
    }

    /// What stands at a place, by itself.
    fn definition(&self, id: PlaceId, model: &Model) -> String {
        let place = self.place(id);
        let name = match &place.variable {
            Some(named) => {
                format!("{:?}", (&named.prefix, model.definition_of_variable(named.variable), &named.suffix))
            }
            None => self.literal_name(id).to_owned(),
        };
        let entry = place.entry(model).map(|entry| model.definition_of_entry(entry));
        format!("{:?}", (name, entry, place.attributes(model), place.status))
    }

    fn literal_name(&self, id: PlaceId) -> &str {
        let above = self.place(id).parent.map(|above| self.place(above));
        let name = above.and_then(|above| above.literals.iter().find(|(_, place)| **place == id));
        name.map_or("", |(name, _)| name)
    }
}

impl Place {
    /// What is left of it when nothing leads to it any more.
    fn leave(&self, model: &Model) -> Place {
        Place { gone: Some((self.kind(model), self.attributes(model))), ..Place::default() }
    }
}

fn difference(
    (old, old_model): (&Layout, &Model),
    (new, model): (&Layout, &Model),
    numbers: &[PlaceId],
) -> Difference {
    let before: HashMap<_, _> = old
        .places
        .iter()
        .enumerate()
        .filter_map(|(place, one)| Some((&one.entry(old_model)?.path.segments, PlaceId(place))))
        .collect();
    let mut difference = Difference::default();
    for (place, number) in new.places.iter().zip(numbers) {
        let Some(entry) = place.entry(model) else { continue };
        match before.get(&entry.path.segments) {
            None => difference.added += 1,
            Some(known) if known != number => difference.changed += 1,
            Some(_) => {}
        }
    }
    let now: Vec<_> = model.entries.iter().map(|entry| &entry.path.segments).collect();
    difference.removed = before.keys().filter(|path| !now.contains(path)).count();
    difference
}

impl Tree {
    /// The tree of another reading of the tree file, on the same connections, but for the servers that are
    /// given. Everything that is kept goes over to it: this one must not be followed any more when that one is.
    pub fn succeeded_by(&self, model: Model, servers: &[Option<Arc<dyn Server>>]) -> Successor {
        let succession = model.succeed(self.queries().model());
        self.successor(self.queries().succeeded_by(succession, servers), true)
    }

    /// The tree of these queries on another connection, in the place of this one.
    pub fn replaced_by(&self, queries: Arc<Queries>) -> Successor {
        self.successor(queries, false)
    }

    fn successor(&self, queries: Arc<Queries>, connection: bool) -> Successor {
        let old = (self.layout(), &**self.queries().model());
        let (layout, difference) = Layout::new(queries.model()).succeed(queries.model(), old, connection);
        let directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = (Arc::clone(&self.kept), Arc::clone(&self.last_reload), Arc::clone(&self.program));
        Successor { tree: Arc::new(Tree::with(queries, layout, directories, kept)), difference }
    }

    /// Whether nothing leads to a node any more.
    pub fn is_gone(&self, node: &Node) -> bool {
        self.layout().place(node.place).gone.is_some()
    }

    /// The names of their own in a directory of `before`, which this tree succeeds, that lead elsewhere now or
    /// nowhere.
    pub fn renamed_since(&self, before: &Tree, directory: &Node) -> Vec<Arc<str>> {
        let Some(was) = before.layout().places.get(directory.place.0) else { return Vec::new() };
        let now = &self.layout().place(directory.place).literals;
        let renamed = was.literals.iter().filter(|(name, place)| now.get(*name) != Some(*place));
        renamed.map(|(name, _)| name.as_str().into()).collect()
    }

    /// Whether a directory holds other places than in `before`.
    pub fn holds_others_than(&self, before: &Tree, directory: &Node) -> bool {
        let now = self.layout().place(directory.place);
        let was = before.layout().places.get(directory.place.0);
        was.is_none_or(|was| (&was.literals, &was.variables) != (&now.literals, &now.variables))
    }

    /// Looks at everything again, after this tree has taken the place of another: directories that are gone
    /// are forgotten, those that stay tell which names came and went.
    pub fn take_over(&self) {
        let gone = self.directories_known();
        gone.iter().filter(|node| self.is_gone(node)).for_each(|node| self.forget_directory(node));
        self.look_at_all();
    }
}
