//! `each` of a query: the path variable whose records a list has, while their fields are computed.

use crate::language::code::Code;
use crate::language::diagnostic::suggestion;
use crate::language::load::{EachOfQuery, Loader, NamesRead};
use crate::language::model::{RecordsOf, Variable};

/// Finds the path variables that queries name, and notes what they are in the queries.
pub fn resolve(loader: &mut Loader, variables: &[Variable]) {
    for EachOfQuery { query, variable: name, place } in std::mem::take(&mut loader.each_of_queries) {
        let Some(query) = &mut loader.queries[query.0] else { continue };
        let Some(variable) = variables.iter().find(|variable| variable.name == name) else {
            let help = suggestion(&name, variables.iter().map(|variable| variable.name.as_str()));
            let help = help.or_else(|| Some(format!("declare it: `[each.{name}]`")));
            let message = format!("there is no path variable `{name}`");
            loader.reader.finding_at(Code::UnknownVariable, place, message, "not declared", help);
            continue;
        };
        if query.fields.is_empty() {
            let help = Some("say in `fields` what is to be read for each record, or leave it out".into());
            let message = "`each` belongs to `fields`, and there are none";
            loader.reader.finding_at(Code::MisplacedKey, place, message, "has no meaning here", help);
            continue;
        }
        let Some(key) = query.key.clone().or_else(|| variable.key.clone()) else {
            let help = Some("add `key = \"…\"` to the query: the field that names a record".into());
            let message = format!("query `{}` does not say which field names a record", query.name);
            loader.reader.finding_at(Code::NoKey, place, message, "no key", help);
            continue;
        };
        query.each = Some(RecordsOf { binding: variable.binding.clone(), key });
    }
}

impl Loader {
    /// The template variable that is set in the fields of a query, if this is read in them.
    pub fn set_in_fields(&self, read: &NamesRead) -> Option<&String> {
        let query = self.queries[read.query?.0].as_ref()?;
        query.each.as_ref().filter(|_| read.also.contains(&"row")).map(|each| &each.binding)
    }
}
