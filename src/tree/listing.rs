//! Making a directory, and making it again where something in it changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::directory::{Directory, Group, NameChange, Rows, Standing, State};
use super::error::Step;
use super::layout::PlaceId;
use super::lookup::Tree;
use crate::language::{CompiledExpression, Variable, escape, fit};
use crate::query::{Binding, Bindings, Dependent, NamedRecord, QueryError, Reads, Scope, Unready};

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

/// The records of a path variable, and which of those known before they are.
struct Ranged {
    rows: Rows,
    /// For each record the place where the same one stood before; all of them, if it is none.
    before: Before,
}

enum Before {
    /// Nothing is known of these records.
    Nothing,
    /// They stand where they stood; these are others.
    Changed(Arc<[usize]>),
    /// Here and there one is the same.
    Same(Vec<Option<usize>>),
}

impl Tree {
    /// Makes a directory what it is now; gives what changed.
    pub(super) fn make(
        &self,
        directory: &Directory,
        state: &mut State,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Vec<NameChange>, Step> {
        let place = self.layout().place(directory.node.place);
        let mut literals = Vec::new();
        for (name, literal) in &place.literals {
            if self.exists(*literal, bindings, reads)? {
                literals.push((name.as_str().into(), *literal));
            }
        }
        let mut groups = Vec::with_capacity(place.variables.len());
        let mut shown = Vec::new();
        // another reading of the tree file can have put other path variables here
        let known: Vec<PlaceId> = state.groups.iter().map(|group| group.place).collect();
        let mut renamed = !state.known || literals != state.literals || known != place.variables;
        let mut lacks = false;
        for (index, child) in place.variables.iter().enumerate() {
            let before = state.groups.iter_mut().find(|group| group.place == *child);
            match self.group((directory, *child), before, bindings, reads) {
                Ok((group, changes)) => {
                    renamed |= changes.is_none();
                    shown.extend(changes.into_iter().flatten().map(|(position, is)| (index, position, is)));
                    groups.push(group);
                }
                // what the other variables lack is asked for together with it
                Err(Step::Wanted) => lacks = true,
                Err(failed) => return Err(failed),
            }
        }
        if lacks {
            return Err(Step::Wanted);
        }
        let before = std::mem::replace(&mut state.groups, groups);
        for mut group in before.into_iter().filter(|group| !place.variables.contains(&group.place)) {
            group.besides.clear(self.queries(), directory.number.map(Dependent::Kept));
        }
        state.literals = literals;
        if renamed || !state.plain {
            return Ok(state.name_all(directory, &place.reserved));
        }
        let shown = shown.into_iter();
        Ok(shown.filter_map(|(index, position, is)| state.show(directory, index, position, is)).collect())
    }

    /// The records of a path variable as they stand now. Also gives which of them have come or gone, if
    /// all count that counted before and no others.
    #[allow(clippy::type_complexity, reason = "a pair with a name of its own would be read nowhere else")]
    fn group(
        &self,
        (directory, place): (&Directory, PlaceId),
        mut before: Option<&mut Group>,
        outer: &Bindings,
        reads: &Reads,
    ) -> Result<(Group, Option<Vec<(usize, bool)>>), Step> {
        let Some(named) = &self.layout().place(place).variable else { return Err(Step::Wanted) };
        let model = self.queries().model();
        let variable = model.variable(named.variable);
        let Ranged { rows, before: known } = self.range(variable, before.as_deref(), outer, reads)?;
        let mut standing = vec![Standing::default(); rows.len()];
        let dependent = directory.number.map(Dependent::Kept);
        let queries = self.queries();
        let in_place = matches!(known, Before::Changed(_));
        let mut todo: Vec<usize> = Vec::new();
        match (&known, &mut before) {
            (Before::Changed(positions), Some(before)) => {
                standing.copy_from_slice(&before.standing);
                todo = before.besides.outdated(queries, reads.manner);
                todo.extend(positions.iter());
                todo.sort_unstable();
                todo.dedup();
            }
            (Before::Same(places), Some(before)) => {
                for (position, place) in places.iter().enumerate() {
                    match place.filter(|place| !before.besides.contains(*place)) {
                        Some(place) => standing[position] = before.standing[place],
                        None => todo.push(position),
                    }
                }
            }
            _ => todo.extend(0..rows.len()),
        }
        let mut look = RecordConditions::new(self, place, variable, outer, reads)?;
        let mut same_count = in_place;
        let mut read = Vec::new();
        let mut shown = Vec::new();
        let mut lacks = false;
        for position in todo {
            let (Some(key), Some(value)) = (rows.key(position), rows.value(position)) else { continue };
            let own = Reads::new(reads.manner);
            let record = NamedRecord { key: Arc::clone(key), value: value.clone(), origin: None };
            let now = match look.at(record, &own) {
                Ok(now) => now,
                Err(Unready::Wanted) => {
                    reads.want_all(&own);
                    lacks = true;
                    continue;
                }
                Err(Unready::Failed(error)) => return Err(Unready::Failed(error).into()),
            };
            read.push((position, own.used()));
            let was = std::mem::replace(&mut standing[position], now);
            same_count &= was.counts == now.counts;
            if was.shown != now.shown {
                shown.push((position, now.shown));
            }
        }
        if lacks {
            return Err(Step::Wanted);
        }
        let mut besides = before.map(|before| std::mem::take(&mut before.besides)).unwrap_or_default();
        besides.put_all(queries, dependent, read, in_place);
        besides.touch(reads);
        let around = (named.prefix.clone(), named.suffix.clone());
        let group = Group { place, around, rows, standing, besides };
        Ok((group, same_count.then_some(shown)))
    }

    /// The records that a path variable ranges over.
    fn range(
        &self,
        variable: &Variable,
        before: Option<&Group>,
        outer: &Bindings,
        reads: &Reads,
    ) -> Result<Ranged, Step> {
        if let Some(id) = self.queries().named_table(&variable.records, self.queries().server_of(outer))
            && let Some(field) = &variable.key
        {
            let (view, used) = reads.apart(|own| self.queries().view(id, &Bindings::none(), own));
            reads.include(&used);
            let view = match view {
                Err(Unready::Failed(error)) if error.kind() == crate::query::FailureKind::Unsupported => {
                    return Ok(Ranged { rows: Rows::Own(Vec::new()), before: Before::Nothing });
                }
                other => other?,
            };
            if let (Some((table, version)), Some(records)) = (&view.table, view.snapshot.value.as_list()) {
                view.use_whole(reads);
                let (table, version) = (Arc::clone(table), *version);
                let snapshot = Arc::clone(&view.snapshot);
                let Some(Group { rows: Rows::Table { snapshot: old, keys: known, .. }, .. }) = before else {
                    let keys = keys_of(variable, snapshot.keys(field));
                    return Ok(Ranged {
                        rows: Rows::Table { table, version, snapshot, keys },
                        before: Before::Nothing,
                    });
                };
                if let Some(positions) = snapshot.changed_since(old) {
                    let key = |at: usize| records[at].get(field).map(crate::query::key_text);
                    let stays = positions.iter().all(|at| key(*at).as_deref() == known[*at].as_deref());
                    let (keys, before) = if stays {
                        (Arc::clone(known), Before::Changed(positions))
                    } else {
                        (keys_of(variable, snapshot.keys(field)), Before::Nothing)
                    };
                    return Ok(Ranged { rows: Rows::Table { table, version, snapshot, keys }, before });
                }
                let keys = keys_of(variable, snapshot.keys(field));
                let stood: HashMap<&str, usize> = known
                    .iter()
                    .enumerate()
                    .filter_map(|(position, key)| Some((key.as_deref()?, position)))
                    .collect();
                let old = old.value.as_list();
                let same = |at: usize| {
                    let place = *stood.get(keys[at].as_deref()?)?;
                    (old?.get(place)? == &records[at]).then_some(place)
                };
                let places = (0..records.len()).map(same).collect();
                return Ok(Ranged {
                    rows: Rows::Table { table, version, snapshot, keys },
                    before: Before::Same(places),
                });
            }
        }
        let records = self.queries().records(variable, outer, reads)?;
        Ok(Ranged { rows: Rows::Own(records), before: Before::Nothing })
    }

    /// Whether a place that has a name of its own is there now.
    pub(super) fn exists(&self, place: PlaceId, bindings: &Bindings, reads: &Reads) -> Result<bool, Step> {
        let Some(when) = self.layout().place(place).when(self.queries().model()) else { return Ok(true) };
        let name = self.place_name(place);
        let scope = Scope::new(self.queries(), bindings, reads);
        let value = self.queries().evaluate(&name, when, &scope, reads);
        Ok(holds(value.map(|value| value.is_true()), &name)?)
    }

    fn place_name(&self, place: PlaceId) -> String {
        let entry = self.layout().place(place).entry(self.queries().model());
        format!("{} when", entry.map_or("", |entry| entry.place.text()))
    }
}

/// A condition that cannot be computed does not hold; the mistake is told.
fn holds(condition: Result<bool, Unready>, name: &str) -> Result<bool, Unready> {
    match condition {
        Err(Unready::Failed(error @ QueryError::Template { .. })) => {
            tracing::warn!("`{name}` left out: {error}");
            Ok(false)
        }
        Err(Unready::Failed(error)) if error.means_cannot_answer() => Ok(false),
        other => other,
    }
}

/// The keys of all records; that some have none is told once.
fn keys_of(variable: &Variable, keys: Arc<[Option<Arc<str>>]>) -> Arc<[Option<Arc<str>>]> {
    if keys.contains(&None) {
        tracing::warn!("each `{}`: records without the field that names them are left out", variable.name);
    }
    keys
}

/// `where` and `when` of the records at one place, compiled once for all of them.
struct RecordConditions<'a> {
    tree: &'a Tree,
    variable: &'a Variable,
    outer: &'a Bindings,
    filter: Option<(String, CompiledExpression)>,
    when: Option<(String, CompiledExpression)>,
    /// Whether a mistake in `where` was told.
    told: bool,
}

