//! From arguments, environment and tree file to a connection.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{CliError, ServerSelection};
use crate::ami::{Address, Client, DEFAULT_PORT, DEFAULT_TLS_PORT, LoginMethod, Secret, Settings, Tls};
use crate::language::{Encryption, Model, SecretSource, ServerAddress};
use crate::origin::Origins;
use crate::query::Server;
use crate::recording::{Recording, Replay};

/// The environment variable that holds the manager secret.
pub(super) const SECRET_VARIABLE: &str = "ASTFS_SECRET";
const DEFAULT_ADDRESS: &str = "127.0.0.1";

/// What stands before the file in the place of an address.
pub const REPLAY: &str = "replay:";

/// The server that a tree is shown from.
pub struct Connected {
    /// It.
    pub server: Arc<dyn Server>,
    /// The connection, if it is a live one.
    pub client: Option<Client>,
    /// What stands in for files, programs and URLs, if something does.
    pub origins: Option<Arc<dyn Origins>>,
    /// Of a recording, what it is one of, and what was replaced in it.
    pub recorded: Option<(String, String)>,
    /// The secret that opened the connection.
    pub secret: Option<Secret>,
}

/// Which server is to be asked, with everything that decides on the connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// What is published of the server of that name.
    #[cfg(feature = "nats")]
    Published(crate::published::NatsSettings, String),
    /// The recording in that file.
    Recording(String),
    /// A server.
    Live {
        /// Where its AMI is.
        address: Address,
        /// The manager user.
        user: String,
        /// That user's secret.
        secret: String,
        /// Whether the secret itself goes over the wire.
        plain_login: bool,
        /// How the connection is encrypted.
        tls: Option<Tls>,
        /// Whether it is meant that an unencrypted connection leaves this machine.
        exposed: bool,
    },
}

/// The servers that a tree is to be shown from, by their names; none if it asks none. The model has the
/// addresses that count from now on.
///
/// Arguments go before the environment, the environment before the tree file; a `secret` that the
/// program knows itself goes before all.
pub fn targets(
    model: &mut Model,
    selection: &ServerSelection,
    known_secret: Option<&str>,
) -> Result<IndexMap<String, Target>, CliError> {
    if model.is_fleet() {
        for given in &selection.server {
            let (name, address) =
                given.split_once('=').map_or((&**given, None), |(name, at)| (name, Some(at)));
            let Some(server) = model.servers.get_mut(name) else { return Err(no_such_server(model, given)) };
            server.address = address.map(str::to_owned).or(server.address.take());
        }
    } else if let Some(address) = selection.server.last() {
        model.servers.entry(String::new()).or_default().address = Some(address.clone());
    }
    #[cfg(feature = "nats")]
    if let Some(from) = &selection.from {
        if !model.is_fleet() {
            model.servers.entry(String::new()).or_default();
        }
        let names = model.servers.keys().filter(|_| model.asks_server());
        return Ok(names.map(|name| (name.clone(), Target::Published(from.clone(), name.clone()))).collect());
    }
    // a recording stands in for what is beside the server as well
    let is_recording =
        |server: &ServerAddress| server.address.as_ref().is_some_and(|address| address.starts_with(REPLAY));
    let asks = model.asks_server();
    let wanted = model.servers.iter().filter(|(_, server)| asks || is_recording(server));
    let target = |(name, declared): (&String, &ServerAddress)| {
        Ok((name.clone(), target(name, declared, selection, known_secret)?))
    };
    wanted.map(target).collect()
}

fn no_such_server(model: &Model, given: &str) -> CliError {
    let names: Vec<&str> = model.servers.keys().map(String::as_str).collect();
    let names = names.join(", ");
    CliError::Arguments(format!(
        "the tree has several servers, and `{given}` is none of {names}; give NAME, or NAME=HOST:PORT"
    ))
}

/// The one server that something is done with that takes one; none if the tree asks none.
///
/// # Errors
/// If it asks several.
pub fn only_target(model: &mut Model, selection: &ServerSelection) -> Result<Option<Target>, CliError> {
    let mut targets = targets(model, selection, None)?;
    if targets.len() > 1 {
        let names: Vec<&str> = targets.keys().map(String::as_str).collect();
        let message = format!("the tree has several servers; choose one: --server {}", names.join("|"));
        return Err(CliError::Arguments(message));
    }
    Ok(targets.pop().map(|(_, target)| target))
}

