//! What a server told, without the secrets in it.

use super::replacement::each_line;
use crate::language::is_secret;

/// What stands in the place of a secret.
const STARS: &[u8] = b"***";

/// One message without the secrets in it: three stars stand for each, and blanks up to where the next column of a
/// table begins.
pub fn without_secrets(message: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(message.len());
    each_line(message, |line, places| {
        let shown = line.text();
        let mut found = places.in_line(shown);
        if found.is_empty()
            && let Some(colon) = shown.iter().position(|&byte| byte == b':')
            && std::str::from_utf8(&shown[..colon]).is_ok_and(|name| is_secret(name.trim()))
        {
            let value = shown[colon + 1..].trim_ascii_start();
            if !value.is_empty() {
                found.push(shown.len() - value.len()..shown.len());
            }
        }
        let begins = line.shown.start;
        text.extend_from_slice(&line.bytes[..begins]);
        let mut from = 0;
        for place in found {
            text.extend_from_slice(&shown[from..place.start]);
            text.extend_from_slice(STARS);
            from = place.end;
            if shown.get(from) == Some(&b' ') {
                text.resize(text.len() + place.len().saturating_sub(STARS.len()), b' ');
            }
        }
        text.extend_from_slice(&shown[from..]);
        text.extend_from_slice(&line.bytes[line.shown.end..]);
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(without_secrets(text.as_bytes())).unwrap()
    }

    #[test]
    fn headers_tables_and_addresses_show_stars_and_nothing_else_is_another() {
        let peer = "Response: Success\r\nObjectName: 6001\r\nSecret: pw6001\r\nrefresh_token: tok\r\nMailbox: \r\n\r\n";
        let hidden =
            "Response: Success\r\nObjectName: 6001\r\nSecret: ***\r\nrefresh_token: ***\r\nMailbox: \r\n\r\n";
        assert_eq!(shown(peer), hidden);
        let table = "Response: Success\r\nOutput: Username         Secret           Accountcode\r\n\
                     Output: 6001             pw6001           acc\r\n\r\n";
        assert_eq!(shown(table), table.replace("pw6001", "***   "));
        assert_eq!(shown("Contact: sip:6001:hush@192.0.2.1\r\n"), "Contact: sip:6001:***@192.0.2.1\r\n");
        assert_eq!(shown("SecretExist: Y\r\n"), "SecretExist: Y\r\n");
    }
}
