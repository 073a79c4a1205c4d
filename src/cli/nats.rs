//! How to connect to NATS, from arguments and environment.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, connect};
use crate::published::{Credentials, NatsSettings};

/// The environment variables that hold a user and its password.
const USER: &str = "ASTFS_NATS_USER";
const PASSWORD: &str = "ASTFS_NATS_PASSWORD";

/// What proves who we are, and who NATS is.
#[derive(Debug, Args)]
pub struct NatsArgs {
    /// A file that proves to NATS who this is: a .creds file, the seed of a key, or USER:PASSWORD; or set
    /// ASTFS_NATS_USER and ASTFS_NATS_PASSWORD
    #[arg(long, value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that are believed of NATS, which is then encrypted; those of the system
    /// unless given
    #[arg(long, value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

impl NatsArgs {
    /// How to connect to that address. Files are read here, and not again.
    pub fn settings(&self, address: &str) -> Result<NatsSettings, CliError> {
        let credentials = match (&self.nats_credentials, std::env::var(USER)) {
            (Some(path), _) => Some(Credentials::read(&connect::read_secret(path)?)?),
            (None, Ok(user)) => Some(Credentials::User(user, std::env::var(PASSWORD).unwrap_or_default())),
            (None, Err(_)) => None,
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| CliError::File { path: path.clone(), error })
        };
        let authorities = self.nats_ca.as_ref().map(read).transpose()?;
        Ok(NatsSettings::new(address, credentials, authorities.as_deref())?)
    }
}
