//! The server itself: versions, times, modules, codecs, applications, managers.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ground::{ASTFS, PATIENCE, is_there, measure, mount_tree, names, records, shipped, text, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

const BOTH: [Version; 2] = [Version::V16, Version::V22];

/// The column of that number of each line of a console's answer that passes.
fn column(printed: &str, number: usize, passes: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let lines = printed.lines().filter(|line| passes(line));
    lines.filter_map(|line| line.split_whitespace().nth(number)).map(str::to_owned).collect()
}

fn listed(directory: &Path) -> BTreeSet<String> {
    records(directory).into_iter().collect()
}

#[test]
fn the_server_says_of_itself_what_its_console_says() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let system = mounted.join("system");
        let at = |file: &str| value(&system.join(file));
        assert!(server.cli("core show version").starts_with(&format!("Asterisk {} built", at("version"))));
        let settings = server.cli("core show settings");
        assert!(settings.contains(&format!("System name:                 {}\n", at("name"))), "{settings}");
        let uptime = |printed: String| {
            let seconds = printed.lines().find_map(|line| line.strip_prefix("System uptime: "));
            seconds.and_then(|seconds| seconds.parse::<u64>().ok()).expect("seconds")
        };
        let before = uptime(server.cli("core show uptime seconds"));
        let told: u64 = at("uptime").parse().expect("seconds");
        assert!(
            before <= told + 1 && told <= uptime(server.cli("core show uptime seconds")),
            "{before} {told}"
        );
        let started = at("started");
        let clock = started.split(['T', '+', 'Z']).nth(1).expect("a time of day");
        assert!(settings.contains(&format!("Startup time:                {clock}")), "{started} {settings}");
        assert_eq!(at("last_reload"), started);
        assert_eq!([at("calls"), at("max_calls")], ["0", "0"]);
        let twin: serde_json::Value =
            serde_json::from_str(&text(&mounted.join("system.json"))).expect("JSON");
        assert_eq!((&twin["version"], &twin["calls"]), (&at("version").into(), &0.into()));
        assert!(text(&system.join("settings")).contains("Version:"));
        assert_eq!(text(&system.join("sip_settings")).contains("UDP Bindaddress"), version == Version::V16);
    }
}

#[test]
fn modules_codecs_and_applications_are_those_of_the_console() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let modules = mounted.join("modules");
        let told = column(&server.cli("module show"), 0, |line| line.contains("  Running "));
        assert_eq!(listed(&modules), told, "{version:?}");
        assert_eq!(names(&modules.join("_running")).len(), told.len());
        assert_eq!(value(&modules.join("app_dial.so/running")), "true");
        assert_eq!(value(&modules.join("app_dial.so/description")), "Dialing Application");

        let is_codec = |line: &str| line.trim_start().starts_with(|first: char| first.is_ascii_digit());
        let told = column(&server.cli("core show codecs"), 3, is_codec);
        assert_eq!(listed(&mounted.join("codecs")), told, "{version:?}");
        assert_eq!(value(&mounted.join("codecs/slin48/codec")), "slin");
        assert_eq!(value(&mounted.join("codecs/slin48/description")), "16 bit Signed Linear PCM (48kHz)");

        let printed = server.cli("core show applications");
        let told = column(&printed, 0, |line| line.contains(": "));
        let told: BTreeSet<_> = told.iter().map(|name| name.trim_end_matches(':').to_owned()).collect();
        assert_eq!(listed(&mounted.join("applications")), told, "{version:?}");
        assert!(text(&mounted.join("applications/Dial/help")).contains("[Syntax]"));

        server.cli("module unload app_echo.so");
        measure("a module that is unloaded is gone", PATIENCE, || !is_there(&modules.join("app_echo.so")));
        let echo = mounted.join("applications/Echo");
        measure("and its application", PATIENCE, || !is_there(&echo));
        server.cli("module load app_echo.so");
        measure("and they come again", PATIENCE, || {
            is_there(&modules.join("app_echo.so")) && is_there(&echo)
        });
    }
}

#[test]
fn manager_users_and_connections_are_those_of_the_console() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let users = mounted.join("manager/users");
        let printed = server.cli("manager show users");
        let told = column(&printed, 0, |line| {
            !line.is_empty() && !line.starts_with('-') && line != "username" && !line.contains("configured")
        });
        assert_eq!(listed(&users), told, "{printed}");
        for user in &told {
            let shown = server.cli(&format!("manager show user {user}"));
            let at = |file: &str| value(&users.join(user).join(file)).replace('\n', ",");
            for file in ["read", "write"] {
                let classes = if at(file).is_empty() { "<none>".to_owned() } else { at(file) };
                assert!(shown.contains(&format!("{file} perm: {classes}\n")), "{shown}");
            }
            assert_eq!(at("acl") == "true", shown.contains("ACL: yes"), "{shown}");
        }
        let connected = mounted.join("manager/connected");
        assert_eq!(records(&connected), ["astfs"]);
        assert_eq!(value(&connected.join("astfs/address")), "127.0.0.1");
        assert!(value(&connected.join("astfs/since")).ends_with('Z'));
        assert_eq!(value(&mounted.join("realtime/sippeers/table")), "sippeers");
        let rows: serde_json::Value =
            serde_json::from_str(&text(&mounted.join("realtime/sippeers.json"))).expect("JSON");
        assert_eq!(rows[0]["name"], "zhecka");
    }
}
