//! Where public IP addresses stand in what a server printed, and what stands for them.
//!
//! A public address may be somebody's at home. Private and local ones tell nothing of him and much of how
//! the network is made, so they stay.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The places in a line, in their order.
pub fn in_line(line: &[u8]) -> Vec<Range<usize>> {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let mut places = Vec::new();
    let mut at = 0;
    while at < line.len() {
        if !is_part(&line[at]) {
            at += 1;
            continue;
        }
        let end = at + line[at..].iter().take_while(|byte| is_part(byte)).count();
        places.extend(public(line, at..end).filter(|place| stands_alone(line, place)));
        at = end;
    }
    places
}

/// Whether it is no part of a word.
fn stands_alone(line: &[u8], place: &Range<usize>) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !line[..place.start].last().is_some_and(is_word) && !line.get(place.end).is_some_and(is_word)
}

/// The public address in such a run of characters, which may have a port, or colons around it.
fn public(line: &[u8], run: Range<usize>) -> Option<Range<usize>> {
    let text = |range: &Range<usize>| std::str::from_utf8(&line[range.clone()]).unwrap_or_default();
    if text(&run).parse().is_ok_and(is_public_6) {
        return Some(run);
    }
    let mut start = run.start;
    for part in text(&run).split(':') {
        let place = start..start + part.trim_end_matches('.').len();
        if text(&place).parse().is_ok_and(is_public_4) {
            return Some(place);
        }
        start += part.len() + 1;
    }
    None
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    !(first == 0
        || first >= 224
        || shared
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

/// What is given out: 2000::/3, without the addresses for examples.
fn is_public_6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first >> 13 == 1 && (first, second) != (0x2001, 0xdb8) && (first != 0x3fff || second > 0xfff)
}

/// An address of that length that nobody has, the `count`th of its kind: of 240.0.0.0/4, or where that is
/// too long of 0.0.0.0/8; or of 3fff::/20, with the same groups.
pub fn replacement(address: &[u8], count: u64) -> Vec<u8> {
    if address.contains(&b':') { replacement_6(address, count) } else { replacement_4(address, count) }
}

fn replacement_4(address: &[u8], mut count: u64) -> Vec<u8> {
    let first = if address.len() > 8 { "240" } else { "0" };
    let digits = address.len() - first.len() - 3;
    let mut octets = Vec::new();
    for left in [1, 2, 3] {
        // the last octets are the long ones
        let width = (digits - octets.iter().map(String::len).sum::<usize>()).div_ceil(4 - left);
        let (least, most) = [(1, 9), (10, 99), (100, 255)][width.clamp(1, 3) - 1];
        octets.push((least + count % (most - least + 1)).to_string());
        count /= most - least + 1;
    }
    octets.reverse();
    format!("{first}.{}", octets.join(".")).into_bytes()
}

fn replacement_6(address: &[u8], mut count: u64) -> Vec<u8> {
    let mut replaced = address.to_vec();
    // the first group is said, and so is the first digit of a second one of four
    let second = address.iter().position(|&byte| byte == b':').map_or(address.len(), |colon| colon + 1);
    for digit in replaced.iter_mut().rev().filter(|digit| **digit != b':') {
        *digit = b"0123456789abcdef"[(count % 16) as usize];
        count /= 16;
    }
    replaced[..4].copy_from_slice(b"3fff");
    if address[second..].split(|&byte| byte == b':').next().is_some_and(|group| group.len() == 4) {
        replaced[second] = b'0';
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<&str> {
        in_line(line.as_bytes()).into_iter().map(|range| &line[range]).collect()
    }

    #[test]
    fn public_addresses_are_found_wherever_they_stand() {
        assert_eq!(found("Contact: sip:6001@81.2.69.142:54203"), ["81.2.69.142"]);
        assert_eq!(found("IPaddress:81.2.69.142."), ["81.2.69.142"]);
        assert_eq!(found("6001/6001   8.8.8.8    D  1.1.1.1:5060"), ["8.8.8.8", "1.1.1.1"]);
        assert_eq!(found("sip:6001@[2a02:8109:9a80:1c::5]:5060"), ["2a02:8109:9a80:1c::5"]);
    }

    #[test]
    fn addresses_of_nobody_stay() {
        for line in [
            "127.0.0.1 10.1.2.3 192.168.1.1 172.16.0.1 169.254.0.1 100.64.0.1 0.0.0.0 255.255.255.0",
            "224.0.1.75 192.0.2.1 fe80::1 ::1 2001:db8::1 fd00::1",
            "16.28.0 1764012345.12 20:31:44 1.2.3.4x v1.2.3.4 1.2.3.4.5 00:11:22:33:44:55:66:77",
        ] {
            assert_eq!(found(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_replacement_is_as_long_and_one_for_each() {
        for address in
            ["8.8.8.8", "81.2.6.9", "81.2.69.142", "181.200.169.142", "2a02:8109:9a80:1c::5", "2a02::1"]
        {
            let mut seen = std::collections::HashSet::new();
            for count in 0..200 {
                let replaced = replacement(address.as_bytes(), count);
                assert_eq!(replaced.len(), address.len(), "{address}");
                assert!(in_line(&replaced).is_empty(), "{address}");
                let text = std::str::from_utf8(&replaced).unwrap();
                assert!(text.parse::<std::net::IpAddr>().is_ok(), "{address}: {text}");
                seen.insert(replaced);
            }
            assert!(seen.len() > 15, "{address}: {}", seen.len());
        }
    }
}
