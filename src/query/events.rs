//! Events, and what they make stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::counts::count;
use super::early::{Early, is_early};
use super::queries::Queries;
use crate::ami::Message;
use crate::language::{QueryId, ServerId, Trigger, error_text, to_template};
use crate::parse::headers;
use crate::parse::value::Shapes;

/// Events on their way to those whom they concern. Whoever follows them next goes on where this one ended.
#[derive(Default)]
pub struct Incoming {
    events: Option<Receiver<Arc<Message>>>,
    early: Early,
}

impl Queries {
    /// Follows these events of a server until it is gone, marking as stale what they concern.
    pub(super) async fn follow_events(self: &Arc<Self>, server: ServerId, events: Receiver<Arc<Message>>) {
        let connection = &self.connections[server.0];
        let concerned = self.concerned_by_events(server);
        // once the model before this one follows no more
        let mut incoming = connection.incoming.lock().await;
        let Incoming { events: following, early } = &mut *incoming;
        let mut left = following.take();
        let events = following.insert(events);
        loop {
            connection.early.store(early.len(), Ordering::Relaxed);
            // what was left comes first; part of it comes twice, which does no harm
            let received = match left.as_mut().map(Receiver::try_recv) {
                Some(Ok(event)) => Ok(event),
                Some(Err(TryRecvError::Lagged(lost))) => Err(RecvError::Lagged(lost)),
                Some(Err(TryRecvError::Empty | TryRecvError::Closed)) | None => {
                    left = None;
                    tokio::select! {
                        received = events.recv() => received,
                        event = early.due() => {
                            self.meet_all(&concerned, &event);
                            continue;
                        }
                    }
                }
            };
            match received {
                Ok(event) => {
                    count(&self.counters.events);
                    connection.traffic.event(event.event().unwrap_or_default());
                    let concerns = self.meet_all(&concerned, &event);
                    if concerns && is_early(&event) && !early.remember(&event) {
                        self.invalidate_all(&concerned);
                    }
                }
                Err(RecvError::Lagged(lost)) => {
                    self.counters.events_lost.fetch_add(lost, Ordering::Relaxed);
                    tracing::warn!("{lost} events came too fast to be looked at; everything is asked again");
                    self.invalidate_all(&concerned);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Marks whatever an event makes stale; whether it can make anything stale.
    fn meet_all(&self, concerned: &HashMap<&str, Vec<Concern<'_>>>, event: &Message) -> bool {
        let name = event.event().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
        let concerns = name.and_then(|name| concerned.get(name.as_str()));
        concerns.into_iter().flatten().for_each(|concern| self.meet(concern, event));
        concerns.is_some()
    }

    fn invalidate_all(&self, concerned: &HashMap<&str, Vec<Concern<'_>>>) {
        concerned.values().flatten().for_each(|concern| self.invalidate(concern.query));
    }

    fn concerned_by_events(&self, server: ServerId) -> HashMap<&str, Vec<Concern<'_>>> {
        let mut concerned: HashMap<&str, Vec<Concern<'_>>> = HashMap::new();
        if self.connections[server.0].server.published().is_some() {
            // whoever publishes has met the event, and it may be here before the answer that it made necessary
            return concerned;
        }
        let queries = self.model().queries.iter().enumerate();
        for (index, query) in queries.filter(|(_, query)| query.server.is_none_or(|own| own == server)) {
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

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
