use super::*;

fn recording(exchanges: &[(&str, &str)]) -> Recording {
    let mut recording = Recording::default();
    for (question, answer) in exchanges {
        let headers = question.split('\n').filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let bytes = answer.replace('\n', "\r\n").into_bytes();
        recording.put(headers, Told::Answer { bytes, action_id: None, then_closed: false });
    }
    recording
}

fn replaced(exchanges: &[(&str, &str)]) -> String {
    replace(recording(exchanges), Kept::default(), &["manager-secret"]).to_text()
}

#[test]
fn a_value_has_one_replacement_wherever_it_stands() {
    let text = replaced(&[
        ("Action: A", "Response: Success\nSecret: pw-6001\nAuth: 6001auth/pw-6001\n\n"),
        ("Action: SIPshowpeer\nPeer: 0301234567", "Response: Success\nCallerid: \"Bo\" <0301234567>\n\n"),
        ("Action: B", "Response: Success\nOutput: password : pw-6001\nOutput: 0301234567  0309876543\n\n"),
    ]);
    assert!(!text.contains("pw-6001") && !text.contains("0301234567"), "{text}");
    assert_eq!(text.matches("xxxxxx").count(), 3, "{text}");
    assert_eq!(text.matches("1000000001").count(), 3, "{text}");
    assert_eq!(text.matches("1000000002").count(), 1, "{text}");
    assert!(text.contains("6001auth/"), "{text}");
}

#[test]
fn every_line_keeps_its_length() {
    let answer = "Response: Success\nMessage: Command output follows\n\
                  Output: Username         Secret           Context\n\
                  Output: 6001             a                default\n\
                  Output: 0301234567       1234567          default\n\n";
    let before = recording(&[("Action: A", answer)]).to_text();
    let after = replaced(&[("Action: A", answer)]);
    let length =
        |text: &str| text.lines().skip_while(|line| !line.is_empty()).map(str::len).collect::<Vec<_>>();
    assert_eq!(length(&before), length(&after), "{after}");
    assert!(after.contains("6001             x                default"), "{after}");
}

#[test]
fn a_secret_that_a_column_cut_is_the_beginning_of_its_replacement() {
    let text = replaced(&[
        ("Action: A", "Response: Success\nSecret: a-very-long-secret-indeed\n\n"),
        ("Action: B", "Response: Success\nSecret: a-very-long-sec\n\n"),
    ]);
    let secrets: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("< Secret: ")).collect();
    assert!(secrets[0].starts_with(secrets[1]) && secrets[1] != "a-very-long-sec", "{secrets:?}");
}

#[test]
fn the_managers_own_secret_and_the_names_of_headers() {
    let answer = "Response: Success\nSome: manager-secret\nLine-000001-000002: exten=12345\n\n";
    let text = replaced(&[("Action: A", answer)]);
    assert!(!text.contains("manager-secret") && text.contains("Line-000001-000002: exten=10001"), "{text}");
}

#[test]
fn words_that_questions_are_made_of_stay() {
    let text = replaced(&[
        ("Action: Command\nCommand: sip show peers", "Response: Success\nOutput: 3 sip peers\n\n"),
        ("Action: A", "Response: Success\nSecret: peers\n\n"),
    ]);
    assert!(text.contains("> Command: sip show peers") && text.contains("3 sip peers"), "{text}");
    assert!(!text.contains("Secret: peers"), "{text}");
}

#[test]
fn what_is_to_be_kept_is_kept() {
    let before = recording(&[("Action: A", "Response: Success\nSecret: pw-6001\nExten: 0301234567\n\n")]);
    let all = replace(before.clone(), Kept { secrets: true, numbers: true, addresses: true }, &[]);
    assert_eq!(all, before);
    let numbers = replace(before.clone(), Kept { numbers: true, ..Kept::default() }, &[]).to_text();
    assert!(numbers.contains("0301234567") && !numbers.contains("pw-6001"), "{numbers}");
    let secrets = replace(before, Kept { secrets: true, ..Kept::default() }, &[]).to_text();
    assert!(!secrets.contains("0301234567") && secrets.contains("pw-6001"), "{secrets}");
}

#[test]
fn public_addresses_are_others_with_the_same_port() {
    let answer = "Response: Success\nHost: 81.2.69.142\nContact: sip:1@81.2.69.142:54203\nVia: 10.0.0.1\n\n";
    let text = replaced(&[("Action: A", answer)]);
    assert!(!text.contains("81.2.69.142") && text.contains("Via: 10.0.0.1"), "{text}");
    let host = text.lines().find_map(|line| line.strip_prefix("< Host: ")).unwrap();
    assert!(text.contains(&format!("sip:1@{host}:54203")), "{text}");
}

#[test]
fn more_numbers_than_there_are_of_a_length_do_not_end_it() {
    let numbers: String = (10_000..22_000).map(|number| format!("X: {number}\n")).collect();
    let text = replaced(&[("Action: A", &format!("Response: Success\n{numbers}\n"))]);
    assert!(text.lines().filter_map(|line| line.strip_prefix("< X: ")).all(|number| number.len() == 5));
}
