//! Names from records as names in a directory: one rule, reversible.
//!
//! `/`, `%`, control characters and DEL become `%` and two hex digits for each byte. A name that is
//! `.` or `..` has its first dot written `%2E`. An empty name is `%`. A name that, with the text around
//! its path variable, would be longer than 255 bytes is cut and ends in `~` and a hash of the whole; it is the one case that cannot be
//! undone from the name alone.

use md5::{Digest, Md5};

use crate::parse::text;

/// The longest name the kernel takes, in bytes.
pub const LONGEST: usize = 255;

/// The longest text around a path variable, in bytes: what is left tells records apart.
pub const LONGEST_AROUND: usize = 200;

const HASH_DIGITS: usize = 16;

/// A record's name as a file name.
pub fn escape(name: &str) -> String {
    escape_between("", name, "")
}

/// A record's name as a file name, between the texts around its path variable.
pub fn escape_between(prefix: &str, name: &str, suffix: &str) -> String {
    let escaped = whole(name);
    let around = prefix.len() + suffix.len();
    let fits = text::encode(&escaped).len() + around <= LONGEST;
    let inner = if fits { escaped } else { shorten(&escaped, around) };
    format!("{prefix}{inner}{suffix}")
}

/// Whether a record's name as a file name, with `around` bytes beside it, is cut: it cannot be told from that
/// any more.
pub fn is_cut(name: &str, around: usize) -> bool {
    text::encode(&whole(name)).len() + around > LONGEST
}

/// Whether a record's name holds what no file name can.
pub fn is_escaped(name: &str) -> bool {
    whole(name) != name
}

/// The name escaped, however long it is.
fn whole(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut escaped = String::with_capacity(name.len());
    for (index, character) in name.chars().enumerate() {
        let dots = index == 0 && (name == "." || name == "..");
        if character == '/' || character == '%' || character.is_control() || dots {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Cuts a name so that `room` bytes are left for what is put beside it; nothing is left of it if they are too many.
pub fn fit(name: &str, room: usize) -> &str {
    let mut left = LONGEST.saturating_sub(room);
    for (index, character) in name.char_indices() {
        let length = text::encoded_length(character);
        if length > left {
            return &name[..index];
        }
        left -= length;
    }
    name
}

fn shorten(escaped: &str, around: usize) -> String {
    let digest = Md5::digest(escaped);
    let hash: String = digest.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{}~{hash}", fit(escaped, HASH_DIGITS + 1 + around))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_file_names_are_escaped() {
        for (name, escaped) in [
            ("6001", "6001"),
            ("person/person", "person%2Fperson"),
            (".", "%2E"),
            ("..", "%2E."),
            ("...", "..."),
            (".hidden", ".hidden"),
            ("", "%"),
            ("%", "%25"),
            ("a%2Fb", "a%252Fb"),
            ("with space", "with space"),
            ("Ünï", "Ünï"),
            ("\u{1b}[2J", "%1B[2J"),
            ("\0", "%00"),
            ("--END COMMAND--", "--END COMMAND--"),
        ] {
            assert_eq!(escape(name), escaped);
        }
    }

    #[test]
    fn long_names_fit_and_stay_different() {
        let long = "ü".repeat(200);
        let one = escape(&format!("{long}1"));
        let two = escape(&format!("{long}2"));
        assert!(one.len() <= LONGEST && two.len() <= LONGEST, "{one}");
        assert_ne!(one, two);
        assert!(is_cut(&long, 0) && !is_escaped(&long) && !is_cut(&"x".repeat(255), 0));
        assert!(is_escaped("a/b") && is_escaped("") && !is_cut("a/b", 0));
        // as long as a line of a server can be
        let one = escape(&"\u{EF80}ü".repeat(1 << 20));
        assert!((LONGEST - 3..=LONGEST).contains(&text::encode(&one).len()), "{one}");
    }

    #[test]
    fn names_with_text_around_them_fit_and_stay_different() {
        let (prefix, suffix) = ("p".repeat(LONGEST_AROUND - 5), ".json");
        for long in ["x".repeat(300), "x".repeat(52), "ü".repeat(60)] {
            let [one, two] = ["1", "2"].map(|end| escape_between(&prefix, &format!("{long}{end}"), suffix));
            assert!(one.len() <= LONGEST && one.starts_with(&prefix) && one.ends_with(suffix), "{one}");
            assert_ne!(one, two);
        }
        assert_eq!(escape_between("a-", "b/c", ".json"), "a-b%2Fc.json");
        assert!(is_cut(&"x".repeat(251), ".json".len()) && !is_cut(&"x".repeat(250), ".json".len()));
    }

    #[test]
    fn of_a_name_without_room_nothing_is_left() {
        assert_eq!(fit("6001", LONGEST), "");
        assert_eq!(fit("6001", LONGEST + 45), "");
        assert_eq!(fit("6001", LONGEST - 2), "60");
    }
}
