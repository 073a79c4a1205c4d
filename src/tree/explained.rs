//! Why something is what it is, and why something is not there.

use std::sync::Arc;

use super::directory::Group;
use super::error::{Step, TreeError};
use super::layout::{Kind, Named};
use super::lookup::Tree;
use super::node::Node;
use crate::language::{Entry, Expression, VariableId, escape_between, is_cut, is_escaped, nearest};
use crate::query::{Bindings, Reads, Scope, Unready, Used};

/// So many names are suggested for one that is not there.
const SUGGESTED: usize = 3;

/// A path variable on the way to a node.
#[derive(Debug, Clone)]
pub struct Above {
    /// The variable.
    pub variable: VariableId,
    /// The record's name in the directory, with the text around it.
    pub name: Arc<str>,
    /// The value of the record's key; none if it is not known.
    pub key: Option<Arc<str>>,
    /// Why the name is not the key.
    pub given: Vec<Given>,
}

/// Why a name is not the key of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It holds what no file name can, which is escaped.
    Escaped,
    /// It would be too long; it is cut, and ends in a hash of the whole.
    Cut,
    /// Another record or an entry has that name; this is the second, third, … one.
    Suffix,
}

/// Why there is nothing of a name in a directory.
#[derive(Debug, Clone)]
pub struct Missing {
    /// The entry of that name, whose `when` is false.
    pub hidden: Option<usize>,
    /// Why that `when` could not be computed, if it could not.
    pub error: Option<String>,
    /// The path variables that give names here, and why none of their records has this one.
    pub records: Vec<NoRecord>,
    /// The most alike of the names that are there.
    pub nearest: Vec<String>,
}

/// Why no record of a path variable has a name.
#[derive(Debug, Clone)]
pub struct NoRecord {
    /// The variable.
    pub variable: VariableId,
    /// How many records its query lists.
    pub listed: usize,
    /// Of these, how many pass `where`.
    pub counted: usize,
    /// Whether there is a record of that name, for which `where` is false.
    pub filtered: bool,
    /// The entry for whose record of that name `when` is false.
    pub hidden: Option<usize>,
    /// Why the query gives nothing, or the condition could not be computed.
    pub error: Option<String>,
}

impl Tree {
    /// The entry that says what a node is; none for a directory that only leads on.
    pub fn entry(&self, node: &Node) -> Option<&Entry> {
        self.place(node).entry(self.queries().model())
    }

    /// The entries whose paths lead through a directory, in the order of the file.
    pub fn entries_below(&self, directory: &Node) -> Vec<&Entry> {
        let mut below = Vec::new();
        let place = self.place(directory);
        let mut pending: Vec<_> = place.literals.values().chain(&place.variables).copied().collect();
        while let Some(id) = pending.pop() {
            let place = self.layout().place(id);
            below.extend(place.entry);
            pending.extend(place.literals.values().chain(&place.variables));
        }
        below.sort_unstable();
        below.into_iter().map(|index| &self.queries().model().entries[index]).collect()
    }

    /// The path variables that give names in a directory, in the order of the file.
    pub fn variables_in(&self, directory: &Node) -> Vec<VariableId> {
        let places = self.place(directory).variables.iter();
        places.filter_map(|id| Some(self.layout().place(*id).variable.as_ref()?.variable)).collect()
    }

    /// The nodes that a name in a directory can be, by the letters of the tree file.
    pub fn candidates(&self, directory: &Node, name: &str) -> Vec<Node> {
        if let Some(status) = self.status_directory(directory.place, name) {
            return vec![directory.literal(status)];
        }
        let place = self.place(directory);
        if let Some(literal) = place.literals.get(name) {
            return vec![directory.literal(*literal)];
        }
        let fits = |id: &&super::PlaceId| {
            let named = self.layout().place(**id).variable.as_ref();
            named.is_some_and(|named| {
                let rest =
                    name.strip_prefix(&*named.prefix).and_then(|rest| rest.strip_suffix(&*named.suffix));
                rest.is_some_and(|rest| !rest.is_empty())
            })
        };
        let name: Arc<str> = name.into();
        place.variables.iter().filter(fits).map(|id| directory.record(*id, &name)).collect()
    }

    /// The segments with path variables on the way to a node, outermost first.
    fn named_above(&self, node: &Node) -> Vec<&Named> {
        let way = std::iter::successors(Some(node.place), |id| self.layout().place(*id).parent);
        let mut named: Vec<&Named> = way.filter_map(|id| self.layout().place(id).variable.as_ref()).collect();
        named.reverse();
        named
    }

    /// The path variables on the way to a node, outermost first, without their records.
    pub fn variables_above(&self, node: &Node) -> Vec<Above> {
        let named = self.named_above(node).into_iter().zip(&*node.names);
        named
            .map(|(named, name)| Above {
                variable: named.variable,
                name: name.clone(),
                key: None,
                given: vec![],
            })
            .collect()
    }

