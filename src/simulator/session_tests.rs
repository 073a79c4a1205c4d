//! Sessions over a real socket: logins, order of answers, events, a server that goes and comes back.

use std::time::Duration;

use md5::{Digest, Md5};

use super::client_for_tests::Client;
use super::{Content, Origin, Peer, Simulator, Version, text};

async fn asterisk_13() -> Simulator {
    Simulator::start(Content::generated(Version::Asterisk13, 20, 1)).await.unwrap()
}

async fn asterisk_16() -> Simulator {
    Simulator::start(Content::generated(Version::Asterisk16, 20, 1)).await.unwrap()
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_the_connection_closed() {
    let simulator = asterisk_16().await;
    let mut client = Client::connect(&simulator).await;
    client.send("Action: Login\r\nUsername: astfs\r\nSecret: wrong\r\nActionID: 1\r\n\r\n").await;
    let expected = "Response: Error\r\nActionID: 1\r\nMessage: Authentication failed\r\n\r\n";
    assert_eq!(client.read_to_end().await, expected);
}

#[tokio::test]
async fn an_unknown_user_is_refused_like_a_wrong_secret() {
    let simulator = asterisk_16().await;
    let mut client = Client::connect(&simulator).await;
    client.send("Action: Login\r\nUsername: nobody\r\nSecret: simulated\r\n\r\n").await;
    assert_eq!(client.read_to_end().await, "Response: Error\r\nMessage: Authentication failed\r\n\r\n");
}

async fn log_in_by_challenge(simulator: &Simulator, secret: &str) -> String {
    let mut client = Client::connect(simulator).await;
    client.send("Action: Challenge\r\nAuthType: MD5\r\nActionID: c\r\n\r\n").await;
    let answer = client.read_through("\r\n\r\n").await;
    let challenge =
        answer.strip_prefix("Response: Success\r\nActionID: c\r\nChallenge: ").unwrap().trim_end();
    let digest = Md5::digest(format!("{challenge}{secret}"));
    let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let login = "Action: Login\r\nAuthType: MD5\r\nUsername: astfs\r\nEvents: off\r\n";
    client.send(format!("{login}Key: {key}\r\n\r\nAction: Logoff\r\n\r\n")).await;
    client.read_to_end().await
}

#[tokio::test]
async fn a_login_by_challenge_needs_the_right_secret() {
    let simulator = asterisk_16().await;
    assert_eq!(
        log_in_by_challenge(&simulator, "simulated").await,
        "Response: Success\r\nMessage: Authentication accepted\r\n\r\n\
         Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n"
    );
    assert_eq!(
        log_in_by_challenge(&simulator, "wrong").await,
        "Response: Error\r\nMessage: Authentication failed\r\n\r\n"
    );
}

#[tokio::test]
async fn nothing_is_answered_before_the_login() {
    let simulator = asterisk_16().await;
    let mut client = Client::connect(&simulator).await;
    client.send("Action: Ping\r\nActionID: pre\r\n\r\n").await;
    let expected = "Response: Error\r\nActionID: pre\r\nMessage: Permission denied\r\n\r\n";
    assert_eq!(client.read_through("\r\n\r\n").await, expected);
}

#[tokio::test]
async fn new_credentials_count_for_the_next_login() {
    let simulator = asterisk_16().await;
    simulator.set_credentials("admin", "other");
    assert_eq!((simulator.user(), simulator.secret()), ("admin".into(), "other".into()));
    Client::log_in(&simulator).await;
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let simulator = asterisk_13().await;
    let mut client = Client::connect(&simulator).await;
    let mut requests =
        "Action: Login\nUsername: astfs\nSecret: simulated\nEvents: off\nActionID: 0\n\n".to_owned();
    for number in 1..=200 {
        let action = if number % 2 == 0 { "SIPpeers" } else { "Command\nCommand: sip show peers" };
        requests.push_str(&format!("Action: {action}\nActionID: {number}\n\n"));
    }
    client.send(requests + "Action: Logoff\nActionID: 201\n\n").await;
    let answers = client.read_to_end().await;
    let mut ids: Vec<u32> =
        answers.lines().filter_map(|line| line.strip_prefix("ActionID: ")?.parse().ok()).collect();
    ids.dedup();
    assert_eq!(ids, (0..=201).collect::<Vec<_>>());
}

#[tokio::test]
async fn mistakes_in_requests_are_answered_as_asterisk_does() {
    let simulator = asterisk_16().await;
    let mut client = Client::log_in(&simulator).await;
    let message = |text: &str| format!("Response: Error\r\nMessage: {text}\r\n\r\n");
    assert_eq!(client.ask_text("\r\n").await, message("Missing action in request"));
    let long = format!("Action: Ping\r\nX: {}\r\n\r\n", "x".repeat(5000));
    assert_eq!(client.ask_text(long).await, message("Failed to parse message: line too long"));
}

#[tokio::test]
async fn events_reach_every_session_that_takes_their_class() {
    let simulator = asterisk_13().await;
    let mut all = [
        Client::log_in_with_events(&simulator, "on").await,
        Client::log_in_with_events(&simulator, "system,call").await,
    ];
    let mut none = [
        Client::log_in_with_events(&simulator, "off").await,
        Client::log_in_with_events(&simulator, "call").await,
    ];
    let event = "Event: Test\r\nPrivilege: system,all\r\n\r\n";
    simulator.emit(event);
    for client in &mut all {
        assert_eq!(client.read_through("\r\n\r\n").await, event);
    }
    for client in &mut none {
        assert!(client.is_quiet_for(Duration::from_millis(30)).await);
    }
}

#[tokio::test]
async fn events_can_be_turned_on_and_off() {
    let simulator = asterisk_13().await;
    let mut client = Client::log_in(&simulator).await;
    let on = client.ask_text("Action: Events\r\nEventMask: on\r\n\r\n").await;
    assert_eq!(on, "Response: Success\r\nEvents: On\r\n\r\n");
    simulator.emit("Event: Test\r\n\r\n");
    assert_eq!(client.read_through("\r\n\r\n").await, "Event: Test\r\n\r\n");
    client.ask("Action: Events\r\nEventMask: off\r\n\r\n").await;
    simulator.emit("Event: Test\r\n\r\n");
    assert!(client.is_quiet_for(Duration::from_millis(30)).await);
}

#[tokio::test]
async fn a_login_that_takes_events_hears_that_the_server_is_booted_from_14_on() {
    let simulator = asterisk_16().await;
    let mut client = Client::log_in_with_events(&simulator, "on").await;
    let event = client.read_through("\r\n\r\n").await;
    assert!(event.starts_with("Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: "), "{event}");
    assert!(event.ends_with("\r\nStatus: Fully Booted\r\n\r\n"), "{event}");
    let simulator = asterisk_13().await;
    let mut client = Client::log_in_with_events(&simulator, "on").await;
    assert!(client.is_quiet_for(Duration::from_millis(30)).await);
}

#[tokio::test]
async fn a_registration_is_announced_and_shown_and_its_end_too() {
    let mut peer = Peer::new("6001");
    peer.max_ms = 2000;
    let simulator = Simulator::start(Content::new(Version::Asterisk16).peer(peer)).await.unwrap();
    let mut client = Client::log_in_with_events(&simulator, "system,call").await;
    client.read_through("Fully Booted\r\n\r\n").await;
    assert!(client.command("sip show peer 6001").await.contains("Output:   Addr->IP     : (null)\r\n"));

    assert!(simulator.register("6001"));
    let events = client.read_through("PeerStatus: Reachable\r\n\r\n").await;
    let address = events.split("Address: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
    let head = "Privilege: system,all\r\nSystemName: ast16\r\nChannelType: SIP\r\nPeer: SIP/6001\r\n";
    let device =
        "Event: DeviceStateChange\r\nPrivilege: call,all\r\nSystemName: ast16\r\nDevice: SIP/6001\r\n";
    assert_eq!(
        events,
        format!(
            "Event: PeerStatus\r\n{head}PeerStatus: Registered\r\nAddress: {address}\r\n\r\n\
             {device}State: NOT_INUSE\r\n\r\nEvent: PeerStatus\r\n{head}PeerStatus: Reachable\r\n\r\n"
        )
    );
    assert!(client.command("sip show peer 6001").await.contains(&format!(" Addr->IP     : {address}\r\n")));

    assert!(simulator.unregister("6001"));
    assert_eq!(
        client.read_through("State: UNAVAILABLE\r\n\r\n").await,
        format!(
            "Event: PeerStatus\r\n{head}PeerStatus: Unregistered\r\nCause: Expired\r\n\r\n\
             {device}State: UNAVAILABLE\r\n\r\n"
        )
    );
    assert!(client.command("sip show peer 6001").await.contains(" Status       : UNREACHABLE\r\n"));
    assert!(!simulator.register("nobody"));
}

#[tokio::test]
async fn events_of_13_bear_their_time_and_come_in_its_order() {
    let simulator =
        Simulator::start(Content::new(Version::Asterisk13).peer(Peer::new("6001"))).await.unwrap();
    let mut client = Client::log_in_with_events(&simulator, "on").await;
    simulator.register("6001");
    simulator.unregister("6001");
    let events = client.read_through("Cause: Expired\r\n\r\n").await;
    let names: Vec<_> = events.lines().filter_map(|line| line.strip_prefix("Event: ")).collect();
    assert_eq!(names, ["PeerStatus", "DeviceStateChange", "DeviceStateChange", "PeerStatus"]);
    assert_eq!(events.matches("\r\nTimestamp: ").count(), 4);
}

#[tokio::test]
async fn peers_come_and_go_without_an_event() {
    let simulator = Simulator::start(Content::new(Version::Asterisk16)).await.unwrap();
    let mut client = Client::log_in_with_events(&simulator, "call").await;
    simulator.add_peer(Peer::new("new"));
    assert!(client.command("sip show peers").await.contains("Output: new  "));
    assert!(simulator.remove_peer("new"));
    assert!(!simulator.remove_peer("new"));
    assert!(client.command("sip show peers").await.contains("Output: 0 sip peers"));
    assert!(client.is_quiet_for(Duration::from_millis(30)).await);
}

#[tokio::test]
async fn a_reload_is_announced_whoever_asked_for_it() {
    let simulator = asterisk_16().await;
    let mut client = Client::log_in_with_events(&simulator, "system").await;
    client.read_through("Fully Booted\r\n\r\n").await;
    let event = |module| {
        format!(
            "Event: Reload\r\nPrivilege: system,all\r\nSystemName: ast16\r\nModule: {module}\r\nStatus: 0\r\n\r\n"
        )
    };
    simulator.reload();
    assert_eq!(client.read_through("\r\n\r\n").await, event("All"));
    client.send("Action: Reload\r\nModule: chan_sip\r\n\r\n").await;
    let answer = "Response: Success\r\nMessage: Module Reloaded\r\n\r\n";
    assert_eq!(client.read_through("\r\n\r\n").await, answer);
    assert_eq!(client.read_through("\r\n\r\n").await, event("chan_sip"));
}

#[tokio::test]
async fn a_realtime_peer_is_there_once_it_was_loaded() {
    let mut peer = Peer::new("with space");
    peer.origin = Origin::Database { loaded: false };
    peer.secret = text("made-up");
    let simulator = Simulator::start(Content::new(Version::Asterisk13).peer(peer)).await.unwrap();
    let mut client = Client::log_in(&simulator).await;
    let shown = "  * Name       : with space\n";
    assert!(client.command("sip show peers").await.contains("\n0 sip peers"));
    assert!(!client.command(r#"sip show peer "with space""#).await.contains(shown));
    assert!(client.command("realtime load sippeers 1 1").await.contains("name  with space"));
    assert!(client.command(r#"sip show peer "with space" load"#).await.contains(shown));
    assert!(client.command("sip show peers").await.contains("\nwith space  "));
}

#[tokio::test]
async fn every_hostile_name_can_be_shown_by_its_name() {
    let simulator = Simulator::start(Content::new(Version::Asterisk13).hostile_names()).await.unwrap();
    let mut client = Client::log_in(&simulator).await;
    let names = simulator.peer_names();
    assert_eq!(names.len(), 9);
    for name in names {
        let name = String::from_utf8(name).unwrap();
        let shown = client.command(&format!("sip show peer \"{name}\"")).await;
        assert!(shown.contains(&format!("\n  * Name       : {name}\n")), "{shown}");
    }
}

#[tokio::test]
async fn a_bound_answer_goes_before_the_generator_and_can_be_changed() {
    let request = [("Action", "Command"), ("Command", "sip show peers")];
    let answer =
        |text: &str| format!("Response: Follows\r\nPrivilege: Command\r\n{text}\n--END COMMAND--\r\n\r\n");
    let content = Content::generated(Version::Asterisk13, 3, 1).answer(&request, answer("first"));
    let simulator = Simulator::start(content).await.unwrap();
    let mut client = Client::log_in(&simulator).await;
    assert_eq!(client.command("sip show peers").await, answer("first"));
    simulator.answer(&request, answer("second"));
    assert_eq!(client.command("sip show peers").await, answer("second"));
}

#[tokio::test]
async fn what_was_asked_is_remembered() {
    let simulator = asterisk_16().await;
    let mut client = Client::log_in(&simulator).await;
    client.command("sip show peers").await;
    let asked = simulator.asked();
    assert_eq!(
        asked.iter().map(|request| request.action()).collect::<Vec<_>>(),
        ["Login", "Command", "Ping"]
    );
    assert_eq!(asked[1].command(), "sip show peers");
    assert_eq!(simulator.requests(), 3);
    simulator.forget_asked();
    assert_eq!(simulator.asked().len(), 0);
    assert_eq!(simulator.requests(), 3, "forgotten, but counted");
}

#[tokio::test]
async fn all_clients_can_be_hung_up_on_and_come_back() {
    let simulator = asterisk_16().await;
    let clients = [Client::log_in(&simulator).await, Client::log_in(&simulator).await];
    assert_eq!(simulator.connections(), 2);
    simulator.disconnect_all();
    for client in clients {
        assert_eq!(client.read_to_end().await, "");
    }
    Client::log_in(&simulator).await;
    assert_eq!(simulator.connections(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_refuses_and_comes_back_on_its_port() {
    let simulator = asterisk_16().await;
    let address = simulator.address();
    let client = Client::log_in(&simulator).await;
    for _ in 0..3 {
        simulator.refuse_connections().await;
        let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        simulator.accept_connections().unwrap();
        Client::log_in(&simulator).await;
    }
    assert_eq!(client.read_to_end().await, "");
    assert_eq!(simulator.address(), address);
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_closes_its_port() {
    let simulator = asterisk_16().await;
    let address = simulator.address();
    let mut client = Client::log_in_with_events(&simulator, "system").await;
    client.read_through("Fully Booted\r\n\r\n").await;
    simulator.stop().await;
    assert_eq!(
        client.read_to_end().await,
        "Event: Shutdown\r\nPrivilege: system,all\r\nSystemName: ast16\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n"
    );
    tokio::task::yield_now().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let simulator = asterisk_16().await;
    let client = Client::log_in(&simulator).await;
    drop(simulator);
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn a_long_list_comes_whole_and_sorted() {
    let simulator = Simulator::start(Content::generated(Version::Asterisk16, 3000, 1)).await.unwrap();
    let list = Client::log_in(&simulator).await.ask_text("Action: SIPpeers\r\nActionID: 1\r\n\r\n").await;
    let listed: Vec<_> = list.lines().filter_map(|line| line.strip_prefix("ObjectName: ")).collect();
    let mut sorted = listed.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    assert_eq!(listed, sorted);
    let names: Vec<_> =
        simulator.peer_names().into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
    assert_eq!(listed, names);
    assert!(listed.len() > 2500);
    assert!(list.ends_with(&format!("EventList: Complete\r\nListItems: {}\r\n\r\n", listed.len())));
}
