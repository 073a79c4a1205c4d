//! Taking out of a recording what nobody else is to read: the same value always by the same
//! replacement, of the same length, so that what names something still names it, and columns stand
//! where they stood.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::secrets::Places;
use super::{Exchange, Header, Key, Recording, Told, addresses, borrowed, numbers};

/// A secret of so many bytes is replaced wherever it stands, also where no field says what it is.
const TELLING: usize = 5;
/// A secret of so many bytes that another one begins with is that one, cut by a table's column.
const CUT: usize = 8;

/// What is to stay in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Secrets.
    pub secrets: bool,
    /// Numbers of five digits and more.
    pub numbers: bool,
    /// Public IP addresses.
    pub addresses: bool,
}

impl Kept {
    /// What is replaced, for people, beside what was before; empty if nothing is.
    fn others(self, before: &str) -> String {
        let all = [
            (self.secrets, "secrets"),
            (self.numbers, "numbers of five digits and more"),
            (self.addresses, "public addresses"),
        ];
        let before: Vec<&str> = before.split(", ").collect();
        let replaced = all.iter().filter(|(kept, what)| !kept || before.contains(what));
        replaced.map(|(_, what)| *what).collect::<Vec<_>>().join(", ")
    }
}

/// The recording without secrets, numbers and addresses, but for what is `kept`. `known` are secrets that were not
/// learned from the server: the manager's own.
pub fn replace(recording: Recording, kept: Kept, known: &[&str]) -> Recording {
    let mut replacer = Replacer::new(kept);
    if !kept.secrets {
        replacer.learn(&recording, known);
    }
    let Recording { server, tree, replaced, exchanges, events } = recording;
    let exchanges = exchanges.into_values().map(|exchange| {
        let question: Vec<Header> = exchange
            .question
            .into_iter()
            .map(|(name, value)| (name, replacer.line(&value, 0, &[])))
            .collect();
        let told = match exchange.told {
            Told::Nothing => Told::Nothing,
            Told::Answer { bytes, action_id, then_closed } => {
                Told::Answer { bytes: replacer.text(&bytes), action_id, then_closed }
            }
        };
        (Key::of(borrowed(&question)), Exchange { question, told })
    });
    let exchanges = exchanges.collect();
    let events = events.into_iter().map(|(after, event)| (after, replacer.text(&event))).collect();
    Recording { server, tree, replaced: kept.others(&replaced), exchanges, events }
}

/// What has been replaced so far, and by what.
struct Replacer {
    kept: Kept,
    secrets: HashMap<Vec<u8>, Vec<u8>>,
    /// Those that are replaced wherever they stand, by their length, the longest first.
    telling: Vec<HashSet<Vec<u8>>>,
    numbers: HashMap<Vec<u8>, Vec<u8>>,
    /// How many numbers of each length there are.
    counts: HashMap<usize, u64>,
    addresses: HashMap<Vec<u8>, Vec<u8>>,
}

impl Replacer {
    fn new(kept: Kept) -> Replacer {
        let (secrets, telling, numbers, counts, addresses) = Default::default();
        Replacer { kept, secrets, telling, numbers, counts, addresses }
    }

    /// Finds every secret before any is replaced, since one may stand before the place that tells so.
    fn learn(&mut self, recording: &Recording, known: &[&str]) {
        let mut secrets: BTreeSet<Vec<u8>> = BTreeSet::new();
        secrets.extend(
            known.iter().filter(|secret| !secret.is_empty()).map(|secret| secret.as_bytes().to_vec()),
        );
        let answers = recording.exchanges.values().filter_map(|exchange| match &exchange.told {
            Told::Answer { bytes, .. } => Some(bytes),
            Told::Nothing => None,
        });
        for text in answers.chain(recording.events.iter().map(|(_, event)| event)) {
            each_line(text, |line, places| {
                let found = places.in_line(line.text()).into_iter();
                secrets.extend(found.map(|place| line.text()[place].to_vec()));
            });
        }
        // the words of questions are no secrets, whatever else they are used for
        let words: HashSet<&[u8]> = recording
            .exchanges
            .values()
            .flat_map(|exchange| borrowed(&exchange.question))
            .flat_map(|(_, value)| value.split(|byte| !is_word(byte)))
            .collect();
        let mut by_length: Vec<Vec<u8>> = secrets.into_iter().collect();
        by_length.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in by_length {
            let replacement = self.replacement(&secret);
            if secret.len() >= TELLING && !words.contains(&secret[..]) {
                match self.telling.last_mut() {
                    Some(same) if same.iter().next().is_some_and(|one| one.len() == secret.len()) => {
                        same.insert(secret.clone());
                    }
                    _ => self.telling.push(HashSet::from([secret.clone()])),
                }
            }
            self.secrets.insert(secret, replacement);
        }
    }

    fn replacement(&mut self, secret: &[u8]) -> Vec<u8> {
        let is_number = secret.len() >= TELLING && secret.iter().all(u8::is_ascii_digit);
        if is_number && !self.kept.numbers {
            return self.number(secret);
        }
        let whole = self.secrets.iter().find(|(known, _)| secret.len() >= CUT && known.starts_with(secret));
        if let Some((_, whole)) = whole {
            return whole[..secret.len()].to_vec();
        }
        let count = (self.secrets.len() + 1).to_string();
        if count.len() >= secret.len() {
            return vec![b'x'; secret.len()];
        }
        let mut replacement = vec![b'x'; secret.len() - count.len()];
        replacement.extend(count.bytes());
        replacement
    }

