use std::fs;
use std::path::Path;

use super::*;

const CHUNKS: [usize; 6] = [1, 2, 3, 7, 4096, usize::MAX];

/// Recordings of Asterisk 13 that hold something else than what a server sent.
const NOT_A_STREAM: [&str; 6] = [
    "experiments_filter.txt",
    "experiments_interleave.txt",
    "experiments_misc.txt",
    "experiments_search.txt",
    "experiments_slow_reader.txt",
    "realtime_load_1_1.STOCK-sqlite3.txt",
];

/// (version/name, bytes) of every recording of what a server sent.
pub(in crate::ami) fn recordings() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut all = Vec::new();
    for version in ["13", "16", "22"] {
        for entry in fs::read_dir(root.join(version)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".txt") && !NOT_A_STREAM.contains(&name.as_str()) {
                let mut bytes = fs::read(root.join(version).join(&name)).unwrap();
                if bytes.ends_with(b"<<EOF>>") || bytes.ends_with(b"<<EOF>>\n") {
                    bytes.truncate(bytes.windows(7).rposition(|end| end == b"<<EOF>>").unwrap());
                }
                all.push((format!("{version}/{name}"), bytes));
            }
        }
    }
    all.sort();
    assert!(all.len() > 350, "only {} recordings", all.len());
    all
}

/// The banner, if there is one, and the messages; what came divided into chunks of that size.
fn decode(bytes: &[u8], chunk: usize) -> (Option<Bytes>, Vec<Message>, Decoder) {
    let (banner, messages, decoder) = decode_any(bytes, chunk);
    (banner, messages, decoder.unwrap())
}

/// The same of bytes that may not be a server's.
fn decode_any(bytes: &[u8], chunk: usize) -> (Option<Bytes>, Vec<Message>, Result<Decoder, CodecError>) {
    let (mut decoder, mut messages, mut banner) = (Decoder::default(), Vec::new(), None);
    let mut wants_banner = bytes.starts_with(b"Asterisk Call Manager");
    for part in bytes.chunks(chunk.min(bytes.len().max(1))) {
        decoder.feed(part);
        if wants_banner {
            banner = decoder.next_line(256).unwrap();
            wants_banner = banner.is_none();
        }
        if wants_banner {
            continue;
        }
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (banner, messages, Err(error)),
            }
        }
    }
    (banner, messages, Ok(decoder))
}

fn messages(bytes: &[u8]) -> Vec<Message> {
    let (_, messages, decoder) = decode(bytes, usize::MAX);
    decoder.finish().unwrap();
    messages
}

#[test]
fn every_recording_gives_the_same_messages_however_it_is_divided() {
    for (name, bytes) in recordings() {
        let (banner, whole, decoder) = decode(&bytes, usize::MAX);
        let cut_off = name.ends_with("_CRASH.txt");
        assert_eq!(decoder.finish().is_err(), cut_off, "{name}");
        for chunk in CHUNKS {
            let (same_banner, messages, _) = decode(&bytes, chunk);
            assert_eq!((&same_banner, messages), (&banner, whole.clone()), "{name} by {chunk}");
        }
    }
}

#[test]
fn recordings_lose_nothing_but_the_empty_lines_between_messages() {
    for (name, bytes) in recordings() {
        let (banner, messages, decoder) = decode(&bytes, 4096);
        let mut rest = &bytes[banner.map_or(0, |banner| banner.len() + 2)..];
        for message in &messages {
            while !rest.starts_with(message.as_bytes()) {
                rest = rest.strip_prefix(b"\r\n").unwrap_or_else(|| panic!("{name}: {message:?}"));
            }
            rest = &rest[message.as_bytes().len()..];
        }
        let left = rest.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
        assert_eq!(left > 0, decoder.finish().is_err(), "{name}");
    }
}

#[test]
fn every_message_of_the_recordings_is_a_response_or_an_event_but_for_queues() {
    for (name, bytes) in recordings() {
        for message in decode(&bytes, usize::MAX).1 {
            let known = message.response().is_some() || message.event().is_some();
            assert_eq!(known, name != "13/action_Queues.txt", "{name}: {message:?}");
        }
    }
}

#[test]
fn every_event_sent_to_all_sessions_bears_a_privilege() {
    let mut events = 0;
    for (name, bytes) in recordings().iter().filter(|(name, _)| name.ends_with("/events.txt")) {
        for message in messages(bytes).iter().filter(|message| message.event().is_some()) {
            assert!(message.get("Privilege").is_some(), "{name}: {message:?}");
            events += 1;
        }
    }
    assert!(events > 300, "{events}");
}

