//! The encrypted way to a server: whose certificates are believed, and which one is shown.
//!
//! Files are read once, when a tree is opened or read again; nothing of a key is ever shown.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The port that Asterisk's `manager.conf` uses for TLS unless told otherwise.
pub const DEFAULT_TLS_PORT: u16 = 5039;

/// What is said of an encrypted connection; what is not said is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates (PEM) of the authorities that are believed; those of the system unless given.
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate must be for; the address's host unless given.
    pub server_name: Option<String>,
    /// Our own certificate (PEM), with those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// The key (PEM) of that certificate.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// The files it names.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.ca, &self.certificate, &self.key].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Why a server cannot be reached by TLS as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{}: {reason}; `{key}` of `tls` names a PEM file", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The key of `tls` that names it.
        key: &'static str,
        /// Why not.
        reason: String,
    },
    /// Only one of certificate and key is given.
    #[error("`certificate` and `key` of `tls` belong together; give both")]
    Halved,
    /// Certificates have no such name.
    #[error("{0:?} is no name that a certificate can be for; give a host name or an IP address")]
    Name(String),
    /// The system has no authorities.
    #[error("this system has no certificates of authorities; install ca-certificates, or give `ca` of `tls`")]
    NoAuthorities,
    /// Certificate and key do not fit, or are of a kind that is not known.
    #[error("certificate and key of `tls` cannot be used: {0}")]
    Identity(rustls::Error),
}

/// How to encrypt a connection. Two are equal if they are made of the same certificates, key and name.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    made_of: Arc<(Vec<CertificateDer<'static>>, Option<Identity>)>,
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Tls {
    /// Reads the files for a server on that host.
    ///
    /// # Errors
    /// If one cannot be read, or they cannot be used.
    pub fn read(files: &TlsFiles, host: &str) -> Result<Tls, TlsError> {
        let name = files.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
        let authorities = match &files.ca {
            Some(path) => certificates(path, "ca")?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let identity = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                Some((certificates(certificate, "certificate")?, private(key)?))
            }
            (None, None) => None,
            _ => return Err(TlsError::Halved),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        if roots.is_empty() {
            return Err(files.ca.as_ref().map_or(TlsError::NoAuthorities, |path| {
                unusable(path, "ca", "holds no certificate that can be used".into())
            }));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsError::Identity)?.with_root_certificates(roots);
        let config = match &identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(TlsError::Identity)?
            }
            None => builder.with_no_client_auth(),
        };
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Tls { connector, name, made_of: Arc::new((authorities, identity)) })
    }

    /// Agrees on keys with whoever is at the other end, who must be who he is to be.
    pub(super) async fn wrap(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        self.name == other.name && self.made_of == other.made_of
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

fn unusable(path: &Path, key: &'static str, reason: String) -> TlsError {
    TlsError::File { path: path.to_owned(), key, reason }
}

fn certificates(path: &Path, key: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| unusable(path, key, error.to_string()))?;
    if found.is_empty() {
        return Err(unusable(path, key, "holds no certificate".into()));
    }
    Ok(found)
}

fn private(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, "key", error.to_string()))
}

/// What a failure to agree with a server means, and what to do about it; the server's own words are not
/// among it.
pub(super) fn explain(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, Error};
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => {
            "the server does not accept our certificate, or the lack of one; give `certificate` and `key` of \
              `tls` that it knows the authority of"
                .into()
        }
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port; check `tlsbindaddr` in manager.conf, and the port"
                .into()
        }
        error => format!("{error}; check TLS of the server's manager.conf"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    match error {
        UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is of an authority that is not believed; give the authority's own \
             certificate as `ca` of `tls`"
                .into()
        }
        NotValidForName | NotValidForNameContext { .. } => {
            let names = match error {
                NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    // from the other end, and for a terminal
                    format!(" but for {}", presented.join(", ").escape_debug())
                }
                _ => String::new(),
            };
            format!(
                "the server's certificate is not for this name{names}; set `server_name` of `tls` to one it is for"
            )
        }
        Expired | ExpiredContext { .. } => {
            "the server's certificate has expired; renew it there, or correct the clock here".into()
        }
        NotValidYet | NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; correct the clock there or here".into()
        }
        error if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is an authority's; have it show one that is not \
             (`basicConstraints = CA:FALSE`)"
                .into()
        }
        error => format!("the server's certificate cannot be used: {error}; have it show another"),
    }
}
