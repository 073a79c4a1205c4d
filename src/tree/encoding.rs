//! Content in another character set than UTF-8.

use bytes::Bytes;
use encoding_rs::{EncoderResult, Encoding};

/// What stands for a character that the set has not.
const MISSING: u8 = b'?';

/// UTF-8 bytes in that character set. Bytes that are not UTF-8 stay as they are: they come from whoever
/// wrote them in another set, most likely this one.
pub fn encode(content: &[u8], encoding: &'static Encoding) -> Bytes {
    let mut encoded = Vec::with_capacity(content.len());
    for chunk in content.utf8_chunks() {
        encode_text(chunk.valid(), encoding, &mut encoded);
        encoded.extend_from_slice(chunk.invalid());
    }
    encoded.into()
}

fn encode_text(mut text: &str, encoding: &'static Encoding, encoded: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    loop {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(text.len()).unwrap_or(text.len());
        encoded.reserve(room);
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(text, encoded, true);
        text = &text[read..];
        match result {
            EncoderResult::InputEmpty => return,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => encoded.push(MISSING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(content: &[u8], label: &str) -> Vec<u8> {
        encode(content, Encoding::for_label(label.as_bytes()).unwrap()).to_vec()
    }

    #[test]
    fn text_is_shown_in_the_set_and_what_it_has_not_is_a_question_mark() {
        assert_eq!(encoded("Größe €\n".as_bytes(), "latin1"), b"Gr\xf6\xdfe \x80\n");
        assert_eq!(encoded("Иван 日".as_bytes(), "windows-1251"), b"\xc8\xe2\xe0\xed ?");
        assert_eq!(encoded("日本".as_bytes(), "shift_jis"), b"\x93\xfa\x96\x7b");
        assert_eq!(encoded(&"ж".repeat(100_000).into_bytes(), "koi8-r"), vec![0xd6; 100_000]);
        assert_eq!(encoded(b"", "latin1"), b"");
    }

    #[test]
    fn bytes_that_are_not_utf8_stay_as_they_are() {
        assert_eq!(encoded(b"caf\xe9 \xc3\xa9\xff", "latin1"), b"caf\xe9 \xe9\xff");
    }
}
