//! Each control file of the shipped tree, done and refused by a real server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::libc;

use super::{busy_under_control, objects, value};
use crate::ground::{PATIENCE, measure, names, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount::{Mounted, is_mounted};

const BOTH: [Version; 2] = [Version::V16, Version::V22];

struct Control<'a>(&'a Mounted);

impl Control<'_> {
    #[track_caller]
    fn write(&self, name: &str, input: &str) -> Result<(), i32> {
        let written = fs::write(self.0.join("control").join(name), format!("{input}\n"));
        written.map_err(|error| error.raw_os_error().expect("an error of the kernel"))
    }

    #[track_caller]
    fn does(&self, name: &str, input: &str) {
        assert_eq!(self.write(name, input), Ok(()), "{name} {input}: {}", self.said(name));
        assert!(self.said(name).starts_with("Response: Success\n"), "{}", self.said(name));
    }

    #[track_caller]
    fn is_refused(&self, name: &str, input: &str, words: &str) {
        assert_eq!(self.write(name, input), Err(libc::EPERM), "{name} {input}");
        let said = self.said(name);
        assert!(said.starts_with("Response: Error\n") && said.contains(words), "{name} {input}: {said}");
    }

    #[track_caller]
    fn is_invalid(&self, name: &str, inputs: &[&str]) {
        for input in inputs {
            assert_eq!(self.write(name, input), Err(libc::EINVAL), "{name} {input}");
        }
    }

    fn said(&self, name: &str) -> String {
        text(&self.0.join("control").join(name))
    }
}

#[track_caller]
fn ready(version: Version) -> Option<(Asterisk, Mounted)> {
    let (server, mounted) = busy_under_control(version)?;
    measure("control files mounted", PATIENCE, || is_mounted(&mounted.join("control")));
    Some((server, mounted))
}

#[test]
fn each_control_file_does_what_it_says_or_tells_why_not() {
    for version in BOTH {
        let Some((server, mounted)) = ready(version) else { return };
        let control = Control(&mounted);
        for name in names(&mounted.join("control")) {
            let metadata = fs::metadata(mounted.join("control").join(&name)).expect("it is listed");
            assert_eq!(metadata.permissions().mode() & 0o7777, 0o600, "{name}");
            assert_eq!(control.said(&name), "", "{name}: nothing was said yet");
            let long = "x".repeat(2000);
            control.is_invalid(&name, &["\u{1}", " ", "a\nAction: Ping", &long]);
        }

        let waiting = value(&mounted.join("queues/sales/callers/1/channel/name"));
        control.does("mute", &waiting);
        control.does("mute", &format!("{waiting} in"));
        control.does("unmute", &waiting);
        control.is_refused("mute", "SIP/nosuch-00000000", "No such channel");
        control.is_refused("unmute", "SIP/nosuch-00000000", "No such channel");
        control.is_invalid("mute", &["x", "SIP/1 sideways", "/.*/"]);

        let participants = mounted.join("conferences/8001/participants");
        let speaker = value(&participants.join(&objects(&participants)[0]).join("channel/name"));
        let muted = || {
            server.cli("confbridge list 8001").lines().any(|line| {
                line.starts_with(&speaker)
                    && line.split_whitespace().nth(1).is_some_and(|flags| flags.contains('m'))
            })
        };
        control.does("conference_mute", &format!("8001 {speaker}"));
        assert!(muted(), "{}", server.cli("confbridge list 8001"));
        control.does("conference_unmute", &format!("8001 {speaker}"));
        assert!(!muted());
        for name in ["conference_mute", "conference_unmute"] {
            control.is_refused(name, &format!("8009 {speaker}"), "No Conference by that name");
            control.is_invalid(name, &["8001", "8001 all participants"]);
        }

        let parked = value(&mounted.join("parking/default/701/channel/name"));
        control.does("hangup", &parked);
        measure("it is gone", PATIENCE, || {
            !server.cli("core show channels concise").contains(&format!("{parked}!"))
        });
        control.is_refused("hangup", &parked, "No such channel");
        control.is_invalid("hangup", &["/.*/", "/^SIP/", "Local", "Local/x\\", "Local/a b"]);
        assert!(
            server.cli("core show channels concise").contains(&format!("{waiting}!")),
            "no pattern hung up all"
        );

        control.does("originate", "Local/stay@calls/n park@calls");
        measure("it is parked", PATIENCE, || server.cli("parking show default").contains("Space "));
        control.is_refused("originate", "Local/stay@calls nosuch@nosuch", "Extension does not exist");
        control.is_invalid("originate", &["Local/stay@calls", "Local/stay@calls Hangup", "x y@z"]);

        control.does("queue_pause", "sales Local/ring@calls lunch time");
        assert!(server.cli("queue show sales").contains("(paused"), "{}", server.cli("queue show sales"));
        let member = mounted.join("queues/sales/members/Ringing Bell");
        measure("and in the mount", PATIENCE, || value(&member.join("paused_reason")) == "lunch time");
        control.does("queue_unpause", "sales Local/ring@calls");
        assert!(!server.cli("queue show sales").contains("(paused"));
        for name in ["queue_pause", "queue_unpause"] {
            control.is_refused(name, "sales Local/nosuch@calls", "Interface not found");
            control.is_invalid(name, &["sales", "sales lunch"]);
        }

        let (here, elsewhere) = match version {
            Version::V16 => ("sip_qualify", "pjsip_qualify"),
            Version::V22 => ("pjsip_qualify", "sip_qualify"),
        };
        control.does(here, "6001");
        control.is_refused(here, "nosuch", "");
        assert_eq!(control.write(elsewhere, "6001"), Err(libc::EOPNOTSUPP));

        control.does("reload", "app_queue");
        control.is_refused("reload", "nosuch", "No such module");
        control.is_invalid("reload", &["a b", "../x"]);

        control.does("database_put", "astfs/a key/below=x = y");
        assert_eq!(server.cli("database get astfs \"a key/below\"").trim_end(), "Value: x = y");
        control.does("database_delete", "astfs/a key/below");
        control.is_refused("database_delete", "astfs/a key/below", "could not be deleted");
        control.is_invalid("database_delete", &["astfs", "astfs/", "/astfs/x"]);
        control.is_invalid("database_put", &["astfs=1", "astfs/x", "/astfs/x=1"]);
    }
}
