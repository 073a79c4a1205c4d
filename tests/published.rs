//! One session asks a server, and any number of mounts show what it tells, by way of a real nats-server.

#![cfg(feature = "nats")]
#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Peer, Version};
use nix::errno::Errno;
use support::mount::{Mounted, fuse_available};
use support::nats::{Nats, Publishing};
use support::simulated::{Simulated, TreeFile, shipped};
use support::wait_until;
use support::walk::{Shown, Walk, walk};

const PATIENCE: Duration = Duration::from_secs(60);

/// A list of which single records are asked for anew, details, a secret, a log and a control file.
const TREE: &str = r#"
[server]
address = "127.0.0.1"
user    = "astfs"
secret  = { env = "ASTFS_SECRET" }

[defaults]
timeout   = "2s"
max_stale = "1h"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = ["Reload", { PeerStatus = "event.Peer[4:]" }], one = "details" }
[query.details]
action  = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }
fields  = { IPaddress = "row['Address-IP'] | replace('(null)', '-none-')" }
refresh = { on = ["Reload", { PeerStatus = "event.Peer[4:]" }] }
[query.settings]
action  = "CoreSettings"
refresh = { every = "1h" }

[each.peer]
in = "peers"

[tree]
"peers/{peer}/address"  = { render = "{{ peer.IPaddress }}\n" }
"peers/{peer}/dynamic"  = { render = "{{ details.Dynamic }}\n" }
"peers/{peer}/raw"      = { query = "details" }
"count"                 = { render = "{{ peers | length }}\n" }
"control/say"           = { write = { action = { Action = "Ping", Word = "{{ input }}" } } }
"events/all"            = { events = "*" }
"#;

fn server(peers: usize) -> Simulated {
    let names: Vec<String> = (0..peers).map(|number| format!("peer{number}")).collect();
    Simulated::start(Content::new(Version::Asterisk16).peers(names.iter().map(Peer::new)))
}

/// A file's text, or why it cannot be read.
fn read(mounted: &Mounted, path: &str) -> String {
    fs::read_to_string(mounted.join(path)).unwrap_or_else(|error| error.to_string())
}

fn address(mounted: &Mounted, peer: &str) -> String {
    read(mounted, &format!("peers/{peer}/address")).trim().to_owned()
}

fn is_registered(mounted: &Mounted, peer: &str) -> bool {
    address(mounted, peer).starts_with(|letter: char| letter.is_ascii_digit())
}

fn shows(mounted: &Mounted, count: usize) -> bool {
    wait_until(PATIENCE, || read(mounted, "count").trim() == count.to_string())
}

/// What a walk has seen, a line for each name.
fn text(walk: &Walk) -> BTreeSet<String> {
    let line = |(path, shown): (&String, &Shown)| match shown {
        Shown::File(bytes) => format!("{path}: {}", String::from_utf8_lossy(bytes)),
        other => format!("{path}: {other:?}"),
    };
    walk.iter().map(line).collect()
}

/// Whether what is shown is marked as not fresh, and what its status says of the server.
fn status(mounted: &Mounted) -> String {
    read(mounted, ".astfs/status")
}

fn is_away(mounted: &Mounted) -> bool {
    status(mounted).contains("down for")
}

/// The number of the last message of the bucket.
fn last_of_bucket(nats: &Nats) -> u64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let client = async_nats::connect(nats.address()).await.expect("NATS is there");
        let stream =
            async_nats::jetstream::new(client).get_stream("KV_astfs").await.expect("the bucket is there");
        stream.cached_info().state.last_sequence
    })
}

/// Waits until the bucket has been the same for a while; the number of its last message.
fn settled(nats: &Nats) -> u64 {
    let mut last = last_of_bucket(nats);
    let mut same = 0;
    let _ = wait_until(PATIENCE, || {
        std::thread::sleep(Duration::from_millis(200));
        let now = last_of_bucket(nats);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 5
    });
    last
}

