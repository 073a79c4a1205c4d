//! What names mean while a template or expression runs: path variables, then queries.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind};

use super::caller::Caller;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::servers::{AllServers, OneServer};
use super::snapshot::Snapshot;
use super::table::Table;
use crate::language::{Bound, QueryId, SERVER, to_template};
use crate::parse::value::Value;

/// A path variable's record.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The variable's name in templates.
    pub variable: Arc<str>,
    /// The record's name in the directory.
    pub name: Arc<str>,
    /// The value of the record's key, as the server spells it.
    pub key: Arc<str>,
    /// The record.
    pub value: Value,
    /// The version of a table that the record stands in, if it stands in one.
    pub origin: Option<(Arc<Table>, u64)>,
}

/// The path variables of a path, outermost first.
#[derive(Debug, Clone, Default)]
pub struct Bindings(Arc<[Binding]>);

impl Bindings {
    /// None.
    pub fn none() -> Bindings {
        Bindings::default()
    }

    /// One of several servers alone.
    pub(super) fn of_server(name: &str) -> Bindings {
        let (variable, name, value) = (SERVER.into(), Arc::from(name), Value::Text(name.into()));
        Bindings::none().with(Binding { variable, key: Arc::clone(&name), name, value, origin: None })
    }

    /// The name of one of several servers, if it is set.
    pub(super) fn server(&self) -> Option<&Arc<str>> {
        self.get(SERVER).map(|binding| &binding.key)
    }

    /// These and one more, innermost.
    pub fn with(&self, binding: Binding) -> Bindings {
        Bindings(self.0.iter().cloned().chain([binding]).collect())
    }

    /// Those of these variables.
    pub(super) fn only(&self, variables: &[String]) -> Bindings {
        let wanted = |binding: &&Binding| variables.iter().any(|name| **name == *binding.variable);
        Bindings(self.0.iter().filter(wanted).cloned().collect())
    }

    /// The keys of the records of these variables.
    pub(super) fn keys(&self, variables: &[String]) -> Vec<Arc<str>> {
        self.only(variables).0.iter().map(|binding| Arc::clone(&binding.key)).collect()
    }

    /// Whether the records are the same, not only their names.
    pub fn same_records(&self, other: &Bindings) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&*other.0).all(|(one, two)| one.value == two.value)
    }

    /// The keys of all of them, outermost first.
    pub fn all_keys(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.0.iter().map(|binding| Arc::clone(&binding.key))
    }

    /// The innermost, if there is one.
    pub fn innermost(&self) -> Option<&Binding> {
        self.0.last()
    }

    fn get(&self, variable: &str) -> Option<&Binding> {
        self.0.iter().rev().find(|binding| &*binding.variable == variable)
    }
}

/// Equal names: one entry of a map for each record, whatever its fields are at the moment.
impl PartialEq for Bindings {
    fn eq(&self, other: &Bindings) -> bool {
        let named = |binding: &Binding| (Arc::clone(&binding.variable), Arc::clone(&binding.name));
        self.0.iter().map(named).eq(other.0.iter().map(named))
    }
}

impl Eq for Bindings {}

impl Hash for Bindings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for binding in &*self.0 {
            (&binding.variable, &binding.name).hash(state);
        }
    }
}

/// The context of one run of a template or expression.
#[derive(Clone)]
pub struct Scope {
    pub(super) queries: Arc<Queries>,
    pub(super) bindings: Bindings,
    also: Option<(&'static str, minijinja::Value)>,
    pub(super) reads: Reads,
}

impl Scope {
    /// A scope with these path variables, noting in `reads` what is read.
    pub fn new(queries: &Arc<Queries>, bindings: &Bindings, reads: &Reads) -> Scope {
        Scope { queries: Arc::clone(queries), bindings: bindings.clone(), also: None, reads: reads.clone() }
    }

    /// The same with one more name.
    pub fn with(mut self, name: &'static str, value: minijinja::Value) -> Scope {
        self.also = Some((name, value));
        self
    }

