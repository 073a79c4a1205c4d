//! What the server says about itself: version, uptime, settings, and the actions that it knows.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::World;
use crate::simulator::Version;
use crate::simulator::framing::{Answer, Message, Output};
use crate::simulator::server::lock;

/// The actions of every version, with what `ListCommands` says of them.
const ACTIONS: [(&str, &str); 13] = [
    ("Challenge", "Generate Challenge for MD5 Auth.  (Priv: <none>)"),
    ("Command", "Execute Asterisk CLI Command.  (Priv: command,all)"),
    ("CoreSettings", "Show PBX core settings (version etc).  (Priv: system,reporting,all)"),
    ("CoreShowChannels", "List currently active channels.  (Priv: system,reporting,all)"),
    ("CoreStatus", "Show PBX core status variables.  (Priv: system,reporting,all)"),
    ("Events", "Control Event Flow.  (Priv: <none>)"),
    ("IAXpeerlist", "List IAX Peers.  (Priv: system,reporting,all)"),
    ("IAXpeers", "List IAX peers.  (Priv: system,reporting,all)"),
    ("ListCommands", "List available manager commands.  (Priv: <none>)"),
    ("Login", "Login Manager.  (Priv: <none>)"),
    ("Logoff", "Logoff Manager.  (Priv: <none>)"),
    ("Ping", "Keepalive command.  (Priv: <none>)"),
    ("Reload", "Send a reload event.  (Priv: system,config,all)"),
];

/// The actions of `chan_sip`.
const SIP_ACTIONS: [(&str, &str); 2] = [
    ("SIPpeers", "List SIP peers (text format).  (Priv: system,reporting,all)"),
    ("SIPshowpeer", "show SIP peer (text format).  (Priv: system,reporting,all)"),
];

impl World {
    pub(super) fn last_reload(&self) -> SystemTime {
        *lock(&self.reloaded)
    }
}

/// The whole seconds that have passed.
pub(super) fn seconds_since(time: SystemTime) -> u64 {
    time.elapsed().unwrap_or_default().as_secs()
}

/// The whole seconds since 1970.
pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    since_1970(time).as_secs()
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds since 1970 with six digits behind the point, as AMI prints a time.
pub(super) fn timestamp() -> String {
    let now = since_1970(SystemTime::now());
    format!("{}.{:06}", now.as_secs(), now.subsec_micros())
}

pub(super) fn ping(id: Option<&[u8]>) -> Answer {
    Message::response("Success", id).header("Ping", "Pong").header("Timestamp", timestamp()).answer()
}

/// `CoreStatus`, its times in UTC.
pub(super) fn status(started: SystemTime, reloaded: SystemTime, id: Option<&[u8]>) -> Answer {
    let (start_date, start_time) = date_and_time(unix_seconds(started));
    let (reload_date, reload_time) = date_and_time(unix_seconds(reloaded));
    Message::response("Success", id)
        .header("CoreStartupDate", start_date)
        .header("CoreStartupTime", start_time)
        .header("CoreReloadDate", reload_date)
        .header("CoreReloadTime", reload_time)
        .header("CoreCurrentCalls", "0")
        .answer()
}

/// `2026-11-22` and `22:26:27` for seconds since 1970, by the Gregorian calendar.
fn date_and_time(seconds: u64) -> (String, String) {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    (format!("{year}-{month:02}-{:02}", days + 1), time)
}

/// `CoreSettings`.
pub(super) fn settings(version: Version, id: Option<&[u8]>) -> Answer {
    let interface = version.banner().rsplit('/').next().unwrap_or_default();
    let is_22 = version == Version::Asterisk22;
    let message = Message::response("Success", id)
        .header("AMIversion", interface)
        .header("AsteriskVersion", release(version))
        .header("SystemName", version.system_name().unwrap_or_default())
        .header("CoreMaxCalls", "0")
        .header("CoreMaxLoadAvg", "0.000000")
        .header("CoreRunUser", "")
        .header("CoreRunGroup", "")
        .header("CoreMaxFilehandles", "0")
        .header("CoreRealTimeEnabled", if is_22 { "No" } else { "Yes" })
        .header("CoreCDRenabled", "No")
        .header("CoreHTTPenabled", "No");
    if is_22 { message.header("SoundsSearchCustomDir", "No") } else { message }.answer()
}

fn release(version: Version) -> &'static str {
    match version {
        Version::Asterisk13 => "13.38.3",
        Version::Asterisk16 => "16.28.0~dfsg-0+deb11u4",
        Version::Asterisk22 => "22.10.1+dfsg+~cs6.17.60671434-1",
    }
}

/// `core show version`.
pub(super) fn show_version(version: Version) -> Output {
    let built = match version {
        Version::Asterisk13 => "root @ vm on a x86_64 running Linux on 2026-11-22 22:12:43 UTC",
        Version::Asterisk16 => {
            "nobody @ buildd.debian.org on a unknown running Linux on 2024-01-04 17:58:50 UTC"
        }
        Version::Asterisk22 => {
            "nobody @ buildd.debian.org on a unknown running Linux on 2026-07-20 21:35:32 UTC"
        }
    };
    Output::text(format!("Asterisk {} built by {built}\n", release(version)))
}

/// `core show uptime seconds`.
pub(super) fn show_uptime_seconds(started: SystemTime, reloaded: SystemTime) -> Output {
    let (up, reload) = (seconds_since(started), seconds_since(reloaded));
    Output::text(format!("System uptime: {up}\nLast reload: {reload}\n"))
}

/// `core show uptime`.
pub(super) fn show_uptime(started: SystemTime, reloaded: SystemTime) -> Output {
    let (up, reload) = (in_words(seconds_since(started)), in_words(seconds_since(reloaded)));
    Output::text(format!("System uptime: {up}\nLast reload: {reload}\n"))
}

/// A span of time as `1 day, 2 hours, 5 seconds`.
fn in_words(seconds: u64) -> String {
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit, length) in [("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)]
    {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            words.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if words.is_empty() { "0 seconds".into() } else { words.join(", ") }
}

/// `ListCommands`: the actions that this server answers, by name.
pub(super) fn list_commands(version: Version, id: Option<&[u8]>) -> Answer {
    let sip: &[_] = if version.has_sip() { &SIP_ACTIONS } else { &[] };
    let actions = ACTIONS.iter().chain(sip);
    actions
        .fold(Message::response("Success", id), |message, (name, about)| message.header(name, about))
        .answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let written = |seconds| {
            let (date, time) = date_and_time(seconds);
            format!("{date} {time}")
        };
        assert_eq!(written(0), "1970-01-01 00:00:00");
        assert_eq!(written(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(written(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(written(1_735_689_599), "2024-12-31 23:59:59");
        assert_eq!(written(1_795_386_387), "2026-11-22 22:26:27");
    }

    #[test]
    fn spans_of_time_leave_out_what_is_zero() {
        assert_eq!(in_words(27), "27 seconds");
        assert_eq!(in_words(3661), "1 hour, 1 minute, 1 second");
        assert_eq!(in_words(604_800 + 172_800), "1 week, 2 days");
        assert_eq!(in_words(0), "0 seconds");
    }
}
