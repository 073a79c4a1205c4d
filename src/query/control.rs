//! What is written to a control file, sent to the server: once, and never again by itself.

use std::sync::Arc;

use bytes::Bytes;

use super::ask::{message_text, refused};
use super::error::QueryError;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::{Bindings, Scope};
use crate::ami::Action;
use crate::language::{Question, ServerId, Write};

/// What the server said to an input.
#[derive(Debug)]
pub struct Said {
    /// A command's output; otherwise the headers of the answer, one a line.
    pub text: Bytes,
    /// Why the server did not do it, if it did not.
    pub refusal: Option<QueryError>,
}

impl Queries {
    /// The action that an input asks for; `place` is whose input it is, for errors.
    ///
    /// # Errors
    /// [`Unready::Wanted`] if something has to be asked first; it is noted in `reads`.
    /// [`QueryError::Unsendable`] if the input cannot be put into a question.
    pub fn action_of_input(
        self: &Arc<Self>,
        place: &str,
        write: &Write,
        input: &str,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Action, Unready> {
        let scope = Scope::new(self, bindings, reads).with("input", input.into());
        self.action(place, &write.question, &scope, reads)
    }

    /// Sends an action for its effect.
    ///
    /// # Errors
    /// Why there is no answer. Unless there was no connection, it is not known what was done.
    pub async fn act(
        &self,
        server: Option<ServerId>,
        place: &str,
        write: &Write,
        action: Action,
    ) -> Result<Said, QueryError> {
        let query: Arc<str> = place.into();
        let connection = server.and_then(|server| self.connections.get(server.0));
        let Some(connection) = connection else { return Err(QueryError::NoServer { query }) };
        let answer = connection.ask(action, write.timeout).await;
        let answer = answer.map_err(|error| QueryError::NoAnswer { query: Arc::clone(&query), error })?;
        let output = answer.output();
        let refusal = refused(query, &answer, output.as_ref());
        let is_command = matches!(write.question, Question::Command(_));
        let text = output.filter(|_| is_command).unwrap_or_else(|| message_text(&answer));
        Ok(Said { text, refusal })
    }
}
