//! From arguments, environment and tree file to a connection.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{CliError, ServerSelection};
use crate::ami::{Address, Client, LoginMethod, Settings};
use crate::language::{Model, SecretSource, ServerAddress};

/// The environment variable that holds the manager secret.
const SECRET_VARIABLE: &str = "ASTFS_SECRET";
const DEFAULT_ADDRESS: &str = "127.0.0.1:5038";

/// Starts the connection that a tree needs; none if it asks no server.
///
/// Arguments go before the environment, the environment before the tree file; a `secret` that the
/// program knows itself goes before all.
pub fn client(
    model: &Model,
    selection: &ServerSelection,
    known_secret: Option<&str>,
) -> Result<Option<Client>, CliError> {
    let declared = model.server.clone().unwrap_or_default();
    if !model.asks_server() || (model.server.is_none() && selection.server.is_none()) {
        return Ok(None);
    }
    let address =
        selection.server.clone().or(declared.address.clone()).unwrap_or_else(|| DEFAULT_ADDRESS.into());
    let address: Address =
        address.parse().map_err(|error| CliError::Arguments(format!("`{address}`: {error}")))?;
    let missing = "no manager user is given; set `user` in [server] of the tree file, or give --user";
    let user = selection
        .user
        .clone()
        .or(declared.user.clone())
        .ok_or_else(|| CliError::Arguments(missing.into()))?;
    let secret = known_secret.map_or_else(|| secret(selection, &declared), |secret| Ok(secret.to_owned()))?;
    let mut settings = Settings::new(address, user, secret);
    settings.login = if declared.plain_login { LoginMethod::Plain } else { LoginMethod::Md5 };
    Ok(Some(Client::start(settings)))
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
    let failed = |error| CliError::File { path: path.to_owned(), error };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            "{} can be read by others (mode {:04o}); `chmod 600` it",
            path.display(),
            mode & 0o7777
        );
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
