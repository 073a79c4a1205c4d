//! Where numbers of people stand in what a server printed: extensions, numbers called and calling.
//!
//! No field says surely that it is one, so each run of five digits and more counts, unless it is plainly
//! something else.

use std::ops::Range;

/// No number begins so; a channel's count and a set of codecs do (`SIP/6001-00000012`).
const NO_NUMBER: &[u8] = b"00000";
/// Fewer digits are an extension that tells nobody who it is, a port or a count.
const SHORTEST: usize = 5;
/// What servers say for "no limit" and for -1: trees look for exactly these.
const CONSTANTS: [&[u8]; 3] = [b"2147483647", b"4294967295", b"18446744073709551615"];
const UNITS: [&[u8]; 9] = [b"ms", b"kbps", b"s", b"sec", b"secs", b"seconds", b"bytes", b"kB", b"KiB"];

/// What is in the name of a field that is measured and not called.
const MEASURES: [&[u8]; 9] =
    [b"port", b"freq", b"time", b"rate", b"second", b"expir", b"bytes", b"size", b"listitems"];

/// The places in a line, in their order.
pub fn in_line(line: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < line.len() {
        if !line[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = line[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(line.len(), |n| at + n);
        if end - at >= SHORTEST && is_number(line, at..end) {
            places.push(at..end);
        }
        at = end;
    }
    places
}

fn is_number(line: &[u8], range: Range<usize>) -> bool {
    let (before, after) = (&line[..range.start], &line[range.end..]);
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80;
    let digits = &line[range];
    !(before.last().is_some_and(is_word)
        || after.first().is_some_and(is_word)
        || CONSTANTS.contains(&digits)
        || digits.starts_with(NO_NUMBER)
        || is_decimal(before, after)
        || has_unit(after)
        || is_port(before)
        || is_measured(before, after))
}

/// Part of a number with a point, as a channel's unique id is (`1764012345.12`), or an IP address.
fn is_decimal(before: &[u8], after: &[u8]) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    (after.first() == Some(&b'.') && digit(after.get(1)))
        || (before.last() == Some(&b'.') && digit(before.iter().rev().nth(1)))
}

fn has_unit(after: &[u8]) -> bool {
    let Some(after) = after.strip_prefix(b" ") else { return false };
    let end = after.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(after.len());
    UNITS.contains(&&after[..end])
}

/// Behind an address: `192.0.2.1:54203`.
fn is_port(before: &[u8]) -> bool {
    let Some(address) = before.strip_suffix(b":") else { return false };
    let start = address.iter().rposition(|byte| !(byte.is_ascii_digit() || *byte == b'.'));
    let octets = &address[start.map_or(0, |start| start + 1)..];
    address.last() == Some(&b']') || octets.iter().filter(|&&byte| byte == b'.').count() == 3
}

/// All of a field whose name says that it is a time, a size, a port: `Address-Port: 54203`.
fn is_measured(before: &[u8], after: &[u8]) -> bool {
    let label = before.trim_ascii_end().strip_suffix(b":").map(<[u8]>::to_ascii_lowercase);
    after.trim_ascii().is_empty()
        && label.is_some_and(|label| {
            MEASURES.iter().any(|measure| label.windows(measure.len()).any(|part| part == *measure))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<&str> {
        in_line(line.as_bytes()).into_iter().map(|range| &line[range]).collect()
    }

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        assert_eq!(found("CallerIDNum: 03012345678"), ["03012345678"]);
        assert_eq!(found("Callerid: \"Bo\" <+493012345678>"), ["493012345678"]);
        assert_eq!(found("  '_0301234567' =>  1. Dial(SIP/12345@trunk)"), ["0301234567", "12345"]);
        assert_eq!(found("12345/12345    192.0.2.1    D"), ["12345", "12345"]);
        assert_eq!(found("Contact: sip:54321@192.0.2.1:54203"), ["54321"]);
    }

    #[test]
    fn what_is_plainly_something_else_stays() {
        for line in [
            "Uniqueid: 1764012345.12345",
            "  Address-Port: 54203",
            "      qualifyfreq: 60000",
            "timer_b: 32000",
            "Contact: [2001:db8::1]:54203",
            "call_limit: 2147483647",
            "SIP-T.38MaxDtgrm: 4294967295",
            "Channel: SIP/6001-00000012",
            "QualifyFreq : 60000 ms",
            "md5: 9349e31daa051eeec9267811bb4eef1e12345",
            "Peer: 6001",
            "user12345",
        ] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }
}
