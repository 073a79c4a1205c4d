//! How a server is reached, and where secrets come from.

use std::path::PathBuf;

use crate::ami::TlsFiles;

/// How to reach the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerAddress {
    /// `host:port`.
    pub address: Option<String>,
    /// The manager user.
    pub user: Option<String>,
    /// Where the secret comes from.
    pub secret: Option<SecretSource>,
    /// Whether the secret itself goes over the wire, instead of an MD5 answer to a challenge.
    pub plain_login: Option<bool>,
    /// How the connection is encrypted, if anything is said of it.
    pub encryption: Option<Encryption>,
}

/// What `tls` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not encrypted, and that is meant.
    Plain,
    /// By TLS.
    Tls(TlsFiles),
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// An environment variable.
    Environment(String),
    /// The first line of a file.
    File(PathBuf),
    /// Stands in the tree file itself.
    Literal(String),
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Environment(name) => write!(formatter, "Environment({name:?})"),
            SecretSource::File(path) => write!(formatter, "File({path:?})"),
            SecretSource::Literal(_) => formatter.write_str("Literal(***)"),
        }
    }
}
