//! What holds for every parser: no bytes make one panic, and truncation loses only what was cut off.

use std::path::Path;
use std::sync::LazyLock;

use super::*;

static PARSERS: LazyLock<Vec<Parser>> = LazyLock::new(|| {
    let named = Parser::NAMES.into_iter().filter_map(Parser::from_name);
    let expression = r"^\s*(?P<label>[^:]+):\s+(?P<value>.*)$";
    let patterns = [regex::Scope::Line, regex::Scope::Text]
        .map(|scope| Parser::Regex(regex::Pattern::new(expression, scope).unwrap()));
    named.chain(patterns).chain([Parser::Concise { names: vec!["a".into()] }]).collect()
});

/// Parses with every parser, and reads each value through, which a broken one would not survive.
fn parse_with_all(bytes: &[u8]) -> usize {
    let values = PARSERS.iter().filter_map(|parser| parser.parse(bytes).ok());
    values.map(|value| serde_json::to_string(&value).unwrap().len()).sum()
}

#[test]
fn every_transcript_is_answered_by_every_parser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut read = 0;
    for version in ["13", "16", "22"] {
        for entry in std::fs::read_dir(folder.join(version)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(bytes.is_empty() || parse_with_all(&bytes) > 0);
            read += 1;
        }
    }
    assert!(read > 600, "{read}");
}

#[test]
fn every_beginning_of_a_text_is_answered() {
    for name in [
        "13/hostile_sip_show_peers",
        "13/cmd_iax2_show_peers",
        "13/realtime_load_1_1.STOCK-sqlite3",
        "13/cmd_data_sip_peers_author_fields",
        "16/cmd__sip_show_user_6001",
        "22/cmd__confbridge_list",
    ] {
        let text = transcript::cli(name);
        for end in 0..text.len().min(800) {
            parse_with_all(&text[..end]);
            parse_with_all(&text[text.len() - end..]);
        }
    }
}

#[test]
fn a_beginning_of_an_outline_has_the_records_it_holds() {
    let text = transcript::cli("13/cmd_data_sip_peers_author_fields");
    let whole = outline::parse(&text).unwrap();
    let whole = whole.as_list().unwrap();
    let mut begun = 0;
    for end in b"peers\n  peer".len()..=text.len() {
        let part = outline::parse(&text[..end]).unwrap();
        let part = part.as_list().unwrap();
        assert!(part.len() >= begun, "{end}");
        begun = part.len();
        let complete = begun.saturating_sub(1);
        assert_eq!(part[..complete], whole[..complete], "{end}");
    }
    assert_eq!(begun, 7);
}

#[test]
fn random_bytes_are_answered() {
    // Pieces that the forms are made of, put together at random, get deeper than random bytes do.
    let pieces: [&[u8]; 28] = [
        b" ",
        b"  ",
        b"    ",
        b"\n",
        b"\r\n",
        b"\t",
        b":",
        b": ",
        b"\"",
        b"name",
        b"peers",
        b"peer",
        b"True",
        b"4294967295",
        b"-----",
        b"=====  ====",
        b"!",
        b",",
        b"{",
        b"[",
        b"Column Name  Column Value\n",
        b"From: Domain",
        b"A  B\n",
        b"=",
        b"-- Streams --\n",
        b"Variables:",
        b"\xd0",
        b"\xff\x00",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let mut answered = 0;
    for _ in 0..3_000 {
        let length = random(60);
        let text: Vec<u8> = (0..length).flat_map(|_| pieces[random(pieces.len())].iter().copied()).collect();
        answered += usize::from(parse_with_all(&text) > 0);
        let noise: Vec<u8> = (0..length).map(|_| random(256) as u8).collect();
        answered += usize::from(parse_with_all(&noise) > 0);
    }
    assert_eq!(answered, 6_000);
}
