//! What stands before a server that speaks no TLS: it takes connections, encrypted or not, and passes them on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::certificates::{Authority, Certificate};

/// Runs as long as the runtime it was started on.
pub struct Terminator {
    address: SocketAddr,
}

impl Terminator {
    /// Before the server at `target`: with a certificate, encrypted; with an authority, only for clients that it
    /// certified.
    pub fn start(
        runtime: &Runtime,
        target: SocketAddr,
        encryption: Option<(&Certificate, Option<&Authority>)>,
    ) -> Terminator {
        let acceptor = encryption.map(|(certificate, wanted)| acceptor(certificate, wanted));
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor {
                        None => pass(client, target).await,
                        // a client that is not accepted, or does not accept, is gone
                        Some(acceptor) => {
                            if let Ok(client) = acceptor.accept(client).await {
                                pass(client, target).await;
                            }
                        }
                    }
                });
            }
        });
        Terminator { address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    /// Where it listens, among other addresses of this machine.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        // either may go when it likes
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

fn acceptor(certificate: &Certificate, wanted: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = match wanted {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let own = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate");
            roots.add(own).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
    let config = builder.with_single_cert(vec![chain], key).expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}
