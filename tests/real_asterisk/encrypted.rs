//! A real server's manager over TLS, in one mount.

use std::fs;
use std::net::TcpListener;

use crate::certificates::Authority;
use crate::ground::{ASTFS, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{self, Mounted};

#[test]
fn the_manager_of_a_real_server_is_read_over_tls() {
    if !mount::fuse_available() {
        return;
    }
    for (version, number) in [(Version::V16, "16"), (Version::V22, "22")] {
        let Some(server) = Asterisk::start(version) else { continue };
        let authority = Authority::new();
        let certificate = authority.certificate("pbx.example", |_| {});
        let folder = server.configuration();
        fs::write(folder.join("ca.pem"), authority.pem()).expect("a file");
        fs::write(folder.join("manager.pem"), &certificate.certificate).expect("a file");
        fs::write(folder.join("manager.key"), &certificate.key).expect("a file");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let manager = folder.join("manager.conf");
        let before = fs::read_to_string(&manager).expect("the configuration");
        let general = format!(
            "[general]\ntlsenable = yes\ntlsbindaddr = 127.0.0.1:{port}\ntlscertfile = {0}/manager.pem\n\
             tlsprivatekey = {0}/manager.key\n",
            folder.display()
        );
        fs::write(&manager, before.replacen("[general]\n", &general, 1)).expect("the configuration");
        server.cli("manager reload");

        let tree = folder.join("tree.toml");
        let content = format!(
            "[server]\naddress = \"127.0.0.1:{port}\"\ntls = {{ ca = {:?}, server_name = \"pbx.example\" }}\n\
             [tree]\n\"version\" = {{ command = \"core show version\" }}\n\
             \"long\" = {{ command = \"core show applications\" }}\n",
            folder.join("ca.pem")
        );
        fs::write(&tree, content).expect("a tree file");
        let environment = [("ASTFS_USER", ASTFS.name), ("ASTFS_SECRET", ASTFS.secret)];
        let mounted = Mounted::start(&tree, [""; 0], &environment).expect("a mount");
        assert!(text(&mounted.join("version")).starts_with(&format!("Asterisk {number}.")));
        assert!(text(&mounted.join("long")).contains("Dial:"));
    }
}
