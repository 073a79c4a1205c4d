//! The manager user that is enough for a tree.

use serde::Serialize;

use super::rights::{self, Classes, Told};
use crate::language::{Content, Model, QueryId, Question};
use crate::query::{FailureKind, Gentle};

/// A manager user.
#[derive(Default, Serialize)]
pub struct User {
    /// The classes to read, each with the events that need it.
    pub read: Classes,
    /// The classes to write, each with the queries and entries that need it.
    pub write: Classes,
    /// What takes classes that are not known.
    pub unknown: Vec<String>,
}

impl User {
    /// The user that is enough for all that this server can answer.
    pub fn enough(model: &Model, gentle: &Gentle, told: &Told) -> User {
        let mut user = User::default();
        let mut write = Vec::new();
        let mut need = |question: &Question, why: String| {
            let action = gentle.action_name(question).unwrap_or_else(|| "an action by a record".into());
            match told.of(&action) {
                Some(classes) => write.push((classes, why)),
                None => user.unknown.push(format!("{action} ({why})")),
            }
        };
        let mut events: Vec<(String, String)> = Vec::new();
        let mut ids = (0..model.queries.len()).map(QueryId);
        let denied =
            ids.any(|id| gentle.failure(id).is_some_and(|error| error.kind() == FailureKind::Denied));
        for (index, query) in model.queries.iter().enumerate() {
            let id = QueryId(index);
            let asks = query.question.is_of_server();
            // what was not asked may be for another record, or once what was denied is allowed
            let may_be_asked = || !query.added && (denied || !query.parameters.is_empty());
            let needed = match gentle.failure(id) {
                Some(error) => error.kind() != FailureKind::Unsupported,
                None => gentle.has_asked(id) || may_be_asked(),
            };
            if asks && needed {
                need(&query.question, query.name.clone());
                let triggers = query.refresh.on.iter().chain(&query.refresh.finds);
                events.extend(triggers.map(|trigger| (trigger.event.clone(), query.name.clone())));
            }
        }
        for entry in &model.entries {
            let path = entry.place.text().to_owned();
            if let Some(write) = &entry.write {
                need(&write.question, path.clone());
            }
            if let Content::Events(log) = &entry.content {
                let names = log.names.clone().unwrap_or_else(|| vec!["*".to_owned()]);
                events.extend(names.into_iter().map(|name| (name, path.clone())));
            }
        }
        user.write = rights::fewest(&write);
        for (event, why) in events {
            let class = if event == "*" { Some("all") } else { rights::of_event(&event) };
            match class {
                Some(class) => drop(user.read.entry(class.to_owned()).or_default().insert(why)),
                None => user.unknown.push(format!("event {event} ({why})")),
            }
        }
        user.unknown.sort_unstable();
        user.unknown.dedup();
        user
    }
}
