//! What a URL gives: one request, no redirects, nobody between (no proxy), an end.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::LIMIT;
use super::error::OriginError;
use super::request::host;
use super::secret;
use crate::language::Authorization;

/// What goes out with every request.
const NAME: &str = concat!("astfs/", env!("CARGO_PKG_VERSION"));

/// What keeps connections, one for those who vouch for servers.
#[derive(Default)]
pub struct Agents(Mutex<HashMap<Trust, Agent>>);

/// Who vouches for a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Trust {
    /// Nobody: `http`.
    Nobody,
    /// Whom this machine trusts.
    Machine,
    /// These certificates, in PEM.
    Given(Vec<u8>),
}

impl Agents {
    /// Asks, and gives the body; `limits` are how long that may take. To be called where it may wait.
    ///
    /// # Errors
    /// When there is no connection, or an answer with another status than 200 to 299.
    pub fn ask(
        &self,
        url: &str,
        authorization: Option<&Authorization>,
        certificates: Option<&Path>,
        deadline: Duration,
    ) -> Result<Vec<u8>, OriginError> {
        let agent = self.agent(url, certificates)?;
        let mut request = agent.get(url);
        if let Some(Authorization { user, secret }) = authorization {
            let secret = secret::read(secret)
                .map_err(|reason| OriginError::Secret { host: host(url).to_owned(), reason })?;
            request =
                request.header("Authorization", format!("Basic {}", base64(&format!("{user}:{secret}"))));
        }
        let failed = |error| failure(url, deadline, error);
        let request = request.config().timeout_global(Some(deadline)).build();
        let mut response = request.call().map_err(failed)?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(OriginError::Status { host: host(url).to_owned(), status });
        }
        response.body_mut().with_config().limit(LIMIT as u64).read_to_vec().map_err(failed)
    }

    fn agent(&self, url: &str, certificates: Option<&Path>) -> Result<Agent, OriginError> {
        let trust = match (url.starts_with("https:"), certificates) {
            (false, _) => Trust::Nobody,
            (true, None) => Trust::Machine,
            (true, Some(path)) => Trust::Given(std::fs::read(path).map_err(|error| {
                OriginError::Certificates { reason: format!("{}: {error}", path.display()) }
            })?),
        };
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&trust) {
            return Ok(agent.clone());
        }
        let roots = roots(&trust).map_err(|reason| OriginError::Certificates { reason })?;
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(NAME)
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        let agent = config.new_agent();
        agents.insert(trust, agent.clone());
        Ok(agent)
    }
}

fn roots(trust: &Trust) -> Result<Vec<Certificate<'static>>, String> {
    match trust {
        Trust::Nobody => Ok(Vec::new()),
        Trust::Machine => {
            let found = rustls_native_certs::load_native_certs();
            match (&found.certs[..], found.errors.first()) {
                ([], Some(error)) => Err(error.to_string()),
                ([], None) => Err("this machine trusts none; install ca-certificates, or give `ca`".into()),
                (certificates, _) => {
                    Ok(certificates.iter().map(|one| Certificate::from_der(one).to_owned()).collect())
                }
            }
        }
        Trust::Given(pem) => {
            let items = parse_pem(pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(error) => Some(Err(error.to_string())),
            });
            let certificates: Vec<_> = items.collect::<Result<_, _>>()?;
            if certificates.is_empty() { Err("the file of `ca` holds none".into()) } else { Ok(certificates) }
        }
    }
}

/// What went wrong, in words that repeat nothing of the URL but its host.
fn failure(url: &str, deadline: Duration, error: ureq::Error) -> OriginError {
    let host = host(url).to_owned();
    match error {
        ureq::Error::Timeout(_) => OriginError::Timeout { what: host, after: deadline },
        ureq::Error::BodyExceedsLimit(_) => OriginError::TooLong { what: host, limit: LIMIT },
        ureq::Error::Io(error) if error.kind() == ErrorKind::TimedOut => {
            OriginError::Timeout { what: host, after: deadline }
        }
        // what TLS says comes by way of reading and writing
        ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            OriginError::Http { host, reason: error.to_string() }
        }
        ureq::Error::Io(error) => OriginError::Unreachable { host, error: Arc::new(error) },
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            let error = std::io::Error::new(ErrorKind::NotFound, error.to_string());
            OriginError::Unreachable { host, error: Arc::new(error) }
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            OriginError::Http { host, reason: "this is no URL".into() }
        }
        error => OriginError::Http { host, reason: error.to_string() },
    }
}

/// RFC 4648, section 4.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            encoded.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("ä:~", "w6Q6fg=="),
        ] {
            assert_eq!(base64(text), encoded);
        }
    }

    #[test]
    fn a_file_without_certificates_vouches_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let ask = || Agents::default().ask("https://127.0.0.1:1/", None, Some(&path), Duration::from_secs(1));
        assert!(matches!(ask(), Err(OriginError::Certificates { .. })), "no file");
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(ask(), Err(OriginError::Certificates { .. })), "none in it");
    }
}
