//! The AMI action that asks what the tree file says: of a query, and of what is written to a control file.

use std::sync::Arc;

use super::error::QueryError;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::Scope;
use crate::ami::Action;
use crate::language::{Question, TemplateName};
use crate::parse::text;

/// What stands before a filter where nothing is searched for: `data get` (Asterisk 13, 14) takes its
/// arguments by place, and ignores a search that does not begin with the provider's name.
const SEARCH_ALL: &[u8] = b" 1=1";

impl Queries {
    /// The action that a question is, its templates run in a scope that notes in `reads`; `place` is whose it is,
    /// for errors.
    ///
    /// # Errors
    /// [`Unready::Wanted`] if something has to be asked first.
    /// [`QueryError::Unsendable`] if what was put into it cannot be sent.
    pub(super) fn action(
        self: &Arc<Self>,
        place: &str,
        question: &Question,
        scope: &Scope,
        reads: &Reads,
    ) -> Result<Action, Unready> {
        let render = |template: &TemplateName| -> Result<Vec<u8>, Unready> {
            let rendered = self.model().templates.render(template, scope.clone().context());
            let rendered = rendered.map_err(|error| self.template_error(place, &error, reads))?;
            Ok(text::encode(&rendered).into_owned())
        };
        let unsendable = |error| Unready::Failed(QueryError::Unsendable { query: place.into(), error });
        match question {
            Question::Command(command) => Action::command(render(command)?).map_err(unsendable),
            Question::Data { path, search, filter, .. } => {
                let mut command = b"data get ".to_vec();
                command.extend(render(path)?);
                if let Some(search) = search {
                    command.push(b' ');
                    command.extend(render(search)?);
                } else if filter.is_some() {
                    command.extend(SEARCH_ALL);
                }
                if let Some(filter) = filter {
                    command.push(b' ');
                    command.extend(render(filter)?);
                }
                Action::command(command).map_err(unsendable)
            }
            Question::Action { name, headers } => {
                let mut action = Action::new(render(name)?).map_err(unsendable)?;
                for (header, value) in headers {
                    action = action.with(header, render(value)?).map_err(unsendable)?;
                }
                Ok(action)
            }
            _ => {
                let message = "asks nothing itself".to_owned();
                Err(QueryError::Template { place: place.into(), message }.into())
            }
        }
    }
}
