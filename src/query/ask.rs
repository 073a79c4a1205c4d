//! Asking: one question in flight for each cell, and what its answer means.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::asking::{Told, Urgency};
use super::cell::{Cell, Outcome};
use super::dependents::Dependent;
use super::error::{FailureKind, QueryError};
use super::inquiry::Reply;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::Bindings;
use super::snapshot::Snapshot;
use crate::ami::{Answer, Message};
use crate::language::{Query, QueryId, Question};
use crate::parse::value::{Shapes, Value};
use crate::parse::{Parser, headers};

/// What is longer is read where it holds up nothing else, in bytes.
const LARGE: usize = 1 << 20;

/// Who waits so long for the first answer wonders why.
const LONG: Duration = Duration::from_secs(1);

impl Queries {
    /// Asks all these questions, joining those that are asked already, and waits for them.
    pub(super) async fn ask_all(self: &Arc<Self>, cells: Vec<Arc<Cell>>, urgency: Urgency) {
        let waits: Vec<_> = cells
            .into_iter()
            .map(|cell| match cell.join() {
                Ok(waiting) => waiting,
                Err(done) => {
                    let waiting = done.subscribe();
                    let queries = Arc::clone(self);
                    // a task of its own: whoever waits may give up, the answer is still wanted
                    tokio::spawn(queries.ask(cell, done, urgency));
                    waiting
                }
            })
            .collect();
        for mut waiting in waits {
            // ends when the asking task drops its side
            while waiting.changed().await.is_ok() {}
        }
    }

