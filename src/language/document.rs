//! Reading TOML tables with their places, so that every mistake is reported where it stands.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::code::Code;
use super::diagnostic::{Diagnostic, Report, suggestion};
use super::keys::{Key, Takes};
use super::source::{Place, Span, TreeSource};

/// A string of the file with its place (quotes included).
#[derive(Debug, Clone)]
pub struct Text {
    /// What the string says.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

/// What is being read, and what was found wrong with it.
pub struct Reader {
    pub source: Arc<TreeSource>,
    pub report: Report,
}

impl Reader {
    pub fn new(source: Arc<TreeSource>) -> Reader {
        Reader { source, report: Report::default() }
    }

    /// That place in the file that is being read.
    pub fn place(&self, span: Span) -> Place {
        Place { source: Arc::clone(&self.source), span }
    }

    /// Reports a finding in the file that is being read.
    pub fn finding(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.finding_at(code, self.place(span), message, label, help);
    }

    /// Reports a finding in any file.
    pub fn finding_at(
        &mut self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        let (message, label) = (message.into(), label.into());
        self.report.add(Diagnostic { code, message, place, label, related: None, help });
    }

    /// Reports a finding that has to do with another place; a label stands under each.
    pub fn finding_beside(
        &mut self,
        code: Code,
        place: &Place,
        related: (&Place, &str),
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        let (message, label, place) = (message.into(), label.into(), place.clone());
        let related = Some((related.0.clone(), related.1.to_owned()));
        self.report.add(Diagnostic { code, message, place, label, related, help });
    }

    /// The value as a table, or an error that says what was expected.
    pub fn table<'a, 'i>(&mut self, what: &str, value: &'a Spanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(what, "a table", value);
        }
        table
    }

    /// Reports that a value has another type than the one expected.
    pub fn wrong_type(&mut self, what: &str, expected: &str, value: &Spanned<DeValue<'_>>) {
        let found = value.get_ref().type_str();
        let list = expected == "a table" && value.get_ref().is_array();
        let help = list.then(|| "write single brackets: `[[…]]` makes a list of tables".to_owned());
        self.finding(
            Code::WrongType,
            value.span(),
            format!("{what} must be {expected}"),
            format!("expected {expected}, found {found}"),
            help,
        );
    }

    /// The value as a string.
    pub fn text(&mut self, what: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        match value.get_ref().as_str() {
            Some(text) => Some(Text { value: text.to_owned(), span: value.span() }),
            None => {
                self.wrong_type(what, "a string", value);
                None
            }
        }
    }

    /// The value as a list of strings; one string alone counts as a list of one.
    pub fn texts(&mut self, what: &str, value: &Spanned<DeValue<'_>>) -> Vec<Text> {
        match value.get_ref().as_array() {
            Some(items) => items.iter().filter_map(|item| self.text(what, item)).collect(),
            None if value.get_ref().is_str() => self.text(what, value).into_iter().collect(),
            None => {
                self.wrong_type(what, "a list of strings", value);
                Vec::new()
            }
        }
    }
}

/// A table whose keys are known: unknown ones are reported when it is opened.
pub struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    /// What the table is, for messages: "a query".
    what: &'a str,
    /// Whether it has a key that was reported as unknown.
    pub misspelt: bool,
    keys: &'static [Key],
}

impl<'a, 'i> Section<'a, 'i> {
    /// Opens a table; a key that is not one of `keys` is an error.
    pub fn open(
        reader: &mut Reader,
        what: &'a str,
        table: &'a DeTable<'i>,
        keys: &'static [Key],
    ) -> Section<'a, 'i> {
        let mut misspelt = false;
        for key in table.keys() {
            let name: &str = key.get_ref();
            if keys.iter().all(|key| key.name != name) {
                misspelt = true;
                let help = suggestion(name, keys.iter().map(|key| key.name));
                reader.finding(
                    Code::UnknownKey,
                    key.span(),
                    format!("{what} has no key `{name}`"),
                    "unknown key",
                    help,
                );
            }
        }
        Section { table, what, misspelt, keys }
    }

    /// Whether the table of keys has that key, and says that it takes what it is read as.
    fn is_declared(&self, key: &str, accepts: fn(&Takes) -> bool) -> bool {
        self.keys.iter().any(|known| known.name == key && known.takes.includes(accepts))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// The key itself, for its place.
    pub fn key(&self, key: &str) -> Option<&'a Spanned<DeString<'i>>> {
        self.table.get_key_value(key).map(|(key, _)| key)
    }

    fn name(&self, key: &str) -> String {
        format!("`{key}` of {}", self.what)
    }

    /// The string of a key.
    pub fn text(&self, reader: &mut Reader, key: &str) -> Option<Text> {
        debug_assert!(self.is_declared(key, |takes| matches!(takes, Takes::Text | Takes::Word(_))), "{key}");
        reader.text(&self.name(key), self.get(key)?)
    }

    /// The duration of a key: a number with `ms`, `s`, `m`, `h` or `d`.
    pub fn duration(&self, reader: &mut Reader, key: &str) -> Option<Duration> {
        debug_assert!(self.is_declared(key, |takes| matches!(takes, Takes::Duration)), "{key}");
        let value = self.get(key)?;
        let duration = value.get_ref().as_str().and_then(duration);
        if duration.is_none() {
            let help = Some(
                "write a number and a unit: `\"500ms\"`, `\"5s\"`, `\"10m\"`, `\"1h\"`, `\"1d\"`".into(),
            );
            reader.finding(
                Code::InvalidDuration,
                value.span(),
                format!("{} is not a duration", self.name(key)),
                "not a duration",
                help,
            );
        }
        duration
    }

    /// The list of strings of a key; one string alone counts as a list of one.
    pub fn texts(&self, reader: &mut Reader, key: &str) -> Vec<Text> {
        debug_assert!(self.is_declared(key, |takes| matches!(takes, Takes::List(_))), "{key}");
        self.get(key).map(|value| reader.texts(&self.name(key), value)).unwrap_or_default()
    }

    /// `true` or `false` of a key.
    pub fn flag(&self, reader: &mut Reader, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        debug_assert!(self.is_declared(key, |takes| matches!(takes, Takes::Flag)), "{key}");
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            reader.wrong_type(&self.name(key), "true or false", value);
        }
        flag
    }

    /// A file mode: a string of octal digits, or an octal number (`0o400`).
    pub fn mode(&self, reader: &mut Reader, key: &str) -> Option<u16> {
        let value = self.get(key)?;
        debug_assert!(self.is_declared(key, |takes| matches!(takes, Takes::Mode)), "{key}");
        let mode = match value.get_ref() {
            DeValue::String(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                u16::from_str_radix(digits, 8).ok()
            }
            DeValue::Integer(number) if number.radix() == 8 => u16::from_str_radix(number.as_str(), 8).ok(),
            _ => None,
        };
        let mode = mode.filter(|mode| *mode <= 0o7777);
        if mode.is_none() {
            let help = Some("write octal permissions as a string: `\"0400\"`".into());
            reader.finding(
                Code::InvalidMode,
                value.span(),
                format!("{} is not a file mode", self.name(key)),
                "not an octal mode",
                help,
            );
        }
        mode
    }
}

/// A TOML integer as a number.
pub fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A duration written as a number and a unit.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let number: u64 = digits.trim_end().parse().ok()?;
    let milliseconds = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(milliseconds)?))
}
