//! Points in time: seconds since 1970, and texts. There is no present: a file changes when what the
//! server says does.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};

const TAKES: &str =
    "seconds since 1970, or a text like `2026-11-22T22:29:54.632+0000` or `2026-11-22 22:29:54`";
const TIME: Filter = Filter { name: "time", takes: TAKES };
const EPOCH: Filter = Filter { name: "epoch", takes: TAKES };

/// ISO 8601, with a fraction if there is one.
const ISO: &str = "%Y-%m-%dT%H:%M:%S%.f%:z";
/// A padding beyond this in a format is a mistake.
const WIDEST: usize = 2;

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("time", time);
    environment.add_filter("epoch", epoch);
}

/// The `format` and `zone` that a filter was given.
struct Asked {
    format: Option<String>,
    zone: Option<TimeZone>,
}

impl Asked {
    fn of(filter: Filter, format: Option<Value>, named: &Kwargs) -> Result<Asked, Error> {
        let text = |value: Option<Value>, what: &str| match value {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(filter.error(what)),
            },
        };
        let format = match format {
            Some(format) => Some(format),
            None => named.get("format")?,
        };
        let format = text(format, "takes its format as a text like \"%Y-%m-%d %H:%M\"")?;
        let zone = text(named.get("zone")?, "takes its zone as a text like \"Europe/Berlin\"")?;
        named.assert_all_used()?;
        let zone = match zone.as_deref() {
            None => None,
            Some("local") => Some(TimeZone::try_system()),
            Some(name) => Some(TimeZone::get(name)),
        };
        let unknown = "knows no such time zone; write \"UTC\", \"local\" or one like \"Europe/Berlin\"";
        let zone = zone.transpose().map_err(|_| filter.error(unknown))?;
        if let Some(format) = &format {
            check_format(filter, format)?;
        }
        Ok(Asked { format, zone })
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or(TimeZone::UTC)
    }
}

/// A padding makes the text longer than the format: `%200d` is refused.
fn check_format(filter: Filter, format: &str) -> Result<(), Error> {
    for directive in format.split('%').skip(1) {
        let digits = directive.trim_start_matches(['-', '_', '^', '#', '.', ':', '0']);
        if digits.bytes().take_while(u8::is_ascii_digit).count() > WIDEST - 1 {
            return Err(filter.error("takes no format with a width of more than 9"));
        }
    }
    Ok(())
}

fn time(state: &State, value: Value, format: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let asked = Asked::of(TIME, format, &named)?;
    let Some(text) = TIME.text(state, &value)? else { return Ok(nothing_for(&value)) };
    let found = read(text.trim(), &asked.zone()).ok_or_else(|| TIME.refuses(&value))?;
    let shown = match (&asked.format, &asked.zone) {
        (None, None) => Some(found.to_string()),
        (format, _) => {
            let at: ZonedDateTime = found.to_zoned_datetime(asked.zone());
            strtime::format(format.as_deref().unwrap_or(ISO), &at).ok()
        }
    };
    shown
        .map(Value::from)
        .ok_or_else(|| TIME.error("cannot use its format; write one like \"%Y-%m-%d %H:%M\""))
}

fn epoch(state: &State, value: Value, format: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let asked = Asked::of(EPOCH, format, &named)?;
    let Some(text) = EPOCH.text(state, &value)? else { return Ok(nothing_for(&value)) };
    let found = match &asked.format {
        None => read(text.trim(), &asked.zone()),
        Some(format) => read_as(format, text.trim(), &asked.zone()),
    };
    let Some(found) = found else {
        return Err(match asked.format {
            None => EPOCH.refuses(&value),
            Some(_) => EPOCH.error("cannot read this text by its format"),
        });
    };
    Ok(match found.subsec_nanosecond() {
        0 => Value::from(found.as_second()),
        nanoseconds => Value::from(found.as_second() as f64 + f64::from(nanoseconds) / 1e9),
    })
}

/// A text that says no zone is in `zone`.
fn read(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(seconds) = read_seconds(text) {
        return Some(seconds);
    }
    text.parse().ok().or_else(|| {
        let at: DateTime = text.parse().ok()?;
        Some(at.to_zoned_datetime(zone.clone()).ok()?.timestamp())
    })
}

/// `1795386652.508511`, without rounding.
fn read_seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|one| one.is_ascii_digit());
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || !digits(fraction) {
        return None;
    }
    let nanoseconds: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    Timestamp::new(whole.parse().ok()?, sign * nanoseconds).ok()
}

fn read_as(format: &str, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let broken_down = strtime::parse(format, text).ok()?;
    broken_down.to_timestamp().ok().or_else(|| {
        let at = broken_down
            .to_datetime()
            .or_else(|_| Ok::<_, jiff::Error>(broken_down.to_date()?.at(0, 0, 0, 0)));
        Some(at.ok()?.to_zoned_datetime(zone.clone()).ok()?.timestamp())
    })
}
