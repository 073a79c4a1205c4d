//! Each fault as a client meets it.

use std::time::{Duration, Instant};

use super::client_for_tests::Client;
use super::{Content, Fault, Simulator, Version};

const PING: &str = "Action: Ping\r\nActionID: 1\r\n\r\n";
const PEERS: &str = "Action: SIPpeers\r\nActionID: 1\r\n\r\n";

async fn server(version: Version) -> (Simulator, Client) {
    let simulator = Simulator::start(Content::generated(version, 5, 1)).await.unwrap();
    let client = Client::log_in(&simulator).await;
    (simulator, client)
}

#[tokio::test]
async fn a_refused_login_looks_like_a_wrong_secret() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    simulator.set_fault(Some(Fault::RefuseLogin));
    client.ask(PING).await;
    let mut refused = Client::connect(&simulator).await;
    refused.send("Action: Login\r\nUsername: astfs\r\nSecret: simulated\r\n\r\n").await;
    assert_eq!(refused.read_to_end().await, "Response: Error\r\nMessage: Authentication failed\r\n\r\n");
    simulator.set_fault(None);
    Client::log_in(&simulator).await;
}

#[tokio::test]
async fn a_silent_server_takes_requests_and_answers_none() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    simulator.set_fault(Some(Fault::Silent));
    client.send(PING).await;
    assert!(client.is_quiet_for(Duration::from_millis(50)).await);
    assert_eq!(simulator.asked().last().unwrap().action(), "Ping");
}

#[tokio::test]
async fn only_the_requests_that_were_named_fail() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    let sound = client.command("sip show users").await;
    simulator.set_fault_for("SHOW PEERS", Fault::ErrorAnswer("out of order".into()));
    let failed = "Response: Error\r\nMessage: out of order\r\n\r\n";
    assert_eq!(client.command("sip show users").await, sound);
    assert_eq!(client.command("sip show peers").await, failed);
    assert_eq!(client.command("sip show peers").await, failed);
    simulator.fail_next("show users", Fault::ErrorAnswer("out of order".into()));
    assert_eq!(client.command("sip show users").await, failed);
    assert_eq!(client.command("sip show users").await, sound);
}

#[tokio::test]
async fn a_connection_can_break_in_the_middle_of_an_answer() {
    let (simulator, mut client) = server(Version::Asterisk13).await;
    let sound = client.command("sip show peers").await;
    simulator.set_fault(Some(Fault::HangUpMidAnswer));
    client.send("Action: Command\r\nCommand: sip show peers\r\n\r\n").await;
    assert_eq!(client.read_to_end().await, sound[..sound.len() / 2]);
}

#[tokio::test]
async fn garbage_replaces_the_answer() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    simulator.fail_next("SIPpeers", Fault::Garbage(b"\0\xff\r\n: :\r\n".to_vec()));
    assert_eq!(client.ask(PEERS).await, b"\0\xff\r\n: :\r\n");
}

#[tokio::test]
async fn a_huge_answer_is_well_formed_and_as_large_as_wanted() {
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let (simulator, mut client) = server(version).await;
        simulator.fail_next("Command", Fault::HugeAnswer(3_000_000));
        let answer = client.command("sip show peers").await;
        assert!((3_000_000..4_000_000).contains(&answer.len()), "{}", answer.len());
        let (start, end) = match version {
            Version::Asterisk13 => {
                ("Response: Follows\r\nPrivilege: Command\r\n", "\n--END COMMAND--\r\n\r\n")
            }
            _ => ("Response: Success\r\nMessage: Command output follows\r\nOutput: ", "\r\n\r\n"),
        };
        assert!(answer.starts_with(start) && answer.ends_with(end));
        assert_eq!(answer.matches("\r\n\r\n").count(), 1);
    }
}

#[tokio::test]
async fn a_delayed_answer_comes_whole_and_late() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    simulator.fail_next("SIPpeers", Fault::DelayAnswer(Duration::from_millis(60)));
    let start = Instant::now();
    let late = client.ask(PEERS).await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(client.ask(PEERS).await, late);
}

#[tokio::test]
async fn an_answer_byte_by_byte_has_the_same_bytes() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    let sound = client.ask(PEERS).await;
    simulator.fail_next("SIPpeers", Fault::ByteByByte);
    assert_eq!(client.ask(PEERS).await, sound);
}

#[tokio::test]
async fn events_can_come_between_a_request_and_its_answer() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    let sound = client.ask_text(PEERS).await;
    let events = "Event: Noise\r\nPrivilege: call,all\r\n\r\n".repeat(1000);
    simulator.fail_next("SIPpeers", Fault::EventBeforeAnswer(events.clone().into_bytes()));
    assert_eq!(client.ask_text(PEERS).await, events + &sound);
}

#[tokio::test]
async fn a_wrong_action_id_replaces_the_right_one() {
    let (simulator, mut client) = server(Version::Asterisk16).await;
    let sound = client.ask_text(PEERS).await;
    simulator.fail_next("SIPpeers", Fault::WrongActionId);
    let wrong = client.ask_text(PEERS).await;
    assert!(!wrong.contains("ActionID: 1\r\n"));
    assert_eq!(wrong.replace("ActionID: nobody-sent-this\r\n", "ActionID: 1\r\n"), sound);
}

#[tokio::test]
async fn an_answer_without_its_end_leaves_the_client_waiting() {
    for (version, request, end) in [
        (Version::Asterisk16, PEERS, "Event: PeerlistComplete\r\n"),
        (Version::Asterisk16, "Action: Command\r\nCommand: sip show peers\r\n\r\n", "\r\n"),
        (
            Version::Asterisk13,
            "Action: Command\r\nCommand: sip show peers\r\n\r\n",
            "--END COMMAND--\r\n\r\n",
        ),
    ] {
        let (simulator, mut client) = server(version).await;
        let sound = client.ask_text(request).await;
        let end = sound.rfind(end).unwrap();
        simulator.fail_next("", Fault::NeverCompleteList);
        client.send(request).await;
        assert_eq!(client.read_through(&sound[..end]).await, sound[..end]);
        assert!(client.is_quiet_for(Duration::from_millis(30)).await);
    }
}
