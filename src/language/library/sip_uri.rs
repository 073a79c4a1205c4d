//! SIP URIs, contacts, and addresses with a port.

use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for, record};
use super::nothing::means_nothing;

const SIP_URI: Filter = Filter {
    name: "sip_uri",
    takes: "a text like `sip:6001@192.0.2.7:5060;transport=tcp`, `<sips:…>` or `6001/sip:6001@192.0.2.7`",
};
const HOST_PORT: Filter = Filter {
    name: "host_port",
    takes: "a text like `192.0.2.7:5060`, `[2001:db8::7]:5060`, `IPV4/UDP/192.0.2.7/5060` or a SIP URI",
};
const SCHEMES: [&str; 2] = ["sips:", "sip:"];

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("sip_uri", sip_uri);
    environment.add_filter("host_port", host_port);
}

/// The parts of a SIP URI.
struct Uri<'a> {
    scheme: &'static str,
    user: &'a str,
    host: Host<'a>,
    parameters: &'a str,
}

/// A host, of an IPv6 address without its brackets, and the port if it is told.
struct Host<'a> {
    host: &'a str,
    port: Option<u16>,
}

fn sip_uri(state: &State, value: Value) -> Result<Value, Error> {
    let Some(text) = SIP_URI.text(state, &value)? else { return Ok(nothing_for(&value)) };
    let uri = read_uri(&text).ok_or_else(|| SIP_URI.refuses(&value))?;
    let parameters = uri.parameters.split(';').filter(|parameter| !parameter.is_empty());
    let parameters = parameters.map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name.to_ascii_lowercase(), Value::from(value)),
        None => (parameter.to_ascii_lowercase(), Value::from(true)),
    });
    Ok(record([
        ("scheme", Some(Value::from(uri.scheme))),
        ("user", (!uri.user.is_empty()).then(|| Value::from(uri.user))),
        ("host", Some(Value::from(uri.host.host))),
        ("port", uri.host.port.map(Value::from)),
        ("parameters", Some(Value::from_pairs(parameters))),
    ]))
}

fn host_port(state: &State, value: Value) -> Result<Value, Error> {
    let Some(text) = HOST_PORT.text(state, &value)? else { return Ok(nothing_for(&value)) };
    let text = text.trim();
    let found = match read_uri(text) {
        Some(uri) => Some(uri.host),
        None => read_event_address(text).or_else(|| read_host(text)),
    };
    let Some(found) = found else { return Err(HOST_PORT.refuses(&value)) };
    if means_nothing(found.host) {
        return Ok(nothing_for(&value));
    }
    Ok(record([("host", Some(Value::from(found.host))), ("port", found.port.map(Value::from))]))
}

/// A URI, alone, in brackets behind a name, or behind the name of its AOR.
fn read_uri(text: &str) -> Option<Uri<'_>> {
    let text = match text.rfind("<sip") {
        Some(open) => text[open + 1..].split('>').next()?,
        None => text.trim(),
    };
    let (at, scheme) = SCHEMES.iter().find_map(|scheme| Some((scheme_at(text, scheme)?, *scheme)))?;
    let rest = text[at + scheme.len()..].split(['?', ',']).next()?.trim(); // no headers, no second one
    // a user may hold `;` and `/`, a host neither
    let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
    Some(Uri {
        scheme: scheme.trim_end_matches(':'),
        user: user.split(':').next()?, // a password stands behind it
        host: read_host(host)?,
        parameters,
    })
}

/// Where a URI of that scheme begins: at the beginning, or behind `/`.
fn scheme_at(text: &str, scheme: &str) -> Option<usize> {
    let begins =
        |at: usize| text.get(at..at + scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme));
    if begins(0) { Some(0) } else { text.match_indices('/').map(|(at, _)| at + 1).find(|at| begins(*at)) }
}

/// `IPV4/UDP/192.0.2.7/5060`, as security events have it.
fn read_event_address(text: &str) -> Option<Host<'_>> {
    let mut parts = text.split('/');
    let family = parts.next()?;
    if !matches!(family, "IPV4" | "IPV6") {
        return None;
    }
    let (_transport, host, port) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Host { host: host.trim_matches(['[', ']']), port: port.parse().ok() })
}

fn read_host(text: &str) -> Option<Host<'_>> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            (host, behind.strip_prefix(':').or(behind.is_empty().then_some("")))
        }
        // more than one colon: an IPv6 address without brackets, which has no port
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, Some("")),
        },
    };
    let plain = |one: char| one.is_alphanumeric() || matches!(one, '.' | ':' | '-' | '_' | '%' | '(' | ')');
    let port = match port? {
        "" | "(null)" => None,
        port => Some(port.parse().ok()?),
    };
    (!host.is_empty() && host.chars().all(plain)).then_some(Host { host, port })
}