#[test]
fn one_session_serves_all_mounts_and_each_comes_right_again_whatever_goes() {
    let Some(mut nats) = Nats::start().filter(|_| fuse_available()) else { return };
    let (pbx, tree) = (server(5), TreeFile::new(TREE));
    let first = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    assert!(wait_until(PATIENCE, || first.leads()), "{}", first.said());
    let second = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    let mounts = [(); 3].map(|()| nats.mount(&tree.path(), &[]));
    for mounted in &mounts {
        assert!(shows(mounted, 5), "{} {}", read(mounted, "count"), first.said());
        assert_eq!(read(mounted, "peers/peer3/dynamic").trim(), "Y");
    }
    assert!(wait_until(PATIENCE, || pbx.connections() == 2), "one asks, the other stands by");
    let everywhere = |what: &str, holds: &dyn Fn(&Mounted) -> bool| {
        for mounted in &mounts {
            assert!(
                wait_until(PATIENCE, || holds(mounted)),
                "{what}:\n{}\n{}",
                status(mounted),
                second.said()
            );
        }
    };
    assert!(pbx.register("peer1"));
    everywhere("a registration", &|mounted| is_registered(mounted, "peer1"));
    everywhere("its event", &|mounted| read(mounted, "events/all").contains("SIP/peer1"));
    assert!(!second.leads());

    first.kill();
    everywhere("without a leader", &is_away);
    everywhere("what it showed stays", &|mounted| is_registered(mounted, "peer1"));
    assert!(pbx.register("peer2"), "while nobody publishes");
    everywhere("the next leader", &|mounted| !is_away(mounted) && is_registered(mounted, "peer2"));
    assert!(second.leads());

    nats.kill();
    everywhere("without NATS", &is_away);
    assert!(pbx.register("peer3"), "while NATS is away");
    nats.start_again();
    everywhere("NATS again", &|mounted| !is_away(mounted) && is_registered(mounted, "peer3"));

    pbx.go_down();
    everywhere("without the server", &is_away);
    pbx.come_back();
    assert!(pbx.register("peer4"));
    everywhere("the server again", &|mounted| !is_away(mounted) && is_registered(mounted, "peer4"));
    assert!(pbx.connections() <= 1, "no mount has a session of its own");
}

#[test]
fn one_changed_record_is_a_few_messages_however_many_there_are() {
    let Some(nats) = Nats::start() else { return };
    let (pbx, tree) = (server(400), TreeFile::new(TREE));
    let publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    assert!(
        wait_until(PATIENCE, || publisher.said().contains("everything is published")),
        "{}",
        publisher.said()
    );
    let before = settled(&nats);
    assert!(before > 800, "a row for each peer, and a question");
    assert!(pbx.register("peer100"));
    assert!(wait_until(PATIENCE, || last_of_bucket(&nats) > before), "{}", publisher.said());
    let put = settled(&nats) - before;
    assert!(put <= 4, "{put} messages for one registration");
    // a mount that begins now shows it, though the list is older
    if fuse_available() {
        let mounted = nats.mount(&tree.path(), &[]);
        assert!(shows(&mounted, 400));
        assert!(
            wait_until(PATIENCE, || is_registered(&mounted, "peer100")),
            "{}",
            address(&mounted, "peer100")
        );
        assert!(!is_registered(&mounted, "peer101"));
    }
}

#[test]
fn records_come_and_go_in_every_mount_and_in_the_bucket() {
    let Some(nats) = Nats::start().filter(|_| fuse_available()) else { return };
    let (pbx, tree) = (server(3), TreeFile::new(TREE));
    let _publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    let mounted = nats.mount(&tree.path(), &[]);
    assert!(shows(&mounted, 3));
    pbx.add_peer(Peer::new("latecomer"));
    pbx.reload();
    assert!(shows(&mounted, 4));
    let dynamic = || read(&mounted, "peers/latecomer/dynamic");
    assert!(wait_until(PATIENCE, || dynamic().trim() == "Y"), "{}", dynamic());
    assert!(pbx.remove_peer("peer0"));
    pbx.reload();
    assert!(shows(&mounted, 3));
    assert!(!mounted.join("peers/peer0").exists());
}

