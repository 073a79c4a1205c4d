//! Who is there: peers, endpoints and registrations, and the server itself, each as its console tells it.

mod endpoints;
mod peers;
mod phones;
mod realtime;
mod sorted;
mod system;

use std::collections::BTreeSet;
use std::fs;

use crate::support::asterisk::{Asterisk, Version};

/// A server with chan_pjsip and the endpoints of `tests/asterisk/22`. To a 16 it is added while it runs,
/// on the port where its chan_sip looks for a provider.
#[track_caller]
fn with_pjsip(version: Version) -> Option<Asterisk> {
    let server = Asterisk::start(version)?;
    if version == Version::V16 {
        let configuration = include_str!("../../asterisk/22/pjsip.conf")
            .replace("@SIP@", &server.trunk_address().port().to_string())
            .replace("@TRUNK@", "9");
        fs::write(server.configuration().join("pjsip.conf"), configuration).expect("it can be written");
        for module in [
            "res_sorcery_memory",
            "res_sorcery_astdb",
            "res_pjsip",
            "res_pjsip_session",
            "res_pjsip_pubsub",
            "res_pjsip_registrar",
            "res_pjsip_authenticator_digest",
            "res_pjsip_outbound_authenticator_digest",
            "res_pjsip_outbound_registration",
            "res_pjsip_endpoint_identifier_user",
            "res_pjsip_endpoint_identifier_ip",
            "chan_pjsip",
        ] {
            let said = server.cli(&format!("module load {module}.so"));
            assert!(said.contains("Loaded"), "{module}: {said}");
        }
    }
    Some(server)
}

/// A record's name as that of a directory, as far as these servers need it.
fn as_name(name: &str) -> String {
    name.replace('/', "%2F")
}

/// The first word behind a label, of each line of a console's answer that has it; without the lines that
/// explain the columns.
fn told(printed: &str, label: &str) -> BTreeSet<String> {
    let lines = printed.lines().filter_map(|line| line.trim_start().strip_prefix(label));
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| !word.starts_with('<')).map(str::to_owned).collect()
}
