//! Results that stand in a test file: the query asks for them in a question of their own, and the
//! recording that stands in for the server has the answers. So they go the way of every answer: they
//! become stale by events, `fields` are computed for them, `key` finds their records.

use std::collections::BTreeMap;

use super::{Case, Given};
use crate::language::{Code, Model, Question, Reader, TextKind, suggestion};
use crate::parse::Parser;
use crate::recording::{Recording, Told};

impl Case {
    /// Has the queries that the case gives results for ask for these; mistakes are reported.
    pub(crate) fn answer_in_place(&self, model: &mut Model, reader: &mut Reader) {
        redirect(model, self, reader);
    }
}

fn redirect(model: &mut Model, case: &Case, reader: &mut Reader) {
    let mut results: BTreeMap<&str, Vec<&Given>> = BTreeMap::new();
    for (index, step) in case.steps.iter().enumerate() {
        for given in &step.given {
            if index > 0 && !results.contains_key(&*given.query) {
                let help = Some(format!("give `{}` a result in the case itself as well", given.query));
                let message = "what answers a query cannot be changed on the way";
                let span = given.span.clone();
                reader.finding(Code::MisplacedResult, span, message, "not given before", help);
            }
            results.entry(&given.query).or_default().push(given);
        }
    }
    for (name, given) in results {
        let Some(&id) = model.query_names.get(name) else {
            let mut known: Vec<&str> = model.query_names.keys().map(String::as_str).collect();
            known.sort_unstable();
            let help = suggestion(name, known.iter().copied());
            let message = format!("the tree has no query `{name}`");
            let span = given[0].span.clone();
            reader.finding(Code::UnknownQuery, span, message, "unknown query", help);
            continue;
        };
        let parameters = model.query(id).parameters.clone();
        let mut texts = true;
        for one in &given {
            let answers = answers(one, parameters.len());
            if answers.is_none() {
                let per = parameters.join("` and each `");
                let help = Some(format!("write a table: `{name}.NAME = …`, by the names in the directory"));
                let message = format!("`{name}` is asked once for each `{per}`");
                let span = one.span.clone();
                reader.finding(Code::MisplacedResult, span, message, "no table of results", help);
            }
            texts &= answers.unwrap_or_default().iter().all(|(_, result)| result.is_string());
        }
        let mut question = name.to_owned();
        parameters.iter().for_each(|parameter| question.push_str(&format!("/{{{{ {parameter} }}}}")));
        let Ok(template) = model.templates.add(&format!("given {name}"), TextKind::Content, &question) else {
            continue;
        };
        let query = &mut model.queries[id.0];
        if !texts {
            query.parser = Some(Parser::Json);
            query.rows.clear();
        } else if query.parser.is_none()
            && matches!(query.question, Question::Data { .. } | Question::Records(_))
        {
            query.parser = Some(Parser::Outline);
        } else if query.parser.is_none()
            && let Question::Origin(origin) = &query.question
        {
            query.parser = origin.parser();
        }
        query.question = Question::Command(template);
        query.needs.clear();
    }
}

/// Puts the answers to these questions into a recording.
pub fn answer(recording: &mut Recording, model: &Model, given: &[Given]) {
    for one in given {
        let parameters = model.query_names.get(&one.query).map(|id| model.query(*id).parameters.len());
        for (names, result) in answers(one, parameters.unwrap_or_default()).unwrap_or_default() {
            let question = [std::slice::from_ref(&one.query), &names[..]].concat().join("/");
            let printed = match result {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let mut bytes = b"Response: Success\r\nMessage: Command output follows\r\n".to_vec();
            for line in crate::parse::text::encode(&printed).split_inclusive(|&byte| byte == b'\n') {
                bytes.extend_from_slice(b"Output: ");
                bytes.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"\r\n");
            let headers = [(&b"Action"[..], &b"Command"[..]), (&b"Command"[..], question.as_bytes())];
            recording.put(headers, Told::Answer { bytes, action_id: None, then_closed: false });
        }
    }
}

/// Each result with the names of the records that it is for; none if there is no table where each of
/// them needs one.
fn answers(given: &Given, parameters: usize) -> Option<Vec<(Vec<String>, &serde_json::Value)>> {
    let mut all = vec![(Vec::new(), &given.result)];
    for _ in 0..parameters {
        let mut next = Vec::new();
        for (names, result) in all {
            for (name, result) in result.as_object()? {
                next.push(([&names[..], std::slice::from_ref(name)].concat(), result));
            }
        }
        all = next;
    }
    Some(all)
}
