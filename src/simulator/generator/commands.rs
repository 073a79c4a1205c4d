//! The CLI commands that the server knows, and what it says about the others.

use regex::bytes::Regex;

use super::data_get;
use super::words::words;
use super::{Events, World, core, iax, iax_data};
use crate::simulator::Version;
use crate::simulator::framing::{Answer, Output};
use crate::simulator::request::Request;

const SHOW_PEER_USAGE: &str = "Usage: sip show peer <name> [load]\n       Shows all details on one SIP peer and the current status.\n       Option \"load\" forces lookup of peer in realtime storage.\n";
const DATA_GET_USAGE: &str =
    "Usage: data get <path> [<search> [<filter>]]\n       Get the tree based on a path.\n";

impl World {
    /// The answer to the action `Command`, and the events that the command causes.
    pub(super) fn command(&self, request: &Request) -> (Answer, Events) {
        let id = request.action_id();
        let line = request.get("Command").unwrap_or_default();
        let words = words(line);
        if words.is_empty() {
            return (Answer::error(id, "No command provided"), Events::new());
        }
        let mut events = Events::new();
        let output = self.run(&words, line, &mut events).unwrap_or_else(|| no_such_command(line, &words));
        (output.framed(self.version, id), events)
    }

    fn run(&self, words: &[Vec<u8>], line: &[u8], events: &mut Events) -> Option<Output> {
        // Keywords count whatever their case; a name among them is compared by whoever takes it.
        let keywords: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).to_lowercase()).collect();
        let keywords: Vec<&str> = keywords.iter().map(String::as_str).collect();
        match keywords[..] {
            ["sip", ..] if self.version.has_sip() => self.run_sip(&keywords, words),
            ["iax2", "show", "peers"] => Some(iax::show_peers(&self.iax_peers)),
            ["iax2", "show", "peer", _] => Some(iax::show_peer(&self.iax_peers, &words[3])),
            ["iax2", "show", "users"] => Some(iax::show_users(&self.iax_users)),
            ["realtime", "load", "sippeers", _, _] => Some(self.realtime_load(&words[3], &words[4])),
            ["data", "get"] if self.has_data_get() => Some(Output::failure(DATA_GET_USAGE)),
            ["data", "get", ..] if self.has_data_get() => Some(self.data_get(line, &words[2..])),
            ["core", "show", "version"] => Some(core::show_version(self.version)),
            ["core", "show", "uptime"] => Some(core::show_uptime(self.started, self.last_reload())),
            ["core", "show", "uptime", "seconds"] => {
                Some(core::show_uptime_seconds(self.started, self.last_reload()))
            }
            // What a reload prints is not among the recorded answers, its events are.
            ["module", "reload"] => {
                events.extend(self.reload("All"));
                Some(Output::text(""))
            }
            ["module", "reload", _] => {
                let module = String::from_utf8_lossy(&words[2]).into_owned();
                events.extend(self.reload(&module));
                Some(Output::text(format!("Module '{module}' reloaded successfully.\n")))
            }
            _ => None,
        }
    }

    fn run_sip(&self, keywords: &[&str], words: &[Vec<u8>]) -> Option<Output> {
        match keywords {
            ["sip", "show", "peers"] => Some(self.sip_show_peers(|_| true)),
            ["sip", "show", "peers", "like", _] => {
                let pattern = Regex::new(&String::from_utf8_lossy(&words[4])).ok()?;
                Some(self.sip_show_peers(|name| pattern.is_match(name)))
            }
            ["sip", "show", "peer"] => Some(Output::failure(SHOW_PEER_USAGE)),
            ["sip", "show", "peer", _] => Some(self.sip_show_peer(&words[3], false)),
            ["sip", "show", "peer", _, "load"] => Some(self.sip_show_peer(&words[3], true)),
            ["sip", "show", "users"] => Some(self.sip_show_users()),
            ["sip", "show", "user", _] => Some(self.sip_show_user(&words[3], false)),
            ["sip", "show", "user", _, "load"] => Some(self.sip_show_user(&words[3], true)),
            _ => None,
        }
    }

    fn has_data_get(&self) -> bool {
        self.version == Version::Asterisk13
    }

    fn data_get(&self, line: &[u8], arguments: &[Vec<u8>]) -> Output {
        let argument =
            |number: usize| String::from_utf8_lossy(arguments.get(number).map_or(b"", |word| word));
        let search = arguments.get(1).map(|_| argument(1));
        let filter = arguments.get(2).map(|_| argument(2));
        match argument(0).trim_start_matches('/') {
            "asterisk/channel/sip/peers" => self.data_get_sip_peers(search.as_deref(), filter.as_deref()),
            "asterisk/channel/iax2/peers" => iax_data::peers(&self.iax_peers),
            "asterisk/channel/iax2/users" => iax_data::users(&self.iax_users),
            "asterisk/core/channels" => Output::text("channels\n\n"),
            _ => data_get::failed(line),
        }
    }
}

fn no_such_command(line: &[u8], words: &[Vec<u8>]) -> Output {
    let start = words[..words.len().min(2)].join(&b' ');
    Output::failure(
        [
            b"No such command '",
            line,
            b"' (type 'core show help ",
            &start,
            b"' for other possible commands)\n",
        ]
        .concat(),
    )
}
