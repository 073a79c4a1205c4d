//! The connection to a server is encrypted when the tree file says so, and only to whom it is meant for.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

#[path = "tls/certificates.rs"]
mod certificates;
mod support;
#[path = "tls/terminator.rs"]
mod terminator;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use astfs::simulator::{Content, Peer, Version};
use certificates::{Authority, Certificate, Changed};
use support::counts;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile, run_within, text};
use support::wait_until;
use tempfile::TempDir;
use terminator::Terminator;

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "pbx.example";

/// A simulated server behind TLS, and the files that stand beside the tree file.
struct Encrypted {
    server: Simulated,
    authority: Authority,
    folder: TempDir,
    terminator: Terminator,
}

impl Encrypted {
    /// Behind a certificate that is changed like that; with `wanted`, clients must show one of its authority too.
    fn start(changed: Changed, wanted: bool) -> Encrypted {
        let server = Simulated::start(Content::new(Version::Asterisk13).peers([Peer::new("1001")]));
        let authority = Authority::new();
        let certificate = authority.certificate(NAME, changed);
        let wanted = wanted.then_some(&authority);
        let terminator = Terminator::start(server.runtime(), server.address(), Some((&certificate, wanted)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file");
        Encrypted { server, authority, folder, terminator }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the files of a certificate of our own.
    fn keep(&self, certificate: &Certificate) -> String {
        fs::write(self.file("own.pem"), &certificate.certificate).expect("a file");
        fs::write(self.file("own.key"), &certificate.key).expect("a file");
        format!("certificate = {:?}, key = {:?}", self.file("own.pem"), self.file("own.key"))
    }

    /// A tree file with that in `tls`, beside the authority.
    fn tree(&self, tls: &str) -> TreeFile {
        let ca = self.file("ca.pem");
        tree(&self.terminator.address().to_string(), &format!("tls = {{ ca = {ca:?}, {tls} }}"))
    }

    fn read(&self, tree: &Path) -> Output {
        read(tree, &self.server)
    }
}

fn tree(address: &str, tls: &str) -> TreeFile {
    TreeFile::new(&format!(
        "[server]\naddress = {address:?}\nuser = \"admin\"\n{tls}\n[defaults]\ntimeout = \"20s\"\n[tree]\n\
         \"peers\" = {{ action = \"SIPpeers\", as = \"json\" }}\n"
    ))
}

fn read(tree: &Path, server: &Simulated) -> Output {
    let mut program = astfs();
    program.arg("cat").arg(tree).arg("peers").env("ASTFS_USER", server.user());
    run_within(PATIENCE, program.env("ASTFS_SECRET", server.secret()))
}

/// What it is told when it cannot be read; the login, and so the secret, never went out.
#[track_caller]
fn refusal(encrypted: &Encrypted, tree: &Path) -> String {
    let output = encrypted.read(tree);
    let told = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    let asked = encrypted.server.asked();
    assert!(asked.is_empty(), "{} requests came", asked.len());
    assert!(!told.contains(&encrypted.server.secret()) && !told.contains("PRIVATE KEY"), "{told}");
    told
}

const UNCHANGED: Changed = |_| {};

#[test]
fn a_server_with_a_certificate_of_a_known_authority_is_read() {
    let encrypted = Encrypted::start(UNCHANGED, false);
    let tree = encrypted.tree(&format!("server_name = {NAME:?}"));
    let output = encrypted.read(&tree.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\"ObjectName\": \"1001\""), "{}", text(&output.stdout));
    assert_eq!(text(&output.stderr), "", "nothing to warn of");
}

#[test]
fn an_authority_that_is_not_known_is_not_believed() {
    let encrypted = Encrypted::start(UNCHANGED, false);
    fs::write(encrypted.file("ca.pem"), Authority::new().pem()).expect("a file");
    let told = refusal(&encrypted, &encrypted.tree(&format!("server_name = {NAME:?}")).path());
    assert!(told.contains("give the authority's own certificate as `ca` of `tls`"), "{told}");

    // nor among those of the system
    let address = encrypted.terminator.address().to_string();
    let told = refusal(&encrypted, &tree(&address, &format!("tls = {{ server_name = {NAME:?} }}")).path());
    assert!(told.contains("`ca` of `tls`"), "{told}");
}

#[test]
fn a_certificate_for_another_name_is_refused_with_the_names_it_is_for() {
    let encrypted = Encrypted::start(UNCHANGED, false);
    for tls in ["", "server_name = \"pbx2.example\""] {
        let told = refusal(&encrypted, &encrypted.tree(tls).path());
        assert!(told.contains("set `server_name` of `tls`") && told.contains(NAME), "{told}");
    }
}

#[test]
fn a_certificate_that_has_expired_or_does_not_hold_yet_is_refused() {
    for (changed, advice) in [
        ((|params| params.not_after = rcgen::date_time_ymd(2001, 2, 3)) as Changed, "has expired"),
        (|params| params.not_before = rcgen::date_time_ymd(4000, 2, 3), "is not valid yet"),
    ] {
        let encrypted = Encrypted::start(changed, false);
        let told = refusal(&encrypted, &encrypted.tree(&format!("server_name = {NAME:?}")).path());
        assert!(told.contains(advice), "{told}");
    }
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours_and_nothing_without() {
    let encrypted = Encrypted::start(UNCHANGED, true);
    let name = format!("server_name = {NAME:?}");
    let told = refusal(&encrypted, &encrypted.tree(&name).path());
    assert!(told.contains("give `certificate` and `key` of `tls`"), "{told}");

    let foreign = encrypted.keep(&Authority::new().certificate("astfs", UNCHANGED));
    let told = refusal(&encrypted, &encrypted.tree(&format!("{name}, {foreign}")).path());
    assert!(told.contains("give `certificate` and `key` of `tls`"), "{told}");

    let own = encrypted.keep(&encrypted.authority.certificate("astfs", UNCHANGED));
    let output = encrypted.read(&encrypted.tree(&format!("{name}, {own}")).path());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_port_without_tls_and_a_port_with_it_are_told_apart() {
    let server = Simulated::start(Content::new(Version::Asterisk13));
    let output = read(&tree(&server.address().to_string(), "tls = true").path(), &server);
    assert!(text(&output.stderr).contains("does not speak TLS"), "{}", text(&output.stderr));

    let encrypted = Encrypted::start(UNCHANGED, false);
    let address = encrypted.terminator.address().to_string();
    let told = refusal(&encrypted, &tree(&address, "").path());
    assert!(told.contains("if `tls` is not set"), "{told}");
}

#[test]
fn the_port_is_5039_with_tls_unless_told_otherwise() {
    let server = Simulated::start(Content::new(Version::Asterisk13));
    let output = read(&tree("127.0.0.1", "tls = true").path(), &server);
    assert!(text(&output.stderr).contains("127.0.0.1:5039"), "{}", text(&output.stderr));
}

#[test]
fn files_that_are_no_certificates_are_named_and_nothing_of_them_is_shown() {
    let encrypted = Encrypted::start(UNCHANGED, false);
    let own = encrypted.keep(&encrypted.authority.certificate("astfs", UNCHANGED));
    let broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleQ==x\n-----END PRIVATE KEY-----\n";
    for (name, content) in [("own.key", broken), ("own.pem", "not a certificate"), ("ca.pem", "")] {
        let before = fs::read(encrypted.file(name)).expect("a file");
        fs::write(encrypted.file(name), content).expect("a file");
        let output = encrypted.read(&encrypted.tree(&own).path());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(name) && told.contains("PEM file"), "{told}");
        assert!(!told.contains("c2VjcmV0") && !told.contains("not a certificate"), "{told}");
        fs::write(encrypted.file(name), before).expect("a file");
    }
}

/// An address of this machine that is not loopback.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // nothing is sent; the system says which address it would send from
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn an_unencrypted_connection_to_elsewhere_is_warned_of_once_unless_it_is_meant() {
    let Some(address) = outside() else { return counts::skipped("this machine has no network") };
    if !fuse_available() {
        return;
    }
    const WARNING: &str = "the connection is not encrypted";
    for (tls, warnings) in [("", 1), ("tls = false", 0)] {
        let server = Simulated::start(Content::new(Version::Asterisk13).peers([Peer::new("1001")]));
        let forwarder = Terminator::start(server.runtime(), server.address(), None);
        let address = format!("{address}:{}", forwarder.address().port());
        let tree = tree(&address, tls);
        let (user, secret) = (server.user(), server.secret());
        let environment = [("ASTFS_USER", user.as_str()), ("ASTFS_SECRET", secret.as_str())];
        let mounted = Mounted::start(&tree.path(), ["-v"], &environment).expect("a mount");
        let sessions = || mounted.stderr().matches(" connected ").count();
        for session in 1..=2 {
            assert!(wait_until(PATIENCE, || sessions() >= session), "{}", mounted.stderr());
            server.disconnect_all();
        }
        assert_eq!(mounted.stderr().matches(WARNING).count(), warnings, "{}", mounted.stderr());
        let checked = mounted.stderr().matches("warning[plain-connection]").count();
        assert_eq!(checked, warnings, "{}", mounted.stderr());
    }
}
