//! The client against a scripted server on a real socket.

use std::future::Future;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::backoff::Backoff;
use super::super::login::LoginMethod;
use super::*;

#[path = "client_bounds_tests.rs"]
mod bounds;
#[path = "client_starting_tests.rs"]
mod starting;

const BANNER: &str = "Asterisk Call Manager/5.0.4\r\n";
const SECOND: Duration = Duration::from_secs(1);
const PATIENT: Duration = Duration::from_secs(20);

/// A server's end of a connection.
struct Peer {
    stream: BufReader<TcpStream>,
}

/// A request: its headers as text.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn id(&self) -> &str {
        self.get("ActionID")
    }

    fn success(&self, headers: &str) -> String {
        format!("Response: Success\r\nActionID: {}\r\n{headers}\r\n", self.id())
    }
}

impl Peer {
    /// The next request; `None` when the client closed.
    async fn next(&mut self) -> Option<Asked> {
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return None;
            }
            match line.strip_suffix("\r\n").unwrap().split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => return Some(Asked(headers)),
            }
        }
    }

    async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Says the banner and lets the client in.
    async fn welcome(&mut self) {
        self.say(BANNER).await;
        let login = self.next().await.unwrap();
        assert_eq!((login.get("Action"), login.get("Secret")), ("Login", "s3cret"));
        self.say(login.success("Message: Authentication accepted\r\n")).await;
    }

    /// Answers each request with its own `Name` until the client closes.
    async fn echo(&mut self) {
        while let Some(asked) = self.next().await {
            let name = asked.get("Name").to_owned();
            self.say(asked.success(&format!("Name: {name}\r\n"))).await;
        }
    }
}

/// A server that runs the script on each connection, one after the other, with its number.
async fn server<F, S>(script: F) -> (Settings, JoinHandle<()>)
where
    F: Fn(u64, Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let task = tokio::spawn(async move {
        for number in 1.. {
            let stream = BufReader::new(listener.accept().await.unwrap().0);
            script(number, Peer { stream }).await;
        }
    });
    let mut settings = Settings::new(address, "admin", "s3cret");
    settings.login = LoginMethod::Plain;
    settings.backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    (settings, task)
}

fn named(name: impl ToString) -> Action {
    Action::new("Echo").unwrap().with("Name", name.to_string()).unwrap()
}

async fn ask(client: &Client, name: impl ToString) -> String {
    let answer = client.ask(named(name), PATIENT).await.unwrap();
    String::from_utf8(answer.message().get("Name").unwrap().to_vec()).unwrap()
}

async fn connected(client: &Client, least: u64) -> (u64, String) {
    let mut state = client.state();
    let wait = state.wait_for(|state| matches!(state, State::Connected { session, .. } if *session >= least));
    match &*tokio::time::timeout(PATIENT, wait).await.unwrap().unwrap() {
        State::Connected { session, version } => (*session, version.clone()),
        other => panic!("{other:?}"),
    }
}

