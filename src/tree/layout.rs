//! The entries of a tree file as a tree of places.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::alive::rotated_name;
use super::status::Status;
use super::uses::Uses;
use crate::language::{Attributes, Content, Entry, Expression, Model, Segment, VariableId};

/// An index of a place in its [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceId(pub(super) usize);

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
}

/// One place of the tree: the mount point, or what a segment of some path leads to.
#[derive(Debug, Default)]
pub struct Place {
    /// The index of the entry whose path ends here; none for a directory that only leads on.
    pub entry: Option<usize>,
    /// The path variable whose records stand here, with the text around it.
    pub variable: Option<Named>,
    /// The directory it is in; none for the mount point.
    pub parent: Option<PlaceId>,
    /// Names that stand in this directory by themselves.
    pub literals: IndexMap<String, PlaceId>,
    /// Places in this directory that stand for many names.
    pub variables: Vec<PlaceId>,
    /// Names that no record takes here: what stands by itself in this directory, or in another one
    /// that holds the same records. So a record has the same name in both, and a link from one leads
    /// to its directory in the other.
    pub reserved: HashSet<Arc<str>>,
    /// What of the status directory stands here.
    pub status: Option<Status>,
    /// How often it was used.
    pub uses: Arc<Uses>,
    /// What stood here, where nothing leads to any more.
    pub gone: Option<(Kind, Attributes)>,
}

/// A path variable in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The variable.
    pub variable: VariableId,
    /// What stands before the record's name.
    pub prefix: String,
    /// What stands behind it.
    pub suffix: String,
}

/// All places of a tree.
#[derive(Debug)]
pub struct Layout {
    pub(super) places: Vec<Place>,
    /// The status directory, which stands at the mount point and is not listed.
    pub(super) hidden: Option<PlaceId>,
}

impl Layout {
    /// The places that a model's entries describe.
    pub fn new(model: &Model) -> Layout {
        let mut layout = Layout { places: vec![Place::default()], hidden: None };
        for (index, entry) in model.entries.iter().enumerate() {
            let mut place = Layout::ROOT;
            for segment in &entry.path.segments {
                place = layout.child(place, segment, model);
            }
            layout.places[place.0].entry = Some(index);
        }
        layout.reserve_names(model);
        layout.add_status(model);
        layout
    }

    fn reserve_names(&mut self, model: &Model) {
        let reserved: Vec<_> = self.places.iter().map(|place| self.reserved_in(place, model)).collect();
        for (place, reserved) in self.places.iter_mut().zip(reserved) {
            place.reserved = reserved;
        }
    }

    fn reserved_in(&self, directory: &Place, model: &Model) -> HashSet<Arc<str>> {
        let named = |place: &Place| -> Vec<_> {
            place.variables.iter().map(|id| self.place(*id).variable.clone()).collect()
        };
        let here = named(directory);
        let alike = self.places.iter().filter(|other| named(other).iter().any(|one| here.contains(one)));
        let literals = alike.chain([directory]).flat_map(|place| &place.literals);
        let names = literals.flat_map(|(name, id)| {
            let entry = self.place(*id).entry(model);
            let rotates = entry.is_some_and(|entry| matches!(entry.content, Content::Events(_)));
            std::iter::once(name.as_str().into()).chain(rotates.then(|| rotated_name(name).into()))
        });
        names.collect()
    }

    /// A place below another that nothing in it leads to.
    pub(super) fn hidden_child(&mut self, parent: PlaceId) -> PlaceId {
        self.places.push(Place { parent: Some(parent), ..Place::default() });
        PlaceId(self.places.len() - 1)
    }

    /// A place of that name in the status directory.
    pub(super) fn status_child(&mut self, parent: PlaceId, name: &str, status: Status) -> PlaceId {
        let id = self.hidden_child(parent);
        self.places[id.0].status = Some(status);
        self.places[parent.0].literals.insert(name.to_owned(), id);
        id
    }

    pub(super) fn set_hidden(&mut self, place: PlaceId) {
        self.hidden = Some(place);
    }

    /// The status directory.
    pub(super) fn hidden(&self) -> Option<PlaceId> {
        self.hidden
    }

    /// The mount point.
    pub const ROOT: PlaceId = PlaceId(0);

    /// The place with that index.
    pub fn place(&self, id: PlaceId) -> &Place {
        &self.places[id.0]
    }

    fn child(&mut self, parent: PlaceId, segment: &Segment, model: &Model) -> PlaceId {
        let id = PlaceId(self.places.len());
        let directory = &mut self.places[parent.0];
        let variable = match segment {
            Segment::Literal(name) => {
                let known = *directory.literals.entry(name.clone()).or_insert(id);
                if known != id {
                    return known;
                }
                None
            }
            Segment::Variable { prefix, name, suffix } => {
                let variable =
                    model.variables.iter().position(|variable| variable.name == *name).map(VariableId);
                let named = variable.map(|variable| Named {
                    variable,
                    prefix: prefix.clone(),
                    suffix: suffix.clone(),
                });
                let known =
                    directory.variables.clone().into_iter().find(|id| self.places[id.0].variable == named);
                if let Some(known) = known {
                    return known;
                }
                self.places[parent.0].variables.push(id);
                named
            }
        };
        self.places.push(Place { variable, parent: Some(parent), ..Place::default() });
        id
    }
}

/// What the model says of a place.
impl Place {
    /// The entry whose path ends here.
    pub fn entry<'m>(&self, model: &'m Model) -> Option<&'m Entry> {
        self.entry.map(|index| &model.entries[index])
    }

    /// What stands here.
    pub fn kind(&self, model: &Model) -> Kind {
        if let Some((kind, _)) = self.gone {
            return kind;
        }
        match self.entry(model).map(|entry| &entry.content) {
            None if !matches!(self.status, None | Some(Status::Queries)) => Kind::File,
            None | Some(Content::Directory) => Kind::Directory,
            Some(Content::Link(_)) => Kind::Link,
            Some(_) => Kind::File,
        }
    }

    /// The condition under which it exists.
    pub fn when<'m>(&self, model: &'m Model) -> Option<&'m Expression> {
        self.entry(model)?.when.as_ref()
    }

    /// Its permissions and owner, filled up from the defaults.
    pub fn attributes(&self, model: &Model) -> Attributes {
        if let Some((_, attributes)) = self.gone {
            return attributes;
        }
        let own = self.entry(model).map(|entry| entry.attributes).unwrap_or_default();
        let mode = match self.kind(model) {
            Kind::Directory => model.defaults.dir_mode,
            Kind::File => model.defaults.mode,
            Kind::Link => 0o777,
        };
        self.status_attributes(Attributes {
            mode: own.mode.or(Some(mode)),
            uid: own.uid.or(model.defaults.uid),
            gid: own.gid.or(model.defaults.gid),
        })
    }
}
