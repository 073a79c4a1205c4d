//! What the streams of a server are called, and their subjects.

use md5::{Digest as _, Md5};

use crate::ami::Action;

/// The key of who leads, in the bucket of answers and in that of the lease.
pub const LEADER: &str = "leader";

/// What stands before the digest in the keys of a question.
const QUESTION: &str = "q.";

/// The names of a server's buckets and of its stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The bucket of answers.
    pub bucket: String,
    /// The bucket of the lease.
    pub lease: String,
    /// The stream of events, which is also their subject.
    pub events: String,
}

impl Names {
    /// Those of the server of that name; of the one of a plain `[server]` it is empty.
    ///
    /// Buckets are named by letters, digits, `-` and `_`: any other byte becomes `__` and its two digits, and so
    /// does `_` beside another one, so that no two servers share a bucket.
    pub fn of(server: &str) -> Names {
        let bytes = server.as_bytes();
        let mut name = String::new();
        for (index, &byte) in bytes.iter().enumerate() {
            let doubled = byte == b'_'
                && (bytes.get(index + 1) == Some(&b'_') || index > 0 && bytes[index - 1] == b'_');
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' && !doubled {
                name.push(byte.into());
            } else {
                name += &format!("__{byte:02x}");
            }
        }
        let behind = |prefix: &str| match name.as_str() {
            "" => prefix.to_owned(),
            name => format!("{prefix}_{name}"),
        };
        Names { bucket: behind("astfs"), lease: behind("astfs-lease"), events: behind("astfs_events") }
    }
}

/// The stream that a bucket is.
pub fn stream_of(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// The subject of a key of a bucket.
pub fn subject_of(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

/// What a question is known by: the same for the same headers in the same order, on every machine and in every
/// version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Digest {
    /// That of an action. Whoever finds an answer by it compares the headers too.
    pub fn of(action: &Action) -> Digest {
        let mut hash = Md5::new();
        for (name, value) in action.headers() {
            hash.update([name, b": ", value, b"\r\n"].concat());
        }
        Digest(hash.finalize().into())
    }

    fn read(text: &str) -> Option<Digest> {
        let mut bytes = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }
}

/// A key in the bucket of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Who leads.
    Leader,
    /// What is said of a question, and of its answer what stands in no row.
    Head(Digest),
    /// In which order the rows of its answer stand.
    Order(Digest),
    /// A row of its answer.
    Row(Digest, u32),
}

impl Key {
    /// The key of that text.
    pub fn read(text: &str) -> Option<Key> {
        if text == LEADER {
            return Some(Key::Leader);
        }
        let (digest, part) = text.strip_prefix(QUESTION)?.split_once('.')?;
        let digest = Digest::read(digest)?;
        Some(match part {
            "head" => Key::Head(digest),
            "order" => Key::Order(digest),
            slot => Key::Row(digest, slot.parse().ok()?),
        })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Leader => f.write_str(LEADER),
            Key::Head(digest) => write!(f, "{QUESTION}{digest}.head"),
            Key::Order(digest) => write!(f, "{QUESTION}{digest}.order"),
            Key::Row(digest, slot) => write!(f, "{QUESTION}{digest}.{slot}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_servers_share_a_bucket_and_every_name_can_be_one() {
        let servers = ["", "north", "a.b", "a__2eb", "a_b", "a-b", "a__b", "events", "lease", "-lease", "_"];
        let names = servers.map(Names::of);
        let all: HashSet<&String> = names.iter().flat_map(|names| [&names.bucket, &names.lease]).collect();
        assert_eq!(all.len(), 2 * servers.len());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(all.iter().all(|name| name.bytes().all(allowed)), "{all:?}");
        assert_eq!(Names::of("north").bucket, "astfs_north");
        assert_eq!(Names::of("").events, "astfs_events");
    }

    #[test]
    fn a_question_has_the_same_digest_everywhere_and_another_one_has_another() {
        let peer = |name: &[u8]| Action::new("SIPshowpeer").unwrap().with("Peer", name).unwrap();
        assert_eq!(Digest::of(&peer(b"6001")).to_string(), "ffa639c9300a9574b6251694c1f7d754");
        assert_ne!(Digest::of(&peer(b"6001")), Digest::of(&peer(b"6002")));
        assert_ne!(Digest::of(&peer(b"caf\xe9")), Digest::of(&peer("café".as_bytes())));
    }

    #[test]
    fn every_key_is_read_as_it_is_written() {
        let digest = Digest::of(&Action::new("Ping").unwrap());
        for key in [Key::Leader, Key::Head(digest), Key::Order(digest), Key::Row(digest, 70_000)] {
            assert_eq!(Key::read(&key.to_string()), Some(key));
        }
        for text in ["", "q.x.head", "leader.x", "q.00.1"] {
            assert_eq!(Key::read(text), None, "{text}");
        }
    }
}
