//! The classes of a manager user: which of them an action or an event takes, and the fewest for all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ami::Answer;

/// What is known without asking. `Action: ListCommands` of Asterisk 13 and 22 says so, by the
/// authority each registers with (`main/manager.c`, `channels/chan_sip.c`, `channels/chan_iax2.c`,
/// `res/res_pjsip/*.c`, `apps/*.c`, `res/*.c`). One of the classes is enough; none means that none is needed.
const ACTIONS: [(&str, &[&str]); 53] = [
    ("BridgeList", &[]),
    ("Command", &["command"]),
    ("ConfbridgeList", &["reporting"]),
    ("ConfbridgeListRooms", &["reporting"]),
    ("ConfbridgeMute", &["call"]),
    ("ConfbridgeUnmute", &["call"]),
    ("CoreSettings", &["system", "reporting"]),
    ("CoreShowChannels", &["system", "reporting"]),
    ("CoreStatus", &["system", "reporting"]),
    ("DAHDIShowChannels", &[]),
    ("DataGet", &[]),
    ("DBDel", &["system"]),
    ("DBGet", &["system", "reporting"]),
    ("DBGetTree", &["system", "reporting"]),
    ("DBPut", &["system"]),
    ("DeviceStateList", &["call", "reporting"]),
    ("ExtensionState", &["call", "reporting"]),
    ("ExtensionStateList", &["call", "reporting"]),
    ("Getvar", &["call", "reporting"]),
    ("Hangup", &["system", "call"]),
    ("IAXnetstats", &["system", "reporting"]),
    ("IAXpeerlist", &["system", "reporting"]),
    ("IAXpeers", &["system", "reporting"]),
    ("IAXregistry", &["system", "reporting"]),
    ("ListCommands", &[]),
    ("MailboxCount", &["call", "reporting"]),
    ("MeetmeList", &["reporting"]),
    ("MeetmeListRooms", &["reporting"]),
    ("MuteAudio", &["system"]),
    ("Originate", &["originate"]),
    ("ParkedCalls", &["call"]),
    ("Parkinglots", &["call"]),
    ("Ping", &[]),
    ("PJSIPQualify", &["system", "reporting"]),
    ("PJSIPShowAors", &["system"]),
    ("PJSIPShowAuths", &["system"]),
    ("PJSIPShowContacts", &["system"]),
    ("PJSIPShowEndpoint", &["system"]),
    ("PJSIPShowEndpoints", &["system"]),
    ("PJSIPShowRegistrationsInbound", &["system"]),
    ("PJSIPShowRegistrationsOutbound", &["system", "reporting"]),
    ("PresenceStateList", &["call", "reporting"]),
    ("QueuePause", &["agent"]),
    ("QueueStatus", &[]),
    ("QueueSummary", &[]),
    ("Reload", &["system", "config"]),
    ("ShowDialPlan", &["config", "reporting"]),
    ("SIPpeers", &["system", "reporting"]),
    ("SIPqualifypeer", &["system", "reporting"]),
    ("SIPshowpeer", &["system", "reporting"]),
    ("SIPshowregistry", &["system", "reporting"]),
    ("Status", &["system", "call", "reporting"]),
    ("VoicemailUsersList", &["call", "reporting"]),
];

/// The class of events, as their `Privilege` header names it (Asterisk 13 to 22: `main/manager_*.c`,
/// `main/security_events.c`, `apps/app_queue.c`, `channels/chan_*.c`), by names in lower case.
const EVENTS: [(&str, &[&str]); 8] = [
    (
        "system",
        &[
            "peerstatus",
            "contactstatus",
            "registry",
            "load",
            "unload",
            "reload",
            "fullybooted",
            "shutdown",
            "alarm",
            "alarmclear",
            "dndstate",
        ],
    ),
    (
        "call",
        &[
            "newchannel",
            "newstate",
            "newcallerid",
            "newconnectedline",
            "newaccountcode",
            "hangup",
            "dialbegin",
            "dialend",
            "dialstate",
            "bridgecreate",
            "bridgeenter",
            "bridgeleave",
            "bridgedestroy",
            "bridgemerge",
            "hold",
            "unhold",
            "rename",
            "devicestatechange",
            "extensionstatus",
            "presencestatechange",
            "messagewaiting",
            "originateresponse",
            "blindtransfer",
            "attendedtransfer",
            "parkedcall",
            "unparkedcall",
            "parkedcalltimeout",
            "parkedcallgiveup",
            "parkedcallswap",
            "confbridgestart",
            "confbridgeend",
            "confbridgejoin",
            "confbridgeleave",
            "confbridgemute",
            "confbridgeunmute",
            "confbridgetalking",
            "meetmejoin",
            "meetmeleave",
            "meetmeend",
            "meetmemute",
            "meetmetalking",
        ],
    ),
    (
        "security",
        &[
            "failedacl",
            "invalidaccountid",
            "sessionlimit",
            "memorylimit",
            "loadaveragelimit",
            "requestnotsupported",
            "requestnotallowed",
            "authmethodnotallowed",
            "requestbadformat",
            "successfulauth",
            "unexpectedaddress",
            "challengeresponsefailed",
            "invalidpassword",
            "challengesent",
            "invalidtransport",
        ],
    ),
    (
        "agent",
        &[
            "queuememberstatus",
            "queuememberadded",
            "queuememberremoved",
            "queuememberpause",
            "queuememberpenalty",
            "queuememberringinuse",
            "queuecallerjoin",
            "queuecallerleave",
            "queuecallerabandon",
            "agentcalled",
            "agentconnect",
            "agentcomplete",
            "agentlogin",
            "agentlogoff",
        ],
    ),
    ("dialplan", &["newexten", "varset"]),
    ("dtmf", &["dtmfbegin", "dtmfend"]),
    ("user", &["userevent"]),
    ("cdr", &["cdr"]),
];

