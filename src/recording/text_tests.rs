use super::*;

fn answered(bytes: &[u8]) -> Told {
    Told::Answer { bytes: bytes.to_vec(), action_id: None, then_closed: false }
}

fn recording() -> Recording {
    let mut recording = Recording { server: "Asterisk Call Manager/2.10.6".into(), ..Default::default() };
    let question: [(&[u8], &[u8]); 2] = [(b"Action", b"Command"), (b"Command", b"sip show peer caf\xe9")];
    recording.put(
        question,
        answered(b"Response: Follows\r\nPrivilege: Command\r\n\n  a\\b \x1b[0m\n--END COMMAND--\r\n\r\n"),
    );
    recording.put([(&b"Action"[..], &b"Queues"[..])], Told::Nothing);
    recording.events.push((Duration::from_millis(1250), b"Event: Reload\r\n\r\n".to_vec()));
    recording
}

#[test]
fn a_recording_is_the_same_after_its_text() {
    let text = recording().to_text();
    assert_eq!(read(text.as_bytes()), Ok(recording()), "{text}");
}

#[test]
fn the_text_says_each_byte_in_characters_that_every_editor_keeps() {
    let text = recording().to_text();
    assert_eq!(
        text,
        "astfs recording 1\nserver: Asterisk Call Manager/2.10.6\n\n\
         > Action: Command\n> Command: sip show peer caf\\xe9\n< Response: Follows\n< Privilege: Command\n|\n\
         |   a\\\\b \\x1b[0m\n< --END COMMAND--\n<\n\n\
         > Action: Queues\n! the server did not answer\n\n* 1.250 s\n< Event: Reload\n<\n"
    );
    let mut blanks = Recording::default();
    blanks.put([(&b"Action"[..], &b"X"[..])], answered(b"Response: x  \r\nno line end"));
    let text = blanks.to_text();
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    assert_eq!(read(text.as_bytes()), Ok(blanks));
}

#[test]
fn every_recorded_conversation_keeps_its_bytes() {
    let mut count = 0;
    for version in ["13", "16", "22"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(version);
        for entry in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            if bytes.is_empty() {
                continue;
            }
            let mut recording = Recording::default();
            recording.put([(&b"Action"[..], &b"X"[..])], answered(&bytes));
            assert_eq!(read(recording.to_text().as_bytes()), Ok(recording));
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

#[test]
fn the_order_of_asking_does_not_show() {
    let (mut one, mut two) = (Recording::default(), Recording::default());
    for name in ["B", "A", "C"] {
        one.put([(&b"Action"[..], name.as_bytes())], answered(b"Response: Success\r\n\r\n"));
    }
    for name in ["C", "B", "A"] {
        two.put([(&b"Action"[..], name.as_bytes())], answered(b"Response: Success\r\n\r\n"));
    }
    assert_eq!(one.to_text(), two.to_text());
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err();
    assert_eq!(error("[tree]\n").line, 1);
    for (text, line) in [
        ("astfs recording 1\n\n> Action: X\n", 3),
        ("astfs recording 1\n< Response: Success\n<\n", 3),
        ("astfs recording 1\n> Action: X\n< \\q\n", 3),
        ("astfs recording 1\n> Action\n", 2),
        ("astfs recording 1\n> ActionID: 1\n< Response: Success\n<\n", 4),
        ("astfs recording 1\n* soon\n", 2),
        ("astfs recording 1\nResponse: Success\n", 2),
    ] {
        assert_eq!(error(text).line, line, "{text}");
    }
}
