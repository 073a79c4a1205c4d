use super::super::codec::tests::recordings;
use super::*;

fn recording(name: &str) -> Vec<u8> {
    recordings().into_iter().find(|(found, _)| found == name).unwrap().1
}

fn answer(name: &str) -> Answer {
    Answer::read(&recording(name)).unwrap()
}

fn list_items(answer: &Answer) -> Option<usize> {
    let text = answer.complete()?.get("ListItems")?;
    std::str::from_utf8(text).unwrap().trim().parse().ok()
}

#[test]
fn every_recorded_answer_is_whole_and_every_list_has_its_items() {
    // No answer was recorded in these: nothing but an empty line, text without a message, a crash,
    // a list that was cut off; or no question was asked.
    let none =
        ["/act__IAXnetstats.txt", "13/action_Queues.txt", "_CRASH.txt", "13/action_DBGet.txt", "/banner.txt"];
    let (mut answers, mut lists, mut lies) = (0, 0, Vec::new());
    for (name, bytes) in recordings() {
        let starts = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let bytes = if bytes.starts_with(b"Asterisk Call") { &bytes[starts..] } else { &bytes[..] };
        let answer = Answer::read(bytes);
        if none.iter().any(|none| name.ends_with(none)) {
            assert!(answer.is_err(), "{name}: {answer:?}");
            continue;
        }
        if name.ends_with("/events.txt") && answer.is_err() {
            continue;
        }
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        answers += 1;
        let events = bytes.windows(8).filter(|part| part == b"\nEvent: ").count();
        if answer.complete().is_some() {
            lists += 1;
            assert_eq!(answer.items().len() + 1, events, "{name}");
            if list_items(&answer) != Some(answer.items().len()) {
                lies.push(name);
            }
        } else {
            assert_eq!(answer.items(), [], "{name}");
        }
    }
    assert!(answers > 350, "{answers}");
    assert_eq!(lists, 59);
    assert_eq!(lies, ["22/act__PJSIPShowRegistrationsOutbound.txt"], "ListItems that are wrong");
}

#[test]
fn items_without_action_id_belong_to_their_list() {
    for name in ["13/action_IAXpeers.txt", "16/act__IAXpeers.txt", "22/act__IAXpeers.txt"] {
        let answer = answer(name);
        assert!(answer.items().len() >= 2 && answer.items().iter().all(|item| item.action_id().is_none()));
        assert!(answer.message().action_id().is_some());
    }
}

#[test]
fn data_get_is_answered_by_its_event() {
    let answer = answer("13/action_DataGet_filter.txt");
    assert_eq!(answer.message().event(), Some(&b"DataGet Tree"[..]));
    assert_eq!(answer.message().headers().filter(|(name, _)| name.ends_with(b"peer.name")).count(), 7);
    assert!(!answer.is_error());
}

const LEGACY: &str = "Response: Success\r\nActionID: 1\r\nMessage: Agents will follow\r\n\r\n\
    Event: Agents\r\nActionID: 1\r\nAgent: a\r\n\r\n\
    Event: Newchannel\r\nPrivilege: call,all\r\n\r\n\
    Event: Agents\r\nActionID: other\r\n\r\n\
    Event: Agents\r\nActionID: 1\r\nAgent: b\r\n\r\n\
    Event: AgentsComplete\r\nActionID: 1\r\n\r\n";

#[test]
fn a_list_announced_in_words_goes_on_to_its_complete_event() {
    let answer = Answer::read(LEGACY.as_bytes()).unwrap();
    let agents: Vec<_> = answer.items().iter().map(|item| item.get("Agent").unwrap()).collect();
    assert_eq!(agents, [b"a", b"b"]);
    assert_eq!(answer.complete().unwrap().event(), Some(&b"AgentsComplete"[..]));
    let cut = &LEGACY.as_bytes()[..LEGACY.len() - 30];
    assert!(matches!(Answer::read(cut), Err(CodecError::Truncated { .. })));
}

#[test]
fn a_list_announced_in_words_ends_with_its_recording() {
    let recording = "Response: Success\r\nMessage: Agents will follow\r\n\r\nEvent: Agent\r\n\r\n";
    let answer = Answer::read(recording.as_bytes()).unwrap();
    assert_eq!((answer.items().len(), answer.complete()), (1, None));
}

#[test]
fn a_wrong_count_of_items_is_not_believed() {
    let list = "Response: Success\r\nEventList: start\r\n\r\nEvent: E\r\nEventList: start\r\n\r\nEvent: E\r\n\r\n\
        Event: EComplete\r\nEventList: Complete\r\nListItems: 7\r\n\r\n";
    assert_eq!(Answer::read(list.as_bytes()).unwrap().items().len(), 2);
}

#[test]
fn output_is_the_same_bytes_in_both_framings() {
    for text in ["", "\n", "one\n", "\n\n  * Name: x\n\n", "a: b\nResponse: Success\n", "tail\r\n \t\n"] {
        let old = format!("Response: Follows\r\nPrivilege: Command\r\n{text}--END COMMAND--\r\n\r\n");
        let mut new = String::from("Response: Success\r\nMessage: Command output follows\r\n");
        for line in text.strip_suffix('\n').map(|text| text.split('\n')).into_iter().flatten() {
            new.push_str(&format!("Output: {line}\r\n"));
        }
        new.push_str("\r\n");
        for recording in [old, new] {
            let answer = Answer::read(recording.as_bytes()).unwrap();
            assert_eq!(answer.output().unwrap(), text.as_bytes(), "{recording:?}");
            assert!(!answer.is_error());
        }
    }
}

#[test]
fn recorded_output_of_the_same_command_has_the_same_shape_in_13_and_16() {
    let lines = |name: &str| -> Vec<String> {
        let output = answer(name).output().unwrap();
        assert!(output.ends_with(b"\n"));
        let text = String::from_utf8(output.to_vec()).unwrap();
        text.split('\n').map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    let (old, new) = (lines("13/cmd_sip_show_peer_6001.txt"), lines("16/cmd__sip_show_peer_6001.txt"));
    assert_eq!((&old[..3], &old[old.len() - 3..]), (&new[..3], &new[new.len() - 3..]));
    assert_eq!(old[..3], ["", "", "  * Name       "]);
}

#[test]
fn what_is_no_command_has_no_output() {
    assert_eq!(answer("16/act__Ping.txt").output(), None);
    assert_eq!(answer("16/act__SIPshowpeer.txt").output(), None);
}

#[test]
fn an_error_tells_its_text_and_only_an_error_does() {
    let text = |name: &str| answer(name).error_text().map(Cow::into_owned);
    assert_eq!(text("16/act__SIPshowpeer_missing.txt").unwrap(), "Peer nosuch not found.");
    assert_eq!(text("22/act__PJSIPShowEndpoint_missing.txt").unwrap(), "Unable to retrieve endpoint nosuch");
    assert!(text("22/cmd__no_such_command.txt").unwrap().starts_with("No such command 'no such command'"));
    assert_eq!(text("16/act__Ping.txt"), None);
    assert!(!answer("16/act__Ping.txt").is_error());
}
