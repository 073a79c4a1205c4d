//! Secrets, read when they are needed: a new one counts from the next request on.

use crate::language::SecretSource;

/// The secret, or why it cannot be had.
pub fn read(source: &SecretSource) -> Result<String, String> {
    match source {
        SecretSource::Literal(secret) => Ok(secret.clone()),
        SecretSource::Environment(name) => {
            std::env::var(name).map_err(|_| format!("set the environment variable {name}"))
        }
        SecretSource::File(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}
