//! The lines of a log: an event as JSON, or what astfs has to say itself.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value as Json};

use crate::parse::text;
use crate::parse::value::Value;

/// The keys that are ours: a header of that name has `_` behind it, so that no event looks like
/// a line of astfs.
const OWN: [&str; 2] = ["time", "astfs"];

/// An event, read as a record, as a line.
pub fn event(record: &Value, at: SystemTime) -> Vec<u8> {
    let mut line = begun(at);
    for (name, value) in record.as_record().into_iter().flat_map(|record| record.iter()) {
        let name = if OWN.contains(&name) { format!("{name}_") } else { name.to_owned() };
        // a value of this kind always has a form in JSON
        line.insert(name, serde_json::to_value(value).unwrap_or_default());
    }
    ended(line)
}

/// So many lines found no room.
pub fn lost(count: u64) -> Vec<u8> {
    let mut line = begun(SystemTime::now());
    line.insert("astfs".into(), "lost".into());
    line.insert("count".into(), count.into());
    ended(line)
}

/// There is a new connection: events between the old one and this are not here.
pub fn reconnected() -> Vec<u8> {
    let mut line = begun(SystemTime::now());
    line.insert("astfs".into(), "reconnected".into());
    ended(line)
}

fn begun(at: SystemTime) -> Map<String, Json> {
    Map::from_iter([("time".to_owned(), rfc3339(at).into())])
}

fn ended(line: Map<String, Json>) -> Vec<u8> {
    let mut line = text::encode(&Json::Object(line).to_string()).into_owned();
    line.push(b'\n');
    line
}

/// A time as RFC 3339 has it, in UTC, to the millisecond.
fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let milliseconds = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The Gregorian date of a day, counted from 1970-01-01. Years are counted from March on, so that
/// the leap day is the last of its year.
fn date(day: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days in 400 years
    let day = day + 719_468; // since 0000-03-01
    let in_era = day % ERA;
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / (ERA - 1)) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let of_month = in_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (day / ERA * 400 + year + next, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::headers;
    use crate::parse::value::Shapes;

    fn line(headers: &[(&[u8], &[u8])], at: SystemTime) -> Vec<u8> {
        event(&headers::record(headers.iter().copied(), &mut Shapes::new()), at)
    }

    #[test]
    fn an_event_is_one_line_with_its_time_first_and_its_headers_in_order() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_860_800_123);
        let line = line(&[(b"Event", b"PeerStatus"), (b"Peer", b"SIP/6001"), (b"Text", b"a\n\"b\"\x1b")], at);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"time\":\"2026-01-31T12:00:00.123Z\",\"Event\":\"PeerStatus\",\"Peer\":\"SIP/6001\",\
             \"Text\":\"a\\n\\\"b\\\"\\u001b\"}\n"
        );
    }

    #[test]
    fn no_event_looks_like_a_line_of_astfs() {
        let line = line(&[(b"Event", b"UserEvent"), (b"astfs", b"lost"), (b"time", b"x")], SystemTime::now());
        let line: Map<String, Json> = serde_json::from_slice(&line).unwrap();
        assert!(line["time"].as_str().unwrap().ends_with('Z') && !line.contains_key("astfs"));
        assert_eq!((&line["astfs_"], &line["time_"]), (&"lost".into(), &"x".into()));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), shown);
        }
    }
}
