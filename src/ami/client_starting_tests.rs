//! The client against a server that is still starting, as Asterisk 22 with many endpoints was seen to.

use tokio::sync::Notify;

use super::*;

fn denied(asked: &Asked) -> String {
    format!("Response: Error\r\nActionID: {}\r\nMessage: Permission denied\r\n\r\n", asked.id())
}

#[tokio::test]
async fn who_is_denied_by_a_server_that_hangs_up_has_lost_the_connection_and_by_one_that_stays_is_denied() {
    let (settings, _server) = server(|number, mut peer| async move {
        peer.welcome().await;
        let asked = peer.next().await.unwrap();
        peer.say(denied(&asked)).await;
        if number > 1 {
            peer.echo().await;
        }
    })
    .await;
    let client = Client::start(settings);
    connected(&client, 1).await;
    let error = client.ask(named("x"), PATIENT).await.unwrap_err();
    assert!(matches!(because(&error), ConnectionError::Closed), "{error}");
    connected(&client, 2).await;
    let answer = client.ask(named("x"), PATIENT).await.unwrap();
    assert_eq!(answer.error_text().as_deref(), Some("Permission denied"));
    assert_eq!(ask(&client, "y").await, "y");
}

#[tokio::test]
async fn each_denial_is_made_sure_of_also_where_it_comes_right_behind_what_did_so_for_the_one_before() {
    let pinged = Arc::new(Notify::new());
    let tell = Arc::clone(&pinged);
    let (settings, _server) = server(move |_, mut peer| {
        let tell = Arc::clone(&tell);
        async move {
            peer.welcome().await;
            let first = peer.next().await.unwrap();
            peer.say(denied(&first)).await;
            let ping = peer.next().await.unwrap();
            tell.notify_one();
            let second = peer.next().await.unwrap();
            peer.say(ping.success("") + &denied(&second)).await;
            peer.echo().await;
        }
    })
    .await;
    let client = Client::start(settings);
    let second = async {
        pinged.notified().await;
        client.ask(named("y"), SECOND).await
    };
    let (first, second) = tokio::join!(client.ask(named("x"), PATIENT), second);
    for answer in [first, second] {
        assert_eq!(answer.unwrap().error_text().as_deref(), Some("Permission denied"));
    }
}

#[tokio::test]
async fn a_server_that_tells_only_after_answers_that_it_is_up_is_connected_to_anew() {
    const UP: &str = "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n";
    let (settings, _server) = server(|number, mut peer| async move {
        peer.welcome().await;
        if number > 1 {
            peer.say(UP).await;
            return peer.echo().await;
        }
        let asked = peer.next().await.unwrap();
        peer.say(asked.success("Name: not all\r\n") + UP).await;
        assert!(peer.next().await.is_none(), "nothing more is asked in this session");
    })
    .await;
    let client = Client::start(settings);
    let mut events = client.events();
    assert_eq!(ask(&client, "x").await, "not all");
    assert!(matches!(because(&down(&client).await), ConnectionError::StartedUp));
    assert_eq!(connected(&client, 2).await.0, 2);
    assert_eq!(ask(&client, "x").await, "x");
    let event = tokio::time::timeout(PATIENT, events.recv()).await.unwrap().unwrap();
    assert_eq!(event.event(), Some(&b"FullyBooted"[..]), "said at the login, it is an event like others");
    assert_eq!(ask(&client, "y").await, "y");
}
