//! Real Asterisk servers, each test its own: free loopback ports, a folder of its own, gone with the value.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::counts::{self, Real};
use super::wait_until;

/// An Asterisk release that Debian still carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 16, from bullseye: `chan_sip`, with the peers of `tests/asterisk/16`.
    V16,
    /// 22, from sid: `chan_pjsip`, with the endpoints of `tests/asterisk/22`.
    V22,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Version::V16 => "16",
            Version::V22 => "22",
        }
    }
}

/// A running server, fully booted. Dropping it kills it and removes its folder; so does the end of the test
/// process, however it comes.
#[derive(Debug)]
pub struct Asterisk {
    version: Version,
    ports: Ports,
    run: TempDir,
    pid: Pid,
    /// `down.sh`, which waits for the end of its input; none once the server has been killed.
    guard: Option<Child>,
}

#[derive(Debug)]
struct Ports {
    ami: u16,
    sip: u16,
    iax: u16,
    trunk: u16,
    http: u16,
}

/// `up.sh`'s exit code for a port that somebody has taken between our choice and its use.
const PORT_TAKEN: i32 = 5;
/// `install.sh`'s exit code for an Asterisk that cannot be had on this machine.
const UNOBTAINABLE: i32 = 3;

impl Asterisk {
    /// Starts a server, installing it first if need be.
    ///
    /// `None`, with the reason on standard error, where this Asterisk cannot be had; with
    /// `ASTFS_REQUIRE_ASTERISK=1` in the environment that is a panic.
    #[track_caller]
    pub fn start(version: Version) -> Option<Asterisk> {
        Asterisk::start_with(version, &[])
    }

    /// As [`Asterisk::start`], with configuration files of the test's own beside the common ones: a file
    /// `sip_NAME.conf` or `modules_NAME.conf` (16), or `pjsip_NAME.conf` (22) is included.
    #[track_caller]
    pub fn start_with(version: Version, files: &[(&str, &[u8])]) -> Option<Asterisk> {
        if let Err(reason) = installed(version) {
            assert!(
                std::env::var("ASTFS_REQUIRE_ASTERISK").as_deref() != Ok("1"),
                "ASTFS_REQUIRE_ASTERISK is set, and: {reason}"
            );
            counts::skipped(reason);
            return None;
        }
        counts::touched(match version {
            Version::V16 => Real::Asterisk16,
            Version::V22 => Real::Asterisk22,
        });

        // Short, because a Unix socket lies in it; the prefix keeps it apart in a listing of processes.
        let run = tempfile::Builder::new().prefix("ast").tempdir().expect("a temporary folder");
        fs::create_dir(run.path().join("etc")).expect("the server's folder can be written");
        for (name, content) in files {
            fs::write(run.path().join("etc").join(name), content)
                .expect("the server's folder can be written");
        }
        let mut attempts = 0;
        loop {
            let ports = Ports::choose();
            attempts += 1;
            match boot(version, run.path(), &ports) {
                Ok((pid, guard)) => break Some(Asterisk { version, ports, run, pid, guard: Some(guard) }),
                Err(up) if up.status.code() == Some(PORT_TAKEN) && attempts < 5 => {}
                Err(up) => panic!("up.sh failed ({}):\n{}", up.status, said(&up)),
            }
        }
    }

    /// Where the manager interface listens. Users are in `tests/asterisk/common/manager.conf`.
    pub fn ami_address(&self) -> SocketAddr {
        loopback(self.ports.ami)
    }

    /// Where SIP over UDP is served.
    pub fn sip_address(&self) -> SocketAddr {
        loopback(self.ports.sip)
    }

    /// Where ARI is served over HTTP. Users are in `tests/asterisk/common/ari.conf`.
    pub fn ari_address(&self) -> SocketAddr {
        loopback(self.ports.http)
    }

    /// Where the server looks for its provider `mtrf`. Nobody is there until a test binds it.
    pub fn trunk_address(&self) -> SocketAddr {
        loopback(self.ports.trunk)
    }

    /// The folder of the server's configuration, to change and reload.
    pub fn configuration(&self) -> PathBuf {
        self.run.path().join("etc")
    }

