//! Much at once, from the server and to it: what is taken, and where it ends.

use super::super::super::connection::UNANSWERED;
use super::*;

#[tokio::test]
async fn an_answer_of_fifty_megabytes_arrives_whole() {
    const LINES: usize = 50 << 10;
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let asked = peer.next().await.unwrap();
        peer.say(format!("Response: Follows\r\nPrivilege: Command\r\nActionID: {}\r\n", asked.id())).await;
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..LINES {
            peer.say(&line).await;
        }
        peer.say("--END COMMAND--\r\n\r\n").await;
        peer.echo().await;
    })
    .await;
    let client = Client::start(settings);
    let (big, next) =
        tokio::join!(biased; client.ask(Action::command("big").unwrap(), PATIENT), ask(&client, "next"));
    assert_eq!(big.unwrap().output().unwrap().len(), LINES * 1024);
    assert_eq!(next, "next");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_ends_the_session_with_the_reason() {
    let (mut settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let _ = peer.next().await;
        peer.say(vec![b'x'; 2000]).await;
        sleep(SECOND).await;
    })
    .await;
    settings.message_limit = 1000;
    let client = Client::start(settings);
    let error = client.ask(named("x"), PATIENT).await.unwrap_err();
    assert!(error.to_string().contains("longer than 1000 bytes"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_does_not_read_its_events_delays_no_answer() {
    let (mut settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let flood = "Event: Flood\r\nPrivilege: call,all\r\nFiller: 1234567890\r\n\r\n".repeat(20_000);
        peer.say(flood).await;
        peer.echo().await;
    })
    .await;
    settings.event_capacity = 16;
    let client = Client::start(settings);
    let mut slow = client.events();
    assert_eq!(ask(&client, "x").await, "x");
    let lagged = slow.recv().await.unwrap_err();
    assert!(matches!(lagged, broadcast::error::RecvError::Lagged(count) if count > 19_000), "{lagged:?}");
    assert_eq!(slow.recv().await.unwrap().event(), Some(&b"Flood"[..]));
}

#[tokio::test]
async fn a_server_that_does_not_read_cannot_hold_up_questions_beyond_their_deadline() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        sleep(PATIENT).await;
    })
    .await;
    let client = Client::start(settings);
    connected(&client, 1).await;
    let long = "x".repeat(1000);
    let tasks: Vec<_> = (0..20_000)
        .map(|_| {
            let (client, action) = (client.clone(), named(&long));
            tokio::spawn(async move { client.ask(action, Duration::from_millis(300)).await })
        })
        .collect();
    let begun = Instant::now();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Err(AskError::Timeout { .. })));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_answers_nothing_is_connected_to_anew_before_too_many_questions_wait() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        while peer.next().await.is_some() {}
    })
    .await;
    let client = Client::start(settings);
    let (first, _) = connected(&client, 1).await;
    let ask = |_| {
        let client = client.clone();
        tokio::spawn(async move { client.ask(named("x"), PATIENT).await })
    };
    let tasks: Vec<_> = (0..=UNANSWERED).map(ask).collect();
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(because(&error), ConnectionError::Unanswered { .. }), "{error}");
    }
    connected(&client, first + 1).await;
}
