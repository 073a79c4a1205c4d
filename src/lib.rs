//! astfs mounts a running Asterisk PBX as a directory tree that operators write in TOML.
//!
//! Data flows one way, and the modules are named by what flows through them:
//! bytes ([`ami`]) become values ([`parse`]), the tree file ([`language`]) says which questions to
//! ask ([`query`]), of a server or beside it ([`origin`]), and what their results look like as directories and files ([`tree`]), and the
//! kernel is served from that ([`fs`]). Each module knows only those named before it.
//! A server can also be what others publish (`published`) of it.
//! [`recording`] keeps what a server told, and stands in for it; [`testing`] compares a tree with what
//! is expected of it. [`simulator`] is an Asterisk to try all this on, and [`cli`] the commands of the program.
//! What is counted on the way ([`measure`]) is told as [`metrics`].
//! A program that serves a mount gives up what it does not need: [`sandbox`].

#![deny(unsafe_code)]

pub mod ami;
pub mod cli;
pub mod data;
pub mod fs;
pub mod language;
pub mod measure;
pub mod metrics;
pub mod origin;
pub mod parse;
#[cfg(feature = "nats")]
pub mod published;
pub mod query;
pub mod recording;
pub mod sandbox;
pub mod simulator;
mod sync;
pub mod testing;
pub mod tree;
