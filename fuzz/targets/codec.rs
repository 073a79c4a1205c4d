//! Bytes of a connection, cut into messages: how they were divided into reads does not matter, no byte is lost
//! or changed, and no more is held than a message may have.

use astfs::ami::{Answer, CodecError, Decoder, Message};

/// So small that inputs reach it, in bytes.
const LIMIT: usize = 2048;

pub fn check(bytes: &[u8]) {
    let (messages, end) = decoded([bytes].into_iter());
    let mut rest = bytes;
    for message in &messages {
        while !rest.starts_with(message.as_bytes()) {
            let line_end = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            rest = line_end.expect("between messages are empty lines");
        }
        rest = &rest[message.as_bytes().len()..];
        assert!(message.as_bytes().len() <= LIMIT, "a message of {} bytes", message.as_bytes().len());
        look(message);
    }
    let in_ones = decoded(bytes.chunks(1));
    assert!((&messages, &end) == (&in_ones.0, &in_ones.1), "read byte by byte: {end:?}, {:?}", in_ones.1);
    let in_pieces = decoded(pieces(bytes));
    assert!((&messages, &end) == (&in_pieces.0, &in_pieces.1), "in pieces: {end:?}, {:?}", in_pieces.1);

    if let Ok(answer) = Answer::read(bytes) {
        answer.items().iter().chain([answer.message()]).chain(answer.complete()).for_each(look);
        let output = answer.output();
        assert!(
            output.is_none_or(|output| output.is_empty() || output.ends_with(b"\n")),
            "a line without end"
        );
        assert_eq!(answer.error_text().is_some(), answer.is_error());
    }
    let mut banner = Decoder::default();
    banner.feed(bytes);
    if let Ok(Some(line)) = banner.next_line(LIMIT) {
        assert!(!line.contains(&b'\n') && line.len() < LIMIT, "a line of several");
    }
}

/// The messages, and what was behind them.
fn decoded<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<Message>, Result<(), CodecError>) {
    let mut decoder = Decoder::new(LIMIT);
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        if let Err(CodecError::Truncated { bytes }) = decoder.finish() {
            assert!(bytes <= LIMIT, "{bytes} bytes are held");
        }
    }
    (messages, decoder.finish())
}

/// The bytes in pieces whose lengths depend on them.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let mut state =
        bytes.iter().fold(bytes.len(), |state, &byte| state.wrapping_mul(31).wrapping_add(usize::from(byte)));
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, behind) = rest.split_at_checked((state >> 40) % 37 + 1).unwrap_or((rest, &[][..]));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

fn look(message: &Message) {
    let headers: usize = message.headers().map(|(name, value)| name.len() + value.len()).sum();
    assert!(headers <= message.as_bytes().len() + message.headers().count() * "Output".len());
    assert!(message.event().is_none() || message.response().is_none(), "an event and a response");
    assert_eq!(message.action_id(), message.get("actionid"));
    assert!(format!("{message:?}").len() < 200 + 10 * message.as_bytes().len() + 40 * 20);
}