async fn down(client: &Client) -> AskError {
    let mut state = client.state();
    let wait = state.wait_for(|state| matches!(state, State::Down { .. }));
    match &*tokio::time::timeout(PATIENT, wait).await.unwrap().unwrap() {
        State::Down { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

fn because(error: &AskError) -> &ConnectionError {
    match error {
        AskError::NotConnected { reason, .. } | AskError::Disconnected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_questions_at_once_each_get_their_own_answer_between_events() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        while let Some(asked) = peer.next().await {
            let event = "Event: Newchannel\r\nPrivilege: call,all\r\n\r\n";
            let name = asked.get("Name").to_owned();
            peer.say(format!("{event}{}{event}", asked.success(&format!("Name: {name}\r\n")))).await;
        }
    })
    .await;
    let client = Client::start(settings);
    let mut events = client.events();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { assert_eq!(ask(&client, number).await, number.to_string()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for _ in 0..399 {
        assert_eq!(events.recv().await.unwrap().event(), Some(&b"Newchannel"[..]));
    }
}

#[tokio::test]
async fn questions_are_sent_without_waiting_for_answers() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let asked = [peer.next().await.unwrap(), peer.next().await.unwrap(), peer.next().await.unwrap()];
        for asked in asked {
            let name = asked.get("Name").to_owned();
            // As Asterisk does where it did not get as far as the ActionID.
            peer.say(format!("Response: Error\r\nMessage: x\r\nName: {name}\r\n\r\n")).await;
        }
        peer.echo().await;
    })
    .await;
    let client = Client::start(settings);
    let names = tokio::join!(ask(&client, 1), ask(&client, 2), ask(&client, 3));
    assert_eq!(names, ("1".into(), "2".into(), "3".into()));
}

#[tokio::test]
async fn a_question_that_is_never_answered_ends_by_its_deadline_or_by_the_next_answer() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        while let Some(asked) = peer.next().await {
            let name = asked.get("Name").to_owned();
            let bare = name == "mute";
            peer.say(if bare { "\r\n".into() } else { asked.success(&format!("Name: {name}\r\n")) }).await;
        }
    })
    .await;
    let client = Client::start(settings);
    let error = client.ask(named("mute"), Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(&error, AskError::Timeout { action, .. } if action == "Echo"), "{error}");

    let (mute, next) = tokio::join!(biased; client.ask(named("mute"), PATIENT), ask(&client, "next"));
    assert!(matches!(mute, Err(AskError::Unanswered { .. })), "{mute:?}");
    assert_eq!(next, "next");
}

#[tokio::test]
async fn a_late_answer_and_a_dropped_question_disturb_nobody() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        while let Some(asked) = peer.next().await {
            let name = asked.get("Name").to_owned();
            if name == "slow" {
                sleep(Duration::from_millis(200)).await;
            }
            peer.say(asked.success(&format!("Name: {name}\r\n"))).await;
        }
    })
    .await;
    let client = Client::start(settings);
    connected(&client, 1).await;
    let error = client.ask(named("slow"), Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, AskError::Timeout { .. }), "{error}");
    let other = client.clone();
    let dropped = tokio::spawn(async move { other.ask(named("slow"), PATIENT).await });
    sleep(Duration::from_millis(20)).await;
    dropped.abort();
    assert_eq!(ask(&client, "after").await, "after");
    assert_eq!(connected(&client, 1).await.0, 1);
}

#[tokio::test]
async fn a_hang_up_inside_an_answer_fails_all_questions_at_once_and_says_so() {
    let (settings, _server) = server(|number, mut peer| async move {
        peer.welcome().await;
        if number > 1 {
            return peer.echo().await;
        }
        let _ = (peer.next().await, peer.next().await);
        peer.say("Response: Follows\r\nPrivilege: Command\r\nsome text\n").await;
    })
    .await;
    let client = Client::start(settings);
    let (one, two) = tokio::join!(client.ask(named(1), PATIENT), client.ask(named(2), PATIENT));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert!(matches!(error, AskError::Disconnected { .. }), "{error:?}");
        assert!(error.to_string().contains("inside a message"), "{error}");
    }
}

#[tokio::test]
async fn after_a_drop_it_connects_again_and_the_session_number_grows() {
    let (settings, _server) = server(|number, mut peer| async move {
        peer.welcome().await;
        if number < 3 {
            let _ = peer.next().await;
        } else {
            peer.echo().await;
        }
    })
    .await;
    let client = Client::start(settings);
    for session in 1..3 {
        assert_eq!(connected(&client, session).await, (session, BANNER.trim_end().to_owned()));
        let error = client.ask(named("x"), PATIENT).await.unwrap_err();
        assert!(matches!(because(&error), ConnectionError::Closed), "{error}");
    }
    assert_eq!(connected(&client, 3).await.0, 3);
    assert_eq!(ask(&client, "x").await, "x");
}

