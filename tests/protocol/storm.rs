//! A thousand registrations a second.

use std::fs;
use std::time::{Duration, Instant};

use super::phones::{Phones, QUERIES};
use super::{PATIENCE, a_while};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"phones/{phone}/address" = { render = "{{ phone.Address }}\n" }
"online/{phone}"         = { symlink = "../phones/{{ phone }}", when = "phone.Address != ''" }
"count"                  = { render = "{{ phones | rejectattr('Address', 'eq', '') | list | length }}\n" }
"#;

const PHONES: usize = 1000;
/// So many events come together.
const BATCH: usize = 20;

/// The memory in use, in KiB.
fn memory(mounted: &Mounted) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", mounted.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The first phone that is not shown as it is.
fn wrong(phones: &Phones, mounted: &Mounted) -> Option<String> {
    let online = phones.addresses().values().filter(|address| !address.is_empty()).count();
    let count = fs::read_to_string(mounted.join("count"));
    if count.as_deref().ok() != Some(&*format!("{online}\n")) {
        return Some(format!("{online} are online, not {count:?}"));
    }
    if fs::read_dir(mounted.join("online")).map(Iterator::count).ok() != Some(online) {
        return Some("the list of those online".into());
    }
    phones.addresses().iter().find_map(|(name, address)| {
        let shown = fs::read_to_string(mounted.join(format!("phones/{name}/address")));
        let is_online = fs::symlink_metadata(mounted.join("online").join(name)).is_ok();
        let right =
            shown.as_deref().ok() == Some(&*format!("{address}\n")) && is_online != address.is_empty();
        (!right).then(|| format!("{name} with {address:?}: {shown:?}, online: {is_online}"))
    })
}

#[test]
fn after_a_storm_of_registrations_everything_is_true_and_no_memory_is_kept() {
    if !fuse_available() {
        return;
    }
    let mut phones = Phones::new((0..PHONES).map(|number| format!("phone{number:04}")));
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount(&tree.path());
    assert!(wait_until(PATIENCE, || wrong(&phones, &mounted).is_none()), "{}", mounted.stderr());

    let mut storms = Vec::new();
    for _ in 0..2 {
        let (begin, mut events) = (Instant::now(), 0);
        while begin.elapsed() < a_while(6) / 2 {
            let names: Vec<String> = (0..BATCH)
                .map(|number| format!("phone{:04}", (events * 37 + number * 101) % PHONES))
                .collect();
            for name in &names {
                let address =
                    if events % 3 == 2 { String::new() } else { format!("10.0.0.{}", events % 250) };
                phones.set_one(name, &address);
                events += 1;
            }
            let last = names.last().expect("there are some").clone();
            let address = phones.addresses()[&last].clone();
            phones.set(&last, &address);
            names.iter().for_each(|name| phones.tell(name));
            let due = begin + Duration::from_millis(events as u64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let rate = events as f64 / begin.elapsed().as_secs_f64();
        let end = Instant::now();
        let mut seen = None;
        let right = wait_until(PATIENCE, || {
            seen = wrong(&phones, &mounted);
            seen.is_none()
        });
        assert!(right, "{events} events: {seen:?}\n{}", mounted.stderr());
        let memory = memory(&mounted);
        println!("{events} events, {rate:.0} a second; true after {:?}; {memory} KiB", end.elapsed());
        assert!(events > 200, "no storm");
        storms.push(memory);
    }
    assert!(storms[1] < storms[0] + 20 * 1024, "memory grows with each storm: {storms:?} KiB");
}