    /// Asks one question; dropping `done` wakes those who wait. Boxed, because a question may need
    /// others first.
    fn ask(
        self: Arc<Self>,
        cell: Arc<Cell>,
        done: watch::Sender<()>,
        urgency: Urgency,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let query = self.model().query(cell.query);
            for need in &query.needs {
                self.fulfil(*need).await;
            }
            match self.told(cell.query, &cell.inquiry, query.timeout, urgency).await {
                Some(told) => {
                    let is_large = told.reply.size() > LARGE;
                    let (queries, asked) = (Arc::clone(&self), Arc::clone(&cell));
                    let settle = move || {
                        queries.settle_cell(&asked, &told);
                        queries
                            .cells_alike(&asked)
                            .iter()
                            .for_each(|other| queries.settle_cell(other, &told));
                    };
                    match is_large {
                        // it is only lost with the runtime
                        true => drop(tokio::task::spawn_blocking(settle).await),
                        false => settle(),
                    }
                }
                None => {
                    let error = QueryError::NoServer { query: query.name.as_str().into() };
                    self.mark(cell.settle(Err(error), Instant::now(), None));
                }
            }
            if query.refresh.one.is_some() {
                // also if it says the same as before: records that were asked for anew stand over it
                self.mark([Dependent::Table(cell.query)]);
            }
            drop(done);
        })
    }

    pub(super) fn settle_cell(&self, cell: &Cell, told: &Told) {
        let took = told.asked.elapsed();
        if let Reply::Content(Ok(content)) = &told.reply {
            cell.set_watched(content.watched);
        }
        let outcome = self.read_outcome(cell.query, told.reply.clone());
        if let Ok(snapshot) = &outcome {
            let is_first = cell.asked().is_none();
            tell_answer(self.model().query(cell.query), snapshot, took, is_first);
        }
        self.answers(cell.query).add(outcome.is_err(), took);
        self.note_data_get(cell.query, &outcome, told);
        self.mark(cell.settle(outcome, told.asked, told.session));
    }

    /// What came of asking; a failure is told here, once.
    pub(super) fn read_outcome(&self, id: QueryId, reply: Reply) -> Outcome {
        let query = self.model().query(id);
        let name = || query.name.as_str().into();
        let read = match reply {
            Reply::Answer(Ok(answer)) => read_answer(query, &answer),
            Reply::Answer(Err(error)) => Err(QueryError::NoAnswer { query: name(), error }),
            Reply::Content(Ok(content)) => read_content(query, content.bytes, self.model().shows_raw(id)),
            Reply::Content(Err(error)) => Err(QueryError::NoContent { query: name(), error }),
        };
        match read {
            Ok((value, raw)) => {
                // of a query that is asked once there is one result at a time
                let alike = !query.parameters.is_empty();
                let value = if alike { self.shapes(id).share(value) } else { value };
                let raw = if self.keeps_raw(id) { raw } else { Bytes::new() };
                Ok(Arc::new(Snapshot::new(value, raw, query.key.clone())))
            }
            Err(error) => {
                let is_usual = matches!(error.kind(), FailureKind::Unsupported | FailureKind::Missing);
                match is_usual || error.is_about_connection() {
                    true => tracing::debug!("{error}"),
                    false => tracing::warn!("{error}"),
                }
                Err(error)
            }
        }
    }

    /// Runs a query for its effect: for every record, if it is asked once per record. Its failure
    /// is noted and keeps nobody from asking on.
    async fn fulfil(self: &Arc<Self>, need: QueryId) {
        let query = self.model().query(need);
        let all = |reads: &Reads| self.every_binding(need, &query.parameters, reads);
        let bindings = match self.settle(query.timeout, all).await {
            Ok((bindings, _)) => bindings,
            Err(error) => {
                tracing::debug!("needed, but not to be had: {error}");
                return;
            }
        };
        // all at once: pipelined, a thousand short questions take the time of a few
        let read_all = |reads: &Reads| {
            let mut result = Ok(());
            for binding in &bindings {
                if let Err(Unready::Wanted) = self.read(need, binding, reads) {
                    result = Err(Unready::Wanted);
                }
            }
            result
        };
        if let Err(error) = self.settle(query.timeout * 4, read_all).await {
            tracing::warn!("needed, but not finished: {error}");
        }
    }

    /// Every combination of records of these template variables, for a query.
    fn every_binding(
        self: &Arc<Self>,
        id: QueryId,
        parameters: &[String],
        reads: &Reads,
    ) -> Result<Vec<Bindings>, Unready> {
        let mut all = vec![self.home(id)];
        for parameter in parameters {
            let Some(variable) =
                self.model().variables.iter().find(|variable| variable.binding == *parameter)
            else {
                return Ok(Vec::new());
            };
            let mut next = Vec::new();
            for outer in &all {
                for record in self.records(variable, outer, reads)? {
                    next.push(outer.with(record.binding(variable)));
                }
            }
            all = next;
        }
        Ok(all)
    }
}

/// Tells what was answered: to everybody, if somebody waited long for a list that directories may be made of.
fn tell_answer(query: &Query, snapshot: &Snapshot, took: Duration, is_first: bool) {
    let name = &query.name;
    let records = snapshot.value.as_list().map(|records| format!("{} records, ", records.len()));
    match records {
        Some(records) if is_first && took >= LONG && query.parameters.is_empty() => {
            tracing::info!("query `{name}`: {records}answered within {took:.1?}");
        }
        records => {
            tracing::debug!("query `{name}`: {}answered within {took:.1?}", records.unwrap_or_default());
        }
    }
}

/// What an answer means for the query that asked.
fn read_answer(query: &Query, answer: &Answer) -> Result<(Value, Bytes), QueryError> {
    let name: Arc<str> = query.name.as_str().into();
    let output = answer.output();
    if tells_of_none(query, answer) {
        return Ok((Value::List(Arc::default()), message_text(answer)));
    }
    if let Some(error) = refused(Arc::clone(&name), answer, output.as_ref()) {
        return Err(error);
    }
    let is_text = matches!(query.question, Question::Command(_) | Question::Data { .. });
    let raw = if is_text { output.unwrap_or_default() } else { message_text(answer) };
    let parser = match (&query.parser, &query.question) {
        (Some(parser), _) => Some(parser),
        (None, Question::Data { .. }) => Some(&Parser::Outline),
        (None, Question::Command(_)) => Some(&Parser::Text),
        (None, _) => None,
    };
    let value = match parser {
        Some(parser) => parser
            .parse(&raw)
            .map_err(|error| QueryError::Unreadable { query: name, error: Arc::new(error) })?,
        None if answer.complete().is_some() || !answer.items().is_empty() => {
            headers::list(answer.items().iter().map(Message::headers))
        }
        None => {
            let own = answer.message().headers().filter(|(name, _)| !name.eq_ignore_ascii_case(b"Response"));
            headers::record(own, &mut Shapes::new())
        }
    };
    Ok((follow(value, &query.rows), raw))
}