#[tokio::test]
async fn a_refused_login_says_who_and_why_and_is_not_tried_in_a_tight_loop() {
    let (sender, mut attempts) = mpsc::unbounded_channel();
    let (mut settings, _server) = server(move |number, mut peer| {
        sender.send(number).unwrap();
        async move {
            peer.say(BANNER).await;
            let login = peer.next().await.unwrap();
            let text = format!(
                "Response: Error\r\nActionID: {}\r\nMessage: Authentication failed\r\n\r\n",
                login.id()
            );
            peer.say(text).await;
        }
    })
    .await;
    settings.login_backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(60));
    let client = Client::start(settings);
    // The second one is known to be refused, and need not wait for the next attempt.
    for _ in 0..2 {
        let error = client.ask(named("x"), PATIENT).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, AskError::LoginRefused { .. }), "{error:?}");
        assert!(
            shown.contains("admin") && shown.contains("Authentication failed") && !shown.contains("s3cret")
        );
    }
    sleep(Duration::from_millis(300)).await;
    assert_eq!((attempts.try_recv(), attempts.try_recv().is_err()), (Ok(1), true));
}

#[tokio::test]
async fn md5_login_answers_the_challenge_and_never_sends_the_secret() {
    let (mut settings, _server) = server(|_, mut peer| async move {
        peer.say(BANNER).await;
        let asked = peer.next().await.unwrap();
        assert_eq!((asked.get("Action"), asked.get("AuthType")), ("Challenge", "MD5"));
        peer.say(asked.success("Challenge: 162901244\r\n")).await;
        let login = peer.next().await.unwrap();
        assert_eq!((login.get("Username"), login.get("Secret")), ("admin", ""));
        // The key that Asterisk 16 accepted for this challenge and secret.
        assert_eq!(login.get("Key"), "9349e31daa051eeec9267811bb4eef1e");
        peer.say(login.success("")).await;
        peer.echo().await;
    })
    .await;
    settings.login = LoginMethod::Md5;
    assert_eq!(ask(&Client::start(settings), "in").await, "in");
}

