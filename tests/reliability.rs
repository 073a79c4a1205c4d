//! What is promised of faults: whatever a server or a network does, each system call ends within the deadline, what is shown is
//! true or marked stale, all is well when the fault is over, and nothing is left of it.
//!
//! The tests have every fault for a short time. The table of `docs/reliability.md` comes of longer ones:
//! `cargo test --test reliability -- --ignored table`.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "reliability/fault.rs"]
mod fault;
#[path = "reliability/ground.rs"]
mod ground;
#[path = "reliability/namespace.rs"]
mod namespace;
#[path = "reliability/readers.rs"]
mod readers;
#[path = "reliability/trial.rs"]
mod trial;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fault::{Fault, Inject};
use support::document::write_table;
use support::mount::fuse_available;
use trial::Trial;

/// So many faults that cost nothing but time are had at once.
const AT_ONCE: usize = 4;

/// Has each of these faults for that long; what was seen of each that this machine can have, in their order.
fn trials(faults: &[Fault], lasting: Duration, at_once: usize) -> Vec<Trial> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((number, fault)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    faults.get(number).map(|fault| (number, fault))
                } {
                    if let Some(trial) = Trial::hold(fault, lasting) {
                        println!("{}", trial.row());
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((number, trial));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, trial)| trial).collect()
}

#[track_caller]
fn assert_kept(trials: &[Trial]) {
    let broken: Vec<String> = trials.iter().flat_map(Trial::broken).collect();
    assert!(broken.is_empty(), "broken promises:\n{}", broken.join("\n"));
}

/// The faults that are chosen, but for those that take much of the machine, or those only.
fn faults(heavy: bool) -> Vec<Fault> {
    let chosen = std::env::var("ASTFS_FAULT").unwrap_or_default();
    let mut faults = fault::all();
    faults.retain(|fault| fault.is_heavy() == heavy && fault.name.contains(&chosen));
    faults
}

#[test]
fn no_fault_of_a_server_holds_up_a_call_beyond_the_deadline_or_leaves_anything_behind() {
    if !fuse_available() {
        return;
    }
    let mut faults = faults(false);
    faults.retain(|fault| !matches!(fault.inject, Inject::Suspended | Inject::Killed));
    assert_kept(&trials(&faults, Duration::from_secs(3), AT_ONCE));
}

#[test]
fn no_flood_of_bytes_holds_up_a_call_beyond_the_deadline_or_leaves_anything_behind() {
    if !fuse_available() {
        return;
    }
    assert_kept(&trials(&faults(true), Duration::from_secs(3), 1));
}

#[test]
fn a_real_server_that_is_suspended_or_killed_holds_up_no_call_beyond_the_deadline() {
    if !fuse_available() {
        return;
    }
    let mut faults = faults(false);
    faults.retain(|fault| matches!(fault.inject, Inject::Suspended | Inject::Killed));
    assert_kept(&trials(&faults, Duration::from_secs(3), AT_ONCE));
}

#[test]
#[ignore = "writes a table of docs/reliability.md, for which each fault lasts long"]
fn table() {
    assert!(fuse_available(), "there is no table without mounts");
    let lasting = Duration::from_secs(10);
    let mut trials_held = trials(&faults(false), lasting, AT_ONCE);
    trials_held.extend(trials(&faults(true), lasting, 1));
    write_table("faults", &Trial::table(&trials_held));
    assert_kept(&trials_held);
}
