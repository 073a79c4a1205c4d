//! Where a server is: a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The port that Asterisk's `manager.conf` uses unless told otherwise.
pub const DEFAULT_PORT: u16 = 5038;

/// A host name or IP address and a TCP port.
///
/// Read from `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; [`DEFAULT_PORT`] if no
/// port is named. Shown as `host:port`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It asks for TLS.
    #[error("{0:?} asks for TLS; write host:port, and `tls = true` in [server] of the tree file")]
    Tls(String),
    /// It names another scheme.
    #[error("{0:?} names a scheme; write host:port")]
    Scheme(String),
    /// There is no host.
    #[error("{0:?} names no host; write host:port")]
    NoHost(String),
    /// The port is not a number from 1 to 65535.
    #[error("{0:?} has no usable port; write host:port with a port from 1 to 65535")]
    Port(String),
    /// Brackets around something that is not an IPv6 address, or characters no host name has.
    #[error("{0:?} has no usable host; write host:port, or [address]:port for IPv6")]
    Host(String),
}

impl Address {
    /// Reads an address, with that port if it names none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, default_port: u16) -> Result<Address, AddressError> {
        let (host, port) = parts(text)?;
        Ok(Address { host: host.to_owned(), port: port.unwrap_or(default_port) })
    }

    /// Whether it is this machine itself, going by its letters.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// The host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        Address::read(text, DEFAULT_PORT)
    }
}

/// Host and port, if one is named.
fn parts(text: &str) -> Result<(&str, Option<u16>), AddressError> {
    let whole = || text.to_owned();
    if let Some((scheme, _)) = text.split_once("://") {
        let tls = scheme.eq_ignore_ascii_case("tls");
        return Err(if tls { AddressError::Tls(whole()) } else { AddressError::Scheme(whole()) });
    }
    let (host, port) = if text.parse::<Ipv6Addr>().is_ok() {
        (text, None)
    } else if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| AddressError::Host(whole()))?;
        host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host(whole()))?;
        match rest.strip_prefix(':') {
            None if rest.is_empty() => (host, None),
            None => return Err(AddressError::Port(whole())),
            port => (host, port),
        }
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err(AddressError::NoHost(whole()));
    }
    if host.chars().any(|c| c.is_whitespace() || c.is_control() || "[]/@".contains(c)) {
        return Err(AddressError::Host(whole()));
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => Some(port),
            _ => return Err(AddressError::Port(whole())),
        },
    };
    Ok((host, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read_and_shown() {
        for (text, shown) in [
            ("pbx", "pbx:5038"),
            ("pbx.example:5039", "pbx.example:5039"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("::1", "[::1]:5038"),
            ("[::1]", "[::1]:5038"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<Address>().unwrap_err();
        assert!(matches!(error("tls://pbx:5039"), AddressError::Tls(_)));
        assert!(matches!(error("http://pbx"), AddressError::Scheme(_)));
        for text in ["", ":5038"] {
            assert!(matches!(error(text), AddressError::NoHost(_)), "{text}");
        }
        for text in ["pbx:", "pbx:0", "pbx:65536", "pbx:x", "[::1]x", "[::1]:", "a:b:c"] {
            assert!(matches!(error(text), AddressError::Port(_)), "{text}");
        }
        for text in ["[pbx]:1", "[::1", "a b:1", "user@pbx"] {
            assert!(matches!(error(text), AddressError::Host(_)), "{text}");
        }
    }
}