#[tokio::test]
async fn a_server_that_says_nothing_or_something_else_is_not_waited_for() {
    let (mut settings, _server) = server(|number, mut peer| async move {
        match number {
            1 => drop(peer.next().await),
            2 => peer.say("SSH-2.0-OpenSSH_9.2\r\n").await,
            3 => peer.say([b'x'; 4096]).await,
            _ => {
                peer.say(BANNER).await;
                while peer.next().await.is_some() {}
            }
        }
    })
    .await;
    settings.connect_timeout = Duration::from_millis(700);
    let client = Client::start(settings);
    let mut state = client.state();
    let mut reasons = Vec::new();
    while reasons.len() < 4 {
        tokio::time::timeout(PATIENT, state.changed()).await.unwrap().unwrap();
        if let State::Down { reason, .. } = &*state.borrow_and_update() {
            reasons.push(because(reason).clone());
        }
    }
    assert!(matches!(reasons[0], ConnectionError::NoBanner { .. }), "{reasons:?}");
    assert!(
        matches!(&reasons[1], ConnectionError::NotAsterisk { line } if line.contains("SSH")),
        "{reasons:?}"
    );
    assert!(matches!(reasons[2], ConnectionError::Codec(_) | ConnectionError::Io(_)), "{reasons:?}");
    assert!(matches!(reasons[3], ConnectionError::LoginTimeout { .. }), "{reasons:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_reported_at_once_and_tried_again() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut settings = Settings::new(free.to_string().parse().unwrap(), "admin", "s3cret");
    settings.backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    settings.login = LoginMethod::Plain;
    let client = Client::start(settings);
    let error = client.ask(named("x"), PATIENT).await.unwrap_err();
    assert!(
        matches!(because(&error), ConnectionError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
    );

    let listener = TcpListener::bind(free).await.unwrap();
    let server = async {
        let mut peer = Peer { stream: BufReader::new(listener.accept().await.unwrap().0) };
        peer.welcome().await;
        peer.echo().await;
    };
    tokio::select! {
        () = server => panic!("the client hung up"),
        _ = connected(&client, 1) => {}
    }
}

#[tokio::test]
async fn a_silent_server_is_pinged_and_then_given_up() {
    let (sender, mut pings) = mpsc::unbounded_channel();
    let (mut settings, _server) = server(move |number, mut peer| {
        let sender = sender.clone();
        async move {
            peer.welcome().await;
            while let Some(asked) = peer.next().await {
                assert_eq!(asked.get("Action"), "Ping");
                sender.send(number).unwrap();
                if number == 2 {
                    peer.say(asked.success("Ping: Pong\r\n")).await;
                }
            }
        }
    })
    .await;
    settings.keep_alive = Duration::from_millis(50);
    settings.ping_timeout = Duration::from_millis(500);
    let client = Client::start(settings);
    assert_eq!(pings.recv().await, Some(1));
    let reason = down(&client).await;
    assert!(matches!(because(&reason), ConnectionError::Silent { .. }), "{reason}");
    for _ in 0..5 {
        assert_eq!(pings.recv().await, Some(2), "a server that answers is kept");
    }
    assert_eq!(connected(&client, 2).await.0, 2);
}

#[tokio::test]
async fn a_server_that_works_on_a_question_is_not_taken_for_dead() {
    let (mut settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let asked = peer.next().await.unwrap();
        sleep(Duration::from_millis(600)).await;
        peer.say(asked.success("Name: slow\r\n")).await;
        peer.echo().await;
    })
    .await;
    settings.keep_alive = Duration::from_millis(50);
    settings.ping_timeout = Duration::from_millis(100);
    let client = Client::start(settings);
    assert_eq!(ask(&client, "slow").await, "slow");
    assert_eq!(connected(&client, 1).await.0, 1);
}

#[tokio::test]
async fn stopping_logs_off_and_later_questions_are_told() {
    let (sender, mut farewell) = mpsc::unbounded_channel();
    let (settings, _server) = server(move |_, mut peer| {
        let sender = sender.clone();
        async move {
            peer.welcome().await;
            let asked = peer.next().await.unwrap();
            sender.send(asked.get("Action").to_owned()).unwrap();
            peer.say("Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n").await;
        }
    })
    .await;
    let client = Client::start(settings);
    connected(&client, 1).await;
    tokio::time::timeout(SECOND, client.stop()).await.unwrap();
    assert_eq!(farewell.recv().await.as_deref(), Some("Logoff"));
    assert!(matches!(client.ask(named("x"), PATIENT).await, Err(AskError::Stopped)));
    client.stop().await;
}

#[tokio::test]
async fn stopping_while_down_and_dropping_the_client_end_the_task_too() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest).await;
        assert!(rest.starts_with(b"Action: Logoff\r\n"));
    })
    .await;
    let client = Client::start(settings.clone());
    connected(&client, 1).await;
    let mut state = client.state();
    drop(client);
    tokio::time::timeout(PATIENT, state.wait_for(|state| matches!(state, State::Down { .. })))
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(PATIENT, async { while state.changed().await.is_ok() {} }).await.unwrap();

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let client = Client::start(Settings { address: nobody.parse().unwrap(), ..settings });
    down(&client).await;
    tokio::time::timeout(SECOND, client.stop()).await.unwrap();
}

#[tokio::test]
async fn output_without_a_last_line_end_does_not_wait_for_the_next_question() {
    let (settings, _server) = server(|_, mut peer| async move {
        peer.welcome().await;
        let asked = peer.next().await.unwrap();
        let text = "one\ntwo--END COMMAND--\r\n\r\n";
        peer.say(format!("Response: Follows\r\nPrivilege: Command\r\nActionID: {}\r\n{text}", asked.id()))
            .await;
        peer.echo().await;
    })
    .await;
    let client = Client::start(settings);
    let answer = client.ask(Action::command("x").unwrap(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(answer.output().unwrap(), "one\ntwo\n");
}
