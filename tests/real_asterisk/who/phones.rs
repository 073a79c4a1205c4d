//! The smaller channel drivers: nothing where they are not, and what their consoles say where they are.

use std::fs;

use crate::ground::{ASTFS, mount_tree, names, records, shipped, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

#[test]
fn phones_of_skinny_unistim_and_mgcp_are_those_of_the_console() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = Asterisk::start(version) else { return };
        let without = mount_tree(&shipped(), &server, ASTFS);
        for driver in ["skinny", "unistim", "mgcp"] {
            assert_eq!(names(&without.join("peers").join(driver)), [""; 0], "{version:?}: {driver}");
        }
        assert_eq!(names(&without.join("dahdi")), ["_in_alarm", "_in_use"]);
        let (status, said) = without.unmount();
        assert!(status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{version:?}: {said}");

        let port = server.trunk_address().port();
        let unistim = format!(
            "[general]\nport={port}\n[black]\ndevice=000ae4012345\nrtp_port=10000\nline => 100\ncontext=default\n"
        );
        load(&server, "unistim", &unistim);
        if version == Version::V16 {
            let skinny = "[general]\nbindaddr=127.0.0.1\nbindport=PORT\n[lines]\n[110]\ncontext=default\n\
                          [devices]\n[SEP00D0BA847E6B]\ntype=device\nline=110\n";
            load(&server, "skinny", &skinny.replace("PORT", &port.to_string()));
            let mgcp = "[general]\nbindaddr=127.0.0.2\nport=PORT\n[gw1]\nhost=127.0.0.1\ncontext=default\n\
                        line => aaln/1\n";
            load(&server, "mgcp", &mgcp.replace("PORT", &port.to_string()));
        }

        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let black = mounted.join("peers/unistim/black");
        let console = server.cli("unistim show devices");
        let line = console.lines().find(|line| line.starts_with("black")).expect("its line");
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["black", "000ae4012345", "(Unspecified)", "(Unspecified)", "UNKNOWN"]);
        let files = ["mac", "address", "firmware", "status"].map(|file| value(&black.join(file)));
        assert_eq!(files, ["000ae4012345", "", "", "unknown"]);
        if version == Version::V16 {
            let phone = mounted.join("peers/skinny/SEP00D0BA847E6B");
            let console = server.cli("skinny show devices");
            let line = console.lines().find(|line| line.starts_with("SEP")).expect("its line");
            assert!(line.contains("No Device") && line.ends_with("N  1"), "{console}");
            let files = ["online", "type", "lines", "address"].map(|file| value(&phone.join(file)));
            assert_eq!(files, ["false", "", "1", ""]);
            let mgcp = mounted.join("peers/mgcp");
            assert!(server.cli("mgcp show endpoints").contains("'aaln/1@gw1 in 'default' is idle"));
            assert_eq!(records(&mgcp), ["aaln%2F1@gw1"]);
            assert_eq!(value(&mgcp.join("aaln%2F1@gw1/state")), "idle");
            assert_eq!(value(&mgcp.join("aaln%2F1@gw1/context")), "default");
        }
    }
}

#[track_caller]
fn load(server: &Asterisk, driver: &str, configuration: &str) {
    fs::write(server.configuration().join(format!("{driver}.conf")), configuration)
        .expect("it can be written");
    let said = server.cli(&format!("module load chan_{driver}.so"));
    assert!(said.contains("Loaded"), "{driver}: {said}");
}