/// What a text means that no server sent; nobody asks if it is shown as it came.
fn read_content(query: &Query, raw: Bytes, shown: bool) -> Result<(Value, Bytes), QueryError> {
    let own = match &query.question {
        Question::Origin(origin) if !shown => origin.parser(),
        _ => None,
    };
    let parser = query.parser.as_ref().or(own.as_ref()).unwrap_or(&Parser::Text);
    let value = parser.parse(&raw).map_err(|error| QueryError::Unreadable {
        query: query.name.as_str().into(),
        error: Arc::new(error),
    })?;
    Ok((follow(value, &query.rows), raw))
}

/// Whether an error is what some actions say in place of an empty list (Asterisk 13 to 22:
/// `main/manager.c`, `apps/app_confbridge.c`, `apps/app_meetme.c`, `res/res_pjsip/*.c`).
fn tells_of_none(query: &Query, answer: &Answer) -> bool {
    const NONE: [&[u8]; 8] = [
        b"No such channel",
        b"No active conferences.",
        b"No Conference by that name found.",
        b"No Contacts found",
        b"No AORs found",
        b"No Auths found",
        b"No endpoints found",
        b"No resource lists found",
    ];
    let is_action = matches!(query.question, Question::Action { .. });
    // res_pjsip ends some of its messages with a line end of their own
    let none = |text: &[u8]| NONE.contains(&text.trim_ascii_end());
    is_action && answer.is_error() && answer.message().get("Message").is_some_and(none)
}

/// The value at the end of a path of fields; nothing where a field is missing.
fn follow(value: Value, fields: &[String]) -> Value {
    fields.iter().fold(value, |value, field| value.get(field).cloned().unwrap_or_default())
}

/// Why the server refused, if it did, in either of its ways: `Response: Error`, or (13, in `Follows`)
/// the words of its CLI for a command it does not know.
pub(super) fn refused(query: Arc<str>, answer: &Answer, output: Option<&Bytes>) -> Option<QueryError> {
    const UNKNOWN_COMMAND: &[u8] = b"No such command '";
    let first_line = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes.split(|&byte| byte == b'\n').next().unwrap_or_default()).into_owned()
    };
    if let Some(output) = output
        && output.starts_with(UNKNOWN_COMMAND)
    {
        return Some(QueryError::Unsupported { query, answer: first_line(output) });
    }
    if !answer.is_error() {
        return None;
    }
    let text = answer.error_text().map(|text| first_line(text.as_bytes())).unwrap_or_default();
    Some(if text.starts_with("Invalid/unknown command") {
        QueryError::Unsupported { query, answer: text }
    } else if text.starts_with("Permission denied") {
        QueryError::Denied { query }
    } else {
        QueryError::Refused { query, answer: text }
    })
}

/// An answer of several messages as text: its headers, one a line, an empty line between messages.
pub(super) fn message_text(answer: &Answer) -> Bytes {
    let mut text = Vec::new();
    let messages = std::iter::once(answer.message()).chain(answer.items()).chain(answer.complete());
    for message in messages {
        for (name, value) in message.headers().filter(|(name, _)| !name.eq_ignore_ascii_case(b"ActionID")) {
            text.extend_from_slice(name);
            text.extend_from_slice(b": ");
            text.extend_from_slice(value);
            text.push(b'\n');
        }
        text.push(b'\n');
    }
    text.shrink_to_fit();
    text.into()
}
