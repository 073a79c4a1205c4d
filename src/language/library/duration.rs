//! How long something takes, in the forms in which Asterisk prints it.

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};

const TAKES: &str =
    "a number, or a text like `00:01:05`, `1 minute, 5 seconds`, `0h1m5s`, `1800 secs` or `OK (12 ms)`";
const SECONDS: Filter = Filter { name: "seconds", takes: TAKES };
const MILLISECONDS: Filter = Filter { name: "milliseconds", takes: TAKES };
const DURATION: Filter = Filter { name: "duration", takes: TAKES };

/// The units in milliseconds, with the names they begin with; a year has 365 days, as in `core show uptime`.
const UNITS: [(&[&str], f64); 8] = [
    (&["y", "year"], 365.0 * 86_400_000.0),
    (&["w", "week"], 7.0 * 86_400_000.0),
    (&["d", "day"], 86_400_000.0),
    (&["h", "hr", "hour"], 3_600_000.0),
    (&["m", "min", "minute"], 60_000.0),
    (&["s", "sec", "second"], 1000.0),
    (&["ms", "msec", "millisecond"], 1.0),
    (&["us", "usec", "microsecond"], 0.001),
];

/// The words of `core show uptime`, with their seconds.
const WORDS: [(&str, u64); 6] =
    [("year", 31_536_000), ("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];

/// What a peer's status says that has no time.
const WITHOUT_TIME: [&str; 6] = ["UNREACHABLE", "UNKNOWN", "Unmonitored", "Unavail", "NonQual", "Created"];

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("seconds", |state: &State, value: Value| {
        measured(SECONDS, state, &value, 1000.0).map(|found| shown(found, &value))
    });
    environment.add_filter("milliseconds", |state: &State, value: Value| {
        measured(MILLISECONDS, state, &value, 1.0).map(|found| shown(found, &value))
    });
    environment.add_filter("duration", duration);
}

/// A duration in units of so many milliseconds, which is also what a bare number is in.
fn measured(filter: Filter, state: &State, value: &Value, unit: f64) -> Result<Option<f64>, Error> {
    let Some(text) = filter.text(state, value)? else { return Ok(None) };
    let text = text.trim();
    if WITHOUT_TIME.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    match read(text, unit) {
        Some(milliseconds) => Ok(Some(milliseconds / unit)),
        None => Err(filter.refuses(value)),
    }
}

fn shown(found: Option<f64>, value: &Value) -> Value {
    match found {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(number as i64),
        Some(number) => Value::from(number),
        None => nothing_for(value),
    }
}

/// The milliseconds of a duration; a bare number counts units of so many.
fn read(text: &str, unit: f64) -> Option<f64> {
    let text = match text.split_once(": ") {
        Some((label, rest)) if label.chars().all(|one| one.is_alphabetic() || one == ' ') => rest.trim(),
        _ => text,
    };
    let text = match (text.rfind('('), text.ends_with(')')) {
        (Some(open), true) => &text[open + 1..text.len() - 1], // OK (12 ms)
        _ => text,
    };
    number(text).map(|count| count * unit).or_else(|| clock(text)).or_else(|| in_units(text))
}

/// A decimal number without exponent.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|one: char| one.is_ascii_digit())
        && digits.chars().all(|one| one.is_ascii_digit() || one == '.');
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// `hours:minutes:seconds` or `minutes:seconds`.
fn clock(text: &str) -> Option<f64> {
    let pieces: Vec<&str> = text.split(':').collect();
    let whole = |piece: &&str| !piece.is_empty() && piece.bytes().all(|one| one.is_ascii_digit());
    if !(2..=3).contains(&pieces.len()) || !pieces.iter().all(whole) {
        return None;
    }
    let numbers: Vec<f64> = pieces.iter().map_while(|piece| piece.parse().ok()).collect();
    let sound = numbers.iter().skip(1).all(|number| *number < 60.0);
    sound.then(|| numbers.iter().fold(0.0, |sum, number| sum * 60.0 + number) * 1000.0)
}

/// Numbers with units: `1 day, 2 hours`, `0h0m3s`, `3604 seconds`.
fn in_units(text: &str) -> Option<f64> {
    let (text, sign) = match text.strip_prefix('-') {
        Some(rest) => (rest, -1.0),
        None => (text, 1.0),
    };
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let unit_at = rest.find(|one: char| !(one.is_ascii_digit() || one == '.'))?;
        let count = number(&rest[..unit_at])?;
        rest = rest[unit_at..].trim_start();
        let end = rest.find(|one: char| !one.is_ascii_alphabetic()).unwrap_or(rest.len());
        sum += count * unit(&rest[..end])?;
        rest = rest[end..].trim_start_matches([',', ' ']);
    }
    (text != rest).then_some(sum * sign)
}

fn unit(name: &str) -> Option<f64> {
    let name = name.to_ascii_lowercase();
    let called = |names: &[&str]| {
        names.iter().any(|one| *one == name || (one.len() > 1 && name.strip_suffix('s') == Some(one)))
    };
    UNITS.iter().find(|(names, _)| called(names)).map(|(_, milliseconds)| *milliseconds)
}

fn duration(state: &State, value: Value, form: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let form = match form {
        Some(form) => Some(form),
        None => named.get("form")?,
    };
    named.assert_all_used()?;
    let form = form.as_ref().map_or(Some("words"), Value::as_str);
    let print = match form {
        Some("words") => words,
        Some("clock") => hands,
        Some("short") => letters,
        _ => return Err(DURATION.error("has the forms \"words\", \"clock\" and \"short\"")),
    };
    let Some(seconds) = measured(DURATION, state, &value, 1000.0)? else { return Ok(nothing_for(&value)) };
    let sign = if seconds <= -1.0 { "-" } else { "" };
    Ok(Value::from(format!("{sign}{}", print(seconds.abs() as u64))))
}

/// `1 minute, 5 seconds`, as `core show uptime` has it.
fn words(seconds: u64) -> String {
    let mut left = seconds;
    let mut parts = Vec::new();
    for (word, unit) in WORDS {
        let count = left / unit;
        left %= unit;
        if count > 0 || (unit == 1 && parts.is_empty()) {
            parts.push(format!("{count} {word}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.join(", ")
}

/// `00:01:05`, as `core show channels verbose` has it.
fn hands(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `0h1m5s`, as `core show channel` has it.
fn letters(seconds: u64) -> String {
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