#[test]
fn the_end_marker_in_the_data_does_not_end_the_answer() {
    for name in ["END", "data_sip_peers", "sip_show_peers"] {
        let name = format!("13/hostile_{name}.txt");
        let (_, bytes) = recordings().into_iter().find(|(found, _)| *found == name).unwrap();
        let messages = messages(&bytes);
        assert_eq!(messages.len(), 1, "{name}");
        let body = messages[0].body().unwrap();
        assert!(body.windows(15).any(|part| part == b"--END COMMAND--"), "{name}");
        assert!(bytes.ends_with(&[&body[..], b"--END COMMAND--\r\n\r\n"].concat()), "{name}");
    }
}

fn follows(body: &str) -> Vec<u8> {
    format!("Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\n{body}").into_bytes()
}

const PONG: &str = "Response: Success\r\nPing: Pong\r\n\r\n";

#[test]
fn text_that_looks_like_protocol_stays_text() {
    for body in [
        "Response: Success\nActionID: 9\n\n",
        "Privilege: x\r\nActionID: 9\r\n\r\n",
        "--END COMMAND--\n\r\n",
        "--END COMMAND--\r\n",
        "--END COMMAND--\r\nmore\r\n\r\n",
        "x--END COMMAND--\r\n\r\nmore\n",
        "\n\n",
        "",
    ] {
        let bytes = follows(&format!("{body}--END COMMAND--\r\n\r\n{PONG}"));
        for chunk in CHUNKS {
            let (_, messages, decoder) = decode(&bytes, chunk);
            assert_eq!(messages.len(), 2, "{body:?} by {chunk}");
            assert_eq!(messages[0].body().unwrap(), body.as_bytes(), "{body:?} by {chunk}");
            assert_eq!(messages[0].action_id(), Some(&b"1"[..]));
            assert_eq!(messages[1].get("Ping"), Some(&b"Pong"[..]));
            decoder.finish().unwrap();
        }
    }
}

#[test]
fn output_without_a_last_line_end_is_over_when_the_next_message_begins() {
    let bytes = follows(&format!("one\ntwo--END COMMAND--\r\n\r\n{PONG}"));
    for chunk in CHUNKS {
        let (_, messages, _) = decode(&bytes, chunk);
        assert_eq!(messages.len(), 2, "by {chunk}");
        assert_eq!(messages[0].body().unwrap(), "one\ntwo");
    }
}

#[test]
fn text_without_a_message_around_it_does_not_swallow_the_next_message() {
    for stray in
        ["line one\nline two\n", "no colon\r\n", "a: b\r\nc: d\r\n\r\n", "x\n\n", "\u{1b}[0m\r\n\r\n"]
    {
        let messages = messages(format!("{stray}{PONG}{stray}\r\n{PONG}").as_bytes());
        let known: Vec<bool> = messages.iter().map(|message| message.response().is_some()).collect();
        assert_eq!(known, [false, true, false, true], "{stray:?}");
    }
}

#[test]
fn a_response_that_goes_on_into_the_next_message_is_an_error_and_an_event_may_look_so() {
    for next in ["Response: Success", "event: PeerStatus"] {
        let mut decoder = Decoder::default();
        decoder.feed(format!("Response: Success\r\nContext: a\r\n{next}\r\nContext: b\r\n\r\n").as_bytes());
        assert_eq!(decoder.next_message(), Err(CodecError::Endless { bytes: 31 }), "{next}");
    }
    let mut decoder = Decoder::default();
    decoder.feed(b"Response: Success\r\nActionID: 1\r\nContext: defResponse: Success\r\nActionID: 2\r\n\r\n");
    assert_eq!(decoder.next_message(), Err(CodecError::Endless { bytes: 63 }), "in the middle of a line");
    let told = b"Event: UserEvent\r\nEvent: mine\r\nResponse: Success\r\n\r\n\
                 Response: Success\r\nValue: a\nEvent: of a value\r\n\r\n";
    assert_eq!(messages(told).len(), 2);
}

#[test]
fn a_message_of_many_mib_takes_time_in_proportion_byte_by_byte_or_not() {
    let line = "a line of a certain length, as they come, with nothing special\n";
    let bytes = follows(&format!("{}--END COMMAND--\r\n\r\n", line.repeat((8 << 20) / line.len())));
    // Rescanning from the start would look at 30 million million bytes.
    for chunk in [1, 8192] {
        let (mut decoder, mut found) = (Decoder::default(), None);
        for part in bytes.chunks(chunk) {
            assert!(found.is_none());
            decoder.feed(part);
            found = decoder.next_message().unwrap();
        }
        assert_eq!(found.unwrap().as_bytes().len(), bytes.len());
    }
    // One line without end, and one header of many bare line feeds.
    for filler in ["x", "\n"] {
        let mut decoder = Decoder::default();
        decoder.feed(b"Response: Success\r\nX: ");
        for _ in 0..1_000_000 {
            decoder.feed(filler.as_bytes());
            assert_eq!(decoder.next_message(), Ok(None));
        }
        decoder.feed(b"\r\n\r\n");
        assert_eq!(decoder.next_message().unwrap().unwrap().get("X").unwrap().len(), 1_000_000);
    }
}