#[test]
fn a_reader_needs_no_right_to_write_and_has_none() {
    let Some(nats) = Nats::with_accounts() else { return };
    let (pbx, tree) = (server(3), TreeFile::new(TREE));
    let as_publisher = [("ASTFS_NATS_USER", "publisher"), ("ASTFS_NATS_PASSWORD", "of the publisher")];
    let publisher = Publishing::start(&tree.path(), &pbx, &nats, &as_publisher);
    assert!(
        wait_until(PATIENCE, || publisher.said().contains("everything is published")),
        "{}",
        publisher.said()
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let bucket = async |user: &str, password: &str| {
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        let client = options.connect(nats.address()).await.expect("NATS is there");
        let mut context = async_nats::jetstream::new(client);
        context.set_timeout(Duration::from_secs(1));
        let stream = context.get_stream("KV_astfs").await.expect("it may be looked at");
        (context, stream)
    };
    runtime.block_on(async {
        let (context, stream) = bucket("reader", "of the reader").await;
        let put = context.publish("$KV.astfs.leader", "forged".into()).await.expect("it is sent");
        assert!(put.await.is_err(), "a reader's put is refused");
        assert!(stream.purge().await.is_err(), "and so is a purge");
        let (_, stream) = bucket("publisher", "of the publisher").await;
        let leader = stream.get_last_raw_message_by_subject("$KV.astfs.leader").await.expect("one leads");
        assert_ne!(leader.payload, "forged");
    });
    if !fuse_available() {
        return;
    }
    let as_reader = [("ASTFS_NATS_USER", "reader"), ("ASTFS_NATS_PASSWORD", "of the reader")];
    let mounted = nats.mount(&tree.path(), &as_reader);
    assert!(shows(&mounted, 3), "{}", status(&mounted));
    assert!(pbx.register("peer1"));
    assert!(wait_until(PATIENCE, || is_registered(&mounted, "peer1")), "{}", status(&mounted));
    assert!(!publisher.said().contains("of the publisher") && !mounted.stderr().contains("of the reader"));
}

#[test]
fn the_shipped_tree_is_by_way_of_nats_what_it_is_by_itself() {
    let shipped = shipped("asterisk.toml");
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let Some(nats) = Nats::start().filter(|_| fuse_available()) else { return };
        let pbx = Simulated::start(Content::generated(version, 5, 1));
        let publisher = Publishing::start_with(&shipped, &pbx, &nats, &[], &["--secrets"]);
        let whole = || publisher.said().contains("everything is published");
        assert!(wait_until(PATIENCE, whole), "{}", publisher.said());
        let (from, direct) = (nats.mount(&shipped, &[]), pbx.mount(&shipped));
        for part in ["peers", "users", "database", "modules", "hints", "registrations"] {
            let walks = || [&from, &direct].map(|mounted| walk(&mounted.join(part)));
            let same = || matches!(walks(), [one, other] if one == other);
            if !wait_until(PATIENCE, same) {
                let [one, other] = walks().map(|walk| text(&walk));
                let different: Vec<_> = one.symmetric_difference(&other).collect();
                panic!("{version:?}: {part} by way of NATS is another: {different:#?}");
            }
        }
        assert!(!walk(&from.join("users/sipfriends")).is_empty());
    }
}

#[test]
fn control_files_of_such_a_mount_are_refused_and_that_is_said() {
    let Some(nats) = Nats::start().filter(|_| fuse_available()) else { return };
    let (pbx, tree) = (server(1), TreeFile::new(TREE));
    let _publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    let mounted = nats.mount(&tree.path(), &[]);
    let refused = fs::write(mounted.join("control/say"), "word\n").expect_err("nothing can be written");
    assert_eq!(refused.raw_os_error(), Some(Errno::EROFS as i32), "{refused}");
    assert!(mounted.stderr().contains("control files cannot be written"), "{}", mounted.stderr());
    assert!(pbx.asked().iter().all(|request| request.get("Word").is_none()));
}

#[test]
fn what_nobody_published_says_so_and_the_rest_is_served() {
    let Some(nats) = Nats::start().filter(|_| fuse_available()) else { return };
    let (pbx, tree) = (server(2), TreeFile::new(TREE));
    let other =
        TreeFile::new(&TREE.replace("[tree]\n", "[tree]\n\"more\" = { command = \"core show uptime\" }\n"));
    let _publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    let mounted = nats.mount(&other.path(), &[]);
    assert!(shows(&mounted, 2));
    let refused = fs::read(mounted.join("more")).expect_err("nobody published it");
    assert_eq!(refused.raw_os_error(), Some(Errno::EIO as i32));
    assert!(read(&mounted, ".astfs/errors").contains("holds no answer to Command"), "{}", status(&mounted));
    assert!(pbx.questions().iter().all(|question| !question.contains("uptime")));
}

#[test]
fn secrets_are_published_only_if_they_are_to_be() {
    let Some(nats) = Nats::start() else { return };
    let content = || {
        let told = "Response: Success\r\nSecret: hush6001\r\nSystem: pbx\r\n\r\n";
        Content::new(Version::Asterisk16).answer(&[("Action", "CoreSettings")], told)
    };
    let (pbx, tree) = (Simulated::start(content()), TreeFile::new(TREE));
    let holds = |text: &str| stored(&nats).iter().any(|value| contains(value, text));
    let publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    assert!(
        wait_until(PATIENCE, || publisher.said().contains("everything is published")),
        "{}",
        publisher.said()
    );
    assert!(holds("System: pbx") && holds("Secret: ***") && !holds("hush6001"));
    publisher.kill();
    let publisher = Publishing::start_with(&tree.path(), &pbx, &nats, &[], &["--secrets"]);
    assert!(
        wait_until(PATIENCE, || publisher.said().contains("everything is published")),
        "{}",
        publisher.said()
    );
    assert!(holds("hush6001"));
}

/// All values of the bucket.
fn stored(nats: &Nats) -> Vec<Vec<u8>> {
    stored_behind(nats, 0)
}

