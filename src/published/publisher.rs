//! Publishing one server's answers: waiting to lead, and leading.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::everything::Everything;
use super::lease::{BEAT, Lease};
use super::names::Names;
use super::nats::{Nats, NatsError};
use super::overheard::{Heard, Overheard};
use super::term::{Ended, Term};
use crate::language::Model;
use crate::origin::Origins;
use crate::query::{Queries, Server};

/// So often whoever does not lead looks whether he can.
const LOOK: Duration = Duration::from_millis(300);

/// So long after NATS refused something it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// One server whose answers are to be published.
pub struct Publisher {
    /// The connection to NATS.
    pub nats: Nats,
    /// What is asked.
    pub model: Arc<Model>,
    /// Who is asked.
    pub server: Arc<dyn Server>,
    /// What answers for files, programs and URLs, on which it may depend what is asked.
    pub origins: Arc<dyn Origins>,
    /// The server's name in the tree file; empty if it has none.
    pub name: String,
    /// What no other publisher is called.
    pub id: String,
    /// Whether secrets are published too.
    pub secrets: bool,
}

impl Publisher {
    /// Publishes whenever it leads, until `stopped` says so.
    ///
    /// One that does not lead keeps its connection to the server, and asks nothing over it: so none stands for
    /// leading that could not, and the one that takes over need not log in first.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let (mut terms, mut told) = (0u64, String::new());
        loop {
            let wait = async {
                if self.server.session().is_none() {
                    self.server.session_changes(None).await;
                }
                self.nats.turns(true).await;
            };
            tokio::select! {
                () = wait => {}
                () = stopping(&mut stopped) => return,
            }
            let session = format!("{}#{}", self.id, terms + 1);
            let led = match Lease::take(&self.nats, &Names::of(&self.name), &session).await {
                Ok(Some(lease)) => {
                    terms += 1;
                    self.lead(lease, session, &mut stopped).await
                }
                Ok(None) => {
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = stopping(&mut stopped) => return,
                    }
                    continue;
                }
                Err(error) => Err(error),
            };
            match led {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Server) => tracing::warn!("{}: the server is away", self.shown()),
                Ok(Ended::Overtaken) => tracing::warn!("{}: another publisher leads", self.shown()),
                Err(error) => {
                    let error = error.to_string();
                    if told != error {
                        tracing::warn!("{}: {error}", self.shown());
                        told = error;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = stopping(&mut stopped) => return,
                    }
                }
            }
        }
    }

    fn shown(&self) -> String {
        Names::of(&self.name).bucket
    }

    async fn lead(
        &self,
        lease: Lease,
        session: String,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Ended, NatsError> {
        let Some(of_server) = self.server.session() else {
            lease.give_up().await;
            return Ok(Ended::Server);
        };
        let mut term = Term::begin(self, lease, session).await?;
        tracing::info!("{}: leads as {}", self.shown(), term.leader.session);
        let mut of_events = self.server.events();
        let (hears, mut heard) = unbounded_channel();
        let overheard = Arc::new(Overheard::new(Arc::clone(&self.server), hears.clone()));
        let origins = Arc::clone(&self.origins);
        let queries = Queries::with_origins(Arc::clone(&self.model), vec![overheard], origins);
        // ends with this
        let mut keeping = JoinSet::new();
        keeping.spawn(Everything::new(queries, hears).keep());
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                () = stopping(stopped) => {
                    term.lease.give_up().await;
                    return Ok(Ended::Stopped);
                }
                () = self.server.session_changes(Some(of_server)) => {
                    term.lease.give_up().await;
                    return Ok(Ended::Server);
                }
                event = of_events.recv() => match event {
                    Ok(event) => term.send_event(&event).await,
                    Err(RecvError::Lagged(lost)) => tracing::warn!("{lost} events came too fast to be published"),
                    Err(RecvError::Closed) => {}
                },
                first = heard.recv() => {
                    first.into_iter().for_each(|first| term.hear(first));
                    hear_more(&mut term, &mut heard);
                }
                _ = beat.tick() => {}
            }
            if let Err(ended) = term.go_on().await {
                return Ok(ended);
            }
        }
    }
}

/// Waits until it is to end.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // whoever could say so is gone: then it is to end as well
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Hears what there is, so that only the latest of each question is put.
fn hear_more(term: &mut Term, heard: &mut UnboundedReceiver<Heard>) {
    while let Ok(more) = heard.try_recv() {
        term.hear(more);
    }
}
