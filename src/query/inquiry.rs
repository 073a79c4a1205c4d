//! What is asked for a query: an action of the server, or something beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::{Told, Urgency};
use super::error::QueryError;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::{Bindings, Scope};
use crate::ami::{Action, Answer, AskError};
use crate::language::{Origin, Query, QueryId, Question, TemplateName};
use crate::origin::{Content, OriginError, Request, RequestError};

/// What stands for the session of what is not told by a server, and so is never lost with a connection.
pub const BESIDE: u64 = 0;

/// A question made for its records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Inquiry {
    /// The server is asked.
    Action(Action),
    /// A file, a program or a URL is.
    Request(Request),
}

impl Inquiry {
    /// Its lines for people, name and value; what may be a secret is stars.
    pub fn shown(&self) -> Vec<(String, String)> {
        match self {
            Inquiry::Action(action) => action.shown(),
            Inquiry::Request(request) => request.shown(),
        }
    }
}

/// What came of an inquiry.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Of an action.
    Answer(Result<Arc<Answer>, AskError>),
    /// Of a request.
    Content(Result<Content, OriginError>),
}

impl Reply {
    /// How much came, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Reply::Answer(Ok(answer)) => answer.size(),
            Reply::Content(Ok(content)) => content.bytes.len(),
            Reply::Answer(Err(_)) | Reply::Content(Err(_)) => 0,
        }
    }
}

impl Queries {
    /// What asks a query, for these records.
    ///
    /// # Errors
    /// [`Unready`] if what it is made from is lacking, or what a record holds cannot be asked.
    pub(super) fn inquiry(
        self: &Arc<Self>,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Inquiry, Unready> {
        match &query.question {
            Question::Origin(origin) => self.request(query, origin, bindings, reads).map(Inquiry::Request),
            question => {
                let scope = Scope::new(self, bindings, reads);
                self.action(&query.name, question, &scope, reads).map(Inquiry::Action)
            }
        }
    }

    fn request(
        self: &Arc<Self>,
        query: &Query,
        origin: &Origin,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Request, Unready> {
        let render = |template: &TemplateName| {
            let rendered =
                self.model().templates.render(template, Scope::new(self, bindings, reads).context());
            rendered.map_err(|error| self.template_error(&query.name, &error, reads))
        };
        let made = match origin {
            Origin::File(path) => Request::file(&render(path)?),
            Origin::Program { name, arguments } => {
                let rendered = arguments.iter().map(|one| Ok((render(&one.template)?, one.may_be_option)));
                let rendered: Vec<(String, bool)> = rendered.collect::<Result<_, Unready>>()?;
                Request::program(name, rendered.iter().map(|(argument, may)| (argument.as_str(), *may)))
            }
            Origin::Url { url, authorization, certificates } => {
                Request::url(&render(url)?, authorization.clone(), certificates.clone())
            }
        };
        made.map_err(|error: RequestError| {
            QueryError::Unaskable { query: query.name.as_str().into(), error }.into()
        })
    }

    /// Has an inquiry of a query answered, or joins the same one in flight; none if there is no server to answer it.
    pub(super) async fn told(
        &self,
        id: QueryId,
        inquiry: &Inquiry,
        deadline: Duration,
        urgency: Urgency,
    ) -> Option<Told> {
        match inquiry {
            Inquiry::Action(action) => {
                let connection = self.connection_of(id)?;
                let send = || async {
                    let asked = Instant::now();
                    let reply = Reply::Answer(connection.ask(action.clone(), deadline).await.map(Arc::new));
                    Told { reply, asked, session: connection.session() }
                };
                Some(connection.asking.ask(inquiry, urgency, send).await)
            }
            Inquiry::Request(request) => {
                let send = || async {
                    let asked = Instant::now();
                    let reply = Reply::Content(self.origins.ask(request, deadline).await);
                    Told { reply, asked, session: Some(BESIDE) }
                };
                Some(self.beside_of(id).ask(inquiry, urgency, send).await)
            }
        }
    }
}

#[cfg(test)]
#[path = "inquiry_tests.rs"]
mod tests;
