//! Asterisk's configuration files: sections of `key = value` or `key => value`.

use std::io;
use std::path::Path;

use crate::parse::text;

/// One file's settings, in their order. What it includes is not followed. Not to be shown: there are
/// secrets in it.
#[derive(Default)]
pub struct Configuration {
    settings: Vec<Setting>,
    /// The sections in the order they came.
    sections: Vec<String>,
}

struct Setting {
    section: String,
    key: String,
    value: String,
}

impl Configuration {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> io::Result<Configuration> {
        Ok(Configuration::parse(&text::decode(&std::fs::read(path)?)))
    }

    /// Reads a text: everything that is no section and no setting is passed over.
    pub fn parse(text: &str) -> Configuration {
        let mut configuration = Configuration::default();
        let mut comment = false;
        for line in text.lines() {
            // `;--` opens a comment of several lines, `--;` closes it
            comment |= line.trim_start().starts_with(";--") && !line.trim_start().starts_with(";---");
            if comment {
                comment = !line.contains("--;");
                continue;
            }
            let line = without_comment(line).trim().to_owned();
            if let Some(rest) = line.strip_prefix('[') {
                configuration.sections.push(rest.split(']').next().unwrap_or(rest).to_owned());
            } else if let Some((key, value)) = line.split_once('=') {
                let section = configuration.sections.last().cloned().unwrap_or_default();
                let value = value.strip_prefix('>').unwrap_or(value);
                let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().replace("\\;", ";"));
                configuration.settings.push(Setting { section, key, value });
            }
        }
        configuration
    }

    /// The sections.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(String::as_str)
    }

    /// Every value of a key in a section; more than one where the key comes again.
    pub fn all<'a>(&'a self, section: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
        let wanted = move |setting: &&Setting| setting.section == section && setting.key == key;
        self.settings.iter().filter(wanted).map(|setting| setting.value.as_str())
    }

    /// The last value of a key in a section, which is the one that holds.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .rev()
            .find(|setting| setting.section == section && setting.key == key)
            .map(|setting| setting.value.as_str())
    }
}

/// `;` begins a comment unless a backslash stands before it.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| !line[..*at].ends_with('\\');
    line.match_indices(';').find(begins).map_or(line, |(at, _)| &line[..at])
}

/// Whether a value means yes, as Asterisk reads it.
pub fn is_true(value: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_asterisk_reads_them() {
        let text = ";comment\n[general]\nEnabled = yes ; not no\nport=5039\n;-- a\nport=1\n--;\n;--- ruler\n\
                    [directories](!)\nastmoddir => /usr/lib\n[modules]\nnoload => a.so\nnoload = b.so\nx = a\\;b\n";
        let read = Configuration::parse(text);
        assert_eq!(read.get("general", "enabled"), Some("yes"));
        assert_eq!(read.get("general", "port"), Some("5039"));
        assert_eq!(read.get("directories", "astmoddir"), Some("/usr/lib"));
        assert_eq!(read.all("modules", "noload").collect::<Vec<_>>(), ["a.so", "b.so"]);
        assert_eq!(read.get("modules", "x"), Some("a;b"));
        assert_eq!(read.sections().collect::<Vec<_>>(), ["general", "directories", "modules"]);
    }
}