/// The values that were put behind the message of that number.
fn stored_behind(nats: &Nats, known: u64) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let client = async_nats::connect(nats.address()).await.expect("NATS is there");
        let stream =
            async_nats::jetstream::new(client).get_stream("KV_astfs").await.expect("the bucket is there");
        let mut values = Vec::new();
        for sequence in known + 1..=stream.cached_info().state.last_sequence {
            if let Ok(message) = stream.get_raw_message(sequence).await {
                values.push(message.payload.to_vec());
            }
        }
        values
    })
}

fn contains(value: &[u8], text: &str) -> bool {
    value.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn credentials_in_the_address_and_a_file_that_is_none_are_refused_and_not_shown() {
    let tree = TreeFile::new(TREE);
    let publish = |to: &str, more: &[&str]| {
        let mut command = support::mount::astfs();
        command.arg("publish").arg(tree.path()).args(["--to", to]).args(more).env("ASTFS_SECRET", "x");
        let output = support::simulated::run_within(PATIENCE, &mut command);
        (output.status.code(), support::simulated::text(&output.stderr))
    };
    let (code, said) = publish("nats://me:hush@127.0.0.1:4222", &[]);
    assert!(code == Some(4) && said.contains("--nats-credentials") && !said.contains("hush"), "{said}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE-MIT");
    let (code, said) = publish("nats://127.0.0.1:4222", &["--nats-credentials", &file.display().to_string()]);
    assert!(code == Some(4) && said.contains("USER:PASSWORD"), "{said}");
}

/// What a process holds in memory, in MiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// How long it takes until a registration is seen in a mount: of so many, the middle and the slowest but one in a
/// hundred.
fn latency(pbx: &Simulated, mounted: &Mounted, peers: std::ops::Range<usize>) -> (Duration, Duration) {
    let mut took: Vec<Duration> = peers
        .map(|number| {
            let peer = format!("peer{number}");
            assert!(!is_registered(mounted, &peer));
            let begun = Instant::now();
            assert!(pbx.register(&peer));
            assert!(wait_until(PATIENCE, || is_registered(mounted, &peer)));
            begun.elapsed()
        })
        .collect();
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

#[test]
#[ignore = "a measurement: cargo test --release --test published -- --ignored --nocapture"]
fn what_a_thousand_peers_take() {
    let Some(nats) = Nats::start().filter(|_| fuse_available()) else { return };
    let (pbx, tree) = (server(1000), TreeFile::new(TREE));
    let begun = Instant::now();
    let publisher = Publishing::start(&tree.path(), &pbx, &nats, &[]);
    assert!(
        wait_until(PATIENCE, || publisher.said().contains("everything is published")),
        "{}",
        publisher.said()
    );
    let published = begun.elapsed();
    let look_at_all = |mounted: &Mounted| {
        let begun = Instant::now();
        assert!(shows(mounted, 1000));
        let begun_reading = Instant::now();
        for number in 0..1000 {
            read(mounted, &format!("peers/peer{number}/raw"));
        }
        (begun_reading - begun, begun_reading.elapsed())
    };
    let asked = pbx.questions().len();
    let mounted = nats.mount(&tree.path(), &[]);
    let shown = look_at_all(&mounted);
    assert!(pbx.questions().len() < asked + 10, "the mount asks nothing");
    let from = latency(&pbx, &mounted, 0..200);
    let before = settled(&nats);
    assert!(pbx.register("peer500"));
    assert!(wait_until(PATIENCE, || last_of_bucket(&nats) > before));
    let messages = settled(&nats) - before;
    let bytes: usize = stored_behind(&nats, before).iter().map(Vec::len).sum();
    let direct = pbx.mount(&tree.path());
    let shown_direct = look_at_all(&direct);
    let of_direct = latency(&pbx, &direct, 600..800);
    println!("published everything within {published:.1?}");
    println!("--from: list within {:.1?}, 1,000 details within {:.1?}", shown.0, shown.1);
    println!("direct: list within {:.1?}, 1,000 details within {:.1?}", shown_direct.0, shown_direct.1);
    println!("--from: a registration is seen after {:.1?} (p50), {:.1?} (p99)", from.0, from.1);
    println!("direct: a registration is seen after {:.1?} (p50), {:.1?} (p99)", of_direct.0, of_direct.1);
    println!("one registration: {messages} messages in the bucket, {bytes} bytes");
    let (publisher, mounted, direct) = (publisher.pid(), mounted.pid(), direct.pid());
    println!(
        "memory: publisher {} MiB, --from {} MiB, direct {} MiB",
        memory(publisher),
        memory(mounted),
        memory(direct)
    );
}
