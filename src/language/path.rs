//! The keys of `[tree]`: paths whose segments may hold path variables.

use std::fmt;
use std::ops::Range;

use super::name::{LONGEST, LONGEST_AROUND};

/// A path of `[tree]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Its segments, outermost first; none for the root.
    pub segments: Vec<Segment>,
    /// Whether it ended in `/`, which makes it a directory.
    pub directory: bool,
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A name as it stands.
    Literal(String),
    /// A path variable, perhaps with text around it, as in `{friend}.json`.
    Variable {
        /// What stands before the variable.
        prefix: String,
        /// The variable's name.
        name: String,
        /// What stands behind it.
        suffix: String,
    },
}

/// What is wrong with a path, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub struct PathMistake {
    pub range: Range<usize>,
    pub message: &'static str,
    pub help: &'static str,
}

impl Pattern {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Pattern, PathMistake> {
        let whole = 0..text.len();
        let mistake = |range, message, help| Err(PathMistake { range, message, help });
        if text.starts_with('/') {
            return mistake(
                0..1,
                "a path starts at the mount point, without `/`",
                "leave the leading `/` out",
            );
        }
        let directory = text.ends_with('/') || text.is_empty();
        let mut segments = Vec::new();
        let mut start = 0;
        for part in text.strip_suffix('/').unwrap_or(text).split('/') {
            let range = start..start + part.len();
            start = range.end + 1;
            if text.is_empty() {
                break;
            }
            if part.is_empty() {
                return mistake(whole, "a path has an empty name between two `/`", "leave one `/` out");
            }
            segments.push(segment(part).map_err(|(message, help)| PathMistake { range, message, help })?);
        }
        Ok(Pattern { segments, directory })
    }

    /// The names of its path variables, outermost first.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable { name, .. } => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }
}

/// As it stands in the tree file, without the `/` at its end.
impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            formatter.write_str(if index > 0 { "/" } else { "" })?;
            match segment {
                Segment::Literal(name) => formatter.write_str(name)?,
                Segment::Variable { prefix, name, suffix } => {
                    write!(formatter, "{prefix}{{{name}}}{suffix}")?;
                }
            }
        }
        Ok(())
    }
}

fn segment(part: &str) -> Result<Segment, (&'static str, &'static str)> {
    if part == "." || part == ".." {
        return Err(("`.` and `..` cannot stand in a path", "write the path from the mount point down"));
    }
    if part.len() > LONGEST {
        return Err(("a name is longer than 255 bytes", "shorten it: the kernel takes no longer names"));
    }
    if part.contains(char::is_control) {
        return Err(("a name holds a control character", "use printable characters"));
    }
    let Some(open) = part.find('{') else {
        if part.contains('}') {
            return Err(("a `}` without `{`", "write a path variable as `{name}`"));
        }
        return Ok(Segment::Literal(part.to_owned()));
    };
    let Some(close) = part[open..].find('}').map(|offset| open + offset) else {
        return Err(("a `{` without `}`", "write a path variable as `{name}`"));
    };
    let (prefix, name, suffix) = (&part[..open], &part[open + 1..close], &part[close + 1..]);
    if suffix.contains(['{', '}']) || prefix.contains('}') {
        return Err(("a name can hold one path variable", "put the second one into a directory of its own"));
    }
    if name.is_empty() || !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    {
        return Err(("a path variable is named by letters, digits and `_`", "write it as `{name}`"));
    }
    if prefix.len() + suffix.len() > LONGEST_AROUND {
        let help = "shorten it: record and text together have a name of 255 bytes";
        return Err(("the text around a path variable is longer than 200 bytes", help));
    }
    Ok(Segment::Variable { prefix: prefix.into(), name: name.into(), suffix: suffix.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_their_variables() {
        let pattern = Pattern::parse("users/{friend}.d/x").unwrap();
        assert_eq!(pattern.segments.len(), 3);
        assert_eq!(pattern.variables().collect::<Vec<_>>(), ["friend"]);
        assert!(!pattern.directory);
        assert!(Pattern::parse("empty/").unwrap().directory);
        assert_eq!(Pattern::parse("").unwrap(), Pattern { segments: vec![], directory: true });
    }

    #[test]
    fn a_path_is_shown_as_it_was_written() {
        for path in ["users/{friend}.d/x", "a", "x{y}z", ""] {
            assert_eq!(Pattern::parse(path).unwrap().to_string(), path);
        }
        assert_eq!(Pattern::parse("empty/").unwrap().to_string(), "empty");
    }

    #[test]
    fn a_wrong_path_is_refused_at_its_place() {
        for (path, range) in [
            ("/a", 0..1),
            ("a//b", 0..4),
            ("a/../b", 2..4),
            ("a/{b", 2..4),
            ("a/b}", 2..4),
            ("{a}{b}", 0..6),
            ("{a b}", 0..5),
            ("x/a\nb", 2..5),
            (format!("a/{}{{b}}", "x".repeat(201)).as_str(), 2..206),
        ] {
            assert_eq!(Pattern::parse(path).unwrap_err().range, range, "{path}");
        }
    }
}
