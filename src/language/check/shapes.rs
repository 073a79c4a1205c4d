//! Fields read of what is known to have none.

use std::collections::{HashMap, HashSet};

use crate::language::code::Code;
use crate::language::load::{Loader, NamesRead};
use crate::language::model::{Query, Question, Variable};
use crate::language::tags::Tags;
use crate::parse::Parser;

/// What a query is known to give, if that has no fields.
pub fn fieldless(query: &Query) -> Option<&'static str> {
    let own = match &query.question {
        Question::Command(_) => None,
        Question::Origin(origin) => origin.parser(),
        _ => return None,
    };
    let plain = query.fields.is_empty() && query.rows.is_empty();
    match query.parser.as_ref().or(own.as_ref()) {
        None | Some(Parser::Text) if plain => Some("one text"),
        Some(Parser::Lines) if plain => Some("a list of lines"),
        _ => None,
    }
}

/// Reports fields of a text, a list of lines, or a path variable that ranges over lines.
pub fn check(loader: &mut Loader, reads: &[NamesRead], variables: &[Variable]) {
    let mut known: HashMap<String, &'static str> = HashMap::new();
    for (name, id) in &loader.query_names {
        let shape = loader.queries[id.0].as_ref().and_then(fieldless);
        known.extend(shape.map(|shape| (name.clone(), shape)));
    }
    let is_line = |variable: &Variable| {
        variable.key.is_none() && known.get(variable.records.text.trim()) == Some(&"a list of lines")
    };
    let lines: HashSet<&str> =
        variables.iter().filter(|one| is_line(one)).map(|one| one.binding.as_str()).collect();
    let others: HashSet<&str> =
        variables.iter().filter(|one| !is_line(one)).map(|one| one.binding.as_str()).collect();
    known.extend(lines.difference(&others).map(|binding| ((*binding).to_owned(), "a line")));
    for read in reads {
        for nested in &read.nested {
            let mut parts = nested.split('.');
            let (Some(name), Some(field)) = (parts.next(), parts.next()) else { continue };
            let Some(shape) = known.get(name).filter(|_| !read.also.contains(&name)) else { continue };
            let tags = [Tags::of_template(&read.text), Tags::of_expression(&read.text)];
            let attribute = format!(".{field}");
            let found = tags.iter().flat_map(|tags| &tags.names).find(|(found, range)| {
                found == name && read.text[range.end..].trim_start().starts_with(&attribute)
            });
            let Some((_, range)) = found else { continue };
            let place = read.place(range.clone());
            let message = format!("`{name}` is {shape} and has no field `{field}`");
            let help = "let `parse` make records of the answer: `table`, `fields`, … or a `regex`".to_owned();
            loader.reader.finding_at(Code::NoFields, place, message, "has no fields", Some(help));
        }
    }
}