/// What a server told of its actions: the classes of each that the user may use.
#[derive(Default)]
pub struct Told(HashMap<String, Vec<String>>);

impl Told {
    /// Reads the answer to `ListCommands`: `SIPpeers: List SIP peers.  (Priv: system,reporting,all)`.
    pub fn read(answer: &Answer) -> Told {
        let classes = |text: &str| {
            let (_, classes) = text.rsplit_once("(Priv: ")?;
            let classes = classes.trim_end().strip_suffix(')')?.split(',');
            Some(classes.filter(|class| !["all", "<none>"].contains(class)).map(str::to_owned).collect())
        };
        let headers = answer.message().headers();
        let told = headers.filter_map(|(name, value)| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            Some((name, classes(&String::from_utf8_lossy(value))?))
        });
        Told(told.collect())
    }

    /// The classes of which an action takes one; none if they are not known.
    pub fn of(&self, action: &str) -> Option<Vec<String>> {
        let known = || ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(action));
        let told = self.0.get(&action.to_ascii_lowercase()).cloned();
        told.or_else(|| Some(known()?.1.iter().map(|class| (*class).to_owned()).collect()))
    }
}

/// The class of an event, by its name in lower case.
pub fn of_event(event: &str) -> Option<&'static str> {
    EVENTS.iter().find(|(_, names)| names.contains(&event)).map(|(class, _)| *class)
}

/// Classes, each with what needs it.
pub type Classes = BTreeMap<String, BTreeSet<String>>;

/// Few classes that are enough for all of these, given for each thing the classes of which it takes one.
/// What has no choice goes first; then a class that is there already, or `reporting` rather than one
/// that may change something.
pub fn fewest(needed: &[(Vec<String>, String)]) -> Classes {
    let mut classes = Classes::new();
    let mut needed: Vec<_> = needed.iter().filter(|(options, _)| !options.is_empty()).collect();
    // those without a choice first
    needed.sort_by_key(|(options, _)| options.len());
    for (options, why) in needed {
        let chosen = options
            .iter()
            .find(|class| classes.contains_key(*class))
            .or_else(|| options.iter().find(|class| *class == "reporting"))
            .or_else(|| options.first());
        if let Some(class) = chosen {
            classes.entry(class.clone()).or_default().insert(why.clone());
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_needed_anyway_does_for_what_has_a_choice() {
        let options = |classes: &[&str]| classes.iter().map(|class| (*class).to_owned()).collect::<Vec<_>>();
        let peers = (options(&["system", "reporting"]), "peers".to_owned());
        assert_eq!(fewest(std::slice::from_ref(&peers)).into_keys().collect::<Vec<_>>(), ["reporting"]);
        let endpoints = (options(&["system"]), "endpoints".to_owned());
        assert_eq!(fewest(&[peers, endpoints]).into_keys().collect::<Vec<_>>(), ["system"]);
    }

    #[test]
    fn what_a_server_tells_goes_before_what_is_known() {
        let recording =
            b"Response: Success\r\nSIPpeers: List SIP peers (text format).  (Priv: system,all)\r\n\
            Ping: Keepalive command.  (Priv: <none>)\r\n\r\n";
        let told = Told::read(&Answer::read(recording).unwrap());
        assert_eq!(told.of("SIPpeers"), Some(vec!["system".to_owned()]));
        assert_eq!(told.of("ping"), Some(vec![]));
        assert_eq!(told.of("Command"), Some(vec!["command".to_owned()]));
        assert_eq!(told.of("NoSuchAction"), None);
        assert_eq!((of_event("peerstatus"), of_event("x")), (Some("system"), None));
    }
}
