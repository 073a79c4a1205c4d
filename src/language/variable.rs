//! `[each.NAME]`: path variables.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::code::Code;
use super::document::Section;
use super::fleet;
use super::keys;
use super::load::Loader;
use super::model::Variable;
use super::parts::{Declared, Table};

/// Reads every path variable.
pub fn read(loader: &mut Loader, tables: &[Table<'_>]) -> Vec<Variable> {
    let mut names = Declared::default();
    let mut variables = Vec::new();
    for (part, value) in tables {
        loader.reader.source = Arc::clone(&part.source);
        let Some(table) = loader.reader.table("`each`", value) else { continue };
        for (name, value) in table {
            let place = loader.reader.place(name.span());
            if names.is_new(&mut loader.reader, "path variable", name.get_ref(), place) {
                variables.extend(variable(loader, name, value));
            }
        }
    }
    variables
}

fn variable(
    loader: &mut Loader,
    name: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Option<Variable> {
    let title = format!("each `{}`", name.get_ref());
    let table = loader.reader.table(&title, value)?;
    let section = Section::open(&mut loader.reader, &title, table, keys::EACH);
    loader.is_readable_name(name.get_ref(), name.span());
    let binding = section
        .text(&mut loader.reader, "as")
        .filter(|text| loader.is_readable_name(&text.value, text.span.clone()))
        .map_or_else(|| name.get_ref().to_string(), |text| text.value);
    if loader.query_names.contains_key(&binding) {
        let help = Some("give one of them another name: templates could not tell them apart".into());
        let message = format!("`{binding}` is the name of a query as well");
        loader.reader.finding(Code::AmbiguousName, name.span(), message, "two meanings of one name", help);
    }
    let Some(records) = section.text(&mut loader.reader, "in") else {
        let help = Some("name a query, or a list in an outer variable: `in = \"sip_peers\"`".into());
        let message = format!("{title} does not say what it ranges over");
        loader.reader.finding(Code::NoRecords, name.span(), message, "`in` is missing", help);
        return None;
    };
    if loader.is_fleet() && binding == fleet::SERVER && records.value.trim() != fleet::SERVERS {
        let help = Some("let it range over `servers`, or name it otherwise".into());
        let message = "`server` stands for one of the servers";
        loader.reader.finding(Code::ReservedName, name.span(), message, "taken", help);
    }
    let expression = loader.expression(&records, None, vec![], None)?;
    let filter = section.text(&mut loader.reader, "where");
    let filter = filter.and_then(|text| loader.condition(&text, None, "it leaves no record"));
    let key = section.text(&mut loader.reader, "key").map(|key| key.value).or_else(|| {
        let id = loader.query_names.get(records.value.trim())?;
        loader.queries[id.0].as_ref()?.key.clone()
    });
    Some(Variable {
        name: name.get_ref().to_string(),
        binding,
        place: loader.reader.place(name.span()),
        records: expression,
        filter,
        key,
    })
}
