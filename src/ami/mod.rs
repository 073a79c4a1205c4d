//! A client for the Asterisk Manager Interface, Asterisk 13 to 22.
//!
//! What stays true: bytes are kept as they came; an answer goes to the question it belongs to or to
//! nobody; the socket is always drained, whatever else is slow; every wait ends by its deadline; no
//! secret appears in a log, an error or a Debug form.
//!
//! [`Client`] is the way in: it connects, logs in, reconnects, and answers [`Action`]s with
//! [`Answer`]s of [`Message`]s. Beneath it, one file each: the framing (`codec`), which message answers
//! which question (`pipeline`), what makes an answer whole (`answer`), one session (`connection`), its
//! encryption (`tls`).
//!
//! ```no_run
//! use std::time::Duration;
//! use astfs::ami::{Action, Client, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::start(Settings::new("pbx.example".parse()?, "astfs", "secret"));
//! let answer = client.ask(Action::command("core show version")?, Duration::from_secs(5)).await?;
//! println!("{:?}", answer.output());
//! # Ok(())
//! # }
//! ```

mod action;
mod address;
mod answer;
mod backoff;
mod client;
mod codec;
mod connection;
mod error;
mod login;
mod message;
mod pipeline;
mod settings;
mod tls;
mod watchdog;

pub use action::{Action, ActionError, HEADER_LIMIT, LINE_LIMIT};
pub use address::{Address, AddressError, DEFAULT_PORT};
pub use answer::Answer;
pub use backoff::Backoff;
pub use client::{Client, State};
pub use codec::{DEFAULT_MESSAGE_LIMIT, Decoder};
pub use error::{AskError, CodecError, ConnectionError};
pub use login::{LoginMethod, Secret};
pub use message::Message;
pub use settings::Settings;
pub use tls::{DEFAULT_TLS_PORT, Tls, TlsError, TlsFiles};
