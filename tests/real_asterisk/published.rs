//! What one publisher was told shows in every mount, whatever goes and comes back.

use std::path::Path;
use std::time::Duration;

use crate::ground::{ASTFS, HOUR, PATIENCE, fields, is_there, measure, names, shipped, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::nats::{Nats, Publishing};
use crate::support::sip::Register;

/// So long a server may take to start, and a publisher to ask it everything.
const START: Duration = Duration::from_secs(60);

fn publish(server: &Asterisk, nats: &Nats) -> Publishing {
    let mut program = crate::support::mount::astfs();
    program.args(["--verbose", "publish"]).arg(shipped());
    program.args(["--server", &server.ami_address().to_string(), "--user", ASTFS.name]);
    Publishing::run(program, nats, &[("ASTFS_SECRET", ASTFS.secret)])
}

/// Whether all of them say that what they show is fresh.
fn all_up(mounts: &[Mounted]) -> bool {
    mounts.iter().all(|mounted| !text(&mounted.join(".astfs/status")).contains("down for"))
}

fn all_away(mounts: &[Mounted]) -> bool {
    let status = |mounted: &Mounted| text(&mounted.join(".astfs/status"));
    mounts.iter().all(|mounted| status(mounted).contains("down for"))
}

#[test]
fn two_publishers_and_three_mounts_show_a_registration_and_come_right_again_whatever_goes() {
    if !fuse_available() {
        return;
    }
    let Some(mut nats) = Nats::start() else { return };
    let Some(mut server) = Asterisk::start(Version::V16) else { return };
    let first = publish(&server, &nats);
    measure("everything is published", START, || first.said().contains("everything is published"));
    let second = publish(&server, &nats);
    let mounts: Vec<_> = (0..3).map(|_| nats.mount(&shipped(), &[])).collect();
    measure("three mounts are fresh", PATIENCE, || all_up(&mounts));
    let below = Path::new("users/sipfriends/_online/6001");
    let shown = |mounted: &Mounted| is_there(&mounted.join(below));
    let everywhere = |there: bool| mounts.iter().all(|mounted| shown(mounted) == there);
    assert!(everywhere(false));
    let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
    phone.register(HOUR).expect("6001 registers");
    measure("6001 online in three mounts after the 200 OK", PATIENCE, || everywhere(true));
    let session = |line: &&str| line.split_whitespace().next() == Some(ASTFS.name);
    let sessions = || server.cli("manager show connected").lines().filter(session).count();
    measure("two sessions with the server", PATIENCE, || sessions() == 2);

    first.kill();
    measure("nobody leads, and it is said", PATIENCE, || all_away(&mounts));
    assert!(everywhere(true), "what was known is shown");
    measure("another publisher leads", START, || all_up(&mounts));
    phone.unregister().expect("6001 unregisters");
    measure("6001 offline in three mounts after the 200 OK", PATIENCE, || everywhere(false));

    nats.kill();
    measure("nats-server is away, and it is said", PATIENCE, || all_away(&mounts));
    phone.register(HOUR).expect("6001 registers");
    assert!(everywhere(false), "what was known is shown");
    nats.start_again();
    measure("6001 online in three mounts after nats-server is back", START, || everywhere(true));
    measure("and they are fresh", START, || all_up(&mounts));

    server.kill();
    measure("Asterisk is away, and it is said", PATIENCE, || all_away(&mounts));
    assert!(everywhere(true), "what was known is shown");
    server.start_again();
    measure("fresh after Asterisk is back", START, || all_up(&mounts));
    assert_eq!(names(&mounts[0].join("peers/sip")), names(&mounts[2].join("peers/sip")));
    assert!(fields(&mounts[2].join("users/sipfriends/6002/full")).len() > 20);
    drop(second);
}
