//! `mount --metrics`: what is counted, for a monitoring system that asks by HTTP; and what a mount tells of its program.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{CliError, logging};
use crate::fs::Gauge;
use crate::metrics;
use crate::tree::Program;

/// Where it is found.
const PATH: &str = "/metrics";
/// So many are answered at a time; more wait.
const AT_ONCE: usize = 4;
/// Whoever asks must have done so within this time,
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// and taken the answer within this.
const ALL_WITHIN: Duration = Duration::from_secs(20);
/// The longest request, in bytes: the least that the library takes.
const LONGEST: usize = 8192;

/// A port that is open, and not served yet.
pub struct Endpoint(std::net::TcpListener);

impl Endpoint {
    /// Opens the port. To be called before the way to open ports is given up.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(address: SocketAddr) -> Result<Endpoint, CliError> {
        let failed = |error: io::Error| {
            CliError::Arguments(format!("--metrics {address}: {error}; give a free port of this machine"))
        };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        if !at.ip().to_canonical().is_loopback() {
            tracing::warn!(
                "metrics are told to whoever reaches {at}, without encryption; they hold names of queries, servers and \
                 events. Give 127.0.0.1 if only this machine is to know"
            );
        }
        tracing::info!("metrics at http://{at}{PATH}");
        Ok(Endpoint(listener))
    }

    /// Answers whoever asks, for ever. To be called on a runtime.
    pub async fn serve(self, gauge: Gauge) {
        let listener = match TcpListener::from_std(self.0) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!("metrics cannot be served: {error}"),
        };
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            // never closed
            let permit = Arc::clone(&permits).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    let answering = answer(stream, gauge.clone());
                    tokio::spawn(async move {
                        // who is too slow gets no more
                        let _ = tokio::time::timeout(ALL_WITHIN, answering).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::debug!("nobody could be let in to the metrics: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn answer(stream: TcpStream, gauge: Gauge) {
    let service = service_fn(move |request| respond(request, gauge.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(LONGEST).keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("metrics were not taken: {error}");
    }
}

async fn respond(request: Request<Incoming>, gauge: Gauge) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status, text: &'static str| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    };
    if request.method() != Method::GET {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    if request.uri().path() != PATH {
        return Ok(plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n"));
    }
    // every answer that is held is looked at, which takes some milliseconds
    let text = tokio::task::spawn_blocking(move || {
        gauge.read().map(|read| metrics::text(&read, logging::left_out()))
    });
    Ok(match text.await {
        Ok(Some(text)) => {
            let mut response = Response::new(Full::from(text));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
            response
        }
        Ok(None) => plain(StatusCode::SERVICE_UNAVAILABLE, "the mount has gone\n"),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "a mistake in astfs; its log tells more\n"),
    })
}

/// What a mount tells of the program that serves it.
pub struct Serving(pub Gauge);

impl Program for Serving {
    fn metrics(&self) -> String {
        self.0.read().map(|read| metrics::text(&read, logging::left_out())).unwrap_or_default()
    }

    fn log(&self) -> String {
        logging::last_lines()
    }

    fn log_level(&self) -> String {
        logging::level().word().to_owned()
    }
}
