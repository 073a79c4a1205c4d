//! Events, and what they make stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::queries::Queries;
use crate::ami::Message;
use crate::language::{QueryId, Trigger, error_text, to_template};
use crate::parse::headers;
use crate::parse::value::Shapes;

impl Queries {
    /// Follows these events until the server is gone, marking as stale what they concern.
    pub(super) async fn follow_events(self: &Arc<Self>, events: Option<Receiver<Arc<Message>>>) {
        let Some(mut events) = events else { return };
        let concerned = self.concerned_by_event();
        loop {
            match events.recv().await {
                Ok(message) => {
                    self.counters.events.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = message.event() else { continue };
                    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                    for concern in concerned.get(name.as_str()).into_iter().flatten() {
                        self.meet(concern, &message);
                    }
                }
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!("{lost} events came too fast to be looked at; everything is asked again");
                    for concern in concerned.values().flatten() {
                        self.invalidate(concern.query);
                    }
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn concerned_by_event(&self) -> HashMap<&str, Vec<Concern<'_>>> {
        let mut concerned: HashMap<&str, Vec<Concern<'_>>> = HashMap::new();
        for (index, query) in self.model().queries.iter().enumerate() {
            let outdates = query.refresh.on.iter().map(|trigger| (trigger, false));
            let finds = query.refresh.finds.iter().map(|trigger| (trigger, true));
            for (trigger, finds) in outdates.chain(finds) {
                let concern = Concern { query: QueryId(index), trigger, finds };
                concerned.entry(&trigger.event).or_default().push(concern);
            }
        }
        concerned
    }

    /// Marks what an event makes stale. An expression that gives nothing says that no record of this
    /// query is concerned; one that cannot be computed makes all of it stale.
    fn meet(&self, concern: &Concern<'_>, event: &Message) {
        let Concern { query, trigger, finds } = concern;
        let Some(key) = &trigger.key else { return self.invalidate(*query) };
        let event = to_template(&headers::record(event.headers(), &mut Shapes::new()));
        match self.model().templates.evaluate(key, minijinja::context! { event }) {
            Ok(key) if key.is_undefined() || key.is_none() => {}
            Ok(key) if *finds => self.seek_record(*query, &key.to_string()),
            Ok(key) => self.invalidate_record(*query, &key.to_string()),
            Err(error) => {
                let name = &self.model().query(*query).name;
                tracing::warn!(
                    "query `{name}`: which record does {} concern? {}",
                    trigger.event,
                    error_text(&error)
                );
                self.invalidate(*query);
            }
        }
    }
}

/// What an event means for a query.
struct Concern<'a> {
    query: QueryId,
    trigger: &'a Trigger,
    /// Whether only a record that is not known is a reason to ask again.
    finds: bool,
}
