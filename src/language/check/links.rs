//! Links that lead nowhere, as far as that can be told from the tree file.

use super::STATUS_DIRECTORY;
use crate::language::code::Code;
use crate::language::load::Loader;
use crate::language::model::{Content, Entry};
use crate::language::path::Segment;
use crate::language::source::Place;

/// A link whose target has no tags: where it leads is known.
pub struct FixedLink {
    /// The index of its entry.
    pub entry: usize,
    /// Its target.
    pub target: String,
    /// Where that stands.
    pub place: Place,
}

/// Reports links to paths that the tree cannot have. What lies outside of the mount is not known.
pub fn check(loader: &mut Loader, entries: &[Entry]) {
    for FixedLink { entry, target, place } in std::mem::take(&mut loader.fixed_links) {
        let Some(entry) = entries.get(entry) else { continue };
        let Some(path) = resolve(entry, &target, entries) else { continue };
        let itself = path == entry.path.segments;
        if !itself && can_be(&path, entries) {
            continue;
        }
        let (message, help) = match itself {
            true => (format!("the link `{target}` leads to itself"), "name another path"),
            false => (
                format!("the link `{target}` leads to a path that this tree cannot have"),
                "a relative target is \
                 seen from the link's own directory; one that begins with `/` leads out of the mount",
            ),
        };
        loader.reader.finding_at(Code::DanglingLink, place, message, "dangles", Some(help.into()));
    }
}

/// The path that a link leads to; none where that is outside, or by way of another link.
fn resolve(entry: &Entry, target: &str, entries: &[Entry]) -> Option<Vec<Segment>> {
    if target.starts_with('/') || target.is_empty() {
        return None;
    }
    let (_, directory) = entry.path.segments.split_last()?;
    let mut path = directory.to_vec();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()?),
            name => path.push(Segment::Literal(name.to_owned())),
        }
        let link = |other: &Entry| {
            matches!(other.content, Content::Link(_)) && leads_to(&path, &other.path.segments)
        };
        if path != entry.path.segments && entries.iter().any(link) {
            return None;
        }
    }
    Some(path)
}

/// Whether the tree can have that path: an entry's own, a directory on its way, a rotated log, or what
/// the mount shows of itself.
fn can_be(path: &[Segment], entries: &[Entry]) -> bool {
    if path.first().is_none_or(is_status) {
        return true;
    }
    entries.iter().any(|entry| {
        let own = &entry.path.segments;
        let is_on_way = path.len() <= own.len() && leads_to(path, &own[..path.len()]);
        is_on_way || (matches!(entry.content, Content::Events(_)) && is_rotated(path, own))
    })
}

fn is_status(segment: &Segment) -> bool {
    matches!(segment, Segment::Literal(name) if name == STATUS_DIRECTORY)
}

fn is_rotated(path: &[Segment], log: &[Segment]) -> bool {
    let mut rotated = log.to_vec();
    if let Some(Segment::Literal(name)) = rotated.last_mut() {
        name.push_str(".1");
    }
    path == rotated
}

/// Whether one name of each of the two paths can be the same.
fn leads_to(path: &[Segment], other: &[Segment]) -> bool {
    path.len() == other.len() && path.iter().zip(other).all(|(one, other)| can_be_same(one, other))
}

fn can_be_same(one: &Segment, other: &Segment) -> bool {
    match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        // what stands behind the variable may be followed by `~2`, or be cut
        (Segment::Literal(name), Segment::Variable { prefix, .. })
        | (Segment::Variable { prefix, .. }, Segment::Literal(name)) => name.starts_with(prefix.as_str()),
        (Segment::Variable { .. }, Segment::Variable { .. }) => true,
    }
}
