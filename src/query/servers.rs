//! Several servers in templates: the list of them, and each with its own queries.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::queries::Queries;
use super::scope::{Scope, View};
use crate::language::{QueryId, SERVER_NAME};
use crate::parse::value::{Fields, Shapes, Value};

/// The fields of a server, in the order they are listed.
const FIELDS: [&str; 4] = [SERVER_NAME, "address", "up", "since"];

impl Queries {
    /// The servers as records: each with its name, its address, whether it is `up`, and `since` when that is so.
    pub(super) fn server_records(&self) -> Value {
        let mut shapes = Shapes::new();
        let declared = self.model().servers.iter().zip(&self.connections);
        let records = declared.map(|((name, declared), connection)| {
            let link = connection.link_now();
            let text = |text: &str| Value::Text(text.into());
            let values = [
                text(name),
                text(declared.address.as_deref().unwrap_or_default()),
                Value::Bool(link.session.is_some()),
                text(&jiff::Timestamp::try_from(link.at).map(|at| format!("{at:.0}")).unwrap_or_default()),
            ];
            let mut fields = Fields::new();
            FIELDS.iter().zip(values).for_each(|(name, value)| fields.push(name, value));
            fields.finish(&mut shapes)
        });
        records.collect::<Vec<_>>().into()
    }
}

/// The list `servers`.
pub struct AllServers {
    /// Where it is read.
    pub scope: Scope,
}

impl AllServers {
    fn names(&self) -> impl ExactSizeIterator<Item = &String> {
        self.scope.queries.model().servers.keys()
    }

    fn server(&self, name: &str) -> minijinja::Value {
        OneServer::new(self.scope.clone(), name.into()).template_value()
    }
}

impl fmt::Debug for AllServers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AllServers")
    }
}

impl Object for AllServers {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        let mut names = self.names();
        let name = match key.as_str() {
            Some(name) => names.find(|known| *known == name),
            None => names.nth(key.as_usize()?),
        };
        Some(self.server(name?))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.names().len())
    }
}

/// One of several servers. It has the fields of its record; what has no such name is a query of it.
pub struct OneServer {
    scope: Scope,
    name: Arc<str>,
}

impl OneServer {
    /// The server of that name, as it is read in a scope.
    pub fn new(scope: Scope, name: Arc<str>) -> OneServer {
        OneServer { scope: scope.on(&name), name }
    }

    /// What a template sees: it prints as its name.
    pub fn template_value(self) -> minijinja::Value {
        minijinja::Value::from_object(self)
    }

    /// One of its fields; whether it is there is read of its record alone.
    fn field(&self, field: &str) -> Option<minijinja::Value> {
        let model = self.scope.queries.model();
        if field == SERVER_NAME {
            return Some((&*self.name).into());
        }
        let list = model.list_of_servers().filter(|_| FIELDS.contains(&field))?;
        Some(self.scope.read_as(list, |view: View| {
            let records = view.template_value(&self.scope.reads);
            let record = records.get_item(&(&*self.name).into()).unwrap_or_default();
            record.get_attr(field).unwrap_or_default()
        }))
    }

    fn query(&self, name: &str) -> Option<QueryId> {
        let model = self.scope.queries.model();
        model.query_named(name, model.server_named(&self.name))
    }
}

impl fmt::Debug for OneServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OneServer")
    }
}

impl Object for OneServer {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    /// What is computed names no query: which ones read each other in a circle is known before.
    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.field(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<minijinja::Value> {
        self.field(key).or_else(|| Some(self.scope.read(self.query(key)?)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&FIELDS)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
