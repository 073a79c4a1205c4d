//! Which files can be reached, by way of Landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    path_beneath_rules,
};

use super::Needs;

/// What the C library and the time zones read: names of hosts, users and groups, the libraries for that, which
/// certificates this system believes, and who a process that reads the mount is. `/etc` itself is not among it.
const SYSTEM: [&str; 27] = [
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/lib",
    "/lib64",
    "/proc",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
];

/// Whoever has no other place for what is said.
const NOWHERE: &str = "/dev/null";

/// Restricts this thread, and those that it starts from now on, to these files and the system's. No port can be
/// opened for others to connect to.
///
/// # Errors
/// If the kernel refuses; one that does not know how is no error.
pub fn restrict(needs: &Needs) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::BindTcp)?
        .create()?
        // what is not there is left out
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(&needs.reads, read))?
        .add_rules(path_beneath_rules(&needs.writes, AccessFs::WriteFile | AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([NOWHERE], AccessFs::WriteFile | AccessFs::ReadFile))?;
    Ok(ruleset.restrict_self()?.ruleset)
}
