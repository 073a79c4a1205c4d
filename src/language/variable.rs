//! `[each.NAME]`: path variables.

use toml::Spanned;
use toml::de::DeValue;

use super::document::Section;
use super::load::Loader;
use super::model::Variable;

/// Reads every path variable.
pub fn read(loader: &mut Loader, value: Option<&Spanned<DeValue<'_>>>) -> Vec<Variable> {
    let Some(table) = value.and_then(|value| loader.reader.table("`each`", value)) else { return Vec::new() };
    let mut variables = Vec::new();
    for (name, value) in table {
        let title = format!("each `{}`", name.get_ref());
        let Some(table) = loader.reader.table(&title, value) else { continue };
        let section = Section::open(&mut loader.reader, &title, table, &["in", "where", "key", "as"]);
        loader.is_readable_name(name.get_ref(), name.span());
        let binding = section
            .text(&mut loader.reader, "as")
            .filter(|text| loader.is_readable_name(&text.value, text.span.clone()))
            .map_or_else(|| name.get_ref().to_string(), |text| text.value);
        if loader.query_names.contains_key(&binding) {
            let help = Some("give one of them another name: templates could not tell them apart".into());
            let message = format!("`{binding}` is the name of a query as well");
            loader.reader.error(name.span(), message, "two meanings of one name", help);
        }
        let Some(records) = section.text(&mut loader.reader, "in") else {
            let help = Some("name a query, or a list in an outer variable: `in = \"sip_peers\"`".into());
            let message = format!("{title} does not say what it ranges over");
            loader.reader.error(name.span(), message, "`in` is missing", help);
            continue;
        };
        let Some(expression) = loader.expression(&records, None, vec![], None) else { continue };
        let filter = section.text(&mut loader.reader, "where");
        let filter = filter.and_then(|text| loader.expression(&text, None, vec![], None));
        let key = section.text(&mut loader.reader, "key").map(|key| key.value).or_else(|| {
            let id = loader.query_names.get(records.value.trim())?;
            loader.queries[id.0].as_ref()?.key.clone()
        });
        variables.push(Variable {
            name: name.get_ref().to_string(),
            binding,
            span: name.span(),
            records: expression,
            filter,
            key,
        });
    }
    variables
}
