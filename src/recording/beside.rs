//! What is asked beside a server, in a recording: by the same rule which question an answer belongs to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use super::{Recording, Replay, Told};
use crate::origin::{Change, Content, OriginError, Origins, Reading, Request};

/// Keeps what files, programs and URLs give. Each is asked once, as a [`Recorder`](super::Recorder) asks.
pub struct OriginRecorder {
    origins: Arc<dyn Origins>,
    kept: Mutex<HashMap<Request, Result<Content, OriginError>>>,
}

impl OriginRecorder {
    /// Keeps what these tell, from now on.
    pub fn new(origins: Arc<dyn Origins>) -> OriginRecorder {
        OriginRecorder { origins, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Request, Result<Content, OriginError>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what was recorded up to now into a recording.
    pub fn add_to(&self, recording: &mut Recording) {
        for (request, content) in self.kept().iter() {
            let told = match content {
                Ok(Content { bytes, .. }) => {
                    Told::Answer { bytes: bytes.to_vec(), action_id: None, then_closed: false }
                }
                // that it was not recorded before is so in the new recording as well
                Err(OriginError::NotRecorded { .. }) => continue,
                Err(_) => Told::Nothing,
            };
            let headers = request.headers();
            recording.put(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())), told);
        }
    }
}

impl Origins for OriginRecorder {
    fn ask<'a>(&'a self, request: &'a Request, deadline: Duration) -> Reading<'a> {
        Box::pin(async move {
            if let Some(known) = self.kept().get(request) {
                return known.clone();
            }
            let content = self.origins.ask(request, deadline).await;
            self.kept().insert(request.clone(), content.clone());
            content
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.origins.changes()
    }
}

/// A recording in the place of files, programs and URLs: none of them is touched.
impl Origins for Replay {
    fn ask<'a>(&'a self, request: &'a Request, _deadline: Duration) -> Reading<'a> {
        Box::pin(async move {
            let headers = request.headers();
            let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
            let (recording, question) = (|| self.name().to_owned(), || request.label());
            match self.present().get(headers) {
                Some(Told::Answer { bytes, .. }) => {
                    Ok(Content { bytes: bytes.clone().into(), watched: false })
                }
                Some(Told::Nothing) => {
                    Err(OriginError::Unanswered { recording: recording(), question: question() })
                }
                None => Err(OriginError::NotRecorded { recording: recording(), question: question() }),
            }
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        // whose other end is gone: nothing will come
        broadcast::Sender::new(1).subscribe()
    }
}

/// Several recordings in their place: the first that holds something counts.
pub struct Replays(pub Vec<Arc<dyn Origins>>);

impl Origins for Replays {
    fn ask<'a>(&'a self, request: &'a Request, deadline: Duration) -> Reading<'a> {
        Box::pin(async move {
            let mut told = None;
            for recording in &self.0 {
                match recording.ask(request, deadline).await {
                    Err(error @ OriginError::NotRecorded { .. }) => drop(told.get_or_insert(error)),
                    other => return other,
                }
            }
            Err(told.unwrap_or_else(|| OriginError::NotRecorded {
                recording: "of nothing".to_owned(),
                question: request.label(),
            }))
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        broadcast::Sender::new(1).subscribe()
    }
}
