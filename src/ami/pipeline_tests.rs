use tokio::sync::oneshot::{Receiver, error::TryRecvError};

use super::super::codec::{Decoder, tests::recordings};
use super::*;

type Waiting = Receiver<Result<Answer, AskError>>;

fn ask(pipeline: &mut Pipeline, id: &str) -> Waiting {
    let (reply, waiting) = oneshot::channel();
    pipeline.ask(id.into(), format!("Action{id}"), reply);
    waiting
}

/// What became of each message.
fn feed(pipeline: &mut Pipeline, text: &[u8]) -> Vec<Taken> {
    let mut decoder = Decoder::default();
    decoder.feed(text);
    let mut taken = Vec::new();
    while let Some(message) = decoder.next_message().unwrap() {
        taken.push(pipeline.take(message));
    }
    decoder.finish().unwrap();
    taken
}

fn answer(waiting: &mut Waiting) -> Answer {
    waiting.try_recv().unwrap().unwrap()
}

fn pending(waiting: &mut Waiting) -> bool {
    matches!(waiting.try_recv(), Err(TryRecvError::Empty))
}

fn unanswered(waiting: &mut Waiting) -> bool {
    matches!(waiting.try_recv(), Ok(Err(AskError::Unanswered { .. })))
}

fn pong(id: &str) -> String {
    format!("Response: Success\r\nActionID: {id}\r\nPing: {id}\r\n\r\n")
}

/// The longest list, in bytes.
const LIMIT: usize = 1 << 20;

const EVENT: &str = "Event: Newchannel\r\nPrivilege: call,all\r\n\r\n";

#[test]
fn every_recorded_answer_reaches_its_question_between_events_and_the_next_question_its_own() {
    let mut lists = 0;
    for (name, bytes) in recordings() {
        let Ok(whole) = Answer::read(&bytes) else { continue };
        let Some(id) = whole.message().action_id() else { continue };
        if name.contains("login") || name.ends_with("/events.txt") || bytes.starts_with(b"Asterisk Call") {
            continue;
        }
        let mut pipeline = Pipeline::new(LIMIT);
        let mut waiting = ask(&mut pipeline, std::str::from_utf8(id).unwrap());
        let mut next = ask(&mut pipeline, "next");
        let stream = [EVENT.as_bytes(), &bytes, EVENT.as_bytes(), pong("next").as_bytes()].concat();
        let taken = feed(&mut pipeline, &stream);
        let events = taken.iter().filter(|taken| **taken != Taken::Answer).count();
        assert_eq!(events, 2, "{name}: {taken:?}");
        assert_eq!(answer(&mut waiting), whole, "{name}");
        assert_eq!(answer(&mut next).message().get("Ping"), Some(&b"next"[..]), "{name}");
        lists += usize::from(whole.complete().is_some());
    }
    assert_eq!(lists, 57, "the lists recorded with an ActionID");
}

#[test]
fn events_inside_a_list_are_kept_out_of_it() {
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting = ask(&mut pipeline, "1");
    let foreign = "Event: PeerEntry\r\nActionID: 2\r\n\r\n";
    let text = format!(
        "Response: Success\r\nActionID: 1\r\nEventList: start\r\n\r\n{EVENT}Event: PeerEntry\r\n\r\n{foreign}\
         Event: PeerEntry\r\nActionID: 1\r\n\r\nEvent: OtherComplete\r\nActionID: 2\r\nEventList: Complete\r\n\r\n"
    );
    let taken = feed(&mut pipeline, text.as_bytes());
    let own: Vec<bool> = taken.iter().map(|taken| *taken == Taken::Answer).collect();
    assert_eq!(own, [true, false, true, false, true, false]);
    assert!(pending(&mut waiting));
    feed(&mut pipeline, b"Event: PeerlistComplete\r\nActionID: 1\r\nEventList: Complete\r\n\r\n");
    assert_eq!(answer(&mut waiting).items().len(), 2);
}

#[test]
fn an_event_that_repeats_the_action_id_for_all_to_hear_is_no_answer() {
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting = ask(&mut pipeline, "1");
    let taken = feed(&mut pipeline, b"Event: UserEvent\r\nPrivilege: user,all\r\nActionID: 1\r\n\r\n");
    assert!(matches!(taken[..], [Taken::Event(_)]));
    assert!(pending(&mut waiting));
}

#[test]
fn answers_without_action_id_go_by_order() {
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting: Vec<Waiting> = (0..3).map(|id| ask(&mut pipeline, &id.to_string())).collect();
    let error = |text: &str| format!("Response: Error\r\nMessage: {text}\r\n\r\n");
    feed(&mut pipeline, format!("{}{}{}", error("a"), pong("1"), error("c")).as_bytes());
    let texts: Vec<_> = waiting.iter_mut().map(|waiting| answer(waiting).message().clone()).collect();
    assert_eq!(texts[0].get("Message"), Some(&b"a"[..]));
    assert_eq!(texts[1].get("Ping"), Some(&b"1"[..]));
    assert_eq!(texts[2].get("Message"), Some(&b"c"[..]));
}