    /// The same with the keys of their records, and why their names are no others; and what templates
    /// at that place read.
    ///
    /// # Errors
    /// What is lacking, or why they cannot be had.
    pub fn records_above(&self, node: &Node, reads: &Reads) -> Result<(Vec<Above>, Bindings), Step> {
        let bindings = self.bindings(node, reads)?;
        let mut above = self.variables_above(node);
        for ((one, named), key) in above.iter_mut().zip(self.named_above(node)).zip(bindings.all_keys()) {
            let own = escape_between(&named.prefix, &key, &named.suffix);
            one.given = given(&key, named.prefix.len() + named.suffix.len(), &own, &one.name);
            one.key = Some(key);
        }
        Ok((above, bindings))
    }

    /// What a node's content, or what a directory lists, is computed from; with why it cannot be had.
    ///
    /// # Errors
    /// [`Step::Wanted`] if something has to be asked first.
    pub fn read_now(&self, node: &Node, reads: &Reads) -> Result<(Option<TreeError>, Used), Step> {
        let read = match self.kind(node) {
            Kind::Directory => {
                self.directory_now(node, reads).map(|directory| reads.include(&directory.used()))
            }
            _ => {
                self.bindings(node, reads).and_then(|bindings| self.render(node, &bindings, reads).map(drop))
            }
        };
        match read {
            Ok(()) => Ok((None, reads.used())),
            Err(Step::Failed(error)) => Ok((Some(error), reads.used())),
            Err(wanted) => Err(wanted),
        }
    }

    /// Why there is no such name in a directory.
    ///
    /// # Errors
    /// What is lacking, or why the directory cannot be listed.
    pub fn missing_now(&self, directory: &Node, name: &str, reads: &Reads) -> Result<Missing, Step> {
        let bindings = self.bindings(directory, reads)?;
        let mut missing = Missing { hidden: None, error: None, records: vec![], nearest: vec![] };
        if let Some(place) = self.place(directory).literals.get(name) {
            let place = self.layout().place(*place);
            missing.hidden = place.entry;
            let when = place.when(self.queries().model());
            missing.error = when.and_then(|when| self.condition_error(when, &bindings, reads));
            return Ok(missing);
        }
        let made = self.directory_now(directory, reads)?;
        let state = made.state();
        for group in &state.groups {
            missing.records.extend(self.no_record(group, name, &bindings, reads)?);
        }
        drop(state);
        let mut known: Vec<String> = made.listing().keys().map(ToString::to_string).collect();
        while let Some(found) = nearest(name, known.iter().map(String::as_str)).map(str::to_owned) {
            known.retain(|other| *other != found);
            missing.nearest.push(found);
            if missing.nearest.len() == SUGGESTED {
                break;
            }
        }
        Ok(missing)
    }

    fn no_record(
        &self,
        group: &Group,
        name: &str,
        outer: &Bindings,
        reads: &Reads,
    ) -> Result<Option<NoRecord>, Step> {
        let place = self.layout().place(group.place);
        let Some(named) = &place.variable else { return Ok(None) };
        let variable = self.queries().model().variable(named.variable);
        let bears = |position: &usize| group.rows.key(*position).is_some_and(|key| &*group.name(key) == name);
        let found = (0..group.rows.len()).find(bears);
        let standing = found.map(|position| group.standing[position]);
        let mut none = NoRecord {
            variable: named.variable,
            listed: group.rows.len(),
            counted: group.standing.iter().filter(|standing| standing.counts).count(),
            filtered: standing.is_some_and(|standing| !standing.counts),
            hidden: place
                .entry
                .filter(|_| standing.is_some_and(|standing| standing.counts && !standing.shown)),
            error: None,
        };
        if group.rows.len() == 0 {
            none.error = self.condition_error(&variable.records, outer, reads);
        }
        let condition = if none.filtered { variable.filter.as_ref() } else { None };
        let condition = condition.or(none.hidden.and_then(|_| place.when(self.queries().model())));
        if let Some((condition, record)) = condition.zip(found.and_then(|at| group.rows.record(at))) {
            none.error = self.condition_error(condition, &outer.with(record.binding(variable)), reads);
        }
        Ok(Some(none))
    }

    /// Why an expression cannot be computed, if it cannot.
    fn condition_error(&self, expression: &Expression, bindings: &Bindings, reads: &Reads) -> Option<String> {
        let own = Reads::new(reads.manner);
        let scope = Scope::new(self.queries(), bindings, &own);
        match self.queries().evaluate(&expression.text, expression, &scope, &own) {
            Err(Unready::Failed(error)) => Some(error.to_string()),
            _ => None,
        }
    }
}

/// Why a name is not the key: `own` is the name that the record has if no other claims it.
fn given(key: &str, around: usize, own: &str, name: &str) -> Vec<Given> {
    let cut = is_cut(key, around);
    let reasons = [(is_escaped(key), Given::Escaped), (cut, Given::Cut), (own != name, Given::Suffix)];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, given)| given).collect()
}

#[cfg(test)]
#[path = "explained_tests.rs"]
mod tests;
