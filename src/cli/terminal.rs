//! What a record holds is shown on a terminal, and does nothing to it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// Writes to standard output: on a terminal [without what would steer it](harmless), otherwise as it is.
///
/// # Errors
/// If nobody takes it.
pub fn print(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout();
    if output.is_terminal() { output.write_all(&harmless(bytes)) } else { output.write_all(bytes) }
}

/// The same text with control characters in letters, as `\x1b`; line ends and tabs stay.
pub fn harmless(bytes: &[u8]) -> Cow<'_, [u8]> {
    let steers = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    // by itself, such a byte is a control character to a terminal that does not read UTF-8
    let is_control = |byte: u8| (0x80..0xa0).contains(&byte);
    let is_harmless = |chunk: std::str::Utf8Chunk<'_>| {
        !chunk.valid().contains(steers) && !chunk.invalid().iter().copied().any(is_control)
    };
    if bytes.utf8_chunks().all(is_harmless) {
        return Cow::Borrowed(bytes);
    }
    let mut shown = Vec::with_capacity(bytes.len() + 16);
    let mut letters = String::new();
    let mut spell = |number: u32, shown: &mut Vec<u8>| {
        letters.clear();
        // writing to a string cannot fail
        let _ = write!(letters, "\\x{number:02x}");
        shown.extend_from_slice(letters.as_bytes());
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if steers(character) {
                spell(character.into(), &mut shown);
            } else {
                shown.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        for byte in chunk.invalid() {
            if is_control(*byte) { spell((*byte).into(), &mut shown) } else { shown.push(*byte) }
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_and_nothing_else_changes() {
        for (bytes, shown) in [
            (&b"1001\tOK\n"[..], &b"1001\tOK\n"[..]),
            (b"\x1b]0;pwned\x07\x7f\r", b"\\x1b]0;pwned\\x07\\x7f\\x0d"),
            ("Müller \u{9b}31m".as_bytes(), "Müller \\x9b31m".as_bytes()),
            (b"M\xfcller \x9b31m", b"M\xfcller \\x9b31m"),
        ] {
            assert_eq!(harmless(bytes), shown);
        }
    }
}
