//! What a directory holds.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::error::Step;
use super::layout::PlaceId;
use super::lookup::Tree;
use super::node::Node;
use crate::language::{Variable, escape, fit};
use crate::query::{Binding, Bindings, NamedRecord, QueryError, Reads, Scope, Unready};

/// One name in a directory.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The place it leads to.
    pub place: PlaceId,
    /// The record it stands for, if it stands for one.
    pub record: Option<NamedRecord>,
}

/// The names in a directory, in their order: the tree file's, then the server's.
pub type Listing = IndexMap<Arc<str>, Listed>;

impl Tree {
    /// Everything in a directory.
    pub(super) fn compute_listing(
        &self,
        directory: &Node,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Listing, Step> {
        let place = self.layout().place(directory.place);
        let mut listing = Listing::new();
        for (name, literal) in &place.literals {
            if self.exists(*literal, bindings, reads)? {
                listing.insert(name.as_str().into(), Listed { place: *literal, record: None });
            }
        }
        // a record never takes the name of an entry, not even of one that is not there just now
        let mut taken = place.reserved.clone();
        for child in &place.variables {
            self.list_records(*child, bindings, reads, &mut taken, &mut listing)?;
        }
        Ok(listing)
    }

    fn list_records(
        &self,
        place: PlaceId,
        outer: &Bindings,
        reads: &Reads,
        taken: &mut HashSet<Arc<str>>,
        listing: &mut Listing,
    ) -> Result<(), Step> {
        let Some(named) = &self.layout().place(place).variable else { return Ok(()) };
        let model = self.queries().model();
        let variable = model.variable(named.variable);
        let when = self.layout().place(place).when(model);
        let at = when.map(|_| self.place_name(place)).unwrap_or_default();
        let evaluate = when.map(|when| model.templates.evaluate_each(when)).transpose();
        let evaluate = evaluate.map_err(|error| self.queries().template_error(&at, &error, reads))?;
        for record in self.queries().records(variable, outer, reads)? {
            // the name is given before `when` is asked, so that it stays when a condition changes
            let name = unique(&format!("{}{}{}", named.prefix, escape(&record.key), named.suffix), taken);
            if let Some(evaluate) = &evaluate {
                let bindings = outer.with(bind(variable, &name, &record));
                let value = evaluate(Scope::new(self.queries(), &bindings, reads).context());
                let value = value.map_err(|error| self.queries().template_error(&at, &error, reads));
                if !self.holds(value.map(|value| value.is_true()), &name)? {
                    continue;
                }
            }
            listing.insert(name, Listed { place, record: Some(record) });
        }
        Ok(())
    }

    /// Whether a place that has a name of its own is there now.
    pub(super) fn exists(&self, place: PlaceId, bindings: &Bindings, reads: &Reads) -> Result<bool, Step> {
        let Some(when) = self.layout().place(place).when(self.queries().model()) else { return Ok(true) };
        let name = self.place_name(place);
        let scope = Scope::new(self.queries(), bindings, reads);
        let value = self.queries().evaluate(&name, when, &scope, reads);
        self.holds(value.map(|value| value.is_true()), &name)
    }

    /// A condition that cannot be computed does not hold; the mistake is told.
    fn holds(&self, condition: Result<bool, Unready>, name: &str) -> Result<bool, Step> {
        match condition {
            Err(Unready::Failed(error @ QueryError::Template { .. })) => {
                tracing::warn!("`{name}` left out: {error}");
                Ok(false)
            }
            Err(Unready::Failed(error)) if error.means_cannot_answer() => Ok(false),
            other => Ok(other?),
        }
    }

    fn place_name(&self, place: PlaceId) -> String {
        let entry = self.layout().place(place).entry(self.queries().model());
        let text = entry.map(|entry| &self.queries().model().source.text()[entry.span.clone()]);
        format!("{} when", text.unwrap_or_default())
    }
}

/// A record bound to its variable under the name it is listed by.
pub fn bind(variable: &Variable, name: &Arc<str>, record: &NamedRecord) -> Binding {
    Binding { name: Arc::clone(name), ..record.clone().binding(variable) }
}

/// The name itself, or, if another record or an entry has it, the name with `~2`, `~3`, …
fn unique(name: &str, taken: &mut HashSet<Arc<str>>) -> Arc<str> {
    let mut candidate: Arc<str> = name.into();
    let mut number = 1;
    while !taken.insert(Arc::clone(&candidate)) {
        number += 1;
        let suffix = format!("~{number}");
        candidate = format!("{}{suffix}", fit(name, suffix.len())).into();
    }
    candidate
}