impl<'a> RecordConditions<'a> {
    fn new(
        tree: &'a Tree,
        place: PlaceId,
        variable: &'a Variable,
        outer: &'a Bindings,
        reads: &Reads,
    ) -> Result<RecordConditions<'a>, Step> {
        let model = tree.queries().model();
        let compile = |name: String, expression: &'a crate::language::Expression| {
            let compiled = model.templates.compiled(expression);
            let compiled = compiled.map_err(|error| tree.queries().template_error(&name, &error, reads))?;
            Ok::<_, Unready>((name, compiled))
        };
        let filter = variable.filter.as_ref();
        let filter = filter.map(|filter| compile(format!("each `{}`: where", variable.name), filter));
        let when = tree.layout().place(place).when(model);
        let when = when.map(|when| compile(tree.place_name(place), when));
        Ok(RecordConditions {
            tree,
            variable,
            outer,
            filter: filter.transpose()?,
            when: when.transpose()?,
            told: false,
        })
    }

    fn at(&mut self, record: NamedRecord, reads: &Reads) -> Result<Standing, Unready> {
        if self.filter.is_none() && self.when.is_none() {
            return Ok(Standing { counts: true, shown: true });
        }
        let queries = self.tree.queries();
        let key = Arc::clone(&record.key);
        let bindings = self.outer.with(record.binding(self.variable));
        let ask = |(name, condition): &(String, CompiledExpression)| {
            let value = condition.evaluate(Scope::new(queries, &bindings, reads).context());
            value.map(|value| value.is_true()).map_err(|error| queries.template_error(name, &error, reads))
        };
        if let Some(filter) = &self.filter {
            match ask(filter) {
                Ok(true) => {}
                Ok(false) => return Ok(Standing::default()),
                // one odd record must not hide the others
                Err(Unready::Failed(error)) if reads.verdict().is_none() => {
                    if !std::mem::replace(&mut self.told, true) {
                        tracing::warn!("record `{}` left out: {error}", escape(&key));
                    }
                    return Ok(Standing::default());
                }
                Err(other) => return Err(other),
            }
        }
        let shown = match &self.when {
            None => true,
            Some(when) => holds(ask(when), &when.0)?,
        };
        Ok(Standing { counts: true, shown })
    }
}

/// A record bound to its variable under the name it is listed by.
pub fn bind(variable: &Variable, name: &Arc<str>, record: &NamedRecord) -> Binding {
    Binding { name: Arc::clone(name), ..record.clone().binding(variable) }
}

/// The name itself, or, if another record or an entry has it, the name with `~2`, `~3`, …
pub fn unique(name: &Arc<str>, taken: &mut HashSet<Arc<str>>) -> Arc<str> {
    let mut candidate = Arc::clone(name);
    let mut number = 1;
    while !taken.insert(Arc::clone(&candidate)) {
        number += 1;
        let suffix = format!("~{number}");
        candidate = format!("{}{suffix}", fit(name, suffix.len())).into();
    }
    candidate
}