    /// The scope as a template's context.
    pub fn context(self) -> minijinja::Value {
        minijinja::Value::from_object(self)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the template engine may print its context: records hold secrets
        formatter.write_str("Scope")
    }
}

impl Object for Scope {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<minijinja::Value> {
        if let Some((name, value)) = &self.also
            && *name == key
        {
            return Some(value.clone());
        }
        if let Some(binding) = self.bindings.get(key) {
            if key == SERVER && self.queries.model().is_fleet() {
                return Some(OneServer::new(Scope::clone(self), Arc::clone(&binding.key)).template_value());
            }
            self.note(binding);
            return Some(minijinja::Value::from_object(Bound::new(
                Arc::clone(&binding.name),
                binding.value.clone(),
            )));
        }
        if key == "caller" {
            return self.reads.caller().map(Caller::template_value);
        }
        let query = self.queries.model().query_named(key, self.queries.server_of(&self.bindings))?;
        if Some(query) == self.queries.model().list_of_servers() {
            return Some(minijinja::Value::from_object(AllServers { scope: Scope::clone(self) }));
        }
        Some(self.read(query))
    }
}

impl Scope {
    /// A query's result, or that there is none, as a template sees it.
    pub(super) fn read(&self, query: QueryId) -> minijinja::Value {
        self.read_as(query, |view| view.template_value(&self.reads))
    }

    /// What somebody makes of a query's result, or that there is none.
    pub(super) fn read_as(
        &self,
        query: QueryId,
        value: impl FnOnce(View) -> minijinja::Value,
    ) -> minijinja::Value {
        self.queries.view(query, &self.bindings, &self.reads).map(value).unwrap_or_else(|unready| {
            if let Unready::Failed(error) = &unready {
                self.reads.fail(error.clone());
            }
            minijinja::Value::from(Error::new(ErrorKind::InvalidOperation, unready.to_string()))
        })
    }

    /// The same scope on one of several servers.
    pub(super) fn on(&self, server: &str) -> Scope {
        let bindings = self.bindings.with(Bindings::of_server(server).0[0].clone());
        Scope { bindings, ..self.clone() }
    }

    /// Notes that a path variable's record is read. Of two with one key only one can be told by it.
    fn note(&self, binding: &Binding) {
        let Some((table, version)) = &binding.origin else { return };
        if table.tells(&binding.key, &binding.value) {
            self.reads.use_record(table, *version, &binding.key, Some(&binding.value));
        } else {
            self.reads.use_table(table, *version);
        }
    }
}

/// A result as somebody reads it, who notes what he read of it.
#[derive(Debug, Clone)]
pub struct View {
    /// The result.
    pub snapshot: Arc<Snapshot>,
    /// The table it is the present version of, if the query is asked once.
    pub table: Option<(Arc<Table>, u64)>,
}

impl View {
    /// The result in a template: of a list it is noted which records are read by their key, all else
    /// stands for itself.
    pub fn template_value(self, reads: &Reads) -> minijinja::Value {
        if self.snapshot.value.as_list().is_some() {
            return minijinja::Value::from_object(Records { view: self, reads: reads.clone() });
        }
        self.use_whole(reads);
        to_template(&self.snapshot.value)
    }

    /// Notes that all of it is read.
    pub fn use_whole(&self, reads: &Reads) {
        if let Some((table, version)) = &self.table {
            reads.use_table(table, *version);
        }
    }
}

/// A result's list in a template.
struct Records {
    view: View,
    reads: Reads,
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Records")
    }
}

impl Records {
    fn items(&self) -> &[Value] {
        self.view.use_whole(&self.reads);
        self.view.snapshot.value.as_list().map_or(&[], |items| items)
    }
}

impl Object for Records {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        let Some(key) = key.as_str() else { return self.items().get(key.as_usize()?).map(to_template) };
        let record = self.view.snapshot.record(key);
        if let Some((table, version)) = &self.view.table {
            self.reads.use_record(table, *version, &key.into(), record);
        }
        record.map(to_template)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().len())
    }
}
