//! How to reach a server, and how patient to be with it.

use std::time::Duration;

use super::address::Address;
use super::backoff::Backoff;
use super::codec::DEFAULT_MESSAGE_LIMIT;
use super::login::{LoginMethod, Secret};
use super::tls::Tls;

/// How to reach a server and how patient to be with it. Its Debug form hides the secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server is.
    pub address: Address,
    /// The user in `manager.conf`.
    pub user: String,
    /// That user's secret.
    pub secret: Secret,
    /// How to log in; by MD5 challenge unless set.
    pub login: LoginMethod,
    /// How to encrypt the connection; not at all unless set.
    pub tls: Option<Tls>,
    /// Whether it is known, and meant, that an unencrypted connection leaves this machine; otherwise that is
    /// warned of.
    pub exposed: bool,
    /// How long the connection, then the banner, then the login may take; 5 s each unless set.
    pub connect_timeout: Duration,
    /// Waits between attempts to connect; 0.25 s growing to 10 s unless set.
    pub backoff: Backoff,
    /// Waits after a refused login; 10 s growing to 5 min unless set.
    pub login_backoff: Backoff,
    /// After so long without a byte a Ping is sent; 15 s unless set.
    pub keep_alive: Duration,
    /// So long after the Ping, without a byte, the connection is given up; 10 s unless set.
    pub ping_timeout: Duration,
    /// How many events are kept for a receiver that lags; 16,384 unless set.
    pub event_capacity: usize,
    /// The longest message that is accepted, in bytes; 256 MiB unless set.
    pub message_limit: usize,
}

impl Settings {
    /// Settings with the defaults named at each field.
    pub fn new(address: Address, user: impl Into<String>, secret: impl Into<Secret>) -> Settings {
        Settings {
            address,
            user: user.into(),
            secret: secret.into(),
            login: LoginMethod::default(),
            tls: None,
            exposed: false,
            connect_timeout: Duration::from_secs(5),
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(10)),
            login_backoff: Backoff::new(Duration::from_secs(10), Duration::from_secs(300)),
            keep_alive: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(10),
            event_capacity: 16_384,
            message_limit: DEFAULT_MESSAGE_LIMIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_the_secret() {
        let settings = Settings::new("pbx".parse().unwrap(), "admin", "s3cret");
        let shown = format!("{settings:?}");
        assert!(shown.contains("admin") && !shown.contains("s3cret"), "{shown}");
    }
}
