//! Where NATS is, and who asks it.

use std::fmt;
use std::sync::Arc;

use async_nats::{ConnectOptions, ServerAddr};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::nats::NatsError;

/// What proves to NATS who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The text of a `.creds` file: a JWT and the seed of its key.
    Creds(String),
    /// The seed of a key.
    Seed(String),
    /// A user and a password.
    User(String, String),
}

impl Credentials {
    /// Reads the text of a file: that of a `.creds` file, the seed of a key, or `USER:PASSWORD`.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn read(text: &str) -> Result<Credentials, NatsError> {
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        match line {
            _ if text.contains("BEGIN NATS USER JWT") => Ok(Credentials::Creds(text.to_owned())),
            Some(seed) if seed.starts_with("SU") && !seed.contains(':') => {
                Ok(Credentials::Seed(seed.to_owned()))
            }
            Some(line) => match line.split_once(':') {
                Some((user, password)) if !user.is_empty() => {
                    Ok(Credentials::User(user.to_owned(), password.to_owned()))
                }
                _ => Err(NatsError::Credentials(
                    "write a .creds file, the seed of a key, or USER:PASSWORD".into(),
                )),
            },
            None => Err(NatsError::Credentials("there is nothing in them".into())),
        }
    }
}

/// Where NATS is, and how to connect. Two are equal if they connect alike.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsSettings {
    address: String,
    credentials: Option<Credentials>,
    authorities: Option<Vec<CertificateDer<'static>>>,
}

impl fmt::Debug for NatsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSettings").field("address", &self.address).finish_non_exhaustive()
    }
}

impl NatsSettings {
    /// The server at `nats://HOST:PORT`, or `tls://HOST:PORT`; with the text of a PEM file, an encrypted connection
    /// believes only the authorities in it.
    ///
    /// # Errors
    /// If the address is none or holds a user, or the certificates are none.
    pub fn new(
        address: &str,
        credentials: Option<Credentials>,
        authorities: Option<&[u8]>,
    ) -> Result<NatsSettings, NatsError> {
        let wrong =
            |shown: &str, reason: &str| NatsError::Address { address: shown.into(), reason: reason.into() };
        if address.contains('@') {
            return Err(wrong("…@…", "it holds a user; give --nats-credentials"));
        }
        let scheme = address.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("nats" | "tls")) {
            return Err(wrong(address, "it has no scheme"));
        }
        let server: ServerAddr =
            address.parse().map_err(|error: std::io::Error| wrong(address, &error.to_string()))?;
        if server.host().is_empty() {
            return Err(wrong(address, "it has no host"));
        }
        let read = |text: &[u8]| {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
            let certificates = certificates.map_err(|error| NatsError::Certificates(error.to_string()))?;
            match certificates.is_empty() {
                true => Err(NatsError::Certificates("the file holds none".into())),
                false => Ok(certificates),
            }
        };
        let authorities = authorities.map(read).transpose()?;
        Ok(NatsSettings { address: address.to_owned(), credentials, authorities })
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn tls(&self) -> Result<Option<ClientConfig>, NatsError> {
        if self.authorities.is_none() && !self.address.starts_with("tls://") {
            return Ok(None);
        }
        let certificates = match &self.authorities {
            Some(authorities) => authorities.clone(),
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(NatsError::Certificates("there are none".into()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| NatsError::Certificates(error.to_string()))?;
        Ok(Some(config.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Options of a connection with these.
    pub(super) fn applied_to(&self, mut options: ConnectOptions) -> Result<ConnectOptions, NatsError> {
        if let Some(config) = self.tls()? {
            options = options.require_tls(true).tls_client_config(config);
        }
        Ok(match self.credentials.clone() {
            None => options,
            Some(Credentials::Creds(text)) => options
                .credentials(&text)
                .map_err(|_| NatsError::Credentials("the .creds file holds no JWT and seed".into()))?,
            Some(Credentials::Seed(seed)) => options.nkey(seed),
            Some(Credentials::User(user, password)) => options.user_and_password(user, password),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_user_in_it_is_refused_and_not_repeated() {
        let error = |text: &str| NatsSettings::new(text, None, None).err().unwrap().to_string();
        let told = error("nats://me:hush@nats.example:4222");
        assert!(!told.contains("hush") && told.contains("--nats-credentials"), "{told}");
        for text in ["nats.example", "http://nats.example", "nats://"] {
            assert!(error(text).contains("nats://HOST:PORT"), "{text}");
        }
        assert!(NatsSettings::new("tls://nats.example:4222", None, None).is_ok());
        assert!(NatsSettings::new("tls://nats.example", None, Some(b"no PEM")).is_err());
    }

    #[test]
    fn every_kind_of_credentials_is_told_by_what_stands_in_the_file() {
        let read = |text: &str| Credentials::read(text).ok();
        let user = Credentials::User("reader".into(), "a:b".into());
        assert!(read("# who reads\nreader:a:b\n") == Some(user));
        assert!(
            read("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n")
                .is_some_and(|read| matches!(read, Credentials::Seed(seed) if seed.len() == 58))
        );
        assert!(matches!(read("-----BEGIN NATS USER JWT-----\n"), Some(Credentials::Creds(_))));
        assert!(read("").is_none() && read("nothing").is_none());
        let error = Credentials::read("hush").err().unwrap().to_string();
        assert!(!error.contains("hush"));
    }
}
