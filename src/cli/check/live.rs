//! `astfs check --live`: what a tree gets of its server, found out gently.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::super::connect::Connected;
use super::super::{CliError, ServerSelection, connect, open};
use super::looking::Looking;
use super::rights::Told;
use super::user::User;
use crate::ami::{Action, Answer, AskError, State};
use crate::language::Model;
use crate::query::Queries;

/// How long the program's own two questions may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// All that was found out.
#[derive(Serialize)]
pub struct Live {
    /// Which server.
    pub server: String,
    /// Its version, if it may be asked for.
    pub version: Option<String>,
    /// How long it took to connect and log in, in milliseconds; none of a recording.
    pub login_ms: Option<u64>,
    /// How far its clock is ahead of ours, in seconds, if it tells.
    #[serde(skip)]
    pub clock_ahead: Option<f64>,
    /// Each query that asks something, and each `any`.
    pub queries: Vec<Answerable>,
    /// The entries that fail, or stand for nothing.
    pub entries: Vec<Lacking>,
    /// The manager user that is enough.
    pub user: User,
}

/// Whether a query can be answered.
#[derive(Serialize)]
pub struct Answerable {
    /// The query.
    pub name: String,
    /// `answered`, `missing`, `denied`, `failed`, `no record` (there is none to ask for), or `not asked`
    /// (nothing needs it on this server).
    pub state: &'static str,
    /// Of an `any`, the member that answers.
    pub answers: Option<String>,
    /// What the server said, or what went wrong.
    pub reason: Option<String>,
    /// Whether something in the tree fails because of it.
    pub matters: bool,
}

/// An entry that fails, or stands for nothing.
#[derive(Serialize)]
pub struct Lacking {
    /// Its path, as the tree file has it.
    pub path: String,
    /// `fails` or `empty`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
}

impl Live {
    /// Whether something in the tree fails.
    pub fn fails(&self) -> bool {
        self.entries.iter().any(|entry| entry.state == "fails")
    }
}

/// Asks a tree's server. To be called on a runtime.
///
/// # Errors
/// When there is none, or it cannot be asked.
pub async fn ask(mut model: Model, selection: &ServerSelection) -> Result<Live, CliError> {
    let message = "there is no server to ask; add `[server]` to the tree file or give --server";
    let target = connect::only_target(&mut model, selection)?;
    let target = target.ok_or_else(|| CliError::Arguments(message.into()))?;
    let begun = Instant::now();
    let connected = target.connect()?;
    let login_ms = log_in(&connected).await?.then(|| begun.elapsed().as_millis() as u64);
    let server = Arc::clone(&connected.server);
    let asked = |action: &'static str| {
        let server = &server;
        async move { server.ask(Action::new(action).map_err(AskError::from)?, PATIENCE).await }
    };
    let settings = asked("CoreSettings").await.ok().filter(|answer| !answer.is_error());
    let version = settings.and_then(|answer| {
        answer.message().get("AsteriskVersion").map(|version| String::from_utf8_lossy(version).into_owned())
    });
    let clock_ahead = match &connected.client {
        Some(_) => asked("Ping").await.ok().and_then(|answer| clock_ahead(&answer)),
        None => None,
    };
    let told = asked("ListCommands").await.ok().filter(|answer| !answer.is_error());
    let told = told.as_ref().map(Told::read).unwrap_or_default();

    let origins = open::origins(vec![connected.origins.clone()], selection);
    let queries = Queries::with_origins(Arc::new(model), vec![Arc::clone(&server)], origins);
    let mut looking = Looking::new(queries);
    let entries = looking.entries().await?;
    looking.besides().await?;
    let live = Live {
        server: server.description(),
        version,
        login_ms,
        clock_ahead,
        queries: looking.queries().await,
        entries,
        user: User::enough(looking.model(), looking.gentle(), &told),
    };
    if let Some(client) = &connected.client {
        client.stop().await;
    }
    Ok(live)
}

/// What the answer to `Ping` says of the server's clock: `Timestamp: 1763900000.123456`.
fn clock_ahead(answer: &Answer) -> Option<f64> {
    let told: f64 = std::str::from_utf8(answer.message().get("Timestamp")?).ok()?.trim().parse().ok()?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(told - ours.as_secs_f64())
}

/// Waits for the connection; whether there is one to wait for.
async fn log_in(connected: &Connected) -> Result<bool, AskError> {
    let Some(client) = &connected.client else { return Ok(false) };
    let mut state = client.state();
    // the client holds the other end
    match state.wait_for(|state| !matches!(state, State::Connecting)).await.as_deref() {
        Ok(State::Down { reason, .. }) => Err(reason.clone()),
        _ => Ok(true),
    }
}
