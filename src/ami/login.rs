//! How a connection becomes a session: the banner, then `Login`, plain or by MD5 challenge.

use std::fmt;

use md5::{Digest, Md5};

use super::action::{Action, ActionError};

/// How the secret is shown to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoginMethod {
    /// As it is. Whoever listens on the network learns it.
    Plain,
    /// As the MD5 sum of a challenge and itself, which Asterisk 13 to 22 all accept.
    #[default]
    Md5,
}

/// A secret. Its Debug form is `***`, and it has no other that shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(secret: T) -> Secret {
        Secret(secret.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What every Asterisk says first; the protocol's version follows.
pub(super) const BANNER: &str = "Asterisk Call Manager/";

/// The request for a challenge.
pub(super) fn challenge() -> Result<Action, ActionError> {
    Action::new("Challenge")?.with("AuthType", "MD5")
}

/// The login that shows the secret.
pub(super) fn plain(user: &str, secret: &Secret) -> Result<Action, ActionError> {
    Action::new("Login")?.with("Username", user)?.with("Secret", secret.expose())
}

/// The login that answers a challenge.
pub(super) fn answer(user: &str, secret: &Secret, challenge: &[u8]) -> Result<Action, ActionError> {
    let key = key(challenge, secret);
    Action::new("Login")?.with("AuthType", "MD5")?.with("Username", user)?.with("Key", key)
}

fn key(challenge: &[u8], secret: &Secret) -> String {
    let digest = Md5::new().chain_update(challenge).chain_update(secret.expose()).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_one_that_real_servers_accepted() {
        let secret = Secret::from("s3cret");
        // From the recorded logins of Asterisk 16 and 22.
        assert_eq!(key(b"162901244", &secret), "9349e31daa051eeec9267811bb4eef1e");
        assert_eq!(key(b"717342534", &secret), "477e302802eb56e8850dc041974f4d4a");
    }

    #[test]
    fn a_secret_never_shows_and_cannot_inject() {
        let secret = Secret::from("s3cret");
        assert_eq!(format!("{secret:?}"), "***");
        assert!(!format!("{:?}", plain("me", &secret)).contains("s3cret"));
        assert!(plain("me", &Secret::from("x\r\nAction: Originate")).is_err());
        assert!(plain("me\n", &secret).is_err());
    }
}
