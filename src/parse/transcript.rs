//! The recorded conversations in `tests/transcripts`, and the CLI text inside them, for tests.

use std::path::PathBuf;

/// What a server answered, byte for byte. `name` is the file's, such as `13/cmd_sip_show_peers`.
pub fn recorded(name: &str) -> Vec<u8> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(format!("{name}.txt"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text the CLI printed in that answer, without AMI's framing.
pub fn cli(name: &str) -> Vec<u8> {
    let bytes = recorded(name);
    let text = if name.starts_with("13/") { follows(&bytes) } else { output(&bytes) };
    assert!(!text.is_empty(), "{name} holds no CLI text");
    text
}

/// Up to Asterisk 13: after the headers, up to the marker at the start of a line.
fn follows(mut bytes: &[u8]) -> Vec<u8> {
    for header in ["Response: ", "Privilege: ", "ActionID: "] {
        if bytes.starts_with(header.as_bytes()) {
            let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("a header ends in CRLF");
            bytes = &bytes[end + 2..];
        }
    }
    let marker = b"\n--END COMMAND--\r\n";
    let end = bytes.windows(marker.len()).position(|window| window == marker).expect("the marker");
    bytes[..end + 1].to_vec()
}

/// Since Asterisk 14: the values of the `Output` headers.
fn output(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"Output: "));
    lines.flat_map(|line| [line.strip_suffix(b"\r").unwrap_or(line), b"\n"].concat()).collect()
}
