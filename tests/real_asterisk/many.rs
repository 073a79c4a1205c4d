//! Ten thousand endpoints: what they cost, as the server counts it, from its boot on.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::ground::{ASTFS, HOUR, fields, is_there, measure, mount_tree, names, shipped, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::gauges::Gauges;
use crate::support::mount::{self, Mounted};
use crate::support::sip::Register;

const ENDPOINTS: usize = 10_000;
const FIRST: usize = 100_000;

/// Of a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked until the server has told of all and is still: a few lists, and what is asked for single records
/// while not many wait (`src/query/refreshed.rs`).
const BOOT: u64 = 600;

/// The same for events about each of them: far less than an action for each, let alone for each event.
const STORM: u64 = ENDPOINTS as u64 / 4;

/// What one registration may cost: its events, of which some come while the question that the one before led to
/// is on its way; and as many lists as were looked at.
const CHANGE: u64 = 8;

/// The phones `FIRST` and following, as chan_pjsip has them, and what else it has to know of where they are.
fn endpoints(address: &str) -> String {
    let phone = "[phone_of_many](!)\ntype = endpoint\ncontext = default\ndisallow = all\nallow = ulaw\n";
    (FIRST..FIRST + ENDPOINTS).fold(phone.to_owned(), |mut text, name| {
        let _ = write!(
            text,
            "[{name}](phone_of_many)\nauth = {name}\naors = {name}\n\
             [{name}]\ntype = auth\nauth_type = userpass\nusername = {name}\npassword = pw{name}\n\
             [{name}]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\n{address}"
        );
        text
    })
}

/// The same as chan_sip has them.
fn friends() -> String {
    let friend = "[friend_of_many](!)\ntype = friend\nhost = dynamic\ncontext = default\n";
    (FIRST..FIRST + ENDPOINTS).fold(friend.to_owned(), |mut text, name| {
        let _ = write!(text, "[{name}](friend_of_many)\nsecret = pw{name}\n");
        text
    })
}

/// How many actions a mount has sent.
fn actions(mounted: &Mounted) -> u64 {
    counter(mounted, "ami_actions")
}

fn counter(mounted: &Mounted, name: &str) -> u64 {
    fields(&mounted.join(".astfs/counters"))[name].parse().expect("a number")
}

/// Waits until the server has told of nothing and was asked nothing for a second; gives the actions so far.
#[track_caller]
fn settled(mounted: &Mounted) -> u64 {
    let (begin, mut still) = (Instant::now(), Instant::now());
    let seen = || (actions(mounted), counter(mounted, "ami_events"));
    let mut before = seen();
    while still.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(50));
        assert!(begin.elapsed() < PATIENCE, "it does not settle: {before:?} actions and events");
        let now = seen();
        // mtrf, which does not answer, is asked every ten seconds: an event or two about it do not count
        if now.0 != before.0 || now.1 > before.1 + 5 {
            (before, still) = (now, Instant::now());
        }
    }
    before.0
}

#[test]
fn ten_thousand_endpoints_cost_a_few_actions_and_a_change_of_one_costs_no_more_than_among_few() {
    if !mount::fuse_available() {
        return;
    }
    let many = endpoints("");
    let Some(server) = Asterisk::start_with(Version::V22, &[("pjsip_many.conf", many.as_bytes())]) else {
        return;
    };
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    let directory = mounted.join("pjsip/endpoints");
    // mtrf has an address of its own
    let is_phone = |name: &&String| *name != "mtrf";
    let listed = |below: &str| names(&directory.join(below)).iter().filter(is_phone).count();
    assert!(names(&directory).contains(&FIRST.to_string()));
    assert!(listed("_offline") >= ENDPOINTS);
    assert_eq!(listed("_online"), 0);
    let asked = settled(&mounted);
    println!("{asked} actions from boot on, {} events", counter(&mounted, "ami_events"));
    assert!(asked <= BOOT, "{asked} actions for a list");

    let one = FIRST + ENDPOINTS / 2;
    let (name, secret) = (one.to_string(), format!("pw{one}"));
    let (state, online) = (directory.join(&name).join("state"), directory.join("_online").join(&name));
    assert_eq!(value(&state), "Unavailable");
    let mut phone = Register::new(server.sip_address(), &name, &secret).expect("a phone has a socket");
    let before = settled(&mounted);
    phone.register(HOUR).expect("it registers");
    measure("one of many online after the 200 OK", PATIENCE, || {
        is_there(&online) && value(&state) == "Not in use"
    });
    let asked = settled(&mounted) - before;
    assert!(asked <= CHANGE, "{asked} actions for a registration");
    phone.unregister().expect("it unregisters");
    measure("and offline again", PATIENCE, || !is_there(&online) && value(&state) == "Unavailable");
    let asked = settled(&mounted) - before - asked;
    assert!(asked <= CHANGE, "{asked} actions for its end");

    // a reload that gives each an address: three events for each endpoint
    let (before, events) = (settled(&mounted), counter(&mounted, "ami_events"));
    let with_address = endpoints("contact = sip:127.0.0.1:9\n");
    fs::write(server.configuration().join("pjsip_many.conf"), with_address)
        .expect("the configuration can be written");
    server.cli("module reload res_pjsip.so");
    measure("all of many online after the reload", PATIENCE, || listed("_online") == ENDPOINTS);
    assert_eq!(fs::read_link(&online).expect("it is a link"), Path::new("..").join(&name));
    let asked = settled(&mounted) - before;
    println!("{asked} actions for {} events", counter(&mounted, "ami_events") - events);
    assert!(asked <= STORM, "{asked} actions for a storm of events");
    assert_eq!(listed("_offline"), 3, "6001, 6002 and person");
}

