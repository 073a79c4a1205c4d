//! After the last event everything is the newest soon, and stays so, whoever looked meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::PATIENCE;
use super::phones::{Phones, QUERIES};
use crate::support::mount::fuse_available;
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"phones/{phone}/address"  = { render = "{{ phone.Address }}\n" }
"phones/_online/{phone}"  = { symlink = "../{{ phone }}", when = "phone.Address != ''" }
"phones/_offline/{phone}" = { symlink = "../{{ phone }}", when = "phone.Address == ''" }
"where/{phone}"           = { symlink = "/net/{{ phone.Address }}" }
"count"                   = { render = "{{ phones | length }} {{ phones | rejectattr('Address', 'eq', '') | list | length }}\n" }
"#;

/// All that the tree shows of phones, read from a mount; errors are shown as nothing.
fn shown(mount: &Path) -> BTreeMap<String, String> {
    let names = |directory: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(mount.join(directory)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let mut shown = BTreeMap::new();
    for directory in ["phones", "phones/_online", "phones/_offline", "where"] {
        for name in names(directory) {
            let path = mount.join(directory).join(&name);
            let what = match std::fs::read_link(&path) {
                Ok(target) => target.to_string_lossy().into_owned(),
                Err(_) => std::fs::read_to_string(path.join("address")).unwrap_or_default(),
            };
            shown.insert(format!("{directory}/{name}"), what);
        }
    }
    shown.insert("count".into(), std::fs::read_to_string(mount.join("count")).unwrap_or_default());
    shown
}

/// The same as it must be.
fn wanted(phones: &Phones) -> BTreeMap<String, String> {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    wanted.insert("phones/_online".into(), String::new());
    wanted.insert("phones/_offline".into(), String::new());
    let mut online = 0;
    for (name, address) in phones.addresses() {
        let presence = if address.is_empty() { "_offline" } else { "_online" };
        online += usize::from(!address.is_empty());
        wanted.insert(format!("phones/{name}"), format!("{address}\n"));
        wanted.insert(format!("phones/{presence}/{name}"), format!("../{name}"));
        // an empty name in a target is a name still
        let place = if address.is_empty() { "%" } else { address };
        wanted.insert(format!("where/{name}"), format!("/net/{place}"));
    }
    wanted.insert("count".into(), format!("{} {online}\n", phones.addresses().len()));
    wanted
}

/// What happens in one trial.
fn happen(trial: usize, phones: &mut Phones) {
    let name = |number: usize| format!("phone{}", number % 8);
    match trial % 10 {
        // added, removed, renamed and replaced: only a reload tells
        3 => phones.set(&format!("new{trial}"), "10.9.9.9"),
        4 => phones.remove(&format!("new{}", trial - 1)),
        5 => {
            phones.remove(&name(trial));
            phones.set(&format!("renamed{trial}"), "");
        }
        6 => {
            phones.remove(&format!("renamed{}", trial - 1));
            phones.set(&name(trial - 1), "10.8.8.8");
        }
        7 => {
            // gone for a moment, and another one of the same name
            phones.remove(&name(trial));
            phones.tell_reload();
            phones.set(&name(trial), &format!("10.7.7.{}", trial % 250));
        }
        _ => {
            for burst in 0..1 + trial % 5 {
                let name = name(trial * 7 + burst / 2);
                let address =
                    if burst % 2 == 0 { format!("10.{burst}.0.{}", trial % 250) } else { String::new() };
                phones.set(&name, &address);
                phones.tell(&name);
            }
            return;
        }
    }
    phones.tell_reload();
}

#[test]
fn nothing_stays_stale_after_its_last_event_however_many_look_meanwhile() {
    if !fuse_available() {
        return;
    }
    let mut phones = Phones::new((0..8).map(|number| format!("phone{number}")));
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount(&tree.path());
    let (ended, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failure = std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    looks.fetch_add(shown(mounted.path()).len(), Ordering::Relaxed);
                }
            });
        }
        threads.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let mut list = Command::new("ls");
                list.args(["-lR", "."])
                    .current_dir(mounted.path())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                list.status().expect("ls runs");
            }
        });
        let failure = (0..200).find_map(|trial| {
            happen(trial, &mut phones);
            let wanted = wanted(&phones);
            let soon = wait_until(PATIENCE, || shown(mounted.path()) == wanted);
            let stays = (0..3).all(|_| shown(mounted.path()) == wanted);
            let seen = shown(mounted.path());
            (!soon || !stays).then(|| format!("trial {trial}: is {seen:#?}\nmust be {wanted:#?}"))
        });
        ended.store(true, Ordering::Relaxed);
        failure
    });
    assert!(failure.is_none(), "{}\n{}", failure.unwrap_or_default(), mounted.stderr());
    println!("{} looks besides", looks.load(Ordering::Relaxed));
    assert!(looks.into_inner() > 1000, "nobody was in the way");
}