#[test]
fn the_answer_to_a_later_question_ends_the_wait_for_those_before() {
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting: Vec<Waiting> = (0..4).map(|id| ask(&mut pipeline, &id.to_string())).collect();
    let list = "Response: Success\r\nActionID: 1\r\nEventList: start\r\n\r\nEvent: E\r\nActionID: 1\r\n\r\n";
    feed(&mut pipeline, format!("\r\n{list}").as_bytes());
    assert!(unanswered(&mut waiting[0]));
    assert!(pending(&mut waiting[1]));
    feed(&mut pipeline, pong("3").as_bytes());
    assert!(unanswered(&mut waiting[1]) && unanswered(&mut waiting[2]));
    assert_eq!(answer(&mut waiting[3]).message().get("Ping"), Some(&b"3"[..]));
}

#[test]
fn a_list_announced_in_words_without_an_end_is_over_when_the_server_goes_on() {
    let mut pipeline = Pipeline::new(LIMIT);
    let (mut list, mut next) = (ask(&mut pipeline, "1"), ask(&mut pipeline, "2"));
    let text =
        "Response: Success\r\nActionID: 1\r\nMessage: It will follow\r\n\r\nEvent: E\r\nActionID: 1\r\n\r\n";
    feed(&mut pipeline, format!("{text}{}", pong("2")).as_bytes());
    let list = answer(&mut list);
    assert_eq!((list.items().len(), list.complete()), (1, None));
    assert!(!pending(&mut next));
}

#[test]
fn a_late_answer_goes_to_nobody() {
    let mut pipeline = Pipeline::new(LIMIT);
    drop(ask(&mut pipeline, "1"));
    drop(ask(&mut pipeline, "2"));
    let mut waiting = ask(&mut pipeline, "3");
    let list = "Response: Success\r\nActionID: 1\r\nEventList: start\r\n\r\nEvent: E\r\n\r\n\
        Event: EComplete\r\nActionID: 1\r\nEventList: Complete\r\n\r\n";
    let taken = feed(&mut pipeline, format!("{list}Response: Error\r\n\r\n").as_bytes());
    assert_eq!(taken, [Taken::Answer, Taken::Answer, Taken::Answer, Taken::Answer]);
    assert!(pending(&mut waiting));
    feed(&mut pipeline, pong("3").as_bytes());
    assert_eq!(answer(&mut waiting).message().get("Ping"), Some(&b"3"[..]));
}

#[test]
fn a_response_to_nothing_that_was_asked_is_stray() {
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting = ask(&mut pipeline, "1");
    let taken = feed(&mut pipeline, format!("{}text\r\n\r\n", pong("9")).as_bytes());
    assert!(matches!(taken[..], [Taken::Stray(_), Taken::Stray(_)]));
    assert!(pending(&mut waiting));
}

#[test]
fn of_a_list_beyond_the_bound_nothing_is_kept_and_the_next_question_gets_its_answer() {
    let mut pipeline = Pipeline::new(1000);
    let (mut long, mut next) = (ask(&mut pipeline, "1"), ask(&mut pipeline, "2"));
    let item = "Event: PeerEntry\r\nActionID: 1\r\nObjectName: alice\r\n\r\n";
    let list = "Response: Success\r\nActionID: 1\r\nEventList: start\r\n\r\n";
    feed(&mut pipeline, [list, &item.repeat(1000 / item.len())].concat().as_bytes());
    assert!(pending(&mut long));
    feed(&mut pipeline, item.repeat(2).as_bytes());
    let error = long.try_recv().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the answer to Action1 is longer than 1000 bytes; ask for less at once");
    let end = "Event: PeerlistComplete\r\nActionID: 1\r\nEventList: Complete\r\n\r\n";
    feed(&mut pipeline, item.as_bytes());
    assert!(pipeline.questions[0].list.as_ref().is_some_and(|list| list.bytes() == 0));
    feed(&mut pipeline, [end, &pong("2")].concat().as_bytes());
    assert_eq!(answer(&mut next).message().get("Ping"), Some(&b"2"[..]));
}

#[test]
fn a_denial_is_held_back_until_the_server_goes_on() {
    let denied =
        |id: &str| format!("Response: Error\r\nActionID: {id}\r\nMessage: Permission denied\r\n\r\n");
    let mut pipeline = Pipeline::new(LIMIT);
    let mut waiting: Vec<Waiting> = ["1", "2", "3"].map(|id| ask(&mut pipeline, id)).into();
    assert!(!pipeline.has_answered());
    feed(&mut pipeline, denied("1").as_bytes());
    assert!(pipeline.holds_back() && pipeline.has_answered() && pending(&mut waiting[0]));
    feed(&mut pipeline, EVENT.as_bytes());
    assert!(answer(&mut waiting[0]).is_denied() && !pipeline.holds_back());
    feed(&mut pipeline, format!("{}{}", denied("2"), denied("3")).as_bytes());
    assert!(answer(&mut waiting[1]).is_denied() && pending(&mut waiting[2]));
    pipeline.fail(&AskError::Stopped);
    assert!(matches!(waiting[2].try_recv(), Ok(Err(AskError::Stopped))));
}
