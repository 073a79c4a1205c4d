//! A web server for tests, on the loopback.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What each path answers: a status and a body; with a status of 0, nothing until it answers something else.
type Answers = HashMap<String, (u16, String)>;

/// A server that answers from a table; `404` to what it does not know, nothing while it is silent.
pub struct Web {
    pub address: String,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
    silent: Arc<AtomicBool>,
}

impl Web {
    pub fn start() -> Web {
        Web::serve(None)
    }

    /// A server for `https`, for which `tls/ca.pem` vouches.
    pub fn start_tls() -> Web {
        let at = |name: &str| Path::new("tests/sources/tls").join(name);
        let certificate = CertificateDer::from_pem_file(at("server.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(at("server.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the protocols")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a key for the certificate");
        Web::serve(Some(Arc::new(config)))
    }

    fn serve(tls: Option<Arc<ServerConfig>>) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (answers, asked, silent) = Default::default();
        let web = Web { address, answers, asked, silent };
        let (answers, asked, silent) =
            (Arc::clone(&web.answers), Arc::clone(&web.asked), Arc::clone(&web.silent));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asked, silent) =
                    (Arc::clone(&answers), Arc::clone(&asked), Arc::clone(&silent));
                let tls = tls.clone();
                std::thread::spawn(move || match tls {
                    None => answer(stream, &answers, &asked, &silent),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        answer(
                            StreamOwned::<_, TcpStream>::new(connection, stream),
                            &answers,
                            &asked,
                            &silent,
                        );
                    }
                });
            }
        });
        web
    }

    pub fn answers(&self, path: &str, status: u16, body: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(path.to_owned(), (status, body.to_owned()));
    }

    pub fn is_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// The requests since the last call, with their headers.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers one request.
fn answer(
    mut stream: impl Read + Write,
    answers: &Mutex<Answers>,
    asked: &Mutex<Vec<String>>,
    silent: &AtomicBool,
) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    while silent.load(Ordering::Relaxed) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let known = || {
        let known = answers.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
        known.unwrap_or((404, String::new()))
    };
    while known().0 == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let (status, body) = known();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // whoever asked may have gone
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).and_then(|()| stream.flush());
}
