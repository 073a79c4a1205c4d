use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn recording() -> Recording {
    let mut recording = Recording { server: "Asterisk Call Manager/5.0.4".into(), ..Default::default() };
    let answered = |text: &str| Told::Answer { bytes: text.into(), action_id: None, then_closed: false };
    let mut put = |action: &[u8], told| recording.put([(&b"Action"[..], action)], told);
    put(
        b"SIPpeers",
        answered(
            "Response: Success\r\nEventList: start\r\n\r\nEvent: PeerEntry\r\nObjectName: 6001\r\n\r\n\
             Event: PeerlistComplete\r\nEventList: Complete\r\n\r\n",
        ),
    );
    put(b"DataGet", answered("Event: DataGet Tree\r\nName: x\r\n\r\n"));
    put(b"Queues", Told::Nothing);
    for number in 1..3 {
        let event = format!("Event: E{number}\r\n\r\n").into_bytes();
        recording.events.push((Duration::from_millis(number), event));
    }
    recording
}

async fn ask(replay: &Replay, action: Action) -> Result<Answer, AskError> {
    replay.ask(action, PATIENCE).await
}

#[tokio::test]
async fn answers_are_told_apart_as_on_a_connection() {
    let replay = Replay::new("pbx.rec", recording());
    let peers = ask(&replay, Action::new("sippeers").unwrap()).await.unwrap();
    assert_eq!(peers.items()[0].get("ObjectName"), Some(&b"6001"[..]));
    assert!(peers.complete().is_some());
    let tree = ask(&replay, Action::new("DataGet").unwrap()).await.unwrap();
    assert_eq!(tree.message().get("Name"), Some(&b"x"[..]));
    let silent = ask(&replay, Action::new("Queues").unwrap()).await.unwrap_err();
    assert!(matches!(silent, AskError::Unanswered { .. }), "{silent}");
}

#[tokio::test]
async fn a_question_that_was_not_recorded_names_the_file_and_the_question() {
    let replay = Replay::new("pbx.rec", recording());
    let peer = Action::new("SIPshowpeer").unwrap().with("Peer", "6001").unwrap();
    let error = ask(&replay, peer).await.unwrap_err().to_string();
    assert!(error.contains("pbx.rec") && error.contains("SIPshowpeer") && error.contains("6001"), "{error}");
    let error = ask(&replay, Action::command("core show uptime").unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("core show uptime"), "{error}");
}

#[tokio::test]
async fn recorded_events_come_in_order_to_whoever_listens_first() {
    let replay = Replay::new("pbx.rec", recording());
    let mut events = replay.events();
    for name in [&b"E1"[..], b"E2"] {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert_eq!(event.event(), Some(name));
    }
    assert!(replay.is_heard());
    let mut late = recording();
    late.events.push((Duration::MAX, b"Event: Late\r\n\r\n".to_vec()));
    let replay = Replay::new("pbx.rec", late);
    let mut events = replay.events();
    for name in [&b"E1"[..], b"E2"] {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert_eq!(event.event(), Some(name), "before one that never comes");
    }
    let mut silent = Replay::without_events("pbx.rec", recording()).events();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(silent.try_recv().is_err());
}