    /// The number of that length with the next count; it does not begin with 0, so that it stays a number.
    fn number(&mut self, digits: &[u8]) -> Vec<u8> {
        if let Some(known) = self.numbers.get(digits) {
            return known.clone();
        }
        let count = self.counts.entry(digits.len()).or_default();
        *count += 1;
        let mut number = format!("1{count:0>width$}", width = digits.len() - 1);
        // more than there are of that length: two share one
        number.truncate(digits.len());
        self.numbers.insert(digits.to_vec(), number.clone().into_bytes());
        number.into_bytes()
    }

    fn address(&mut self, address: &[u8]) -> Vec<u8> {
        let count = self.addresses.len() as u64;
        let made = || addresses::replacement(address, count);
        self.addresses.entry(address.to_vec()).or_insert_with(made).clone()
    }

    /// A text with what is to be replaced, replaced.
    fn text(&mut self, text: &[u8]) -> Vec<u8> {
        let mut replaced = Vec::with_capacity(text.len());
        each_line(text, |line, places| {
            let secrets = if self.kept.secrets { Vec::new() } else { places.in_line(line.text()) };
            replaced.extend_from_slice(&line.bytes[..line.shown.start]);
            replaced.extend(self.line(line.text(), line.value, &secrets));
            replaced.extend_from_slice(&line.bytes[line.shown.end..]);
        });
        replaced
    }

    /// A line, of which the first `name` bytes are none of the server's values.
    fn line(&mut self, line: &[u8], name: usize, secrets: &[Range<usize>]) -> Vec<u8> {
        let mut replaced = line.to_vec();
        let mut taken: Vec<Range<usize>> = Vec::new();
        for place in secrets.iter().cloned().chain(self.telling_in(line, name)) {
            let overlaps = taken.iter().any(|one| place.start < one.end && one.start < place.end);
            if let Some(replacement) = self.secrets.get(&line[place.clone()]).filter(|_| !overlaps) {
                replaced[place.clone()].copy_from_slice(replacement);
                taken.push(place);
            }
        }
        let mut replace = |place: Range<usize>, by: &mut dyn FnMut(&[u8]) -> Vec<u8>| {
            let overlaps = taken.iter().any(|one| place.start < one.end && one.start < place.end);
            if place.start >= name && !overlaps {
                replaced[place.clone()].copy_from_slice(&by(&line[place.clone()]));
                taken.push(place);
            }
        };
        if !self.kept.addresses {
            addresses::in_line(line).into_iter().for_each(|place| replace(place, &mut |is| self.address(is)));
        }
        if !self.kept.numbers {
            numbers::in_line(line).into_iter().for_each(|place| replace(place, &mut |is| self.number(is)));
        }
        replaced
    }

    /// Where secrets stand that are replaced anywhere: between what is no letter and no digit.
    fn telling_in(&self, line: &[u8], name: usize) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let starts: Vec<usize> = (name..line.len())
            .filter(|&at| at == 0 || !(is_word(&line[at - 1]) && is_word(&line[at])))
            .collect();
        for same in &self.telling {
            let Some(length) = same.iter().next().map(Vec::len) else { continue };
            for &start in &starts {
                let end = start + length;
                let ends = end == line.len()
                    || (end < line.len() && !(is_word(&line[end - 1]) && is_word(&line[end])));
                if ends && same.contains(&line[start..end]) {
                    places.push(start..end);
                }
            }
        }
        places
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte >= 0x80
}

/// A line of what a server sent.
pub(super) struct Line<'a> {
    /// The line with its end.
    pub bytes: &'a [u8],
    /// What of it is text: of a command's output without the header around it.
    pub shown: Range<usize>,
    /// Where in that the value begins, if it is a header.
    value: usize,
}

impl Line<'_> {
    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.bytes[self.shown.clone()]
    }
}

/// The lines, and where secrets stand in the text that goes on from line to line.
pub(super) fn each_line(text: &[u8], mut look: impl FnMut(&Line<'_>, &mut Places)) {
    const OUTPUT: &[u8] = b"Output: ";
    let follows = text.starts_with(b"Response: Follows\r\n");
    let mut places = Places::default();
    for bytes in text.split_inclusive(|&byte| byte == b'\n') {
        let end = bytes.trim_ascii_end().len();
        let is_header = !follows || bytes.ends_with(b"\r\n");
        let is_output = is_header && bytes.starts_with(OUTPUT);
        let start = if is_output { OUTPUT.len().min(end) } else { 0 };
        let colon = bytes[..end].iter().position(|&byte| byte == b':');
        let value = if is_header && !is_output { colon.map_or(0, |colon| colon + 1) } else { 0 };
        look(&Line { bytes, shown: start..end, value }, &mut places);
    }
}

#[cfg(test)]
#[path = "replacement_tests.rs"]
mod tests;
