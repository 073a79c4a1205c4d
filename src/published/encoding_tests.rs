use super::*;

fn encoded(action: &Action, answer: &Answer, secrets: bool) -> Encoded {
    Encoded::of(action, &Ok(answer.clone()), (1_700_000_000_000_000, "pbx1-7#3"), secrets)
}

/// What a reader makes of it, by way of the bytes of the head's key.
fn through(encoded: &Encoded) -> Result<Answer, EncodingError> {
    let (head, body) = Encoded::read_value(&encoded.to_value())?;
    assert_eq!(head, encoded.head);
    answer(&head, &body, encoded.rows.iter().cloned().map(Some))
}

fn list(rows: usize) -> Vec<u8> {
    let mut text = b"Response: Success\r\nEventList: start\r\n\r\n".to_vec();
    for row in 0..rows {
        text.extend(b"Event: PeerEntry\r\nObjectName: p");
        text.extend(row.to_string().bytes());
        text.extend(b"\r\nDescription: caf\xe9 \xff\xfe\x80\r\n\r\n");
    }
    text.extend(b"Event: PeerlistComplete\r\nEventList: Complete\r\n\r\n");
    text
}

#[test]
fn short_and_long_lists_come_back_byte_by_byte_also_what_is_no_utf8() {
    let action = Action::new("SIPpeers").unwrap();
    for (rows, own_keys) in [(0, 0), (3, 0), (1000, 1000)] {
        let answer = Answer::read(&list(rows)).unwrap();
        let encoded = encoded(&action, &answer, false);
        assert_eq!(encoded.rows.len(), own_keys);
        assert_eq!(through(&encoded).unwrap(), answer);
    }
}

#[test]
fn a_long_output_is_cut_where_its_lines_say_so_and_comes_back_whole() {
    let action = Action::command("sip show peers").unwrap();
    let text = |skipped: usize| {
        let lines = (0..3000).filter(|line| *line != skipped);
        let lines: String = lines.map(|line| format!("Output: peer{line} \u{e9} row\r\n")).collect();
        format!("Response: Success\r\nMessage: Command output follows\r\n{lines}\r\n").into_bytes()
    };
    let whole = encoded(&action, &Answer::read(&text(9999)).unwrap(), false);
    assert!(whole.rows.len() > 100, "{}", whole.rows.len());
    assert_eq!(through(&whole).unwrap(), Answer::read(&text(9999)).unwrap());
    let less = encoded(&action, &Answer::read(&text(1500)).unwrap(), false);
    let others = less.rows.iter().filter(|row| !whole.rows.contains(row)).count();
    assert!(others <= 2, "a line less is {others} other parts");
    let follows = "Response: Follows\r\nPrivilege: Command\r\n".to_owned()
        + &"a line: \u{e9}\n".repeat(2000)
        + "--END COMMAND--\r\n\r\n";
    let follows = Answer::read(follows.as_bytes()).unwrap();
    assert_eq!(through(&encoded(&action, &follows, false)).unwrap().output(), follows.output());
}

#[test]
fn the_action_id_of_the_conversation_is_left_out() {
    let action = Action::new("Ping").unwrap();
    let with = Answer::read(b"Response: Success\r\nActionID: 7-1\r\nPing: Pong\r\n\r\n").unwrap();
    let without = Answer::read(b"Response: Success\r\nPing: Pong\r\n\r\n").unwrap();
    assert_eq!(through(&encoded(&action, &with, false)).unwrap(), without);
}

#[test]
fn secrets_are_stars_unless_they_are_to_be_published() {
    let action = Action::new("SIPshowpeer").unwrap().with("Secret", "hush").unwrap();
    let answer = Answer::read(b"Response: Success\r\nSecret: pw6001\r\n\r\n").unwrap();
    let hidden = encoded(&action, &answer, false).to_value();
    let text = String::from_utf8_lossy(&hidden);
    assert!(text.contains("Secret: ***") && !text.contains("pw6001") && !text.contains("hush"), "{text}");
    assert_eq!(through(&encoded(&action, &answer, true)).unwrap(), answer);
}

#[test]
fn what_is_torn_is_told_and_never_an_answer() {
    let answer_of = Answer::read(&list(1000)).unwrap();
    let encoded = encoded(&Action::new("SIPpeers").unwrap(), &answer_of, false);
    let (head, body) = Encoded::read_value(&encoded.to_value()).unwrap();
    let rows = || encoded.rows.iter().cloned().map(Some);
    let lacking = rows().take(500).chain([None]);
    assert_eq!(answer(&head, &body, lacking).unwrap_err(), EncodingError::Torn);
    assert_eq!(answer(&head, &body.slice(..10), rows()).unwrap_err(), EncodingError::Torn);
    assert!(matches!(Encoded::read_value(&"{}\n".into()), Err(EncodingError::Head(_))));
}