/// Lists directories of a mount that nobody has looked at yet, lets phones come and go, and prints what it took.
fn figures(mounted: &Mounted, directories: &[(&str, SocketAddr)]) {
    const PHONES: usize = 20;
    const ROUNDS: usize = 5;
    for (directory, registrar) in directories {
        let path = mounted.join(directory);
        let (begin, before) = (Instant::now(), actions(mounted));
        let count = names(&path.join("_offline")).len();
        let listed = begin.elapsed();
        let asked = settled(mounted) - before;
        println!("{directory}: {count} listed after {listed:.2?}, {asked} actions from then on");
        let phones = (FIRST..FIRST + PHONES).map(|name| {
            let (name, secret) = (name.to_string(), format!("pw{name}"));
            let phone = Register::new(*registrar, &name, &secret).expect("a phone has a socket");
            (phone, path.join("_online").join(name))
        });
        let mut phones: Vec<_> = phones.collect();
        let before = settled(mounted);
        let mut took = Vec::new();
        for round in 0..ROUNDS * 2 {
            let comes = round % 2 == 0;
            for (phone, online) in &mut phones {
                let begin = Instant::now();
                if comes { phone.register(HOUR) } else { phone.unregister() }
                    .expect("the registrar takes it");
                while is_there(online) != comes {
                    assert!(begin.elapsed() < PATIENCE, "{}: not {comes}", online.display());
                    std::thread::sleep(Duration::from_micros(100));
                }
                took.push(begin.elapsed());
            }
        }
        let asked = settled(mounted) - before;
        took.sort_unstable();
        let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!("{directory}: {} changes, {asked} actions, p50 {half:.1?}, p99 {most:.1?}", took.len());
        // for which each phone is asked for
        let (begin, before) = (Instant::now(), actions(mounted));
        // until then it cannot be told, and the deadline passes
        while !fs::read_dir(path.join("_by_context")).is_ok_and(|mut names| names.any(|name| name.is_ok())) {
            assert!(begin.elapsed() < Duration::from_secs(60), "no context");
            std::thread::sleep(Duration::from_millis(10));
        }
        let told = begin.elapsed();
        let asked = settled(mounted) - before;
        println!("{directory}/_by_context: told after {told:.2?}, {asked} actions");
    }
    println!("{}", Gauges::of(mounted));
}

#[test]
#[ignore = "prints figures of docs/performance.md"]
fn figures_of_22_with_ten_thousand_endpoints() {
    let many = endpoints("");
    let Some(server) = Asterisk::start_with(Version::V22, &[("pjsip_many.conf", many.as_bytes())]) else {
        return;
    };
    figures(&mount_tree(&shipped(), &server, ASTFS), &[("pjsip/endpoints", server.sip_address())]);
}

#[test]
#[ignore = "prints figures of docs/performance.md"]
fn figures_of_16_with_ten_thousand_friends_and_ten_thousand_endpoints() {
    const MODULES: [&str; 15] = [
        "res_sorcery_memory",
        "res_sorcery_astdb",
        "res_pjsip",
        "res_pjsip_session",
        "res_pjsip_sdp_rtp",
        "res_pjsip_pubsub",
        "res_pjsip_registrar",
        "res_pjsip_authenticator_digest",
        "res_pjsip_outbound_authenticator_digest",
        "res_pjsip_outbound_registration",
        "res_pjsip_endpoint_identifier_user",
        "res_pjsip_endpoint_identifier_ip",
        "res_pjsip_caller_id",
        "res_pjsip_nat",
        "chan_pjsip",
    ];
    let modules: String = MODULES.iter().map(|name| format!("load = {name}.so\n")).collect();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port that is free");
    let registrar = socket.local_addr().expect("a bound socket has an address");
    drop(socket);
    let transport = format!("[udp]\ntype = transport\nprotocol = udp\nbind = {registrar}\n");
    let (endpoints, friends) = (transport + &endpoints(""), friends());
    let files = [
        ("modules_pjsip.conf", modules.as_bytes()),
        ("pjsip.conf", endpoints.as_bytes()),
        ("sip_many.conf", friends.as_bytes()),
    ];
    let Some(server) = Asterisk::start_with(Version::V16, &files) else { return };
    let both = [("users/sipfriends", server.sip_address()), ("pjsip/endpoints", registrar)];
    figures(&mount_tree(&shipped(), &server, ASTFS), &both);
}
