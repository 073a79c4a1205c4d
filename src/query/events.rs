//! Events, and what they make stale.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use super::queries::Queries;
use crate::language::QueryId;

impl Queries {
    /// Follows the server's events until it is gone, marking as stale what they concern. To be run
    /// as a task of its own.
    pub async fn follow_events(self: Arc<Self>) {
        let Some(server) = &self.server else { return };
        let mut events = server.events();
        let concerned = self.concerned_by_event();
        loop {
            match events.recv().await {
                Ok(message) => {
                    let Some(name) = message.event() else { continue };
                    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                    for query in concerned.get(name.as_str()).into_iter().flatten() {
                        self.invalidate(*query);
                    }
                }
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!("{lost} events came too fast to be looked at; everything is asked again");
                    for query in concerned.values().flatten() {
                        self.invalidate(*query);
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn concerned_by_event(&self) -> HashMap<String, Vec<QueryId>> {
        let mut concerned: HashMap<String, Vec<QueryId>> = HashMap::new();
        for (index, query) in self.model().queries.iter().enumerate() {
            for event in &query.refresh.on {
                concerned.entry(event.clone()).or_default().push(QueryId(index));
            }
        }
        concerned
    }
}
