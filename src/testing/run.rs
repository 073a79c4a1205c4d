//! Running a case.

use std::sync::Arc;
use std::time::Duration;

use super::expectation::{Failure, look};
use super::{Case, given};
use crate::language::Model;
use crate::origin::Origins;
use crate::query::{Queries, Server};
use crate::recording::{Recording, Replay};
use crate::tree::{Alive, Tree};

/// How long it may take until all that an event made stale is asked for again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a case is called by where it has no recording.
const NO_RECORDING: &str = "of this case";

/// Runs a case on its tree; gives what is not as expected, with the step it was seen in. The queries that
/// the case gives results for must have been redirected. To be run on a runtime of one thread: then all
/// that goes on is between two looks, and none of it is overlooked.
pub async fn run(case: &Case, model: Model) -> Vec<(usize, Failure)> {
    let name = case.steps.iter().find_map(|step| step.recording.as_ref());
    let name = name.map_or(NO_RECORDING, |(name, _)| name.as_str());
    let replay = Arc::new(Replay::without_events(name, Recording::default()));
    let server = Arc::clone(&replay) as Arc<dyn Server>;
    let queries =
        Queries::with_origins(Arc::new(model), vec![server], Arc::clone(&replay) as Arc<dyn Origins>);
    let tree = Arc::new(Tree::new(queries));
    let (alive, following) = Alive::new(Arc::clone(&tree));
    tokio::spawn(following);
    tokio::spawn(Arc::clone(&tree).follow(Box::new(())));
    let mut recorded = Recording::default();
    let mut failures = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        if let Some((_, recording)) = &step.recording {
            recorded = recording.clone();
        }
        // results that were given before and are not given anew stay
        let mut answers = recorded.clone();
        for earlier in &case.steps[..=index] {
            given::answer(&mut answers, tree.queries().model(), &earlier.given);
        }
        replay.change(answers);
        for event in &step.events {
            replay.send(event.clone());
        }
        if tokio::time::timeout(PATIENCE, settled(&replay, &tree)).await.is_err() {
            tracing::warn!("`{}`: after {PATIENCE:?} something is still being asked for", case.name);
        }
        for expectation in &step.expectations {
            failures.extend(look(&alive, expectation).await.into_iter().map(|failure| (index, failure)));
        }
    }
    failures
}

/// Waits until every event has been taken in and what it made stale has been asked for again.
async fn settled(replay: &Replay, tree: &Tree) {
    // everybody who was woken has run once more before nothing is left to do
    let mut quiet = 0;
    while quiet < 3 {
        quiet = if replay.is_heard() && tree.queries().is_settled() { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
