//! Where secrets stand in what a server printed.
//!
//! A secret is the value of a field whose name says so: behind `Secret:`, `secret=`, `"password": `, in
//! the row of a database, in the column of a table under such a label, or between user and host of an
//! address. What only says whether there is one (`<Set>`, `Y`) is none.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// What stands in a secret's place where there is none or it is not told.
const NO_SECRETS: [&str; 17] = [
    "",
    "<set>",
    "<not set>",
    "<none>",
    "(null)",
    "(none)",
    "none",
    "null",
    "-none-",
    "yes",
    "no",
    "y",
    "n",
    "true",
    "false",
    "***",
    "-",
];

#[allow(clippy::expect_used, reason = "these patterns are compiled in a test")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// A name that speaks of a secret. Not `SecretExist`, which says whether there is one, nor `secretary`.
const NAME: &str = r"[\w-]*(?:secret|passwo?r?d|passphrase|md5_?cred)(?:[_-]?(?:key|hash|\d+))?";

/// The name, a colon, and nothing but the value up to the end of the line, in quotes or without.
static FIELD: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"(?i-u)^\s*{NAME}\s*:\s*(?:"(.*)"|(\S.*))\s*$"#)));
/// The name, then a sign, then the value: quoted, or up to the end of the line.
static SIGNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r#"(?i-u){NAME}["']?\s*(?:=>|:=|[:=])\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S.*))"#))
});
/// The name alone in the first of two columns.
static ROW: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i-u)^\s*{NAME}\s{{2,}}([^\s:=].*)$")));
/// User, secret and host of an address, or of a line that registers somewhere.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)(?:\b(?:sips?|iax2?|pjsip|https?|mysql|ldap)(?::(?://)?|/)|register\s*=?>?\s*)[^\s:@/]+:([^\s@]+)@[\w.\[-]",
    )
});
/// The label of a column of secrets, in a line of labels.
static COLUMN: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?i-u)(?:^|\s\s)({NAME})(?:\s+|$)")));

/// The secrets' places in a text that is given line by line.
#[derive(Debug, Default)]
pub struct Places {
    /// Where the secrets of a table stand in its rows.
    columns: Vec<Range<usize>>,
}

impl Places {
    /// The places in the next line, which has no line end, in their order.
    pub fn in_line(&mut self, line: &[u8]) -> Vec<Range<usize>> {
        if self.columns.is_empty() && !may_hold(line) {
            return Vec::new();
        }
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut add = |range: Range<usize>| {
            let range = trimmed(line, range);
            let overlaps = places.iter().any(|place| range.start < place.end && place.start < range.end);
            if !overlaps && !is_none(&line[range.clone()]) {
                places.push(range);
            }
        };
        for found in FIELD.captures_iter(line).chain(SIGNED.captures_iter(line)) {
            let value = found.iter().skip(1).flatten().next();
            value.map(|value| value.range()).into_iter().for_each(&mut add);
        }
        for found in ADDRESS.captures_iter(line) {
            found.get(1).map(|secret| secret.range()).into_iter().for_each(&mut add);
        }
        if line.trim_ascii().is_empty() {
            self.columns.clear();
        } else if self.columns.is_empty() {
            self.columns = columns(line);
            if self.columns.is_empty() {
                let row = ROW.captures(line).and_then(|found| found.get(1));
                row.map(|value| value.range()).into_iter().for_each(&mut add);
            }
        } else {
            for column in &self.columns {
                let end = column.end.min(line.len());
                if column.start < end {
                    add(column.start..end);
                }
            }
        }
        places.sort_by_key(|place| place.start);
        places
    }
}

/// Whether a pattern can be found in a line: most lines are told apart in a fraction of the time that these take.
fn may_hold(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] = [b"secret", b"pass", b"cred"];
    let holds = |word: &&[u8]| line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    line.contains(&b'@') || WORDS.iter().any(holds)
}

/// The columns of secrets, if the line is one of labels: words of letters, two blanks between some.
fn columns(line: &[u8]) -> Vec<Range<usize>> {
    let is_label = |byte: u8| byte.is_ascii_alphabetic() || b" ._-/()".contains(&byte);
    let words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count();
    if words < 2 || !line.iter().all(|&byte| is_label(byte) || byte.is_ascii_digit()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for label in COLUMN.captures_iter(line).filter_map(|captures| Some((captures.get(1)?, captures.get(0)?)))
    {
        let (name, whole) = label;
        // the last column goes to the end, whatever its length
        let end = if whole.end() < line.len() { whole.end() } else { usize::MAX };
        let starts_first = line[..name.start()].trim_ascii().is_empty();
        if !(starts_first && words == 2) {
            found.push(name.start()..end);
        }
    }
    found
}

fn trimmed(line: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &line[range.clone()];
    let start = range.start + text.len() - text.trim_ascii_start().len();
    start..start + text.trim_ascii().len()
}

fn is_none(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    NO_SECRETS.iter().any(|none| none.as_bytes() == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut places = Places::default();
        let lines = text.lines();
        lines.flat_map(|line| places.in_line(line.as_bytes()).into_iter().map(|range| &line[range])).collect()
    }

    #[test]
    fn every_way_in_which_asterisk_prints_a_secret_is_known() {
        for (text, secret) in [
            ("Secret: pw6001", "pw6001"),
            ("Password: a b", "a b"),
            ("Md5Cred: 9349e31daa051eeec9267811bb4eef1e", "9349e31daa051eeec9267811bb4eef1e"),
            ("      secret: \"pw 6001\"", "pw 6001"),
            ("      remotesecret: \"x\"", "x"),
            ("      secret: \"a\"b\"", "a\"b"),
            ("Secret: \"a", "\"a"),
            (r#"{"secret": "a\"b", "x": "y"}"#, r#"a\"b"#),
            ("Line-000001-000002: secret=pw6001", "pw6001"),
            (r#"JSON: {"6001":{"secret":"pw6001","host":"dynamic"}}"#, "pw6001"),
            ("password              : pw6001", "pw6001"),
            ("                        secret  pwzhecka", "pwzhecka"),
            ("      md5secret: \"9349e31d\"", "9349e31d"),
            ("Line-000000-000000: register=me:hush@pbx.example/1", "hush"),
            ("Contact: sip:6001:hush@192.0.2.1:5060", "hush"),
        ] {
            assert_eq!(found(text), [secret], "{text}");
        }
    }

    #[test]
    fn the_column_of_a_table_is_cut_out_of_every_row() {
        let users = "Username                   Secret           Accountcode      Def.Context      ACL  Forcerport\n\
                     6001                       pw6001                            default          No   Yes\n\
                     trunk-in                   pwtrunk                           default          No   Yes\n\
                     6002                                                         default          No   Yes\n";
        assert_eq!(found(users), ["pw6001", "pwtrunk"]);
        let named = users.replace("trunk-in", "secret  ").replace("6002", "secretary");
        assert_eq!(found(&named), ["pw6001", "pwtrunk"]);
        let iax = "Username         Secret                Authen           Def.Context      A/C    Codec Pref\n\
                   iax1             iaxpw                 000000000000002  default          No     Host\n";
        assert_eq!(found(iax), ["iaxpw"]);
    }

    #[test]
    fn what_only_says_whether_there_is_one_is_none() {
        for text in [
            "SecretExist: Y",
            "MD5SecretExist: N",
            "  Secret       : <Set>",
            "  MD5Secret    : <Not set>",
            "Secret: ",
            "context: default",
            "secretary        192.0.2.1    D",
            "Secretary: Eva",
            "Contact: sip:6001@192.0.2.1:5060",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