#[test]
fn a_message_beyond_the_bound_is_an_error_and_one_at_it_is_not() {
    let limit = PONG.len();
    let mut decoder = Decoder::new(limit);
    decoder.feed(PONG.repeat(3).as_bytes());
    for _ in 0..3 {
        assert!(decoder.next_message().unwrap().is_some());
    }
    for too_long in [format!("X: y\r\n{PONG}").into_bytes(), vec![b'x'; limit + 1], vec![b'\n', b'y', b'\n']]
    {
        let mut decoder = Decoder::new(if too_long.len() == 3 { 1 } else { limit - 1 });
        decoder.feed(&too_long);
        let error = loop {
            match decoder.next_message() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("accepted {too_long:?}"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CodecError::TooLong { .. }));
    }
    let mut decoder = Decoder::default();
    decoder.feed(&[b'x'; 256]);
    assert_eq!(decoder.next_line(256), Err(CodecError::TooLong { limit: 256 }));
}

#[test]
fn an_event_beyond_its_bound_is_an_error_whatever_a_response_may_have() {
    let of = |kind: &str, length: usize| format!("{kind}: x\r\nY: {}", "y".repeat(length)).into_bytes();
    for (message, error) in [
        (of("Event", EVENT_LIMIT), Err(CodecError::TooLong { limit: EVENT_LIMIT })),
        (of("Event", EVENT_LIMIT - 100), Ok(None)),
        (of("Response", EVENT_LIMIT), Ok(None)),
    ] {
        let mut decoder = Decoder::default();
        decoder.feed(&message);
        assert_eq!(decoder.next_message(), error);
    }
}

#[test]
fn an_end_inside_a_message_says_so() {
    let whole = follows("text\n--END COMMAND--\r\n\r\n");
    for end in 1..whole.len() {
        let (_, messages, decoder) = decode(&whole[..end], usize::MAX);
        assert_eq!(messages, []);
        assert_eq!(decoder.finish(), Err(CodecError::Truncated { bytes: end }));
    }
}

/// A small generator of numbers (xorshift), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Bytes made of the parts that the protocol is made of, in any order.
fn garbage(numbers: &mut Numbers) -> Vec<u8> {
    let parts: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b":",
        b"Response: Follows\r\n",
        b"Response: Success\r\n",
        b"Event: X\r\n",
        b"Privilege: Command\r\n",
        b"ActionID: 1\r\n",
        b"--END COMMAND--",
        b"--END COMMAND--\r\n\r\n",
        b"\xff\xfe",
        b"\0",
        b"EventList: Complete\r\n",
        b"text",
        b" ",
    ];
    (0..numbers.below(60)).flat_map(|_| parts[numbers.below(parts.len())]).copied().collect()
}

#[test]
fn garbage_never_panics_and_is_read_the_same_however_it_is_divided() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut seen = 0;
    for _ in 0..4000 {
        let bytes = garbage(&mut numbers);
        let (_, whole, end) = decode_any(&bytes, usize::MAX);
        for message in &whole {
            seen += message.headers().count() + format!("{message:?}").len();
        }
        for chunk in [1, 2, 3, 7] {
            let (_, divided, divided_end) = decode_any(&bytes, chunk);
            assert_eq!(
                (divided, divided_end.err()),
                (whole.clone(), end.as_ref().err().cloned()),
                "{bytes:?}"
            );
        }
    }
    assert!(seen > 100_000, "{seen}");
}

#[test]
fn after_garbage_that_is_not_inside_a_message_the_next_message_is_read() {
    let mut numbers = Numbers(42);
    for _ in 0..2000 {
        let length = numbers.below(80);
        let mut bytes: Vec<u8> = (0..length).map(|_| numbers.below(256) as u8).collect();
        bytes.extend_from_slice(b"\n");
        bytes.extend_from_slice(PONG.as_bytes());
        let last = messages(&bytes).pop().unwrap();
        assert_eq!(last.get("Ping"), Some(&b"Pong"[..]), "{bytes:?}");
    }
}
