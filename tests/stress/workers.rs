//! Who uses the mount, and who changes what it shows.

use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::chance::Chance;
use super::stage::Stage;

/// Somebody who does one thing after the other for as long as it goes on.
pub type Worker = fn(&Stage, &mut Chance);

/// All but the saboteur.
pub const ALL: [Worker; 8] = [look, look, look, walk, follow, write, register, edit];

/// Looks at this and that.
fn look(stage: &Stage, chance: &mut Chance) {
    let peer = stage.mounted.join("peers").join(chance.of(&stage.peers));
    let file = peer.join(chance.of(&["address", "contact", "context"]));
    let _ = match chance.below(6) {
        0 => stage.calls.stat(&file).map(drop),
        1 => stage.calls.list(&peer).map(drop),
        2 => stage.calls.link(&stage.mounted.join("online").join(chance.of(&stage.peers))).map(drop),
        3 => stage.calls.is_stale(&file).map(drop),
        4 => stage.calls.read(&stage.mounted.join(chance.of(&["version", "count"]))).map(drop),
        _ => stage.calls.read(&file).map(drop),
    };
    stage.rest(Duration::from_millis(2));
}

/// Walks over everything, as `find` and `tar` do, and reads some of it.
fn walk(stage: &Stage, chance: &mut Chance) {
    let top = stage.mounted.path();
    let Ok(names) = stage.calls.list(top) else { return };
    for name in names {
        let _ = stage.calls.stat(&top.join(name));
    }
    let links = stage.calls.list(&top.join("online")).unwrap_or_default();
    for link in links {
        let _ = stage.calls.link(&top.join("online").join(link));
    }
    for peer in stage.calls.list(&top.join("peers")).unwrap_or_default() {
        if !stage.goes_on() {
            return;
        }
        let peer = top.join("peers").join(peer);
        for file in stage.calls.list(&peer).unwrap_or_default() {
            let _ = stage.calls.stat(&peer.join(&file));
            if chance.below(4) == 0 {
                let _ = stage.calls.read(&peer.join(&file));
            }
        }
    }
    stage.count("walks");
    stage.rest(Duration::from_millis(500));
}

/// Follows the event log, as an operator does, and reads it at times.
fn follow(stage: &Stage, chance: &mut Chance) {
    let log = stage.mounted.join("events/all");
    let mut command = Command::new("tail");
    command.arg("-f").arg(&log).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut tail) = command.spawn() else { return };
    for _ in 0..5 + chance.below(20) {
        let text = stage.calls.read(&log).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with(b"\n"), "a line of the log is torn");
        stage.rest(Duration::from_millis(300));
    }
    let ended = tail.try_wait().expect("a child can be waited for");
    let _ = tail.kill();
    let _ = tail.wait();
    assert!(ended.is_none(), "tail has ended by itself: {ended:?}");
    stage.count("logs followed");
}

/// Writes to the control file, and reads what came of it.
fn write(stage: &Stage, chance: &mut Chance) {
    let file = stage.mounted.join("control/show");
    match stage.calls.write(&file, chance.of(&stage.peers).as_str()) {
        Ok(()) => stage.count("control files written"),
        Err(_) => stage.count("control files refused"),
    }
    let _ = stage.calls.read(&file);
    stage.rest(Duration::from_millis(100));
}

/// Has phones register, and registrations end.
fn register(stage: &Stage, chance: &mut Chance) {
    let peer = chance.of(&stage.peers);
    let told = match chance.below(3) {
        0 => stage.server.unregister(peer),
        _ => stage.server.register(peer),
    };
    if told {
        stage.count("registrations");
    }
    stage.rest(Duration::from_millis(30));
}

/// Edits the tree, sometimes with a mistake, and has it read again.
fn edit(stage: &Stage, chance: &mut Chance) {
    let number = chance.below(1000);
    let lines = match chance.below(4) {
        0 => format!("\"extra/{number}\" = {{ text = \"{number}\\n\" }}\n"),
        1 => format!("\"peers/{{peer}}/extra\" = {{ render = \"{{{{ peer.IPport }}}} {number}\\n\" }}\n"),
        2 => format!("\"extra/{number}\" = {{ txet = \"a mistake\" }}\n"),
        _ => String::new(),
    };
    stage.edit(&lines);
    stage.mounted.signal(Signal::SIGHUP);
    stage.count("reloads");
    stage.rest(Duration::from_millis(1500));
}