    /// What the console prints for `command`. It leaves out lines that begin with a byte above 127, as
    /// `asterisk -rx` does; AMI's `Command` does not.
    pub fn cli(&self, command: &str) -> String {
        let output = script("cli.sh", self.version, self.run.path(), &self.ports)
            .arg(command)
            .output()
            .expect("cli.sh runs");
        assert!(output.status.success(), "cli.sh {command}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Stops the server in good order, as an operator would: clients see `Shutdown`. Takes about a second.
    pub fn stop(&mut self) {
        let down =
            script("down.sh", self.version, self.run.path(), &self.ports).output().expect("down.sh runs");
        assert!(down.status.success(), "down.sh: {}", said(&down));
    }

    /// Kills the server: clients see their connection end in the middle of whatever was under way.
    pub fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    /// Suspends the server: connections stay open, and nobody answers.
    pub fn suspend(&self) {
        kill(self.pid, Signal::SIGSTOP).expect("the server is running");
        // The signal stops one thread after the other, and one that has not stopped yet still answers.
        assert!(wait_until(Duration::from_secs(5), || threads_are_stopped(self.pid)), "the server runs on");
    }

    /// Lets a suspended server run again.
    pub fn resume(&self) {
        kill(self.pid, Signal::SIGCONT).expect("the server is running");
    }

    /// Starts the server again after [`Asterisk::stop`] or [`Asterisk::kill`]: same ports, same saved state.
    pub fn start_again(&mut self) {
        self.kill();
        match boot(self.version, self.run.path(), &self.ports) {
            Ok((pid, guard)) => (self.pid, self.guard) = (pid, Some(guard)),
            Err(up) => panic!("up.sh failed ({}):\n{}", up.status, said(&up)),
        }
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ports {
    /// Ports that are free now. Nothing holds them until the server does, hence the attempts of
    /// [`Asterisk::start`].
    fn choose() -> Ports {
        let [ami, sip, iax, trunk, http] = std::array::from_fn(|_| next_port());
        Ports { ami, sip, iax, trunk, http }
    }
}

/// A port that nobody holds, and that no other test of this program is given: one that asks whether
/// its stopped server's port is closed must not find another's. They lie below those that the kernel
/// gives to whoever asks for any.
fn next_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT).expect("below 65,536");
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
}

/// Starts a server and the guard that ends it when our end of its input closes; or what `up.sh` said.
fn boot(version: Version, run: &Path, ports: &Ports) -> Result<(Pid, Child), Output> {
    let up = script("up.sh", version, run, ports).output().expect("up.sh runs");
    if !up.status.success() {
        return Err(up);
    }
    let guard = script("down.sh", version, run, ports)
        .arg("--at-end-of-input")
        .stdin(Stdio::piped())
        .spawn()
        .expect("down.sh runs");
    let pid = fs::read_to_string(run.join("asterisk.pid")).expect("up.sh leaves the process id");
    let pid = pid.trim().parse().expect("a process id is a number");
    Ok((Pid::from_raw(pid), guard))
}

/// Whether every thread of a process is stopped by a signal.
fn threads_are_stopped(pid: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the server is running");
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.contains("\nState:\tT")
    })
}

/// Where servers are unpacked: beside cargo's other output, so that `cargo clean` removes them.
pub fn unpacked() -> PathBuf {
    std::env::var_os("ASTFS_ASTERISK_DIR")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("asterisk"), PathBuf::from)
}

/// Whether a version is installed, by now; found out once, since a mirror out of reach takes long to give up on.
fn installed(version: Version) -> Result<(), &'static str> {
    static V16: OnceLock<Result<(), String>> = OnceLock::new();
    static V22: OnceLock<Result<(), String>> = OnceLock::new();
    let known = match version {
        Version::V16 => &V16,
        Version::V22 => &V22,
    };
    known.get_or_init(|| install(version)).as_ref().copied().map_err(String::as_str)
}

/// Installs a version unless it is there already; the error says why this machine cannot have it.
fn install(version: Version) -> Result<(), String> {
    let output = Command::new(scripts().join("install.sh"))
        .arg(version.number())
        .arg(unpacked())
        .stdin(Stdio::null())
        .output()
        .expect("install.sh runs");
    match output.status.code() {
        Some(0) => Ok(()),
        // Above the last line apt tells its own story.
        Some(UNOBTAINABLE) => Err(said(&output).lines().last().unwrap_or_default().to_owned()),
        _ => panic!("install.sh failed ({}):\n{}", output.status, said(&output)),
    }
}

/// One of the scripts beside `lib.sh`, told which server it is about.
fn script(name: &str, version: Version, run: &Path, ports: &Ports) -> Command {
    let mut command = Command::new(scripts().join(name));
    command
        .arg(version.number())
        .stdin(Stdio::null())
        .env("ASTFS_ASTERISK_DIR", unpacked())
        .env("RUN", run)
        .env("AMI", ports.ami.to_string())
        .env("SIP", ports.sip.to_string())
        .env("IAX", ports.iax.to_string())
        .env("TRUNK", ports.trunk.to_string())
        .env("HTTP", ports.http.to_string());
    command
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asterisk")
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