fn target(
    name: &str,
    declared: &ServerAddress,
    selection: &ServerSelection,
    known_secret: Option<&str>,
) -> Result<Target, CliError> {
    let address = declared.address.as_deref().unwrap_or(DEFAULT_ADDRESS);
    if let Some(file) = address.strip_prefix(REPLAY) {
        return Ok(Target::Recording(file.to_owned()));
    }
    let port =
        if matches!(declared.encryption, Some(Encryption::Tls(_))) { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
    let address =
        Address::read(address, port).map_err(|error| CliError::Arguments(format!("`{address}`: {error}")))?;
    let missing = || {
        let table = if name.is_empty() { "[server]".to_owned() } else { format!("[server.{name}]") };
        CliError::Arguments(format!(
            "no manager user is given; set `user` in {table} of the tree file, or give --user"
        ))
    };
    let user = selection.user.clone().or(declared.user.clone()).ok_or_else(missing)?;
    let secret = known_secret.map_or_else(|| secret(selection, declared), |secret| Ok(secret.to_owned()))?;
    let plain_login = declared.plain_login.unwrap_or_default();
    let exposed = declared.encryption == Some(Encryption::Plain);
    let tls = match &declared.encryption {
        Some(Encryption::Tls(files)) => Some(Tls::read(files, address.host())?),
        _ => None,
    };
    Ok(Target::Live { address, user, secret, plain_login, tls, exposed })
}

impl Target {
    /// Starts the connection, or opens the recording that stands in for it. To be called on a runtime.
    pub fn connect(&self) -> Result<Connected, CliError> {
        let (address, user, secret, plain_login, tls, exposed) = match self {
            Target::Recording(file) => {
                let recording = Recording::read(Path::new(file))?;
                let recorded = Some((recording.server.clone(), recording.replaced.clone()));
                let server = Arc::new(Replay::new(file, recording));
                let origins: Arc<dyn Origins> = server.clone();
                let origins = Some(origins);
                return Ok(Connected { server, client: None, origins, recorded, secret: None });
            }
            #[cfg(feature = "nats")]
            Target::Published(from, name) => {
                let server = Arc::new(crate::published::Reader::start(from.clone(), name));
                return Ok(Connected { server, client: None, origins: None, recorded: None, secret: None });
            }
            Target::Live { address, user, secret, plain_login, tls, exposed } => {
                (address, user, secret, *plain_login, tls, *exposed)
            }
        };
        let mut settings = Settings::new(address.clone(), user, secret.as_str());
        settings.login = if plain_login { LoginMethod::Plain } else { LoginMethod::Md5 };
        (settings.tls, settings.exposed) = (tls.clone(), exposed);
        let client = Client::start(settings);
        let (server, secret) = (Arc::new(client.clone()), Some(secret.as_str().into()));
        Ok(Connected { server, client: Some(client), origins: None, recorded: None, secret })
    }
}

fn secret(selection: &ServerSelection, declared: &ServerAddress) -> Result<String, CliError> {
    if let Some(path) = &selection.secret_file {
        return secret_file(path);
    }
    if let Ok(secret) = std::env::var(SECRET_VARIABLE) {
        return Ok(secret);
    }
    match &declared.secret {
        Some(SecretSource::File(path)) => secret_file(path),
        Some(SecretSource::Literal(secret)) => Ok(secret.clone()),
        Some(SecretSource::Environment(name)) => std::env::var(name).map_err(|_| {
            CliError::Arguments(format!(
                "no manager secret: set the environment variable {name}, or give --secret-file"
            ))
        }),
        None => {
            let message =
                "no manager secret is given; set ASTFS_SECRET, or `secret` in [server] of the tree file";
            Err(CliError::Arguments(message.into()))
        }
    }
}

fn secret_file(path: &Path) -> Result<String, CliError> {
    let text = read_secret(path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Reads a file that nobody else should be able to read, and says so if somebody can.
pub fn read_secret(path: &Path) -> Result<String, CliError> {
    let failed = |error| CliError::File { path: path.to_owned(), error };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            "{} can be read by others (mode {:04o}); `chmod 600` it",
            path.display(),
            mode & 0o7777
        );
    }
    std::fs::read_to_string(path).map_err(failed)
}
