//! Text made from bytes, and back, without loss.
//!
//! Asterisk passes bytes through as it got them, and they are not always UTF-8. A byte that is not
//! part of valid UTF-8 becomes the private-use character U+EF00 + byte, and [`encode`] turns it
//! back, so a name in any encoding can be shown, compared and asked for again. A genuine character
//! of that small range (U+EF80 to U+EFFF) is treated as three such bytes, so that the two functions
//! are exact inverses for every input.

use std::borrow::Cow;

const BASE: u32 = 0xEF00;
const FIRST: char = '\u{EF80}';
const LAST: char = '\u{EFFF}';

/// Bytes as text: valid UTF-8 as it stands, every other byte as U+EF00 + byte.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(is_escape)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_escape(character) {
                let mut buffer = [0; 4];
                escape_into(character.encode_utf8(&mut buffer).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
        }
        escape_into(chunk.invalid(), &mut text);
    }
    Cow::Owned(text)
}

/// Text as the bytes it was [`decode`]d from.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(is_escape) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        if is_escape(character) {
            bytes.push((u32::from(character) - BASE) as u8);
        } else {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Cow::Owned(bytes)
}

/// How many bytes a character was [`decode`]d from.
pub fn encoded_length(character: char) -> usize {
    if is_escape(character) { 1 } else { character.len_utf8() }
}

fn is_escape(character: char) -> bool {
    (FIRST..=LAST).contains(&character)
}

fn escape_into(bytes: &[u8], text: &mut String) {
    text.extend(bytes.iter().filter_map(|&byte| char::from_u32(BASE + u32::from(byte))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_utf8_is_borrowed_as_it_stands() {
        assert!(matches!(decode("Ünï Иван".as_bytes()), Cow::Borrowed("Ünï Иван")));
        assert!(matches!(encode("Ünï"), Cow::Borrowed(_)));
    }

    #[test]
    fn any_bytes_survive_the_round_trip() {
        let cases: [&[u8]; 6] = [
            b"",
            b"\xff",
            b"caf\xe9 \xd0\x98",
            "\u{EF80}\u{EFFF}\u{F000}".as_bytes(),
            b"\xd0",
            b"\x80\xee\xbe\x80\xc3\xa9",
        ];
        for bytes in cases {
            assert_eq!(encode(&decode(bytes)).as_ref(), bytes, "{bytes:?}");
        }
        let every: Vec<u8> = (0..=255).rev().collect();
        assert_eq!(encode(&decode(&every)).as_ref(), every);
    }
}
