//! The answer to a digest challenge (RFC 2617, MD5, with and without `qop=auth`).

use md5::{Digest, Md5};

/// The `Authorization` that answers a `WWW-Authenticate`; none where the challenge is not MD5 digest.
pub fn answer(challenge: &str, user: &str, password: &str, method: &str, uri: &str) -> Option<String> {
    let fields = challenge.strip_prefix("Digest ")?;
    if !field(fields, "algorithm").unwrap_or("MD5").eq_ignore_ascii_case("MD5") {
        return None;
    }
    let (realm, nonce) = (field(fields, "realm")?, field(fields, "nonce")?);
    let secret = md5(&format!("{user}:{realm}:{password}"));
    let request = md5(&format!("{method}:{uri}"));

    let (response, mut rest) = match field(fields, "qop") {
        Some(qop) if qop.split(',').any(|offered| offered.trim() == "auth") => {
            // A nonce is used once, so one count and one client nonce do.
            let (count, client_nonce) = ("00000001", "astfs");
            (
                md5(&format!("{secret}:{nonce}:{count}:{client_nonce}:auth:{request}")),
                format!(", qop=auth, nc={count}, cnonce=\"{client_nonce}\""),
            )
        }
        Some(_) => return None,
        None => (md5(&format!("{secret}:{nonce}:{request}")), String::new()),
    };
    if let Some(opaque) = field(fields, "opaque") {
        rest.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Some(format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5{rest}"
    ))
}

/// A field of the challenge, without its quotes.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    fields.split(',').find_map(|field| {
        let (key, value) = field.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"'))
    })
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
