//! A network of two machines on this one, whose packets can be dropped on the way.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};

/// The two ends' hardware addresses, and one that nobody has.
const HERE: &str = "02:00:00:00:00:01";
const THERE: &str = "02:00:00:00:00:02";
const NOBODY: &str = "02:00:00:00:00:03";

/// A network namespace with a cable to ours; dropping it removes both.
pub struct Namespace {
    name: String,
    /// The part of the addresses (198.18.0.0/15, for tests of networks) that both ends share.
    network: String,
}

impl Namespace {
    /// Makes one; none where this needs another user or `ip` (Debian: iproute2).
    pub fn make() -> Option<Namespace> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let name = format!("astfs{}-{}", process, NEXT.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        let network = format!("198.18.{}", process % 256);
        let namespace = Namespace { name, network };
        namespace.connect().then_some(namespace)
    }

    fn connect(&self) -> bool {
        let (name, here, there) = (&self.name, self.cable(), self.address());
        ip(&format!("link add {here} address {HERE} type veth peer name there address {THERE} netns {name}"))
            && ip(&format!("addr add {}.1/24 dev {here}", self.network))
            && ip(&format!("link set {here} up"))
            && ip(&format!("-n {name} addr add {there}/24 dev there"))
            && ip(&format!("-n {name} link set there up"))
            && ip(&format!("-n {name} link set lo up"))
            && self.pass()
    }

    /// The end of the cable that is ours; a name of an interface has 15 bytes at most.
    fn cable(&self) -> String {
        format!("ast{}", self.name.trim_start_matches("astfs"))
    }

    fn address(&self) -> String {
        format!("{}.2", self.network)
    }

    /// A port on the other end.
    pub fn listen(&self) -> TcpListener {
        let (name, address) = (self.name.clone(), self.address());
        let there = std::thread::spawn(move || {
            let namespace = File::open(format!("/run/netns/{name}")).expect("the namespace is there");
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("it can be entered");
            TcpListener::bind((address, 0)).expect("a free port")
        });
        there.join().expect("a port on the other end")
    }

    /// Has packets arrive.
    pub fn pass(&self) -> bool {
        self.address_packets(THERE, HERE)
    }

    /// Has all packets, to and fro, go to a card that is not there.
    pub fn drop_packets(&self) -> bool {
        self.address_packets(NOBODY, NOBODY)
    }

    fn address_packets(&self, to_there: &str, to_here: &str) -> bool {
        let (name, here, network) = (&self.name, self.cable(), &self.network);
        ip(&format!("neigh replace {network}.2 lladdr {to_there} dev {here} nud permanent"))
            && ip(&format!("-n {name} neigh replace {network}.1 lladdr {to_here} dev there nud permanent"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // sockets keep the namespace for a while: the cable is taken away by itself
        ip(&format!("link del {}", self.cable()));
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split(' ')).status().is_ok_and(|status| status.success())
}
