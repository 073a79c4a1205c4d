//! stand-in
#![allow(missing_docs)]
use bytes::Bytes;
#[derive(Debug)]
pub struct Address;
impl std::str::FromStr for Address { type Err = String; fn from_str(_: &str) -> Result<Address, String> { Ok(Address) } }
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Action;
#[derive(Debug, Clone, thiserror::Error)]
#[error("x")]
pub struct ActionError;
impl Action {
    pub fn new(_: impl AsRef<[u8]>) -> Result<Action, ActionError> { Ok(Action) }
    pub fn command(_: impl AsRef<[u8]>) -> Result<Action, ActionError> { Ok(Action) }
    pub fn with(self, _: impl AsRef<[u8]>, _: impl AsRef<[u8]>) -> Result<Action, ActionError> { Ok(Action) }
}
#[derive(Debug, Clone)]
pub struct Message;
impl Message {
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> { std::iter::empty() }
    pub fn event(&self) -> Option<&[u8]> { None }
}
#[derive(Debug, Clone)]
pub struct Answer(Message);
impl Answer {
    pub fn message(&self) -> &Message { &self.0 }
    pub fn items(&self) -> &[Message] { &[] }
    pub fn complete(&self) -> Option<&Message> { None }
    pub fn output(&self) -> Option<Bytes> { None }
    pub fn is_error(&self) -> bool { false }
    pub fn error_text(&self) -> Option<Bytes> { None }
}
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError { #[error("a")] LoginRefused { x: u8 }, #[error("a")] Timeout { x: u8 }, #[error("a")] ConnectionRefused { x: u8 }, #[error("b")] NotConnected }
