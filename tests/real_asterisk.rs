//! The shipped tree on real Asterisk servers, through a real mount: what an operator sees, and when.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

mod support;

#[path = "real_asterisk/alive.rs"]
mod alive;
#[path = "real_asterisk/ari.rs"]
mod ari;
#[path = "real_asterisk/as_chan_sip_tells.rs"]
mod as_chan_sip_tells;
#[path = "real_asterisk/calls/mod.rs"]
mod calls;
#[path = "tls/certificates.rs"]
mod certificates;
#[path = "real_asterisk/encrypted.rs"]
mod encrypted;
#[path = "real_asterisk/failures.rs"]
mod failures;
#[path = "real_asterisk/fleet.rs"]
mod fleet;
#[path = "real_asterisk/follows.rs"]
mod follows;
#[path = "real_asterisk/ground.rs"]
mod ground;
#[path = "real_asterisk/many.rs"]
mod many;
#[path = "real_asterisk/pjsip.rs"]
mod pjsip;
#[cfg(feature = "nats")]
#[path = "real_asterisk/published.rs"]
mod published;
#[path = "real_asterisk/recorded.rs"]
mod recorded;
#[path = "real_asterisk/rights.rs"]
mod rights;
#[path = "real_asterisk/who/mod.rs"]
mod who;
#[path = "real_asterisk/without_data_get.rs"]
mod without_data_get;
